"""The process that loads everything once, sees no data, and forks one confined process per job (ADR 0024). Started by
`fork_server.py` alone.

`MODULE [ARGUMENT]…` names what is loaded: `MODULE.prepared(*ARGUMENT)` returns the function that a fork runs, with the
job on its standard input. Standard input of this process is a socket: each message brings the fork's standard streams
and a pipe for its end, and is answered with a pidfd. When the other end goes away, this process and its forks end.
"""

import ctypes
import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
MOST_FILES = 256
STREAMS = 4
"""What a message brings: standard input, output and error, and where the exit status goes."""

Answer = Callable[[], int]


def main(module: str, *arguments: str) -> int:
    """Prepare, then fork for every message until the other end goes away."""
    asked = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    answer: Answer = importlib.import_module(module).prepared(*arguments)
    _prctl(PR_SET_DUMPABLE, 0)  # forks share a user: none may look into another, even where there is no Landlock
    gc.freeze()
    running: dict[int, tuple[int, int]] = {}
    while True:
        ready, _, _ = select.select([asked.fileno(), *running], [], [])
        for pidfd in running.keys() & set(ready):
            _tell_its_end(pidfd, *running.pop(pidfd))
        if asked.fileno() in ready and not _forked(asked, answer, running):
            return 0


def _forked(asked: socket.socket, answer: Answer, running: dict[int, tuple[int, int]]) -> bool:
    """Fork for one message. Returns: False when the other end went away."""
    message, given, _, _ = socket.recv_fds(asked, 1, STREAMS)
    if not message:
        return False
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        os._exit(_in_the_fork(answer, server, given[:3]))
    pidfd = os.pidfd_open(pid)
    for stream in given[:3]:
        os.close(stream)
    running[pidfd] = (pid, given[3])
    socket.send_fds(asked, [b"F"], [pidfd])
    return True


def _in_the_fork(answer: Answer, server: int, streams: list[int]) -> int:
    """Nothing of the server or of other forks stays open; the fork ends with the server."""
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            return 1
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, MOST_FILES)
        return answer()
    except BaseException:  # whatever it is, a fork never goes on as the server; the parent logs what it said
        with suppress(BaseException):
            os.write(2, traceback.format_exc().encode()[:4000])
        return 1


def _tell_its_end(pidfd: int, pid: int, status_to: int) -> None:
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        os.write(status_to, status.to_bytes(4, "big"))
    os.close(status_to)
    os.close(pidfd)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
