"""The process that runs one untrusted query and dies (ADR 0006). Started by `duckdb_sandbox.py`; nothing else imports
it.

It loads everything first, then reads one job, then gives up every right that the job does not need, and only then
looks at the
user's SQL. `_duckdb` is imported without its Python package, which would start threads: a thread that exists before
Landlock would not be restricted by it.

Frames on stdout: one letter, eight bytes of length (big-endian), the payload. `R` ready, `A` a piece of an Arrow IPC
stream,
`D` done (JSON), `E` failed (JSON: class, text, for the 0600 log only). The job on stdin is one such frame, `J`.
"""

import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO

import _duckdb
import pyarrow as pa

from pergamon.adapters.landlock import abi_version, restrict_to_files
from pergamon.adapters.seccomp import restrict_to_computing

ROWS_PER_BATCH = 8192


def main() -> int:
    """Load, say ready, take one job, lock up, run it, answer."""
    stdout = os.fdopen(os.dup(1), "wb", buffering=0)
    connection = _connected([(name, path) for name, path in json.loads(sys.argv[1])])
    _send(stdout, b"R", json.dumps({"threads": _threads(), "landlock": abi_version()}).encode())
    job = _job(sys.stdin.buffer)
    if job is None:
        return 0
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
    return connection


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - no pathlib in the sandbox


def _give_up_rights(job: dict[str, Any]) -> None:
    """Limits, then files, then system calls. Any failure ends the job before its SQL is looked at."""
    if _threads() != 1:
        raise RuntimeError("a thread was started before the restrictions")
    limits = job["limits"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits["files"], limits["files"]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"]))
    space = _address_space_bytes() + limits["memory_bytes"] + limits["overhead_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    if job["landlock"]:
        restrict_to_files(job["files"])
    restrict_to_computing()


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
    for view in job["views"]:
        schema, table = _identifier(view["database"]), _identifier(view["table"])
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(f"CREATE VIEW {schema}.{table} AS SELECT * FROM {view['source']}")  # noqa: S608 - quoted above
    if not job["in_order"]:
        connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"SET threads = {int(job['limits']['threads'])}")
    connection.execute("SET lock_configuration = true")


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


def _job(stdin: BinaryIO) -> dict[str, Any] | None:
    header = stdin.read(9)
    if len(header) < 9:
        return None  # the parent went away, or does not need us
    (length,) = struct.unpack(">Q", header[1:])
    job: dict[str, Any] = json.loads(stdin.read(length))
    return job


def _told(error: Exception) -> dict[str, str]:
    names = [cls.__name__ for cls in type(error).__mro__]
    return {"class": names[0], "bases": " ".join(names), "text": str(error)[:4000]}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    os._exit(code)  # no destructors: the process has nothing to tidy up
