"""The whole of it with the reader that is really used: a process that can open these files and nothing else."""

import gzip
import time

import pytest

from pergamon import crawl
from pergamon.runtime import Runtime

from .conftest import World


@pytest.fixture
def confined(world: World, rt: Runtime) -> World:
    world.reader = rt.file_reader  # type: ignore[assignment]  # both are `formats.ConfinedReader`s
    return world


def test_files_of_several_formats_become_one_table(confined: World) -> None:
    confined.deploy()
    confined.put_parquet("in/visits/a.parquet", id=[1], born=["1939-03-13"])
    confined.put_csv("in/visits/b.csv", "id;born", "2;13/3/39", "3;")
    confined.put("in/visits/c.json.gz", gzip.compress(b'{"id": 4, "born": "x"}\n'))
    confined.put("in/visits/d.csv", b"\x00\x01\x02 no file at all")
    confined.crawl()
    assert [row["id"] for row in confined.rows("visits", "id")] == [1, 2, 3, 4]
    assert confined.states()["in/visits/d.csv"] == "quarantined"


def test_a_single_upload_is_soon_a_table(confined: World) -> None:
    confined.limits = crawl.Limits()
    confined.deploy()
    confined.put_csv("in/first.csv", "id", "1")
    _until(confined, "first")
    started = time.monotonic()
    confined.put_csv("in/second.csv", "id,name", "1,a")
    _until(confined, "second")
    print("upload to table:", time.monotonic() - started)
    assert time.monotonic() - started < 3


def _until(world: World, table: str) -> None:
    place = world.place()
    while table not in world.tables() or not world.rows(table):
        crawl.follow(place)
        if crawl.crawl_step(place) is None:
            time.sleep(0.02)
