"""Which workers live, and what the dead have left: a worker beats; one that is silent too long is dead."""

from datetime import timedelta

from pergamon.pipeline import tables
from pergamon.pipeline.apply import WORKER_SILENCE
from pergamon.store import UnitOfWork

BEAT_EVERY = timedelta(seconds=5)


def beat(uow: UnitOfWork, worker: str) -> None:
    """Say that this worker lives."""
    tables.beat(uow, worker)


def say_goodbye(uow: UnitOfWork, worker: str) -> None:
    """An orderly end: nobody need wait for the silence."""
    tables.stop_worker(uow, worker)


def take_runs(uow: UnitOfWork, worker: str) -> list[str]:
    """Take every requested run. Returns: their ids, oldest first."""
    return tables.take_requested_runs(uow, worker)


def inherit_from_the_dead(uow: UnitOfWork, worker: str) -> tuple[list[str], list[str]]:
    """Take over what silent workers had taken. Returns: the dead workers, and their unfinished runs."""
    dead = [name for name in tables.silent_workers(uow, WORKER_SILENCE) if name != worker]
    runs = tables.inherit_runs(uow, worker, dead) if dead else []
    for name in dead:
        tables.stop_worker(uow, name)
    return dead, runs


def own_unfinished_runs(uow: UnitOfWork, worker: str) -> list[str]:
    """What this worker had taken when it died."""
    return tables.inherit_runs(uow, worker, [worker])


def has_living_worker(uow: UnitOfWork) -> bool:
    return bool(tables.living_workers(uow, WORKER_SILENCE))


def has_work(uow: UnitOfWork) -> bool:
    """Is there a run that has not ended?"""
    return tables.unfinished_runs(uow) > 0
