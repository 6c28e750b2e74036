"""What the pipeline needs from outside: units of work, and a trusted engine that speaks Spark SQL."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
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


class OneAtATime:
    """Two runs of one worker may want the same table: they take turns. Between workers the lease decides."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    @contextmanager
    def on(self, table: str) -> Iterator[None]:
        """Hold the table while the block runs."""
        with self._guard:
            lock = self._locks.setdefault(table, threading.Lock())
        with lock:
            yield


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
    one_at_a_time: OneAtATime = field(default_factory=OneAtATime)
