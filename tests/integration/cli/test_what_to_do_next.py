"""`pergamon status` tells a newcomer what comes next: nothing is deployed, nothing runs, or nothing is to be done."""

from pathlib import Path

import pytest

from pergamon.cli.main import group
from pergamon.cli.operate import what_next
from pergamon.runtime import Runtime
from pergamon.starter_kits import copy_kit


def test_status_before_and_after_a_deployment(
    rt: Runtime, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    group.main(["status"], standalone_mode=False)
    assert "next         nothing is deployed: `pergamon init`" in capsys.readouterr().out
    copy_kit("health-data-accelerator", tmp_path / "kit")
    group.main(["deploy", "-C", str(tmp_path / "kit")], standalone_mode=False)
    capsys.readouterr()
    group.main(["status"], standalone_mode=False)
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told if line.startswith("deployed")] == [
        "deployed     example-hospital/dataops/dev",
        "deployed     example-hospital/shared/dev",
    ]
    assert told[-1] == "next         pergamon up"


def test_an_installation_that_runs_needs_nothing() -> None:
    assert what_next({"a/b/c": 3}, is_up=True) is None
