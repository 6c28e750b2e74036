"""Law 4: whatever dies, wherever, each change is in raw exactly once. Seeded schedules of deaths against the oracle."""

import json
import sys
import time
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable

from pergamon import lake, pipeline
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from tests.prepared_processes import forked
from tests.reference import faulty_worker
from tests.reference.hospital_source import Source
from tests.reference.landing import Landing
from tests.reference.replay import Replay

LIFE_TIMEOUT_S = 90
sys.path.insert(0, str(Path(__file__).parents[3]))
from bench.measure import machine  # noqa: E402 - a benchmark's result says where it was measured

RESULTS = Path(__file__).parents[3] / "bench" / "results"
COLUMNS = ("a", "b", "value", "note")


class Hospital:
    """Two source tables, one merged as state, one as history, and what they must become."""

    def __init__(self, root: Path, seed: int) -> None:
        self.state = Source(seed, keys=8)
        self.history = Source(seed + 1, keys=8)
        self.replay = Replay(("a", "b"))
        self.landings = {"state": Landing(root, table="state"), "history": Landing(root, table="history")}
        self.state.run(3)
        self.history.run(3)
        self.landings["state"].load(*self.state.snapshot(), files=2)
        self.first_load, rows = self.history.snapshot()
        self.replay.full_load(rows, self.first_load)
        self.landings["history"].load(self.first_load, rows)
        self.state.sent.clear()
        self.history.sent.clear()

    def go_on(self, transactions: int) -> None:
        for name, source in (("state", self.state), ("history", self.history)):
            source.run(transactions)
            half = len(source.sent) // 2
            for part in (source.sent[:half], source.sent[half:]):
                changes = list(chain.from_iterable(part))
                if changes:
                    self.landings[name].changes(changes)
                if name == "history":
                    for change in changes:
                        self.replay.change(change)
            source.sent.clear()

    def reload(self) -> None:
        self.landings["state"].load(*self.state.snapshot(), load_id=f"again-{self.state.lsn}")


def deploy(rt: Runtime, actor: Actor) -> None:
    with rt.begin(actor) as uow:
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))
        for name, versioning in (("state", "S"), ("history", "H")):
            pipeline.put_raw_table(
                uow,
                name,
                pipeline.RawTableSpec(
                    source_schema="hda",
                    source_table=name,
                    target_database="raw_db",
                    target_table=name,
                    keys=("a", "b"),
                    versioning=versioning,
                ),
                {},
            )
        pipeline.put_batch(uow, "daily", pipeline.BatchSpec(max_files=1), {})
        pipeline.put_workflow(uow, "merge", pipeline.WorkflowSpec(steps=({"batch": "daily"},), retries=4), {})


def one_life(rt: Runtime, seed: int, *, clean: bool) -> int:
    """Returns: the exit status; negative for the signal that ended it."""
    process = forked(faulty_worker.live, rt.settings.home, rt.settings.database_url, seed, clean)
    process.join(LIFE_TIMEOUT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        pytest.fail(f"life {seed} did not end")
    return process.exitcode


def rows(rt: Runtime, actor: Actor, table: str) -> list[dict[str, Any]]:
    """Read with PyIceberg, which knows nothing of how the rows were written."""
    with rt.begin(actor) as uow:
        location = lake.read_table(uow, lake.TableId("raw_db", table)).metadata_location
    return StaticTable.from_metadata(location).scan().to_arrow().to_pylist()


def run_schedule(rt: Runtime, actor: Actor, seed: int, *, lives: int) -> Counter[str]:
    """One schedule of lives and deaths; then compare. Returns: which faults happened where."""
    deploy(rt, actor)
    hospital = Hospital(rt.settings.lake, seed)
    for life in range(lives):
        hospital.go_on(4)
        if life == 1:
            hospital.reload()
        with rt.begin(actor) as uow:
            pipeline.request_run(uow, "merge")
        one_life(rt, seed * 1000 + life, clean=False)
    with rt.begin(actor) as uow:
        pipeline.request_run(uow, "merge")
    assert one_life(rt, seed, clean=True) == 0
    check(rt, actor, hospital)
    log = rt.settings.home / "faults.log"
    return Counter(log.read_text().splitlines() if log.exists() else [])


def check(rt: Runtime, actor: Actor, hospital: Hospital) -> None:
    with rt.begin(actor) as uow:
        states = Counter(file["state"] for file in pipeline.list_files(uow))
        runs = pipeline.list_runs(uow)
        leases = lake.unclosed_leases(uow)
    assert set(states) <= {"merged", "superseded"}, states
    assert runs[0]["state"] == "succeeded", runs[0]["failure"]
    assert not [run for run in runs if run["ended_at"] is None]
    assert not leases
    held = [{name: row[name] for name in COLUMNS} for row in rows(rt, actor, "state")]
    truth = list(hospital.state.rows.values())
    assert sorted(held, key=repr) == sorted(truth, key=repr)
    told = [
        (row["_operation"], row["_position"], {name: row[name] for name in COLUMNS})
        for row in rows(rt, actor, "history")
    ]
    expected = [
        ("L" if at == hospital.first_load else operation, at, {name: row.get(name) for name in COLUMNS})
        for operation, at, row in hospital.replay.history
    ]
    assert sorted(told, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize("seed", range(10))
def test_after_any_deaths_raw_holds_each_change_once(rt: Runtime, operator: Actor, seed: int) -> None:
    run_schedule(rt, operator, seed + 100, lives=2)


def test_the_schedules_reach_every_fault_at_every_boundary() -> None:
    planned = {
        (fault, boundary) for seed in range(400) for (boundary, _), fault in faulty_worker.faults_of(seed).items()
    }
    boundaries = {*faulty_worker.RARE, *faulty_worker.FREQUENT}
    faults = (faulty_worker.DIE, faulty_worker.ENGINE_DIES, faulty_worker.FENCED)
    assert planned == {(fault, boundary) for fault in faults for boundary in boundaries} | {
        (faulty_worker.ANSWER_LOST, "commit answered")
    }


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_schedules(rt: Runtime, operator: Actor, seed: int) -> None:
    started = time.monotonic()
    faults = run_schedule(rt, operator, seed + 1000, lives=4)
    record = {
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
        "faults": dict(faults),
        "lost": 0,
        "twice": 0,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "soak-kills.jsonl").open("a") as results:
        results.write(json.dumps(record | machine()) + "\n")
