"""Take what others tell of their runs (OpenLineage), and let others hear of ours.

What is told is kept as told by that principal, also when it names our own tables: it never changes what the platform
says of itself. The same event again changes nothing. A run's events add up; they become edges as soon as one of them
says that something was written (COMPLETE, RUNNING, OTHER), and never when it failed.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pergamon.identity import actions_of_roles
from pergamon.kernel import canonical_bytes, require, sha256_hex
from pergamon.lineage import tables
from pergamon.lineage.events import LineageTold
from pergamon.lineage.model import PLATFORM, ColumnEdge, Dataset, LineageRun
from pergamon.lineage.openlineage import MOST_EDGES_TOLD, BadEvent, events_of_run, from_names, read_event
from pergamon.lineage.record import record_edges
from pergamon.policy import Action, Resource, decide
from pergamon.store import FeedPosition, UnitOfWork

REMEMBERED = timedelta(days=7)
"""How long a run's events add up, and a repeated one is known again."""
MOST_BYTES_OF_A_RUN = 4 * 1024**2
"""They are read together with each event that comes: without a bound a thousand of them would fill the memory."""
HAS_WRITTEN = frozenset({"COMPLETE", "RUNNING", "OTHER"})


@dataclass(frozen=True)
class TakenEvent:
    """What became of an event. is_new: it was not taken before; edges: how many it and its run's others make."""

    is_new: bool
    edges: int


def take_event(uow: UnitOfWork, text: bytes) -> TakenEvent:
    """Take one OpenLineage run event.

    Raises:
        AccessDenied: the actor may not tell lineage.
        BadEvent: it is no run event, or its run has more names or edges than we take.
    """
    held = actions_of_roles(uow, uow.actor.roles)
    require(decide(uow.actor, Action.LINEAGE_WRITE, Resource("lineage", "events"), actions=held))
    event = read_event(text)
    run_id, names, teller = str(event.run.run_id), event.names(), uow.actor.id
    tables.hold_run(uow, teller, run_id)
    digest = sha256_hex(canonical_bytes([event.job_name, names]))
    tables.forget_events(uow, uow.now - REMEMBERED)
    if not tables.save_event(uow, teller, run_id, event.event_type, digest, job=event.job_name, names=names):
        return TakenEvent(is_new=False, edges=0)
    if tables.bytes_of_run(uow, teller, run_id, event.job_name) > MOST_BYTES_OF_A_RUN:
        raise BadEvent(
            f"the run's events name more than {MOST_BYTES_OF_A_RUN:,} bytes of datasets and columns",
            hint="a run tells its names once, not anew with each event",
        )
    told = tables.events_of_run(uow, teller, run_id, event.job_name)
    edges = _tell(uow, LineageRun(event.job_name, "told", run_id), told) if _has_written(told) else 0
    counts = {kind: len(names[kind]) for kind in ("inputs", "outputs", "columns")}
    uow.record(LineageTold(subject=f"lineage_run:{run_id}", event_type=event.event_type, **counts))
    return TakenEvent(is_new=True, edges=edges)


def _has_written(told: list[dict[str, Any]]) -> bool:
    return any(row["event_type"] in HAS_WRITTEN for row in told)


def _tell(uow: UnitOfWork, run: LineageRun, told: list[dict[str, Any]]) -> int:
    """Record the sum of what a run's events told. Returns: the number of edges.

    Raises:
        BadEvent: there are too many.
    """
    inputs, outputs, columns = set[Dataset](), set[Dataset](), set[ColumnEdge]()
    for row in told:
        read, written, fields = from_names(row["edges"])
        inputs |= read
        outputs |= written
        columns |= fields
    count = len(inputs) * len(outputs) + len(columns)
    if count > MOST_EDGES_TOLD:
        raise BadEvent(f"the run has {count:,} edges, and at most {MOST_EDGES_TOLD:,} are taken")
    record_edges(uow, run, inputs, outputs, columns, told_by=uow.actor.id)
    return count


@dataclass(frozen=True)
class EventsPage:
    """Events in order, and the position after them, to go on from."""

    events: tuple[dict[str, Any], ...]
    position: FeedPosition
    has_more: bool

    def as_json(self) -> dict[str, Any]:
        return {"events": list(self.events), "position": str(self.position), "has_more": self.has_more}


def read_run_events(uow: UnitOfWork, after: FeedPosition, limit: int) -> EventsPage:
    """What the platform did, as OpenLineage events, up to `limit` runs; what others told us is theirs to tell.

    Raises:
        AccessDenied: the actor does not look after the catalog, and all of lineage stands here.
    """
    held = actions_of_roles(uow, uow.actor.roles)
    require(decide(uow.actor, Action.CATALOG_MANAGE, Resource("lineage", "events"), actions=held))
    rows = tables.runs_after(uow, after, limit)
    events = [event for row in rows if row["told_by"] == PLATFORM for event in events_of_run(row)]
    return EventsPage(tuple(events), rows[-1]["position"] if rows else after, has_more=len(rows) == limit)
