"""Bring the tables of a batch up to date: side by side with a bound, each on its own; a failing one stops no other."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pergamon.kernel import Kind, PergamonError
from pergamon.pipeline import tables
from pergamon.pipeline.apply import FilesTaken, TableBusy, advance_to_the_end
from pergamon.pipeline.configuration import (
    BatchSpec,
    JobSpec,
    NotConfigured,
    RawTableSpec,
    read_batches,
    read_jobs,
    read_raw_tables,
)
from pergamon.pipeline.jobs import run_job
from pergamon.pipeline.ports import Workplace

LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Failure:
    """A part of a run that failed: which, and why, in words without row values."""

    part: str
    message: str

    def __str__(self) -> str:
        return f"{self.part}: {self.message}"


def process_batch(place: Workplace, run_id: str, batch_name: str, *, retries: int) -> list[str]:
    """Merge what waits for every raw table of a batch's cadence. Parts that this run has finished are not done again.

    Returns: the failures, one sentence for each table that failed.
    Raises:
        NotConfigured: no such batch.
    """
    with place.begin() as uow:
        batch = _deployed(read_batches(uow), "batch", batch_name)
        chosen = [spec for spec in read_raw_tables(uow).values() if spec.refresh_cadence == batch.refresh_cadence]
    with ThreadPoolExecutor(max_workers=batch.concurrency, thread_name_prefix=f"batch-{batch_name}") as pool:
        done = [pool.submit(_process_table, place, run_id, spec, batch, retries) for spec in chosen]
        failures = [future.result() for future in done]
    return [str(failure) for failure in failures if failure is not None]


def process_job(place: Workplace, run_id: str, job_name: str, run_at: datetime, *, retries: int) -> list[str]:
    """Run a job, unless this run has finished it.

    Returns: the failures: none, or one sentence.
    Raises:
        NotConfigured: no such job.
    """
    with place.begin() as uow:
        spec: JobSpec = _deployed(read_jobs(uow), "job", job_name)

    def work() -> dict[str, Any]:
        return {"rows": run_job(place, job_name, spec, run_id=run_id, run_at=run_at)}

    failure = _part(place, run_id, f"job:{job_name}", work, retries)
    return [str(failure)] if failure else []


def with_retries(work: Callable[[], Any], retries: int, sleep: Callable[[float], None] = time.sleep) -> Any:
    """Do it again after a passing failure, the wait doubling from one second. Any: whatever the work returns.

    Raises:
        PergamonError: the last failure, or the first that will not pass.
    """
    for attempt in range(retries + 1):
        try:
            return work()
        except PergamonError as error:
            if attempt == retries or not may_pass(error):
                raise
            sleep(min(2.0**attempt, LONGEST_WAIT_S))
    raise ValueError("retries is at least 0")


def may_pass(error: PergamonError) -> bool:
    """Is it worth trying again, without anybody doing anything?"""
    return error.kind is Kind.UNAVAILABLE or isinstance(error, TableBusy | FilesTaken)


def _process_table(place: Workplace, run_id: str, spec: RawTableSpec, batch: BatchSpec, retries: int) -> Failure | None:
    return _part(place, run_id, f"table:{spec.target}", lambda: advance_to_the_end(place, spec, batch).facts(), retries)


def _part(place: Workplace, run_id: str, name: str, work: Callable[[], dict[str, Any]], retries: int) -> Failure | None:
    """One part of a run with its row: begun, then ended with its counts or its error."""
    with place.begin() as uow:
        before = tables.part_of_run(uow, run_id, name)
        if before is not None and before["state"] == "succeeded":
            return None
        tables.save_part(uow, run_id, name, "running", {})
    attempts = 0

    def attempted() -> dict[str, Any]:
        nonlocal attempts
        attempts += 1
        return work()

    try:
        facts = with_retries(attempted, retries)
    except PergamonError as error:
        said = str(error).removeprefix(f"{name.partition(':')[2]}: ")  # the part's name stands before it already
        with place.begin() as uow:
            tables.save_part(uow, run_id, name, "failed", {"code": error.code, "message": said, "attempts": attempts})
        return Failure(name, said)
    with place.begin() as uow:
        tables.save_part(uow, run_id, name, "succeeded", facts | {"attempts": attempts})
    return None


def _deployed(specs: dict[str, Any], kind: str, name: str) -> Any:
    if name not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise NotConfigured(f"there is no {kind} {name}", hint=f"deployed: {known}")
    return specs[name]
