"""The process that reads or runs one untrusted query and dies (ADR 0006): a fork of one that loaded everything and saw
nothing (`fork_server_child.py`).

It reads one job, gives up every right that the job does not need, and only then looks at the user's SQL. `_duckdb` is
imported without its Python package, which would start threads: a thread that exists before Landlock would not be
restricted by it.

Frames: one letter, eight bytes of length (big-endian), the payload. In comes `P`, a text to read into DuckDB's syntax
tree, or `J`, a query to run (JSON). Out go `T` the tree; `A` a piece of an Arrow IPC stream, `D` done (JSON), `E`
failed (JSON: class, text, for the 0600 log only). Reading is bounded by itself: a short text can have an enormous tree
(`CASE x WHEN` copies x, CUBE makes sets), so it has little memory and time.
"""

import json
import os
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import _duckdb
import pyarrow as pa

from pergamon.adapters.landlock import LOWEST_ABI, abi_version, restrict_to_files
from pergamon.adapters.seccomp import restrict_to_computing

ROWS_PER_BATCH = 8192
SERIALIZE = "SELECT json_serialize_sql(?)"
PARSING_MEMORY_BYTES, LARGEST_TREE_BYTES = 256 * 1024**2, 8 * 1024**2
PARSING_CPU_S, SENDING_CPU_S = 2, 7


def prepared(extensions: str) -> Callable[[], int]:
    """Load the engine and its extensions: a JSON list of names and paths. Returns: what a fork does."""
    connection = _connected([(name, path) for name, path in json.loads(extensions)])
    return lambda: _answered(connection)


def _answered(connection: _duckdb.DuckDBPyConnection) -> int:
    """Take one job, lock up, do it, answer."""
    stdout = os.fdopen(os.dup(1), "wb", buffering=0)
    kind, payload = _frame(sys.stdin.buffer)
    own = connection.cursor()  # with chance of its own: each fork of one session would draw the same random numbers
    match kind:
        case b"P":
            return _parse(own, payload, stdout)
        case b"J":
            return _query(own, json.loads(payload), stdout)
        case _:
            return 0  # the parent went away


def _parse(connection: _duckdb.DuckDBPyConnection, text: bytes, stdout: BinaryIO) -> int:
    """Returns: 0 when the tree was sent, else nothing was."""
    try:
        _limit(PARSING_MEMORY_BYTES, cpu_s=PARSING_CPU_S)
        if abi_version() >= LOWEST_ABI:
            restrict_to_files([])
        restrict_to_computing()
        row = connection.execute(SERIALIZE, [text.decode()]).fetchone()
        tree = str(row[0]).encode() if row else b""
        if not tree or len(tree) > LARGEST_TREE_BYTES:
            return 1
        resource.setrlimit(resource.RLIMIT_CPU, (SENDING_CPU_S, SENDING_CPU_S))  # half a frame is worse than none
        _send(stdout, b"T", tree)
    except Exception:  # a text that cannot be read, or is too large to; the parent says so
        return 1
    return 0


def _query(connection: _duckdb.DuckDBPyConnection, job: dict[str, Any], stdout: BinaryIO) -> int:
    try:
        _give_up_rights(job)
        _open_views(connection, job)
        rows = _run(connection, job, stdout)
    except Exception as error:  # whatever happens in here is told to the parent, which never shows it
        _send(stdout, b"E", json.dumps(_told(error)).encode())
        return 1
    _send(stdout, b"D", json.dumps({"rows": rows}).encode())
    return 0


def _connected(extensions: list[tuple[str, str]]) -> _duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": "",
        "errors_as_json": "false",
    }
    connection = _duckdb.connect(":memory:", False, config)
    for _name, path in extensions:
        connection.execute(f"LOAD {_literal(path)}")
    connection.execute("SELECT 1").to_arrow_reader(1).read_all()  # imports what the first result would import
    connection.execute(SERIALIZE, ["SELECT 1"]).fetchone()
    return connection


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - no pathlib in the sandbox


def _give_up_rights(job: dict[str, Any]) -> None:
    """Limits, then files, then system calls. Any failure ends the job before its SQL is looked at."""
    if _threads() != 1:
        raise RuntimeError("a thread was started before the restrictions")
    limits = job["limits"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits["files"], limits["files"]))
    _limit(limits["memory_bytes"] + limits["overhead_bytes"], cpu_s=limits["cpu_s"])
    if job["landlock"]:
        restrict_to_files(job["files"])
    restrict_to_computing()


def _limit(memory_bytes: int, *, cpu_s: int) -> None:
    """So much more memory than it has now, so much time, and no file of its own."""
    space = _address_space_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, max(cpu_s, SENDING_CPU_S)))
    resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _address_space_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


def _open_views(connection: _duckdb.DuckDBPyConnection, job: dict[str, Any]) -> None:
    """The engine's own locks, and one view per granted table over exactly one snapshot."""
    files = ", ".join(_literal(path) for path in job["files"])
    connection.execute(f"SET memory_limit = '{int(job['limits']['memory_bytes'])}B'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_paths = [{files}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET parquet_metadata_cache = true")  # a view is bound when it is made, and when it is read
    for view in job["views"]:
        schema, table = _identifier(view["database"]), _identifier(view["table"])
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(f"CREATE VIEW {schema}.{table} AS SELECT * FROM {_source(connection, view)}")  # noqa: S608 - quoted
    if not job["in_order"]:
        connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"SET threads = {int(job['limits']['threads'])}")
    connection.execute("SET lock_configuration = true")


def _source(connection: _duckdb.DuckDBPyConnection, view: dict[str, Any]) -> str:
    """The files by themselves, where each holds just the columns of the table as it is now; else as it tells."""
    alone = view["alone"]
    if alone is None:
        return str(view["source"])
    files = ", ".join(map(_literal, alone["files"]))
    held: dict[str, list[list[Any]]] = {}
    told = f"SELECT file_name, name, field_id, duckdb_type FROM parquet_schema([{files}]) WHERE num_children IS NULL"  # noqa: S608 - quoted
    for file, *column in connection.execute(told).fetchall():
        held.setdefault(file, []).append(column)
    is_told_alike = len(held) == len(alone["files"]) and all(columns == alone["columns"] for columns in held.values())
    return f"read_parquet([{files}], hive_partitioning = false)" if is_told_alike else str(view["source"])


def _run(connection: _duckdb.DuckDBPyConnection, job: dict[str, Any], stdout: BinaryIO) -> int:
    """Run the query and stream its rows as Arrow, one row more than the limit so that the parent can tell."""
    reader = connection.execute(job["sql"]).to_arrow_reader(ROWS_PER_BATCH)
    rows, limit = 0, job["limits"]["rows"]
    pieces = _Pieces(stdout)
    with pa.ipc.new_stream(pieces, reader.schema) as writer:
        for batch in reader:
            left = limit + 1 - rows
            writer.write_batch(batch.slice(0, left))
            rows += min(batch.num_rows, left)
            if rows > limit:
                break
    return rows


class _Pieces:
    """A file for the Arrow writer; each write becomes a frame."""

    closed = False

    def __init__(self, stdout: BinaryIO) -> None:
        self._stdout = stdout

    def write(self, data: Any) -> int:  # Any: a pyarrow buffer or bytes
        piece = memoryview(data)
        _send(self._stdout, b"A", piece)
        return piece.nbytes

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _send(stdout: BinaryIO, kind: bytes, payload: bytes | memoryview) -> None:
    _write_all(stdout, kind + struct.pack(">Q", len(payload)))
    _write_all(stdout, payload)


def _write_all(stdout: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        written = stdout.write(view)
        view = view[written:]


def _frame(stdin: BinaryIO) -> tuple[bytes, bytes]:
    header = stdin.read(9)
    if len(header) < 9:
        return b"", b""
    (length,) = struct.unpack(">Q", header[1:])
    return header[:1], stdin.read(length)


def _told(error: Exception) -> dict[str, str]:
    names = [cls.__name__ for cls in type(error).__mro__]
    return {"class": names[0], "bases": " ".join(names), "text": str(error)[:4000]}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
