"""Deploying, starting, stopping and reading replication tasks."""

import re
from datetime import datetime, timedelta

from pergamon.identity import actions_of_roles
from pergamon.kernel import Conflict, Invalid, NotFound, require
from pergamon.policy import Action, Resource, decide
from pergamon.replicate import tables
from pergamon.replicate.events import (
    ReplicationStartAsked,
    ReplicationStopAsked,
    ReplicationTaskDropped,
    ReplicationTaskPut,
)
from pergamon.replicate.model import LagPoint, ReplicationTask, ReplicationTaskSpec, TaskState, TaskStatus
from pergamon.store import UnitOfWork

_TASK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_BUSY = (TaskState.STARTING, TaskState.LOADING, TaskState.RUNNING)
MINUTE = timedelta(minutes=1)
"""So often what a task lags behind is kept."""
SILENT_AFTER_S = 60
"""A replicator writes every second or so; after so long a silence it is taken for dead."""


class TaskBusy(Conflict):
    """A replicator runs the task now."""

    code = "replicate.task_busy"


def put_replication_task(uow: UnitOfWork, name: str, spec: ReplicationTaskSpec, tags: dict[str, str]) -> None:
    """Deploy a task, or change it; a running replicator takes the change at its next start.

    Raises:
        Invalid: the name is not letters, digits, dashes and underscores.
    """
    if not _TASK_NAME.fullmatch(name):
        raise Invalid(
            f"a replication task cannot be called {name!r}", hint="use letters, digits, dashes and underscores"
        )
    tables.upsert_task(uow, name, spec, tags)
    uow.record(ReplicationTaskPut(_subject(name), spec.migration_type.value, len(spec.rules)))


def read_replication_tasks(uow: UnitOfWork) -> dict[str, ReplicationTaskSpec]:
    return tables.task_specs(uow)


def read_replication_task_tags(uow: UnitOfWork) -> dict[str, dict[str, str]]:
    return tables.task_tags(uow)


def drop_replication_task(uow: UnitOfWork, name: str) -> None:
    """Forget a task. Its landing files stay, and so do slot and publication in the source: see `replication script`.

    Raises:
        NotFound: no such task.
        TaskBusy: a replicator runs it.
    """
    row = tables.task_row(uow, name, lock=True)
    if row is None:
        raise _no_such(name)
    if _is_alive(uow, tables.status_of(row)):
        raise TaskBusy(f"the replication task {name} is running", hint=f"pergamon replication stop {name}")
    tables.delete_task(uow, name)
    uow.record(ReplicationTaskDropped(_subject(name)))


def replication_task(uow: UnitOfWork, name: str) -> ReplicationTask:
    """Raises: AccessDenied, NotFound."""
    _require_control(uow, name)
    spec = tables.task_specs(uow).get(name)
    if spec is None:
        raise _no_such(name)
    return ReplicationTask(name, spec)


def start_replication(uow: UnitOfWork, name: str, *, reload: bool = False) -> ReplicationTask:
    """Ask for a task to run; whoever called then runs it, and `run_task` refuses a second replicator.

    The state written here is not asked: one that was killed, or that lost this database, could not write that it ended.

    Raises:
        AccessDenied: the actor may not control replication.
        NotFound: no such task.
    """
    task = replication_task(uow, name)
    tables.set_wanted(uow, name, "running")
    uow.record(ReplicationStartAsked(_subject(name), reload))
    return task


def is_stop_asked(uow: UnitOfWork, name: str) -> bool:
    """Has somebody asked this task to stop since it was last started?"""
    return name in tables.stopped_tasks(uow)


def stop_replication(uow: UnitOfWork, name: str) -> None:
    """Ask a task to land what it holds and stop; its replicator hears of it within a second or two.

    Raises: AccessDenied, NotFound.
    """
    replication_task(uow, name)
    tables.set_wanted(uow, name, "stopped")
    uow.record(ReplicationStopAsked(_subject(name)))


def status_of_tasks(uow: UnitOfWork) -> list[TaskStatus]:
    """Where each task stands, by name. Raises: AccessDenied."""
    _require_control(uow, "all")
    return tables.statuses(uow)


def lag_of_task(uow: UnitOfWork, name: str, since: datetime, *, step: timedelta = MINUTE) -> list[LagPoint]:
    """How far behind a task was, minute by minute or in longer steps, oldest first; two days are kept.

    Raises: AccessDenied.
    """
    _require_control(uow, name)
    return tables.lags(uow, name, since, step)


def tasks_to_run(uow: UnitOfWork) -> list[str]:
    """Tasks that a running installation keeps running: those that capture changes and that nobody asked to stop."""
    specs, stopped = tables.task_specs(uow), tables.stopped_tasks(uow)
    return [name for name, spec in specs.items() if spec.migration_type.captures and name not in stopped]


def _is_alive(uow: UnitOfWork, status: TaskStatus) -> bool:
    """Has its replicator been heard of lately? The folder's lock is what really keeps two apart."""
    if status.state not in _BUSY or status.seen_at is None:
        return False
    return (uow.now - status.seen_at).total_seconds() < SILENT_AFTER_S


def _require_control(uow: UnitOfWork, name: str) -> None:
    held = actions_of_roles(uow, uow.actor.roles) if uow.actor.roles else frozenset[str]()
    require(decide(uow.actor, Action.REPLICATION_CONTROL, Resource("replication_task", name), actions=held))


def _subject(name: str) -> str:
    return f"replication_task:{name}"


def _no_such(name: str) -> NotFound:
    return NotFound(f"there is no replication task {name}", hint="`pergamon replication status` lists them")
