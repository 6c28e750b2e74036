"""The processes that are not trusted: forks of one that is prepared, whatever thread asks for one and whatever ends."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from pergamon.adapters import fork_server
from pergamon.adapters.child_process import Child, Frames, sent
from pergamon.adapters.duckdb_sandbox import _extensions
from pergamon.adapters.fork_server import ForkServer, ForkServerFailed


@pytest.fixture(scope="module")
def shared() -> Iterator[ForkServer]:
    made = ForkServer(list, "pergamon.adapters.duckdb_child", _extensions)
    yield made
    made.close()


def answers(child: Child) -> bool:
    assert sent(child, b"SELECT 1", b"P")
    frame = Frames(child, time.monotonic() + 10).next(65_536, b"T")
    return frame is not None and frame[0] == b"T"


def test_a_process_lets_others_go_first_as_the_thread_does_that_asks_for_it(shared: ForkServer) -> None:
    found: list[int] = []

    def ask() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 7)
        child = shared.child()
        found.append(os.getpriority(os.PRIO_PROCESS, child.pid))
        child.end()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    child = shared.child()
    found.append(os.getpriority(os.PRIO_PROCESS, child.pid))
    child.end()
    assert found == [7, os.getpriority(os.PRIO_PROCESS, 0)]


def test_its_end_is_told_with_its_reason(shared: ForkServer) -> None:
    by_itself, killed, running = shared.child(), shared.child(), shared.child()
    by_itself.stdin.close()
    os.kill(killed.pid, signal.SIGXCPU)
    assert (by_itself.wait(), killed.wait(), running.poll()) == (0, -signal.SIGXCPU, None)
    for child in (by_itself, killed, running):
        child.end()
        child.end()


def test_one_that_was_ended_while_it_waited_is_not_given_out(shared: ForkServer) -> None:
    shared.child().end()
    waiting = [pid for pid in _children(shared.pid) if pid != shared.pid]
    for pid in waiting:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    child = shared.child()
    assert waiting
    assert child.pid not in waiting
    assert answers(child)
    child.end()


def test_when_the_process_that_forks_was_killed_another_takes_over(shared: ForkServer) -> None:
    orphan = shared.child()
    first = shared.pid
    assert first is not None
    os.killpg(first, signal.SIGKILL)
    assert orphan.wait() == -signal.SIGKILL
    orphan.end()
    child = shared.child()
    assert shared.pid != first
    assert answers(child)
    child.end()


def test_a_worn_one_is_replaced_and_ends_with_its_last_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "MOST_FORKS", 2)
    server = ForkServer(list, "pergamon.adapters.duckdb_child", _extensions)
    children = [server.child() for _ in range(2)]
    first = server.pid
    children.append(server.child())
    assert first is not None
    assert server.pid != first
    assert [answers(child) for child in children] == [True] * 3
    for child in children:
        child.end()
    assert not os.path.exists(f"/proc/{first}")  # noqa: PTH110 - it is waited for, so gone
    server.close()


def test_one_that_cannot_start_says_why_to_the_log_alone() -> None:
    server = ForkServer(list, "pergamon.adapters.no_such_module")
    with pytest.raises(ForkServerFailed) as failed:
        server.child()
    assert "no_such_module" in failed.value.said
    assert "no_such_module" not in str(failed.value)
    server.close()


def test_no_file_stays_open(shared: ForkServer) -> None:
    shared.child().end()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - not files
    for _ in range(5):
        shared.child().end()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def _children(pid: int | None) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as told:  # noqa: PTH123
        return [int(one) for one in told.read().split()]
