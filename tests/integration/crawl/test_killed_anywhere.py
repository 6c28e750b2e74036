"""Whatever dies, wherever, each accepted object is one event, and each of its rows is in a table exactly once."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable

from pergamon import crawl, lake, objects
from pergamon.runtime import Runtime
from tests.prepared_processes import forked
from tests.reference import faulty_crawler
from tests.reference.faulty_crawler import rows_of

from .conftest import World

LIFE_TIMEOUT_S = 120
sys.path.insert(0, str(Path(__file__).parents[3]))
from bench.measure import machine  # noqa: E402 - a benchmark's result says where it was measured

RESULTS = Path(__file__).parents[3] / "bench" / "results"


def end(*processes: Any) -> list[int]:
    for process in processes:
        process.join(LIFE_TIMEOUT_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            pytest.fail("a life did not end")
    return [process.exitcode for process in processes]


def run_schedule(world: World, seed: int, *, confined: bool) -> Counter[str]:
    """One schedule of lives and deaths; then compare. Returns: what died where."""
    world.deploy()
    home, url = world.rt.settings.home, world.rt.settings.database_url
    for life in range(2):
        each = seed * 1000 + life * 10
        started = [
            forked(faulty_crawler.upload_for_a_while, home, url, each, 100_000 * (life + 1), 12, clean=False),
            forked(faulty_crawler.crawl_for_a_while, home, url, each + 1, "one", confined=confined, clean=False),
        ]
        if seed % 2:
            rival = forked(faulty_crawler.crawl_for_a_while, home, url, each + 2, "two", confined=confined, clean=False)
            started.append(rival)
        end(*started)
    last = forked(faulty_crawler.crawl_for_a_while, home, url, seed, "one", confined=confined, clean=True)
    assert end(last) == [0]
    check(world)
    log = home / "faults.log"
    return Counter(log.read_text().splitlines() if log.exists() else [])


def check(world: World) -> None:
    rt = world.rt
    with rt.begin(world.operator) as uow:
        there = objects.current_objects(uow, "assets")
        status = crawl.crawler_status(uow, "assets")
        leases = lake.unclosed_leases(uow)
        tables = [record.metadata_location for record in lake.list_tables(uow, "assets_db")]
        versions = uow.rows("SELECT id FROM object_version ORDER BY id")
        events = uow.rows("SELECT version_id AS id FROM object_event ORDER BY version_id")
        referred = uow.rows("SELECT DISTINCT version_id AS id FROM object_reference WHERE NOT is_past ORDER BY 1")
    assert status.is_idle
    assert not status.failures
    assert set(status.files) <= {"added", "removed"}, status.files
    assert not leases
    assert versions == events, "an object without an event, or an event too many"
    expected = Counter(number for version in there if version.path for number in rows_of(version.path, version.key))
    held = Counter(
        int(number)  # it may have become text
        for location in tables
        for number in StaticTable.from_metadata(location).scan(selected_fields=("id",)).to_arrow()["id"].to_pylist()
    )
    assert held == expected
    assert [row["id"] for row in referred] == sorted(version.id for version in there)
    with_duckdb = Counter(int(number) for table in world.tables() for number in world.column(table))
    assert with_duckdb == expected


@pytest.mark.parametrize("seed", range(1, 11))
def test_nothing_is_lost_and_nothing_is_twice(world: World, seed: int) -> None:
    run_schedule(world, seed, confined=seed % 5 == 0)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_a_hundred_schedules(rt: Runtime, world: World, tmp_path: Path) -> None:
    """Each schedule goes on in the lake that the one before has left, and is checked by itself."""
    told: Counter[str] = Counter()
    for seed in range(1001, 1101):
        told += run_schedule(world, seed, confined=True)
    line = {"question": "soak: crawl killed anywhere", "schedules": 100, "deaths": dict(told), **machine()}
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "soak-crawl-kills.jsonl").open("a") as results:
        results.write(json.dumps(line) + "\n")
