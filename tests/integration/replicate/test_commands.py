"""`pergamon replication`, as a platform engineer types it."""

import json
import os
import signal
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.integration.replicate.conftest import Replication
from tests.prepared_processes import Command


@pytest.fixture
def hospital(replication: Replication) -> Replication:
    replication.source.execute("CREATE TABLE hda.patients (id int PRIMARY KEY)", "INSERT INTO hda.patients VALUES (1)")
    replication.deploy()
    return replication


def start(hospital: Replication, *arguments: str) -> Command:
    environment = {**os.environ, "PERGAMON_DATABASE_URL": hospital.rt.settings.database_url or ""}
    words = ("--home", str(hospital.rt.settings.home), "replication", *arguments)
    return Command("pergamon.cli", *words, env=environment)


def typed(hospital: Replication, *arguments: str) -> CompletedProcess[str]:
    return start(hospital, *arguments).completed()


def test_test_start_status_and_script(hospital: Replication) -> None:
    tested = typed(hospital, "test", "hospital")
    assert tested.returncode == 0, tested.stderr
    assert "✓ wal_level: wal_level is logical" in tested.stdout
    assert "CREATE PUBLICATION" in typed(hospital, "script", "hospital").stdout
    started = typed(hospital, "start", "hospital", "--until-caught-up")
    assert started.returncode == 0, started.stderr
    assert "landed hda/patients/LOAD00000001.parquet: 1 row\n" in started.stdout
    assert "hospital: 1 row in 1 file landed; stopped" in started.stdout
    (status,) = json.loads(typed(hospital, "status", "--json").stdout)
    assert (status["name"], status["state"], status["rows_landed"], status["lag_bytes"]) == (
        "hospital",
        "stopped",
        1,
        0,
    )
    assert "hospital: stopped since" in typed(hospital, "status", "hospital").stdout
    assert "PUBLICATION" not in typed(hospital, "script", "hospital").stdout, "what is there is not made again"


def test_a_source_that_is_not_ready_is_told_and_gives_an_exit_code(hospital: Replication) -> None:
    hospital.source.execute("DROP TABLE hda.patients")
    tested = typed(hospital, "test", "hospital")
    assert tested.returncode == 2
    assert "✗ tables: no table of the source matches hda.%" in tested.stdout
    assert "error: the source of hospital is not ready" in tested.stderr
    assert typed(hospital, "start", "hospital").returncode == 2
    assert typed(hospital, "start", "nosuch").returncode == 4


@pytest.mark.parametrize("how", ["signal", "command"])
def test_a_running_task_lands_live_and_stops_when_asked(hospital: Replication, how: str) -> None:
    runner = start(hospital, "start", "hospital")
    try:
        deadline = time.monotonic() + 30
        while hospital.status().state.value != "running":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        hospital.source.execute("INSERT INTO hda.patients VALUES (2)")
        while not hospital.changes("patients"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        again = typed(hospital, "start", "hospital")
        assert again.returncode == 5
        assert "is running" in again.stderr
        if how == "signal":
            runner.send_signal(signal.SIGTERM)
        else:
            assert typed(hospital, "stop", "hospital").returncode == 0
        assert runner.wait(timeout=30) == 0
    finally:
        if runner.poll() is None:
            runner.kill()
            runner.wait()
    assert hospital.status().state.value == "stopped"


def handles_sigterm(pid: int) -> bool:
    """Has the process come so far that it ends in its own way when asked?"""
    [mask] = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigCgt" in line]
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


def test_a_supervised_task_that_was_asked_to_stop_waits_for_the_next_start(hospital: Replication) -> None:
    """`pergamon up` starts again whatever ends; it must not undo a stop."""
    assert typed(hospital, "stop", "hospital").returncode == 0
    runner = start(hospital, "start", "hospital", "--supervised")
    try:
        deadline = time.monotonic() + 60
        while not handles_sigterm(runner.pid):
            assert time.monotonic() < deadline
            assert runner.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        assert runner.poll() is None, "it waits"
        assert hospital.status().state.value == "created"
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(timeout=30) == 0
    finally:
        if runner.poll() is None:
            runner.kill()
            runner.wait()
    assert hospital.status().state.value == "created"
