"""Carry out runs durably: DBOS on our own PostgreSQL remembers which steps of a run are done (ADR 0007).

Coarse: a step is a whole batch or a whole job. A step is carried out at least once, so it reads first what it has done.
What DBOS stores is portable JSON, never pickle; the application version is fixed, so that an upgraded worker resumes
old runs.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from dbos import DBOS, SetWorkflowID
from dbos._serialization import DBOSPortableJSON

from pergamon import pipeline
from pergamon.kernel import PergamonError, Unavailable, durable_write, new_id

APPLICATION_VERSION = "pergamon-runs-1"
"""Changes only when a step changes its meaning; then old runs are left to the old version."""
PATIENCE = 8
"""Attempts while PostgreSQL is away: about four minutes."""
ENDED_BADLY = ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")

Steps = list[dict[str, Any]]  # Any: a StepSpec as JSON


class DatabaseAway(Unavailable):
    """PostgreSQL does not answer the engine of durable runs."""

    code = "worker.database_away"


@contextmanager
def _database_may_go_away() -> Iterator[None]:
    """What the engine of runs says of a database that went away is said in our words."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError:
        raise DatabaseAway("PostgreSQL does not answer the worker", hint="it is tried again") from None


class DurableRuns:
    """The durable engine of one worker process. One per process: DBOS is global."""

    def __init__(self, place: pipeline.Workplace, conninfo: str, logs: Path) -> None:
        self.place = place
        self._logs = logs
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), pool_size=8, pool_pre_ping=True
        )
        DBOS(
            config={
                "name": "pergamon",
                "system_database_engine": engine,
                "system_database_url": "postgresql+psycopg://localhost/pergamon",  # not used: the engine is given
                "dbos_system_schema": "dbos",
                "application_version": APPLICATION_VERSION,
                "executor_id": place.worker,
                "serializer": DBOSPortableJSON,
                "use_listen_notify": False,
                "log_level": "CRITICAL",
                "console_log_level": "CRITICAL",
            }
        )
        self._run, self._branch = self._register()

    def launch(self) -> None:
        """Start; what this worker had begun when it died goes on from its last finished step.

        Raises:
            DatabaseAway: PostgreSQL does not answer; the worker is started again by whoever keeps it.
        """
        with _database_may_go_away():
            DBOS.launch()

    def start(self, run_id: str) -> None:
        """Carry out a run in the background. Started before: nothing happens. Raises: DatabaseAway."""
        with _database_may_go_away():
            if DBOS.get_workflow_status(run_id) is None:
                with SetWorkflowID(run_id):
                    DBOS.start_workflow(self._run, run_id)

    def take_over(self, dead_workers: list[str]) -> None:
        """Go on with what dead workers had begun. Raises: DatabaseAway."""
        if dead_workers:
            with _database_may_go_away():
                DBOS._recover_pending_workflows(dead_workers)

    def broke_down(self, run_id: str) -> bool:
        """Has the engine given this run up, without the run having an end? Raises: DatabaseAway."""
        with _database_may_go_away():
            status = DBOS.get_workflow_status(run_id)
        return status is not None and status.status in ENDED_BADLY

    def close(self) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _register(self) -> tuple[Callable[[str], None], Callable[..., list[str]]]:
        place = self.place

        @DBOS.step(name="plan")
        def plan(run_id: str) -> dict[str, Any]:
            return pipeline.with_retries(lambda: _plan(place, run_id), PATIENCE)  # type: ignore[no-any-return]

        @DBOS.step(name="batch")
        def batch(run_id: str, name: str, retries: int) -> list[str]:
            return self._safely(f"batch:{name}", lambda: pipeline.process_batch(place, run_id, name, retries=retries))

        @DBOS.step(name="job")
        def job(run_id: str, name: str, run_at: str, retries: int) -> list[str]:
            at = datetime.fromisoformat(run_at)
            return self._safely(f"job:{name}", lambda: pipeline.process_job(place, run_id, name, at, retries=retries))

        @DBOS.step(name="finish")
        def finish(run_id: str, failures: list[str]) -> None:
            pipeline.with_retries(lambda: _finish(place, run_id, failures), PATIENCE)

        @DBOS.workflow(name="branch")
        def branch(run_id: str, steps: Steps, run_at: str, retries: int) -> list[str]:
            for step in steps:
                if step["batch"] is not None:
                    failures = batch(run_id, step["batch"], retries)
                elif step["job"] is not None:
                    failures = job(run_id, step["job"], run_at, retries)
                else:
                    handles = [
                        DBOS.start_workflow(branch, run_id, [*part], run_at, retries) for part in step["parallel"]
                    ]
                    failures = [failure for handle in handles for failure in handle.get_result()]
                if failures:
                    return failures
            return []

        @DBOS.workflow(name="run")
        def run(run_id: str) -> None:
            planned = plan(run_id)
            finish(run_id, branch(run_id, planned["steps"], planned["run_at"], planned["retries"]))

        return run, branch

    def _safely(self, part: str, work: Callable[[], list[str]]) -> list[str]:
        """A step always ends with its failures in words; a bug of ours is one of them, its text in a 0600 log."""
        try:
            return pipeline.with_retries(work, PATIENCE)  # type: ignore[no-any-return]
        except PergamonError as error:
            return [f"{part}: {error}"]
        except Exception:
            incident = new_id("incident")
            durable_write(self._logs / f"{incident}.log", traceback.format_exc().encode())
            return [f"{part}: internal error {incident}"]


def _plan(place: pipeline.Workplace, run_id: str) -> dict[str, Any]:
    with place.begin() as uow:
        spec, run = pipeline.planned_run(uow, run_id)
    document = spec.model_dump(mode="json")
    return {"steps": document["steps"], "retries": document["retries"], "run_at": run.run_at.isoformat()}


def _finish(place: pipeline.Workplace, run_id: str, failures: list[str]) -> None:
    with place.begin() as uow:
        pipeline.finish_run(uow, run_id, failures)
