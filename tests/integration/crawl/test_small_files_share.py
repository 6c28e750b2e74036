"""Many small files of one batch are one data file; each file's rows still come, go and are told apart by themselves."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pergamon import crawl
from pergamon.crawl import Limits
from pergamon.formats import Failed, Unreadable, WriteRequest, WrittenPart

from .conftest import AT_ONCE, World


def data_files(world: World, table: str = "visits") -> list[str]:
    place = Path(world.rt.settings.lake, "assets/tables/assets_db", table)
    return sorted(row["path"] for row in _rows(world, "SELECT path FROM crawl_data_file") if str(place) in row["path"])


def _rows(world: World, sql: str) -> list[dict[str, Any]]:
    with world.rt.begin(world.operator) as uow:
        return uow.rows(sql)


def rows_by_file(world: World) -> dict[str, list[int]]:
    """Key -> the numbers that stand in the very rows of a data file that are said to be this file's."""
    found = {}
    with world.rt.begin(world.operator) as uow:
        told = crawl.crawled_files(uow, "assets")
    paths = {path.rpartition("/data/")[2]: path for path in data_files(world)}
    for key, held in ((file["key"], held) for file in told for held in file["rows_in"]):
        rows = pq.read_table(paths[held["data_file"].removeprefix("data/")], partitioning=None)
        found[key] = rows.slice(held["first_row"], held["rows"])["id"].to_pylist()
    return found


def test_small_files_of_a_batch_are_one_data_file_and_each_row_is_its_files(world: World) -> None:
    world.deploy()
    for number in range(7):
        world.put_csv(f"in/visits/{number}.csv", "id,name", *(f"{number}{row},x" for row in range(number + 1)))
    world.crawl()
    assert len(data_files(world)) == 1
    assert rows_by_file(world) == {f"in/visits/{n}.csv": [n * 10 + row for row in range(n + 1)] for n in range(7)}


def test_one_changed_file_of_a_group_is_replaced_and_a_removed_one_goes(world: World) -> None:
    world.deploy()
    for number in range(5):
        world.put_csv(f"in/visits/{number}.csv", "id", str(number))
    world.crawl()
    world.put_csv("in/visits/1.csv", "id", "10", "11")
    world.put("in/visits/2.csv", b"broken")  # unreadable: the rows of the version before stay
    world.crawl()
    assert world.column("visits") == [0, 2, 3, 4, 10, 11]
    world.remove("in/visits/0.csv")
    world.crawl()
    assert world.column("visits") == [2, 3, 4, 10, 11]
    assert len(data_files(world)) == 1
    assert rows_by_file(world)["in/visits/1.csv"] == [10, 11]
    for number in range(1, 5):
        world.remove(f"in/visits/{number}.csv")
    world.crawl()
    assert (world.rows("visits"), data_files(world)) == ([], [])


def test_what_shares_a_data_file_changes_in_one_snapshot(world: World) -> None:
    """A batch takes one file: but of a group that goes, the other outdated file's new rows come at once, not later."""
    world.deploy()
    for number in range(3):
        world.put_csv(f"in/visits/{number}.csv", "id", str(number))
    world.crawl()
    world.limits = replace(AT_ONCE, commit_files=1)
    world.put_csv("in/visits/0.csv", "id", "10")
    world.put_csv("in/visits/2.csv", "id", "12")
    world.crawl()
    assert world.column("visits") == [1, 10, 12]
    assert world.snapshots("visits") == 2


def test_a_bad_file_fails_alone_and_leaves_nothing_among_the_others(world: World) -> None:
    world.deploy()
    write = world.reader.write

    def fails_late(parts: Sequence[WriteRequest]) -> list[WrittenPart | Failed]:
        bad = [part for part in parts if b"13" in part.path.read_bytes()]
        answers = iter(write([part for part in parts if part not in bad]))
        return [Failed(part, Unreadable("it is cut off")) if part in bad else next(answers) for part in parts]

    world.reader.write = fails_late  # type: ignore[method-assign]
    for number in (11, 12, 13, 14):
        world.put_csv(f"in/visits/{number}.csv", "id", str(number))
    world.crawl()
    assert world.column("visits") == [11, 12, 14]
    assert world.states()["in/visits/13.csv"] == "quarantined"
    assert len(data_files(world)) == 1


def test_rows_that_were_read_once_are_not_set_aside_when_the_reader_fails_on_them(world: World) -> None:
    world.deploy()
    for number in range(3):
        world.put_csv(f"in/visits/{number}.csv", "id", str(number))
    world.crawl()
    write = world.reader.write
    world.reader.write = lambda parts: [Failed(part, Unreadable("no memory")) for part in parts]  # type: ignore[method-assign]
    world.put_csv("in/visits/0.csv", "id", "10")
    world.crawl()
    assert world.states()["in/visits/1.csv"] == "added"
    assert world.column("visits") == [0, 1, 2]
    world.reader.write = write  # type: ignore[method-assign]
    with world.rt.begin(world.operator) as uow:
        crawl.replay_files(uow, "assets")
        uow.execute("UPDATE crawl_folder SET due_at = NULL")
    world.crawl()
    assert world.column("visits") == [1, 2, 10]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(quiet_s=0, longest_wait_s=0, together_files=2), 3),
        (Limits(quiet_s=0, longest_wait_s=0, together_bytes=10), 3),
        (Limits(quiet_s=0, longest_wait_s=0, small_bytes=4), 5),
    ],
)
def test_groups_have_bounds_and_partitions_are_apart(world: World, limits: Limits, expected: int) -> None:
    world.limits = limits
    world.deploy()
    for number in range(5):
        world.put_csv(f"in/visits/{number}.csv", "id", f"{number}")
    world.put_csv("in/days/day=1/a.csv", "id", "1")
    world.put_csv("in/days/day=2/a.csv", "id", "2")
    world.put_csv("in/days/day=1/b.csv", "id", "3")
    world.crawl()
    assert len(data_files(world)) == expected
    assert [(row["id"], row["day"]) for row in world.rows("days", "id")] == [(1, 1), (2, 2), (3, 1)]
    assert len(data_files(world, "days")) == (3 if limits.small_bytes == 4 else 2)
