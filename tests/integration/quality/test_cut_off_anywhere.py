"""A worker that is killed, a sandbox that is killed, two workers: every request is met once, and nothing is half."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon import quality
from pergamon.adapters.child_process import Child
from pergamon.quality import Limits, MeasuredTable, StatementTimedOut
from pergamon.quality.tables import claim_request
from tests.integration.quality.conftest import TABLE, World

STAYS = pa.table({"id": list(range(50)), "ward": ["A", "B"] * 25})
MEASURE = """
import sys
from pathlib import Path
from pergamon import quality
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
with open_runtime(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2])) as rt:
    place = rt.profile_place("worker")
    inner = place.engine.run
    def run(sql, tables, limits):
        print("asked", flush=True)
        if sys.argv[3] == "before":
            sys.stdin.read()
        said = inner(sql, tables, limits)
        if sys.argv[3] == "after":
            print("answered", flush=True)
            sys.stdin.read()
        return said
    object.__setattr__(place.engine, "run", run)
    quality.profile_step(place)
"""


class Engine:
    """Another engine in place of the place's own, for one test."""

    def __init__(self, world: World) -> None:
        self.inner = world.place.engine
        self.asked = 0

    def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
        self.asked += 1
        return self.inner.run(sql, tables, limits)


def due_now(world: World) -> None:
    """As when the time has come: claims have run out, rests are over."""
    with world.by() as uow:
        past = uow.now - timedelta(hours=1)
        uow.execute("UPDATE quality_request SET due_at = %s, claimed_until = %s", (past, past))


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_killed_worker_leaves_nothing_half_and_its_work_is_taken_up(world: World, where: str) -> None:
    world.table("heart_db.stays", STAYS)
    settings = world.rt.settings
    child = subprocess.Popen(
        [sys.executable, "-c", MEASURE, str(settings.home), str(settings.database_url), where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"asked\n"
    if where == "after":
        assert child.stdout.readline() == b"answered\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    assert not quality.profile_step(world.place), "its claim still stands"
    quality.release(world.place)  # as a worker of its name does when it starts
    assert world.measure() == 1
    assert world.profile().rows == 50
    with world.by() as uow:
        assert len(quality.profile_history(uow, TABLE)) == 1


def test_one_claim_takes_one_request_however_postgresql_plans_it(world: World) -> None:
    """A plan that asked for the next one once for each row took all; then only the first was measured, and all went."""
    for name in ("heart_db.stays", "heart_db.patients", "heart_db.wards"):
        world.table(name, STAYS)
    with world.by() as uow:
        for method in ("hashjoin", "mergejoin", "material", "hashagg", "sort", "indexscan", "bitmapscan"):
            uow.execute(f"SET LOCAL enable_{method} = off")
        assert claim_request(uow, "worker", timedelta(minutes=1)) is not None
        row = uow.row("SELECT count(*) FROM quality_request WHERE claim IS NOT NULL")
    assert row == {"count": 1}


def test_a_killed_sandbox_is_tried_again_and_then_a_clear_state(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.table("heart_db.stays", STAYS)
    processes = world.rt.profile_sandbox._processes
    given = processes.child

    def killed_soon() -> Child:
        child = given()
        os.kill(child.pid, signal.SIGSTOP)
        threading.Timer(0.1, child.kill).start()
        return child

    monkeypatch.setattr(processes, "child", killed_soon)
    assert world.measure() == 1
    with pytest.raises(quality.NoProfile, match="no profile yet"):
        world.profile()
    for _ in range(2):
        due_now(world)
        assert world.measure() == 1
    profile = world.profile()
    assert (profile.state, profile.rows, profile.columns) == ("failed", None, ())
    assert "failed" in (profile.reason or "")
    due_now(world)
    assert world.measure() == 0


def test_what_takes_too_long_is_a_failed_profile_and_the_next_change_is_measured(world: World) -> None:
    table = world.table("heart_db.stays", STAYS)

    class Slow(Engine):
        def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
            raise StatementTimedOut("measuring takes longer than 1 s")

    real = world.place
    world.place = replace(real, engine=Slow(world))
    assert world.measure() == 1
    assert world.profile().state == "failed"
    world.place = real
    with world.by() as uow:
        quality.run_profile(uow, table)
    assert world.measure() == 1
    assert world.profile().state == "done"


def test_the_budget_of_time_ends_in_the_sandbox_too(world: World) -> None:
    world.table("heart_db.stays", STAYS)
    ticks = iter(range(0, 10_000, 400))
    world.place = replace(world.place, clock_s=lambda: float(next(ticks)))
    assert world.measure() == 1
    assert world.profile().state == "failed"
    assert "longer than" in (world.profile().reason or "")


def is_left(world: World) -> bool:
    """Is a request not met yet? One that a busy machine has put off is due again."""
    with world.by() as uow:
        uow.execute("UPDATE quality_request SET due_at = %s WHERE claimed_until IS NULL", (uow.now,))
        return uow.row("SELECT 1 FROM quality_request") is not None


def test_two_workers_measure_each_table_once(world: World) -> None:
    """Never both at one table, and one profile of each: whatever the machine's haste makes of the order."""
    names = [f"heart_db.t{n}" for n in range(6)]
    tables = [world.table(name, STAYS) for name in names]
    at_work: list[str] = []
    together: list[str] = []

    class Watched(Engine):
        def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
            name = str(tables[0].id)
            together.extend({name} & set(at_work))
            at_work.append(name)
            try:
                return super().run(sql, tables, limits)
            finally:
                at_work.remove(name)

    def work(worker: str) -> None:
        place = replace(world.place, worker=worker, engine=Watched(world))
        while is_left(world):
            if not quality.profile_step(place):
                time.sleep(0.02)

    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(work, name) for name in ("one", "two")]:
            done.result(timeout=240)
    assert together == []
    with world.by() as uow:
        measured = [[profile["rows"] for profile in quality.profile_history(uow, table)] for table in tables]
    assert measured == [[50]] * 6


def test_a_worker_that_has_lost_its_claim_stores_nothing(world: World) -> None:
    world.table("heart_db.stays", STAYS)

    class Losing(Engine):
        def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
            if self.asked == 0:
                due_now(world)
                with world.by() as uow:
                    assert claim_request(uow, "other", timedelta(minutes=5)) is not None
            return super().run(sql, tables, limits)

    world.place = replace(world.place, engine=Losing(world))
    assert quality.profile_step(world.place)
    with pytest.raises(quality.NoProfile):
        world.profile()


def test_a_change_while_it_is_measured_is_measured_too(world: World) -> None:
    table = world.table("heart_db.stays", STAYS)
    from tests.reference.governed_lake import append

    class Changing(Engine):
        def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
            if self.asked == 0:
                self.asked += 1
                append(world.rt, str(table), STAYS)
                world.changed(table)
            return super().run(sql, tables, limits)

    world.place = replace(world.place, engine=Changing(world))
    assert quality.profile_step(world.place)
    assert world.profile().rows == 50
    due_now(world)
    assert quality.profile_step(world.place)
    assert world.profile().rows == 100


def test_a_table_that_is_dropped_meanwhile_is_no_work(world: World) -> None:
    table = world.table("heart_db.stays", STAYS)
    from pergamon import lake

    with world.by() as uow:
        lake.drop_table(uow, table)
    assert world.measure() == 1
    assert world.measure() == 0


def test_a_broken_data_file_is_a_failed_profile(world: World, tmp_path: Path) -> None:
    world.table("heart_db.stays", STAYS)
    for file in (world.rt.settings.lake / "raw").rglob("*.parquet"):
        file.write_bytes(b"PAR1 this is no Parquet PAR1")
    for _ in range(3):
        world.measure()
        due_now(world)
    profile = world.profile()
    assert profile.state == "failed"
    assert "Parquet" not in (profile.reason or "")
