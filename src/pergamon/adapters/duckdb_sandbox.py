"""The engine of governed queries: one DuckDB process per query, confined, and gone afterwards (ADR 0006).

The parent trusts nothing that comes out of it: frames are bounded, Arrow is validated in full, a wall clock kills it,
and its error
text goes to a 0600 log only. Each is a fork of a process that has loaded everything and seen nothing.
"""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon.adapters.bare_rows import bare
from pergamon.adapters.child_process import Child, Frames, confinement, mode_of, sent
from pergamon.adapters.duckdb_source import is_behind_barrier, view_of
from pergamon.adapters.fork_server import ForkServer, ForkServerFailed
from pergamon.adapters.landlock import LOWEST_ABI, abi_version
from pergamon.kernel import PergamonError, as_file, make_durable_directory
from pergamon.query import (
    GrantedTable,
    QueryBusy,
    QueryEngineFailed,
    QueryInvalid,
    QueryJob,
    QueryOutOfMemory,
    QueryRefused,
    QueryResultTooLarge,
    QueryTimedOut,
    QueryTypeError,
    SandboxMissing,
    identifier,
)

PARSE_TIMEOUT_S = 30
LARGEST_TREE_BYTES = 8 * 1024**2
OVERHEAD_BYTES = 2 * 1024**3
"""Address space besides the engine's memory: thread stacks, mapped Parquet pages, allocator arenas."""
LOG_BYTES = 10 * 1024**2

APART = ".apart"
"""Below the lake, where no bucket can be: what is given of isolated tables, for as long as a query runs."""
ALL_ROWS = 2**62
MOST_BYTES_APART = 64 * 1024**3
APART_AT_MOST_S = 3 * 3600
"""Longer than any query may run: what is older was left behind by a process that was killed."""

Watch = Callable[[], None] | None

INVALID = {"BinderException", "CatalogException", "ParserException", "SyntaxException", "NotImplementedException"}
TYPE_ERROR = {
    "ConversionException",
    "OutOfRangeException",
    "InvalidInputException",
    "TypeMismatchException",
    "InvalidTypeException",
}
OUT_OF_MEMORY = {"OutOfMemoryException", "MemoryError", "ArrowMemoryError"}


@dataclass
class DuckDBSandbox:
    """A `QueryEngine`. Thread-safe; queries run beside each other, each in a process of its own.

    lake: the directory below which every file of every table lies. log: where engine errors are written, 0600.
    namespaces: use bubblewrap where the host allows it. without_landlock: run although the kernel has no Landlock; then
    the engine's own lock and, if there, namespaces are all that guards the lake's other files.
    """

    lake: Path
    log: Path
    namespaces: bool = True
    without_landlock: bool = False
    parallel: int = 4

    def __post_init__(self) -> None:
        self._processes = ForkServer(lambda: self._prefix, "pergamon.adapters.duckdb_child", _extensions)
        self._slots = threading.BoundedSemaphore(self.parallel)

    def run(self, job: QueryJob, watch: Watch = None) -> tuple[pa.Table, bool]:
        """See `query.ports.QueryEngine`."""
        self._require_confinement()
        if not self._slots.acquire(timeout=job.limits.timeout_s):
            raise QueryBusy("as many queries run as this host takes", hint="try again in a moment")
        try:
            with self._apart(job, watch) as without_raw_files:
                return self._run_in_a_process(without_raw_files, watch)
        finally:
            self._slots.release()

    def _run_in_a_process(self, job: QueryJob, watch: Watch) -> tuple[pa.Table, bool]:
        return self._table(b"".join(self._pieces(job, watch, job.limits.max_result_mb * 1024**2)), job)

    def parse(self, sql: str) -> str:
        """See `query.ports.QueryEngine`."""
        with self._process() as child:
            frames = Frames(child, time.monotonic() + PARSE_TIMEOUT_S)
            sent(child, sql.encode(), b"P")
            try:
                frame = frames.next(LARGEST_TREE_BYTES, b"T")
            except (TimeoutError, OverflowError):
                frame = None
        if frame is None or frame[0] != b"T":
            raise QueryRefused(
                "the query takes too much to read", hint="split it into smaller queries; use CUBE and CASE less"
            )
        return frame[1].decode()

    def prewarm(self) -> None:
        """Load the engine, unless that is done."""
        self._processes.prewarm()

    def close(self) -> None:
        """End every process."""
        self._processes.close()

    @property
    def mode(self) -> str:
        """What confines a query on this host: `namespaces+landlock+seccomp`, `landlock+seccomp`, …"""
        return mode_of(namespaces=bool(self._prefix), landlock=self._has_landlock)

    # --- private: the process ---

    @cached_property
    def _has_landlock(self) -> bool:
        return abi_version() >= LOWEST_ABI

    def _require_confinement(self) -> None:
        if not self._has_landlock and not self.without_landlock:
            raise SandboxMissing(
                "this kernel has no Landlock, so a query cannot be confined to its files",
                hint="use Linux 5.13 or newer with Landlock, or accept it by name: pergamon --without-landlock up",
            )

    @cached_property
    def _prefix(self) -> list[str]:
        return confinement(self.lake) if self.namespaces else []

    @contextmanager
    def _process(self) -> Iterator[Child]:
        """A process for one job, gone afterwards."""
        try:
            child = self._processes.child()
        except ForkServerFailed as error:
            self._log("", "start", error.said)
            raise
        try:
            yield child
        finally:
            child.end()

    # --- private: the conversation ---

    def _pieces(self, job: QueryJob, watch: Watch, most_bytes: int) -> Generator[bytes]:
        """The bytes of the Arrow stream that a process answers with."""
        with self._process() as child:
            frames = Frames(child, time.monotonic() + job.limits.timeout_s, watch)
            sent(child, self._job(job))
            yield from self._answer(child, frames, job, most_bytes)

    def _answer(self, child: Child, frames: Frames, job: QueryJob, most_bytes: int) -> Iterator[bytes]:
        left = most_bytes
        while True:
            try:
                frame = frames.next(left)
            except TimeoutError:
                raise _timed_out(job) from None
            except OverflowError:
                raise QueryResultTooLarge(
                    f"the result is larger than {most_bytes // 1024**2} MiB", hint="select fewer columns, or aggregate"
                ) from None
            match frame:
                case (b"A", piece):
                    left -= len(piece)
                    yield piece
                case (b"D", _):
                    return
                case (b"E", told):
                    raise self._failed(job, told)
                case _:
                    raise self._died(child, job)

    # --- private: tables whose raw files the process that sees a user's SQL may not open ---

    @contextmanager
    def _apart(self, job: QueryJob, watch: Watch) -> Iterator[QueryJob]:
        """The job with every isolated table replaced by a file that holds only what is given of it.

        The file is written by a process that runs no text of the user's, and is gone when the query has ended.
        """
        if not any(table.rights is not None and table.rights.isolated for table in job.tables):
            yield job
            return
        directory = self.lake / APART / job.id
        make_durable_directory(directory)
        _remove_left_behind(directory.parent)
        try:
            yield replace(job, tables=tuple(self._given_alone(table, directory, job, watch) for table in job.tables))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _given_alone(self, table: GrantedTable, directory: Path, job: QueryJob, watch: Watch) -> GrantedTable:
        if table.rights is None or not table.rights.isolated:
            return table
        path = directory / f"{table.name}.parquet"
        whole = f"SELECT * FROM {identifier(table.name.database)}.{identifier(table.name.table)}"  # noqa: S608 - quoted
        limits = job.limits.model_copy(update={"max_rows": ALL_ROWS})
        reading = replace(job, sql=whole, tables=(table,), limits=limits)
        try:
            with (
                closing(self._pieces(reading, watch, MOST_BYTES_APART)) as pieces,
                pa.ipc.open_stream(as_file(pieces)) as stream,
                pq.ParquetWriter(path, stream.schema) as writer,
            ):
                for batch in stream:
                    writer.write_batch(batch)
        except (OSError, pa.ArrowException) as error:  # a full disk, or a process that answers nonsense
            self._log(job.id, type(error).__name__, f"while {table.name} was read apart: {error}")
            raise _engine_failed(job) from None
        return replace(table, reading=None, metadata="", files=(str(path),), given_in=str(path))

    def _job(self, job: QueryJob) -> bytes:
        limits = job.limits
        files = sorted({path for table in job.tables for path in table.files})
        return json.dumps(
            {
                "sql": job.sql,
                "files": files,
                "views": [view_of(table) for table in job.tables],
                "landlock": self._has_landlock,
                "in_order": not any(map(is_behind_barrier, job.tables)),  # where it is, order takes one thread
                "limits": {
                    "rows": limits.max_rows,
                    "memory_bytes": limits.memory_mb * 1024**2,
                    "overhead_bytes": OVERHEAD_BYTES,
                    "cpu_s": limits.timeout_s * limits.threads + 1,
                    "threads": limits.threads,
                    "files": 256,
                },
            }
        ).encode()

    def _table(self, stream: bytes, job: QueryJob) -> tuple[pa.Table, bool]:
        """The rows, checked: a process that ran a stranger's SQL may have been taken over by it."""
        try:
            table = pa.ipc.open_stream(pa.py_buffer(stream)).read_all()
            table.validate(full=True)
            if table.num_rows > job.limits.max_rows + 1:  # what it was told to send; NULLs have no bytes to count
                raise pa.ArrowInvalid("more rows than were asked for")
            table = bare(table)
        except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
            if _NO_TIME_OF_DAY.search(str(error)):
                raise QueryTypeError(
                    "the result holds the time 24:00:00, which no day has", hint="CAST it to VARCHAR"
                ) from None
            self._log(job.id, "unreadable", "the result is not a valid Arrow stream")
            raise _engine_failed(job) from None
        return table.slice(0, job.limits.max_rows), table.num_rows > job.limits.max_rows

    def _failed(self, job: QueryJob, told: bytes) -> PergamonError:
        """The engine's exception as one of our own; its text only goes to the log (law 6)."""
        try:
            said: dict[str, Any] = json.loads(told)
            names = set(str(said["bases"]).split())
        except (ValueError, KeyError, TypeError):
            said, names = {}, set()
        self._log(job.id, str(said.get("class")), str(said.get("text")))
        if names & OUT_OF_MEMORY:
            return QueryOutOfMemory(f"the query needs more than {job.limits.memory_mb} MiB of memory", hint=_SMALLER)
        if names & INVALID:
            return QueryInvalid("the query does not fit its tables", hint="check names, types and what is grouped by")
        if names & TYPE_ERROR:
            return QueryTypeError(
                "a value could not be converted, or is out of range", hint="TRY_CAST gives NULL instead"
            )
        if "InterruptException" in names:
            return _timed_out(job)
        return _engine_failed(job)

    def _died(self, child: Child, job: QueryJob) -> PergamonError:
        """It ended without an answer: by a limit, or by a fault."""
        child.kill()
        code = child.wait()
        said = (child.stderr.read(LOG_BYTES // 100) or b"").decode(errors="replace")
        self._log(job.id, f"exit {code}", said)
        number = -code if code < 0 else code - 128
        if number == 24:  # SIGXCPU
            return _timed_out(job)
        if "bad_alloc" in said or "MemoryError" in said or "out of memory" in said.lower():
            return QueryOutOfMemory(f"the query needs more than {job.limits.memory_mb} MiB of memory", hint=_SMALLER)
        return _engine_failed(job)

    def _log(self, query: str, what: str, text: str) -> None:
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1"))
        line = json.dumps({"at": time.time(), "query": query, "what": what, "text": text})
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.write(line + "\n")


_NO_TIME_OF_DAY = re.compile(r"time(32|64)\[\w+\] \d+ is not within the acceptable range")
"""What Arrow says of DuckDB's 24:00:00."""
_SMALLER = "filter earlier, select fewer columns, or aggregate"


def _timed_out(job: QueryJob) -> QueryTimedOut:
    return QueryTimedOut(f"the query took longer than {job.limits.timeout_s} s and was ended", hint=_SMALLER)


def _engine_failed(job: QueryJob) -> QueryEngineFailed:
    return QueryEngineFailed(f"the engine failed on query {job.id}", hint="the operator finds it in the log by this id")


def _remove_left_behind(directory: Path) -> None:
    for left in directory.iterdir():
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - APART_AT_MOST_S:
                shutil.rmtree(left)


def _extensions() -> list[str]:
    """What the process loads: the extension files of the wheels, as JSON. Avro first: Iceberg needs it."""
    import duckdb

    found = []
    for name in ("avro", "iceberg"):
        wheel = find_spec(f"duckdb_extension_{name}")
        if wheel is None or wheel.origin is None:
            raise SandboxMissing(
                f"the wheel duckdb-extension-{name} is not installed", hint="install requirements.lock"
            )
        folder = Path(wheel.origin).parent / "extensions" / f"v{duckdb.__version__}"
        found.append((name, str(folder / f"{name}.duckdb_extension")))
    return [json.dumps(found)]
