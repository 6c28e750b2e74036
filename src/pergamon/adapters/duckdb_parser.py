"""Reads untrusted SQL into DuckDB's syntax tree, in a process that is confined and bounded (ADR 0006).

A short text can have an enormous tree (`CASE x WHEN` copies x, CUBE makes sets), so no process that matters may parse
it. This one waits for texts; for each it forks, and the fork gives up every right, has little memory and time, parses,
answers and dies. The waiting process itself never parses what a user wrote.

Frames as in `duckdb_child.py`: `P` a text comes in; `T` its tree, or `X` when it was too large to read, goes out.
"""

import os
import resource
import struct
import sys
from typing import BinaryIO

import _duckdb

from pergamon.adapters.landlock import abi_version, restrict_to_files
from pergamon.adapters.seccomp import restrict_to_computing

SERIALIZE = "SELECT json_serialize_sql(?)"
MEMORY_BYTES, CPU_S, LARGEST_TREE_BYTES = 256 * 1024**2, 2, 8 * 1024**2


def main() -> int:
    """Answer texts until the parent goes away."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    connection = _duckdb.connect(":memory:", False, config)
    connection.execute(SERIALIZE, ["SELECT 1"]).fetchone()  # imports what a confined fork could not
    while (text := _frame(sys.stdin.buffer)) is not None:
        child = os.fork()
        if child == 0:
            os._exit(_parse(connection, text))
        _, status = os.waitpid(child, 0)
        if status != 0:
            _send(b"X", b"")
    return 0


def _parse(connection: _duckdb.DuckDBPyConnection, text: bytes) -> int:
    """In the fork: nothing is left but computing. Returns: 0 when the tree was sent, else nothing was."""
    try:
        _give_up_rights()
        row = connection.execute(SERIALIZE, [text.decode()]).fetchone()
        tree = str(row[0]).encode() if row else b""
        if not tree or len(tree) > LARGEST_TREE_BYTES:
            return 1
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S + 5, CPU_S + 5))  # half a frame would be worse than none
        _send(b"T", tree)
    except Exception:  # a text that cannot be read, or is too large to; the parent says so
        return 1
    return 0


def _give_up_rights() -> None:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
        space = int(file.read().split()[0]) * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
    if abi_version() >= 1:
        restrict_to_files([])
    restrict_to_computing()


def _frame(stdin: BinaryIO) -> bytes | None:
    header = stdin.read(9)
    if len(header) < 9:
        return None
    return stdin.read(struct.unpack(">Q", header[1:])[0])


def _send(kind: bytes, payload: bytes) -> None:
    view = memoryview(kind + struct.pack(">Q", len(payload)) + payload)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    os._exit(main())
