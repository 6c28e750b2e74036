"""Runs of workflows: who asks for one, what starts one by itself, how one ends, what follows.

A run is a row; the durable engine of the worker carries it out and resumes it. Its id is its identity: a schedule's
tick and a dependent's cause make the id, so each starts once however many workers look.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from croniter import croniter  # type: ignore[import-untyped]
from psycopg.rows import DictRow

from pergamon.identity import actions_of_roles
from pergamon.kernel import Event, NotFound, new_id, require
from pergamon.pipeline import tables
from pergamon.pipeline.configuration import NotConfigured, WorkflowSpec, read_workflows
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork


class UnknownRun(NotFound):
    code = "pipeline.unknown_run"
    usual_hint = "`pergamon runs` lists them"


@dataclass(frozen=True)
class RunRequested(Event):
    code: ClassVar[str] = "pipeline.run_requested"
    run: str
    cause: str


@dataclass(frozen=True)
class RunEnded(Event):
    code: ClassVar[str] = "pipeline.run_ended"
    run: str
    succeeded: bool
    failed_parts: int


@dataclass(frozen=True)
class Run:
    """A run as it stands. `parts`: its tables and jobs with their state and counts."""

    id: str
    workflow: str
    run_at: datetime
    cause: str
    state: str
    failure: str | None
    parts: tuple[dict[str, Any], ...]

    @property
    def has_ended(self) -> bool:
        return self.state in ("succeeded", "failed")


def request_run(uow: UnitOfWork, workflow: str, *, dependents: bool = False) -> str:
    """Ask for a run now. dependents: also run what runs after it, when it succeeds.

    Returns: the run's id.
    Raises:
        AccessDenied: the actor may not run this workflow.
        NotConfigured: no such workflow is deployed.
    """
    held = actions_of_roles(uow, uow.actor.roles)
    require(decide(uow.actor, Action.WORKFLOW_RUN, Resource("workflow", workflow), actions=held))
    specs = read_workflows(uow)
    if workflow not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise NotConfigured(f"there is no workflow {workflow}", hint=f"deployed: {known}")
    return _insert(uow, new_id("run"), workflow, specs[workflow], run_at=uow.now, cause="manual", dependents=dependents)


def request_due_runs(uow: UnitOfWork) -> list[str]:
    """Request a run for each schedule whose newest tick has none yet: once, also when it was missed while nothing ran.

    A tick from before the workflow was deployed is not due; a tick of a workflow that follows others waits for them.
    """
    requested = []
    for row in tables.configs(uow, "workflow"):
        spec = WorkflowSpec.model_validate(row["spec"])
        tick = newest_tick(spec.schedule, uow.now) if spec.schedule else None
        if tick is None or tick <= row["changed_at"] or not _all_are_done(uow, row["name"], spec.after):
            continue
        run_id = f"run_{row['name']}_{tick:%Y%m%dT%H%M}Z"
        if tables.run_by_id(uow, run_id) is None:
            requested.append(_insert(uow, run_id, row["name"], spec, run_at=tick, cause="schedule", dependents=True))
    return requested


def newest_tick(schedule: str, now: datetime) -> datetime:
    """The last moment at or before `now` that a cron schedule names, in UTC."""
    base = now.astimezone(UTC) + timedelta(microseconds=1)
    tick: datetime = croniter(schedule, base).get_prev(datetime)
    return tick


def finish_run(uow: UnitOfWork, run_id: str, failures: list[str]) -> None:
    """End a run, and request what runs after it when it succeeded. May be repeated.

    Raises:
        UnknownRun: no such run.
    """
    row = tables.run_by_id(uow, run_id)
    if row is None:
        raise UnknownRun(f"there is no run {run_id}")
    failure = "; ".join(failures) or None
    if not tables.end_run(uow, run_id, failure):
        return
    uow.record(
        RunEnded(subject=f"workflow:{row['workflow']}", run=run_id, succeeded=not failures, failed_parts=len(failures))
    )
    if not failures and row["dependents"]:
        _request_dependents(uow, row)


def read_run(uow: UnitOfWork, run_id: str) -> Run:
    """A run with its parts.

    Raises:
        UnknownRun: no such run.
    """
    row = tables.run_by_id(uow, run_id)
    if row is None:
        raise UnknownRun(f"there is no run {run_id}")
    names = ("id", "workflow", "run_at", "cause", "state", "failure")
    return Run(
        **{name: row[name] for name in names}, parts=tuple(dict(part) for part in tables.parts_of_run(uow, run_id))
    )


def planned_run(uow: UnitOfWork, run_id: str) -> tuple[WorkflowSpec, Run]:
    """The run and its workflow as it stood when the run was requested.

    Raises:
        UnknownRun: no such run.
    """
    run = read_run(uow, run_id)
    row = tables.run_by_id(uow, run_id)
    return WorkflowSpec.model_validate(row["spec"] if row else {}), run


def list_runs(uow: UnitOfWork, limit: int = 50, *, workflow: str | None = None) -> list[dict[str, Any]]:
    """The newest runs, of all workflows or of one."""
    return [dict(row) for row in tables.list_runs(uow, limit, workflow)]


def newest_runs(uow: UnitOfWork) -> dict[str, dict[str, Any]]:
    """The newest run of each deployed workflow that has run."""
    return {row["workflow"]: dict(row) for row in tables.newest_runs(uow)}


def runs_caused_by(uow: UnitOfWork, run_id: str) -> list[str]:
    """The runs that were requested because this one succeeded."""
    return tables.runs_caused_by(uow, run_id)


def _request_dependents(uow: UnitOfWork, ended: DictRow) -> None:
    for name, spec in read_workflows(uow).items():
        follows = ended["workflow"] in spec.after
        waits_for_its_tick = spec.schedule is not None and ended["cause"] != "manual"
        if follows and not waits_for_its_tick and _all_are_done(uow, name, set(spec.after) - {ended["workflow"]}):
            cause = f"after:{ended['id']}"
            _insert(uow, f"{ended['id']}.{name}", name, spec, run_at=ended["run_at"], cause=cause, dependents=True)


def _all_are_done(uow: UnitOfWork, name: str, others: Iterable[str]) -> bool:
    """Has each of the others succeeded since `name` was last requested, and is none of them running?"""
    since = tables.newest_request(uow, name)
    for other in others:
        newest = tables.newest_ended_run(uow, other)
        if newest is None or newest["state"] != "succeeded" or (since is not None and newest["ended_at"] <= since):
            return False
        if tables.has_unfinished_run(uow, other):
            return False
    return True


def _insert(
    uow: UnitOfWork, run_id: str, workflow: str, spec: WorkflowSpec, *, run_at: datetime, cause: str, dependents: bool
) -> str:
    document = spec.model_dump(mode="json")
    if tables.insert_run(
        uow, run_id, workflow=workflow, run_at=run_at, cause=cause, dependents=dependents, spec=document
    ):
        uow.record(RunRequested(subject=f"workflow:{workflow}", run=run_id, cause=cause))
    return run_id
