"""Names of folders and columns that strangers chose: none of them stops what is not its own, and no row is lost."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import World

FOLDERS = [
    "a" * 900 + "=1",
    "\u0663=1",
    "n=--5",
    "n=-",
    "n=%00",
    "n=%0a%1b[31m",
    "a=1/a=2",
    "A=1/a=2",
    "a=1/a=2/a_2=3",
    "year=abc",
    "n=%ed%a0%80",
]
COLUMNS = [
    "a\x00b",
    "\x00",
    "a\ud800",
    "a\x1b[31m",
    "a\nb",
    'a"; DROP TABLE x; --',
    "{}",
    "error(1)",
    "no\u00a0break",
    "so\u00adft",
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_with_a_hostile_name_stops_nothing(world: World, folder: str) -> None:
    world.deploy()
    world.put_parquet(f"in/visits/{folder}/a.parquet", id=[1], year=[2024])
    world.put_csv(f"in/visits/{folder}/b.csv", "id,year", "2,2024")
    world.put_csv("in/wards/a.csv", "id", "1")
    world.crawl()
    assert world.column("wards") == [1]
    assert world.column("visits") == [1, 2]
    assert set(world.column("visits", "year")) == {2024}, "what a file holds itself is never taken from its folder"


def test_a_column_that_stands_twice_in_the_folders_keeps_both_values(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a=1/A=2/b.csv", "id", "7")
    world.crawl()
    assert world.rows("visits") == [{"id": 7, "a": 1, "A_2": 2}]


def test_a_folder_gives_numbers_to_a_column_that_other_files_hold_as_another_kind_of_number(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id,year", "1,2024.5")
    world.put_csv("in/visits/year=2023/b.csv", "id", "2")
    world.put_parquet("in/visits/year=2022/c.parquet", id=[3])
    world.crawl()
    assert [(row["id"], float(row["year"])) for row in world.rows("visits", "id")] == [
        (1, 2024.5),
        (2, 2023.0),
        (3, 2022.0),
    ]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_with_a_hostile_name_stops_nothing(world: World, name: str) -> None:
    world.reader = world.rt.file_reader  # type: ignore[assignment]  # the one that is really used
    world.deploy()
    for suffix in ("json", "ndjson", "csv", "parquet"):
        content = _file_with_column(suffix, name)
        if content is not None:
            world.put(f"in/visits/a.{suffix}", content)
    world.put_csv("in/visits/z.csv", "id", "7")
    world.put_csv("in/wards/a.csv", "id", "1")
    world.crawl()
    assert world.column("wards") == [1]
    assert world.states()["in/visits/a.json"] in {"added", "quarantined"}
    assert world.states()["in/visits/z.csv"] == "added"
    with world.rt.begin(world.operator) as uow:
        assert not uow.rows("SELECT 1 FROM crawl_folder WHERE failure IS NOT NULL")


def _file_with_column(suffix: str, name: str) -> bytes | None:
    try:
        match suffix:
            case "json":
                return json.dumps([{"id": 1, name: {name: 1}}]).encode()
            case "ndjson":
                return json.dumps({"id": 1, name: 1}).encode()
            case "csv":
                quoted = name.replace('"', '""')
                return f'id,"{quoted}"\n1,2\n'.encode()
            case _:
                sink = io.BytesIO()
                pq.write_table(pa.table({"id": [1], name: [1]}), sink)
                return sink.getvalue()
    except UnicodeEncodeError:
        return None  # such a file cannot be written at all
