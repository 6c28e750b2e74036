"""Parts of a running installation: started, restarted after a pause, stopped together."""

import sys
import threading
import time
from pathlib import Path

from pergamon.cli.supervise import Part, Supervisor, python_module


def wait_until(condition: object, timeout_s: float = 15) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_a_part_that_ends_is_started_again_and_all_stop_together(tmp_path: Path) -> None:
    sleeper = Part("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "sleeper.log")
    ender = Part("ender", [sys.executable, "-c", "print('done')"], tmp_path / "ender.log")
    seen: list[tuple[str, str]] = []
    supervisor = Supervisor([sleeper, ender], lambda part, what: seen.append((part.name, what)))
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    wait_until(lambda: ("ender", "started again") in seen)
    assert sleeper.is_running()
    supervisor.request_stop()
    thread.join(timeout=30)
    assert not sleeper.is_running()
    assert not ender.is_running()
    assert ("sleeper", "started again") not in seen
    assert (tmp_path / "ender.log").read_text().startswith("done")
    assert (tmp_path / "ender.log").stat().st_mode & 0o777 == 0o600


def test_why_a_part_ended_is_told_in_a_line_that_holds_no_value(tmp_path: Path) -> None:
    says = "import sys, os; print('error: an earlier one'); print(sys.argv[1]); os.kill(os.getpid(), int(sys.argv[2]))"
    told = "error: the source is not\x1b[2J ready"
    expected = {
        (told, "0"): "error: the source is not·[2J ready",
        ("ValueError: Ada Lovelace", "9"): "error: an earlier one",
    }
    for (line, number), why in expected.items():
        part = Part("x", [sys.executable, "-u", "-c", says, line, number], tmp_path / "x.log")
        part.start()
        wait_until(lambda part=part: not part.is_running())
        assert part.why_ended() == why
    silent = Part("x", [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], tmp_path / "x.log")
    silent.start()
    wait_until(lambda: not silent.is_running())
    assert silent.why_ended() == "signal 9 (Killed)", "what stands in the log is of an earlier life"


def test_the_pause_before_a_restart_doubles_up_to_half_a_minute(tmp_path: Path) -> None:
    part = Part("x", python_module("x"), tmp_path / "x.log", started_at=time.monotonic())
    pauses = []
    for restarts in range(7):
        part.restarts = restarts
        pauses.append(part.pause_before_restart())
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    part.started_at = time.monotonic() - 61
    assert part.pause_before_restart() == 1
