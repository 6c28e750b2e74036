"""A module's command runs without a shell, in its directory, with almost no environment, and not for ever."""

import os
import time
from pathlib import Path

import pytest

from pergamon.deploy import RunCommand, run_program
from pergamon.deploy.configuration import Hook


def command(*argv: str, timeout_s: int = 20) -> RunCommand:
    return RunCommand("acme/shared/dev", "shared/dev/roles", "predeploy", Hook(argv, True, timeout_s), "digest")


def run(folder: Path, *argv: str, timeout_s: int = 20) -> tuple[int, list[str]]:
    lines: list[str] = []
    return run_program(command(*argv, timeout_s=timeout_s), folder, lines.append), lines


def test_its_output_is_shown_and_its_exit_code_returned(tmp_path: Path) -> None:
    assert run(tmp_path, "sh", "-c", "echo out; echo err >&2; exit 3") == (3, ["out", "err"])


def test_it_runs_in_the_configuration_directory(tmp_path: Path) -> None:
    script = tmp_path / "check.sh"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    assert run(tmp_path, "./check.sh") == (0, [str(tmp_path)])


def test_no_shell_reads_its_arguments(tmp_path: Path) -> None:
    assert run(tmp_path, "echo", "$HOME; `id` > x") == (0, ["$HOME; `id` > x"])
    assert not (tmp_path / "x").exists()


def test_it_sees_nothing_of_the_callers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERGAMON_SECRET_X", "hidden")
    _, lines = run(tmp_path, "env")
    names = {line.partition("=")[0] for line in lines} - {"PWD", "SHLVL", "_"}
    assert names == {
        "PATH", "LANG", "PERGAMON_ORGANIZATION", "PERGAMON_DOMAIN", "PERGAMON_ENV", "PERGAMON_MODULE"
    }  # fmt: skip
    assert "PERGAMON_MODULE=roles" in lines


def test_a_program_that_is_not_there_does_not_crash(tmp_path: Path) -> None:
    code, lines = run(tmp_path, "./missing.sh")
    assert code == -1
    assert "cannot be started" in lines[0]


def test_it_is_ended_at_its_time_out_with_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    code, lines = run(tmp_path, "sh", "-c", "sleep 60 & echo $!; wait", timeout_s=1)
    assert code == -1
    assert time.monotonic() - started < 15
    assert lines[-1] == "ended after 1 s"
    child = int(lines[0])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")  # noqa: PTH110
