"""Gives out confined processes in some milliseconds: a prepared process forks one for each job (ADR 0024).

The process that forks is started once, has loaded all libraries, and never sees data. Forks share the places of code in
memory, so after `MOST_FORKS` a new one takes over: what one fork learns of them is soon worth nothing.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from typing import IO

from pergamon.adapters.child_process import ENVIRONMENT, Child, is_readable
from pergamon.kernel import Unavailable

MOST_FORKS = 200
START_TIMEOUT_S = 30
STREAMS = 4
"""Standard input, output and error, and the exit status."""
LAST_WORDS_BYTES = 100_000


class ForkServerFailed(Unavailable):
    """The process that forks confined processes did not start. `said`: its last words, for a 0600 log only."""

    code = "adapters.fork_server_failed"

    def __init__(self, said: str) -> None:
        super().__init__("the process that starts confined processes did not start", hint="the operator's log says why")
        self.said = said


@dataclass
class ForkServer:
    """Confined processes of one kind. Thread-safe.

    prefix: the command that confines (bubblewrap's). module, arguments: what `fork_server_child` loads. Both are asked
    when a process starts.
    """

    prefix: Callable[[], Sequence[str]]
    module: str
    arguments: Callable[[], Sequence[str]] = tuple
    _serving: "_Serving | None" = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def child(self) -> Child:
        """A new process, as patient as the thread that asks: one that lets others go first wants the same of its own.

        Raises:
            ForkServerFailed: twice none could be started.
        """
        with self._lock:
            try:
                child = self._running().fork()
            except (OSError, ForkServerFailed):  # it was ended from outside; a second one says why
                self._discard()
                child = self._second_try()
        _as_patient_as_who_asks(child)
        return child

    def prewarm(self) -> None:
        """Start loading, unless that is done."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the process that forks, and with it every fork."""
        with self._lock:
            if self._serving is not None:
                self._serving.kill()
            self._serving = None

    @property
    def pid(self) -> int | None:
        """The process that was started here: bubblewrap, or the one that forks."""
        return self._serving.process.pid if self._serving else None

    def _running(self) -> "_Serving":
        if self._serving is not None and self._serving.owner != os.getpid():
            self._serving = None  # we are a fork ourselves; that process serves whom we come from
        if self._serving is not None and self._serving.is_worn():
            self._serving.retire()
            self._serving = None
        if self._serving is None:
            self._serving = _STARTER.start([*self.prefix(), *_command(self.module, self.arguments())])
        return self._serving

    def _second_try(self) -> Child:
        try:
            return self._running().fork()
        except OSError:
            self._discard()
            raise ForkServerFailed("it was ended while it started") from None
        except ForkServerFailed:
            self._discard()
            raise

    def _discard(self) -> None:
        if self._serving is not None:
            self._serving.kill()
        self._serving = None


@dataclass
class _Serving:
    """One process that forks, and the socket to it."""

    process: "subprocess.Popen[bytes]"
    asking: socket.socket
    errors: IO[bytes]
    owner: int = field(default_factory=os.getpid)
    forks: int = 0
    _ahead: list[int] | None = None
    """Our ends of the streams of a process that was asked for and not yet given out."""
    _alive: int = 0
    _retired: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_worn(self) -> bool:
        return self.forks >= MOST_FORKS

    def fork(self) -> Child:
        """The process that was forked ahead; the next one is asked for at once."""
        while True:
            ours = self._ahead or self._asked()
            self._ahead = None
            child = self._child(ours)
            with suppress(OSError):
                self._ahead = self._asked()
            if child.poll() is None:
                return child
            child.end()  # somebody ended it while it waited

    def retire(self) -> None:
        """No more forks; it ends when the last one has."""
        with self._lock:
            self._retired = True
            if self._alive == 0:
                self.kill()

    def kill(self) -> None:
        """End it and its whole group: a bubblewrap killed while it sets up leaves its child waiting for ever."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.asking.close()
        self.errors.close()
        _close(self._ahead or [])
        self._ahead = None

    def _one_ended(self) -> None:
        with self._lock:
            self._alive -= 1
            if self._retired and self._alive == 0:
                self.kill()

    def _asked(self) -> list[int]:
        """Ask for a process. Returns: our ends of its streams; `_child` waits for the answer."""
        pipes = [os.pipe() for _ in range(STREAMS)]
        reads_here = [False, True, True, True]  # the job goes in; output, error and exit status come out
        ours = [pair[0] if reading else pair[1] for pair, reading in zip(pipes, reads_here, strict=True)]
        theirs = [pair[1] if reading else pair[0] for pair, reading in zip(pipes, reads_here, strict=True)]
        try:
            socket.send_fds(self.asking, [b"F"], theirs)
        except OSError:
            _close(ours)
            raise
        finally:
            _close(theirs)
        return ours

    def _child(self, ours: list[int]) -> Child:
        try:
            pidfd = self._pidfd()
        except BaseException:
            _close(ours)
            raise
        self.forks += 1
        with self._lock:
            self._alive += 1
        stdin, stdout, stderr, status = (FileIO(ours[0], "w"), *(FileIO(stream) for stream in ours[1:]))
        return Child(stdin, stdout, stderr, status, pidfd, self._one_ended)

    def _pidfd(self) -> int:
        told = is_readable(self.asking.fileno(), START_TIMEOUT_S)
        with suppress(ConnectionResetError):
            message, given, _, _ = socket.recv_fds(self.asking, 1, 1) if told else (b"", [], 0, None)
            if message:
                return given[0]
        raise ForkServerFailed(self._last_words())

    def _last_words(self) -> str:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.errors.seek(0)
        return f"exit {code}: {self.errors.read(LAST_WORDS_BYTES).decode(errors='replace')}"


def _as_patient_as_who_asks(child: Child) -> None:
    niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    if niceness != os.getpriority(os.PRIO_PROCESS, child.pid):
        os.setpriority(os.PRIO_PROCESS, child.pid, niceness)


def _close(streams: Sequence[int]) -> None:
    for stream in streams:
        os.close(stream)


class _Starter:
    """Starts processes from one thread that lives as long as we do: a confined process dies with the thread that
    started it (PR_SET_PDEATHSIG), and threads that serve requests come and go."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def start(self, command: Sequence[str]) -> _Serving:
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="starts-processes")
            starting = self._thread.submit(_started, command)
        return starting.result()

    def forget(self) -> None:
        """In a fork there is none of our threads."""
        self._thread, self._lock = None, threading.Lock()


_STARTER = _Starter()
os.register_at_fork(after_in_child=_STARTER.forget)


def _started(command: Sequence[str]) -> _Serving:
    """In a session of its own, with next to no environment."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with what it belongs to
    with theirs:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    return _Serving(process, ours, errors)


def _command(module: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-m", "pergamon.adapters.fork_server_child", module, *arguments]
