"""Processes of their own that need not import: forked from one that has loaded Pergamon already.

What runs in them is a process like any other, with its own standard streams, environment, signals and exit status; only
the second that it would take to load is saved. The start from nothing is what `tests/docs` and the demo show.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, BinaryIO

LOADED = (
    *("tests.reference.faulty_worker", "tests.reference.faulty_crawler"),
    *(f"pergamon.cli.{name}" for name in ("deploy", "run", "replication", "query", "objects", "login", "person")),
    *(f"pergamon.cli.{name}" for name in ("asset", "request", "grant", "project", "identity", "operate", "secret")),
    *("pergamon.search", "pergamon.keys", "pergamon.adapters.postgres_source", "pergamon.adapters.postgres_inspect"),
    *("psycopg_pool", "pyiceberg.io.pyarrow", "pyarrow.parquet", "httpx", "rich.table"),
)


def forked(target: Callable[..., Any], *arguments: Any, **named: Any) -> BaseProcess:
    """Start a function of a module in a process of its own."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # for the server, which imports once for all
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    process = context.Process(target=target, args=arguments, kwargs=named)
    process.start()
    return process


class Command:
    """`python -m module words…`, as `subprocess.Popen` would have started it."""

    def __init__(
        self,
        module: str,
        *words: str,
        env: Mapping[str, str],
        given: bytes = b"",
        first: Callable[[], None] | None = None,
    ) -> None:
        """given: what it reads from standard input; first: a function of a module that runs in it before all else."""
        self.words = list(words)
        self._streams = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 - closed at its end
        self._streams[0].write(given)
        self._streams[0].seek(0)
        self._process = forked(_run, module, words, dict(env), _Streams(self._streams), first)
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self.returncode

    def completed(self, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """How it ended and what it printed, when it has ended."""
        status, said = self.wait(timeout), []
        for stream in self._streams:
            stream.seek(0)
            said.append(stream.read())
        return subprocess.CompletedProcess(self.words, status, said[1].decode(), said[2].decode())

    def __del__(self) -> None:
        for stream in self._streams:
            stream.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(module: str, *words: str, env: Mapping[str, str], given: bytes = b"") -> subprocess.CompletedProcess[str]:
    """`python -m module words…`, when it has ended."""
    return Command(module, *words, env=env, given=given).completed()


class _Streams:
    """Open files on their way to the process that is to have them as its standard streams."""

    def __init__(self, files: list[BinaryIO]) -> None:
        self.files = files

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ([DupFd(file.fileno()) for file in self.files],)


def _run(
    module: str,
    words: tuple[str, ...],
    environment: dict[str, str],
    streams: list[Any],
    first: Callable[[], None] | None,
) -> None:
    for number, stream in enumerate(streams):
        descriptor = stream.detach()
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, "r", closefd=False, encoding="utf-8", errors="surrogateescape")
    sys.stdout = os.fdopen(1, "w", closefd=False, encoding="utf-8", errors="surrogateescape")
    sys.stderr = os.fdopen(2, "w", 1, closefd=False, encoding="utf-8", errors="backslashreplace")
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [module, *words]
    if first is not None:
        first()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
