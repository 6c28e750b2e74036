"""Data sources: which tables become assets of which project, and the runs that look at all of them.

A run works in portions, each in a unit of work of its own; one that was cut off is told as abandoned by the next, which
finds what is done unchanged. A table that cannot be read is counted with its reason, and the rest goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from croniter import croniter  # type: ignore[import-untyped]
from psycopg.rows import DictRow

from pergamon import lake
from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.ask import decide_on, is_slug, require_or_hide
from pergamon.catalog.events import DataSourceChanged, SourceRunEnded, SourceRunStarted
from pergamon.catalog.facts import facts_of
from pergamon.catalog.follow import Followed, follow_table, retire
from pergamon.catalog.model import Asset, Place, UnknownDataSource, UnknownProject
from pergamon.catalog.rights import NOT_A_NAME, resource_at
from pergamon.catalog.specs import DataSourceSpec
from pergamon.identity import actions_of_roles
from pergamon.kernel import AccessDenied, PergamonError, new_id
from pergamon.policy import Action, Resource, visible
from pergamon.store import UnitOfWork

PORTION = 100
"""Tables in one unit of work."""
MOST_FAULTS = 20
OUTCOMES = ("added", "updated", "unchanged", "removed", "failed", "held")

Begin = Callable[[], AbstractContextManager[UnitOfWork]]


@dataclass(frozen=True)
class SourceRun:
    """One run of a data source. held: found, and not published because forms are missing."""

    id: str
    data_source: str
    state: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    counts: Mapping[str, int]
    faults: Sequence[Mapping[str, str]]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "data_source": self.data_source,
            "state": self.state,
            "started_at": tables.now_of(self.started_at),
            "started_by": self.started_by,
            "ended_at": tables.now_of(self.ended_at),
            "counts": {name: self.counts.get(name, 0) for name in OUTCOMES},
            "faults": [dict(fault) for fault in self.faults],
        }


@dataclass(frozen=True)
class _Work:
    """What one run has to look at."""

    name: str
    spec: DataSourceSpec
    run_id: str
    databases: Mapping[str, lake.DatabaseSpec]
    found: tuple[lake.TableRecord, ...]


@dataclass
class _Tally:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    faults: list[dict[str, str]] = field(default_factory=list)

    def add(self, followed: Followed) -> None:
        self.counts[followed.outcome] += 1
        self.counts["held"] += bool(followed.held)

    def fail(self, table: lake.TableId, error: PergamonError) -> None:
        self.counts["failed"] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append({"table": str(table), "code": error.code, "message": error.message})


def put_data_source(uow: UnitOfWork, name: str, spec: DataSourceSpec, tags: Mapping[str, str]) -> None:
    """Make or change a data source. The worker looks at all of its tables soon after.

    Raises:
        UnknownProject: there is no such project.
        UnknownDatabase: there is no such database.
    """
    if tables_of_places.project(uow, spec.project) is None:
        raise UnknownProject(f"the data source {name} is for the project {spec.project}, which is not there")
    unknown = sorted(set(spec.databases) - set(lake.read_databases(uow)))
    if unknown:
        raise lake.UnknownDatabase(f"the data source {name} names databases that are not there: {', '.join(unknown)}")
    tables_of_places.save_data_source(uow, name, spec, tags)
    uow.record(DataSourceChanged(subject=f"data-source:{name}", project=spec.project, removed=False))


def read_data_sources(uow: UnitOfWork) -> dict[str, DataSourceSpec]:
    """Every data source, by name."""
    return tables_of_places.data_sources(uow)


def drop_data_source(uow: UnitOfWork, name: str) -> None:
    """Remove a data source. Its assets stay, and follow their tables no longer."""
    tables_of_places.delete_spec(uow, "catalog_data_source", name)
    uow.record(DataSourceChanged(subject=f"data-source:{name}", project="", removed=True))


def list_data_sources(
    uow: UnitOfWork, *, project: str | None = None, after: str = "", limit: int = 100, runs: int = 1
) -> list[dict[str, Any]]:
    """The data sources of projects that the actor belongs to, or of one of them, each with its newest run; as JSON.

    runs: of more than one, so many of each are told as `runs`, newest first.
    """
    places = {place.project: place for place in tables_of_places.places(uow)}
    specs = {
        name: spec
        for name, spec in tables_of_places.data_sources(uow).items()
        if spec.project in places and project in (None, spec.project)
    }
    held = actions_of_roles(uow, uow.actor.roles)
    resources = [_resource(name, places[spec.project]) for name, spec in specs.items() if name > after]
    names = [resource.id for resource in visible(uow.actor, Action.ASSET_FIND, resources, actions=held)][:limit]
    newest: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for row in tables_of_places.newest_runs(uow, names, runs):
        newest[row["data_source"]].append(_run(row).as_json())
    return [
        {"name": name, **specs[name].model_dump(mode="json")}
        | {"last_run": newest[name][0] if newest[name] else None}
        | ({"runs": newest[name]} if runs > 1 else {})
        for name in names
    ]


def list_runs(uow: UnitOfWork, name: str, *, before: str | None = None, limit: int = 100) -> list[SourceRun]:
    """The runs of a data source, newest first. before: the last one of the page before.

    Raises:
        UnknownDataSource: there is none, or the actor does not belong to its project.
    """
    _visible_source(uow, name)
    return [_run(row) for row in tables_of_places.runs(uow, name, before, limit)]


def run_data_source(begin: Begin, name: str) -> SourceRun:
    """Look at every table of a data source: find, version, publish, retire. Returns: the run when it has ended.

    Raises:
        UnknownDataSource: there is none, or the actor does not belong to its project.
        AccessDenied: the actor does not describe the project's assets.
    """
    with begin() as uow:
        spec, place = _visible_source(uow, name)
        decision = decide_on(uow, Action.ASSET_CURATE, _resource(name, place))
        if not decision.allowed:
            raise AccessDenied(f"running the data source {name} is its project's business", decision=decision)
        work = _begin_run(uow, name, spec)
    return _carry_out(begin, work)


def run_due_data_source(begin: Begin) -> SourceRun | None:
    """Run one data source that is due, for the platform's own worker; None when none is.

    Two workers do not run the same one: who begins has locked it, and then it is not due any more.
    """
    with begin() as uow:
        work = None
        for name in due_data_sources(uow):
            spec = tables_of_places.lock_data_source(uow, name)
            if spec is not None and name in due_data_sources(uow):
                work = _begin_run(uow, name, spec)
                break
    return _carry_out(begin, work) if work else None


def abandon_unfinished_runs(uow: UnitOfWork) -> None:
    """Tell the runs that this actor began and did not end as abandoned: what was due is due again."""
    tables_of_places.abandon_runs_of(uow, uow.actor.id)


def due_data_sources(uow: UnitOfWork) -> list[str]:
    """Data sources to look at now: their schedule says so, or they were deployed since their last run.

    A tick that was missed while nothing ran is made up for once.
    """
    starts = tables_of_places.last_starts(uow)
    due = []
    for row in tables_of_places.data_source_rows(uow):
        last, schedule = starts.get(row["name"]), row["spec"]["schedule"]
        is_news = last is None or last < row["changed_at"]
        if is_news or (schedule is not None and last is not None and newest_tick(schedule, uow.now) > last):
            due.append(row["name"])
    return due


def newest_tick(schedule: str, now: datetime) -> datetime:
    """The last moment at or before `now` that a cron schedule names, in UTC."""
    base = now.astimezone(UTC) + timedelta(microseconds=1)
    tick: datetime = croniter(schedule, base).get_prev(datetime)
    return tick


def _begin_run(uow: UnitOfWork, name: str, spec: DataSourceSpec) -> _Work:
    run_id = new_id("srun")
    tables_of_places.abandon_runs(uow, name)
    tables_of_places.insert_run(uow, run_id, name)
    uow.record(SourceRunStarted(subject=f"data-source:{name}", run=run_id))
    databases = {one: there for one, there in lake.read_databases(uow).items() if one in spec.databases}
    return _Work(name, spec, run_id, databases, tuple(_tables_taken(uow, spec, databases)))


def _carry_out(begin: Begin, work: _Work) -> SourceRun:
    tally = _Tally()
    try:
        for start in range(0, len(work.found), PORTION):
            with begin() as uow:
                _look_at(uow, work, work.found[start : start + PORTION], tally)
        with begin() as uow:
            tally.counts["removed"] = _retire_the_rest(uow, work)
            return _end(uow, work, tally, "succeeded")
    except BaseException:
        with begin() as uow:
            _end(uow, work, tally, "failed")
        raise


def _look_at(uow: UnitOfWork, work: _Work, portion: Sequence[lake.TableRecord], tally: _Tally) -> None:
    names = [str(record.id) for record in portion]
    known = {asset.name: asset for asset in tables.tables_of_project(uow, work.spec.project, names)}
    for record in portion:
        asset = known.get(str(record.id))
        if asset is not None and _is_settled(asset, record, work):
            tally.counts["unchanged"] += 1
            continue
        formats = tuple(asset.facts.get("formats", ())) if asset else ()
        try:
            metadata = lake.read_metadata(record.metadata_location)
        except PergamonError as error:
            tally.fail(record.id, error)
            continue
        facts = facts_of(record, metadata, work.databases[record.id.database], cause="run")
        facts = replace(facts, formats=formats or facts.formats)
        tally.add(
            follow_table(
                uow,
                record.id,
                facts,
                source=work.name,
                project=work.spec.project,
                publish=work.spec.publish_automatically,
                conditions=work.spec.conditions,
            )
        )


def _is_settled(asset: Asset, record: lake.TableRecord, work: _Work) -> bool:
    """Was the asset already seen in this very state of its table, and is there nothing left to publish?"""
    is_seen = asset.facts.get("state") == record.metadata_location and asset.data_source == work.name
    waits = work.spec.publish_automatically and not asset.withheld and not asset.is_published
    return is_seen and asset.retired_at is None and not waits


def _retire_the_rest(uow: UnitOfWork, work: _Work) -> int:
    """Assets of the source whose table is gone, or that it does not take any more.

    The assets are read first and the tables then: one that is made between the two is not gone.
    """
    missing = tables.missing_from_source(uow, work.name, [str(record.id) for record in work.found])
    there = _tables_taken(uow, work.spec, work.databases) if missing else []
    names = {str(record.id) for record in there}
    gone = [asset for asset in missing if asset.name not in names]
    for asset in gone:
        retire(uow, asset)
    return len(gone)


def _tables_taken(
    uow: UnitOfWork, spec: DataSourceSpec, databases: Mapping[str, lake.DatabaseSpec]
) -> list[lake.TableRecord]:
    return [
        record
        for database in sorted(databases)
        for record in lake.list_tables(uow, database)
        if spec.takes(record.id.database, record.id.name)
    ]


def _end(uow: UnitOfWork, work: _Work, tally: _Tally, state: str) -> SourceRun:
    tables_of_places.end_run(uow, work.run_id, state, tally.counts, tally.faults)
    told = {outcome: tally.counts[outcome] for outcome in OUTCOMES if outcome != "held"}
    uow.record(SourceRunEnded(subject=f"data-source:{work.name}", run=work.run_id, state=state, **told))
    return _run(tables_of_places.run(uow, work.run_id))


def _run(row: DictRow) -> SourceRun:
    return SourceRun(
        id=row["id"],
        data_source=row["data_source"],
        state=row["state"],
        started_at=row["started_at"],
        started_by=row["started_by"],
        ended_at=row["ended_at"],
        counts=row["counts"],
        faults=row["faults"],
    )


def _resource(name: str, place: Place) -> Resource:
    """A data source: its project's members see it, those who describe its assets run it."""
    rights = resource_at(place, name, is_published=False)
    return Resource("data-source", name, readers=rights.readers, writers=rights.writers, supers=rights.supers)


def _visible_source(uow: UnitOfWork, name: str) -> tuple[DataSourceSpec, Place]:
    spec = tables_of_places.data_source(uow, name) if is_slug(name) else None
    project = tables_of_places.project(uow, spec.project) if spec else None
    resource = (
        _resource(name, project[1]) if project else Resource("data-source", name if is_slug(name) else NOT_A_NAME)
    )
    hidden = UnknownDataSource("there is no such data source", hint="`pergamon data-source ls` lists them")
    require_or_hide(uow, Action.ASSET_FIND, resource, hidden, exists=project is not None)
    if spec is None or project is None:
        raise hidden
    return spec, project[1]
