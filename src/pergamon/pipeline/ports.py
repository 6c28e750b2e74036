"""What the pipeline needs from outside: units of work, and a trusted engine that speaks Spark SQL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pergamon.store import UnitOfWork


class Engine(Protocol):
    """One session of a trusted engine. Whatever it says of a write is not believed: the lease is asked (law 4)."""

    def execute_sql(self, sql: str) -> None: ...

    def sql_to_arrow(self, sql: str) -> pa.Table: ...

    def create_view(self, name: str, rows: pa.Table) -> None: ...

    def run(self, work: Callable[[Any], Any]) -> Any:
        """Give the Spark session itself to a job written in Python (Any: it has no types)."""
        ...


@dataclass(frozen=True)
class Workplace:
    """Where the pipeline works.

    begin: opens a unit of work of the worker. engine: opens a session. lake_root: the directory of all buckets.
    scratch: 0700, for change sets between fold and merge. worker: this process's stable name.
    """

    begin: Callable[[], AbstractContextManager[UnitOfWork]]
    engine: Callable[[], AbstractContextManager[Engine]]
    lake_root: Path
    scratch: Path
    worker: str
