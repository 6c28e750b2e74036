"""What quality needs of others: an engine that runs our own statements over exactly the files of some tables.

Files are untrusted, so whatever implements this reads them in a process that is confined and thrown away (ADR 0019).
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from pergamon.lake import TableId
from pergamon.quality.model import TableColumn
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class MeasuredTable:
    """One snapshot of a table: every file that a reader must open, and no other. Paths are absolute.

    about_rows: from the table's metadata; only an estimate decides how it is measured, never what is said.
    """

    id: TableId
    snapshot_id: int | None
    metadata: str
    files: tuple[str, ...]
    columns: tuple[TableColumn, ...]
    about_rows: int


@dataclass(frozen=True)
class Limits:
    """How much one statement may take, and a whole profile. timeout_s, budget_s: wall clock, s."""

    timeout_s: int = 120
    budget_s: int = 600
    memory_mb: int = 1024
    threads: int = 2


class ProfileEngine(Protocol):
    """Runs one statement over some tables, each of which it names as "database"."table"."""

    def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
        """Returns: the rows, at most 10,000.

        Raises:
            StatementTooLarge, StatementTimedOut, StatementRefused, EngineFailed.
        """
        ...


@dataclass(frozen=True)
class ProfilePlace:
    """Where profiles are made: units of work of the platform's own service, an engine, the name of this worker."""

    begin: Callable[[], AbstractContextManager[UnitOfWork]]
    engine: ProfileEngine
    worker: str
    limits: Limits = field(default_factory=Limits)
    clock_s: Callable[[], float] = time.monotonic
