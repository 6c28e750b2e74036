"""Sail, the trusted batch engine: a child process that reads and writes tables through our catalog endpoint.

Sail has no authentication and reads any file as the service user (law 8). Whoever starts it does so inside a network
namespace (`adapters/network_namespace.py`), or where the configuration says `trusted_host: true`.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pergamon.kernel import Unavailable, make_durable_directory

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
CATALOG = "lake"
"""The catalog's name in SQL; it is the only one, so statements need not name it."""


class SailDidNotStart(Unavailable):
    """The engine could not be started."""

    code = "sail.did_not_start"


@dataclass(frozen=True)
class RunningSail:
    """A Sail that listens on a loopback port."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def remote(self) -> str:
        """The Spark Connect address."""
        return f"sc://127.0.0.1:{self.port}"

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def start_sail(catalog_uri: str, token: str, *, logs: Path, spill: Path) -> Iterator[RunningSail]:
    """Run Sail while the block runs; it also ends when this process dies, however it dies.

    catalog_uri, token: the catalog endpoint and this process's secret; in its environment, never in its arguments.
    logs: the directory for `sail.log` (0600), whose text may hold values. spill: for what memory cannot hold.
    Raises:
        SailDidNotStart: it ended, or said no port in time.
    """
    make_durable_directory(logs)
    make_durable_directory(spill)
    process = _launch(_environment(catalog_uri, token, spill), logs / "sail.log")
    try:
        yield RunningSail(port=_port(process, logs / "sail.log"), process=process)
    finally:
        _stop(process)


def _launch(environment: dict[str, str], log_file: Path) -> subprocess.Popen[bytes]:
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "pergamon.adapters.sail_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=log_file.parent,
            umask=0o077,  # what the engine writes is the service user's alone, file by file
            start_new_session=True,  # Ctrl-C is for us: the worker closes its lease first
        )
    finally:
        os.close(log)


def _environment(catalog_uri: str, token: str, spill: Path) -> dict[str, str]:
    """Only what the engine needs; no secrets of ours but its own token."""
    access = f"uri={json.dumps(catalog_uri)}, bearer_access_token={json.dumps(token)}"
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {
        "TZ": "UTC",
        "TMPDIR": str(spill),
        "SAIL_CATALOG__LIST": f'[{{type="iceberg-rest", name="{CATALOG}", {access}}}]',
        "SAIL_CATALOG__DEFAULT_CATALOG": CATALOG,
        "SAIL_RUNTIME__TEMPORARY_FILES__PATHS": json.dumps([str(spill)]),
    }


def _port(process: subprocess.Popen[bytes], log_file: Path) -> int:
    """The port that the child says on its first line."""
    deadline = time.monotonic() + START_TIMEOUT_S
    if process.stdout is None:
        raise SailDidNotStart("Sail has no output to read its port from")
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 64) if ready else b""
        if not piece:
            raise SailDidNotStart("Sail did not start", hint=f"see {log_file}")
        said += piece
    return int(said)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close its pipe, which ends it; kill it when it does not go."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT_S)
