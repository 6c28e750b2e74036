"""Keeps the parts of a running installation alive: which processes there are, and what happens when one ends.

Each part is a process of its own with its own death: a part that ends is started again after a pause that doubles up
to half a minute, and is healthy again once it has lived for a minute. Why it ended is told by the last error that it
wrote: those lines, unlike others of a log, never hold values.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pergamon.cli.one_line import one_line

LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0
STOP_TIMEOUT_S = 20.0
ERRORS = ("error: ", "internal error ")
"""What a line begins with in which one of our own processes says why it ends."""
LOG_READ = 16_384
"""Bytes of a log, from its end, in which that line is looked for."""


@dataclass
class Part:
    """One child process: its command (no shell), its log file (0600), and how it has fared."""

    name: str
    command: list[str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    log_began: int = 0
    """Where in the log this life of it begins."""
    restarts: int = 0
    start_again_at: float = field(default=0.0)

    def start(self) -> None:
        self.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.log_began = os.fstat(log).st_size
        try:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        finally:
            os.close(log)
        self.started_at = time.monotonic()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def why_ended(self) -> str:
        """In a line: the last error that it told of in this life; else the signal or the status that it ended with."""
        told: list[str] = []
        with suppress(OSError), self.log_file.open("rb") as log:
            log.seek(max(self.log_began, log.seek(0, os.SEEK_END) - LOG_READ))
            told = log.read().decode(errors="replace").split("\n")
        status = self.process.returncode if self.process else 0
        plain = f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"status {status}"
        return one_line(next((line for line in reversed(told) if line.startswith(ERRORS)), plain))

    def pause_before_restart(self) -> float:
        """Seconds: 1, 2, 4, … up to half a minute; from the start again once it had lived for a minute."""
        if time.monotonic() - self.started_at > HEALTHY_AFTER_S:
            self.restarts = 0
        return float(min(2.0**self.restarts, LONGEST_PAUSE_S))


class Supervisor:
    """Runs parts until told to stop. `on_change(part, what)` is told of every start and end."""

    def __init__(self, parts: list[Part], on_change: Callable[[Part, str], None]) -> None:
        self._parts = parts
        self._on_change = on_change
        self._stopping = threading.Event()

    def request_stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Start every part, restart those that end, and stop all of them when asked to."""
        for part in self._parts:
            part.start()
            self._on_change(part, "started")
        while not self._stopping.wait(0.2):
            for part in self._parts:
                self._watch(part)
        for part in reversed(self._parts):
            stop_process(part.process)

    def _watch(self, part: Part) -> None:
        if part.is_running():
            return
        now = time.monotonic()
        if part.process is not None:
            self._on_change(part, f"ended with {part.why_ended()}; see {part.log_file}")
            part.start_again_at = now + part.pause_before_restart()
            part.process = None
        elif now >= part.start_again_at:
            part.restarts += 1
            part.start()
            self._on_change(part, "started again")


def stop_process(process: subprocess.Popen[bytes] | None) -> None:
    """Ask a process to end (SIGTERM to its group), then make it."""
    if process is None or process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line of a part that is one of our own modules."""
    return [sys.executable, "-m", module, *arguments]
