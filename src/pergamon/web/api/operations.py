"""`/api/v1/health`, `/replication`, `/configuration`, `/drift`: how the installation is, for who operates it."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from pergamon import deploy, replicate
from pergamon.web.authentication import ActorDep, RuntimeDep

router = APIRouter()

Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
LAG_KEPT_HOURS = 48


class ComponentTold(BaseModel):
    """A part of the installation. state: `good`, `warn` or `bad`. figures: the numbers in what is told."""

    kind: str
    name: str
    state: str
    told: str
    figures: dict[str, int]


class Health(BaseModel):
    components: list[ComponentTold]


class TaskTold(BaseModel):
    """Where a replication task stands. landed: everything of the source up to here is on disk."""

    name: str
    state: str
    since: str
    message: str | None
    landed: str
    lag_bytes: int
    rows_landed: int
    seen_at: str | None
    warnings: list[str]


class Replication(BaseModel):
    tasks: list[TaskTold]


class LagTold(BaseModel):
    """How far behind it was at most in the minute that begins `at`, and how many rows landed in it."""

    at: str
    lag_bytes: int
    rows: int


class Lag(BaseModel):
    """Minute by minute, the oldest first."""

    task: str
    points: list[LagTold]


class Counts(BaseModel):
    """How many parts of each kind are in force, in the order in which they are deployed."""

    kinds: dict[str, int]


class InForce(BaseModel):
    parts: list[dict[str, Any]]


class Drifts(BaseModel):
    drifts: list[dict[str, Any]]


@router.get("/api/v1/health")
def health(rt: RuntimeDep, actor: ActorDep) -> Health:
    """How each part of the installation is."""
    return Health(components=[ComponentTold(**asdict(one)) for one in rt.health(actor)])


@router.get("/api/v1/replication")
def tasks(rt: RuntimeDep, actor: ActorDep) -> Replication:
    """Where each replication task stands, by name."""
    with rt.begin(actor) as uow:
        return Replication(tasks=[_told(status) for status in replicate.status_of_tasks(uow)])


@router.get("/api/v1/replication/{task}/lag")
def lag(task: Name, rt: RuntimeDep, actor: ActorDep, hours: Annotated[int, Query(ge=1, le=LAG_KEPT_HOURS)] = 24) -> Lag:
    """How far behind its source a task was, over the last hours; two days are kept."""
    with rt.begin(actor) as uow:
        replicate.replication_task(uow, task)
        found = replicate.lag_of_task(uow, task, uow.now - timedelta(hours=hours))
    points = [LagTold(at=point.at.isoformat(), lag_bytes=point.lag_bytes, rows=point.rows) for point in found]
    return Lag(task=task, points=points)


@router.get("/api/v1/configuration")
def counts(rt: RuntimeDep, actor: ActorDep) -> Counts:
    """What is in force, counted by kind."""
    with rt.begin(actor) as uow:
        return Counts(kinds=deploy.count_in_force(uow))


@router.get("/api/v1/configuration/{kind}")
def in_force(kind: Name, rt: RuntimeDep, actor: ActorDep) -> InForce:
    """The parts of one kind as they are in force, and which deployment brought each; secrets by name alone."""
    with rt.begin(actor) as uow:
        return InForce(parts=[one.as_json() for one in deploy.read_in_force(uow, kind)])


@router.get("/api/v1/drift")
def drift(rt: RuntimeDep, actor: ActorDep) -> Drifts:
    """Where what is in force is not what was deployed."""
    with rt.begin(actor) as uow:
        return Drifts(drifts=[one.as_json() for one in deploy.find_drift(uow)])


def _told(status: replicate.TaskStatus) -> TaskTold:
    return TaskTold(
        name=status.name,
        state=status.state.value,
        since=status.since.isoformat(),
        message=status.message,
        landed=replicate.lsn_text(status.landed_lsn),
        lag_bytes=status.lag_bytes,
        rows_landed=status.rows_landed,
        seen_at=status.seen_at.isoformat() if status.seen_at else None,
        warnings=list(status.warnings),
    )
