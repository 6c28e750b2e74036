"""A column that became text is not text for ever: when nothing of the old is left, or when somebody asks for it."""

import pytest

from pergamon import crawl, lake
from pergamon.formats import FormatHints
from pergamon.kernel import AccessDenied
from tests.reference.plain_engine import connected

from .conftest import HOLDER, World


def rebuild(world: World, table: str = "visits") -> int:
    with world.rt.begin(world.operator) as uow:
        return crawl.rebuild_table(uow, lake.TableId("assets_db", table))


def key_of(world: World, table: str = "visits") -> str:
    with world.rt.begin(world.operator) as uow:
        return lake.read_table(uow, lake.TableId("assets_db", table)).key


def test_a_mended_file_narrows_the_column_when_the_table_is_built_anew(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id,old", "x1,1")
    world.put_parquet("in/visits/b.parquet", id=[2])
    world.crawl()
    before = key_of(world)
    world.put_csv("in/visits/a.csv", "id", "1")
    world.crawl()
    assert world.column("visits") == ["1", "2"]  # the other file's rows were written as text
    assert rebuild(world) == 2
    world.crawl()
    assert world.rows("visits") == [{"id": 1}, {"id": 2}]  # what no file holds is gone
    assert key_of(world) == before
    assert [event["subject"] for event in world.events("crawl.rebuild_asked")] == ["table:assets_db.visits"]
    world.put_csv("in/visits/c.csv", "id", "3")
    world.crawl()
    assert world.column("visits") == [1, 2, 3]
    assert set(world.states().values()) == {"added"}


def test_when_nothing_of_the_old_is_left_the_new_files_say_the_types(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id,old", "x1,1")
    world.put_csv("in/alone.csv", "id", "x")
    world.crawl()
    world.put_csv("in/alone.csv", "id", "7")
    world.remove("in/visits/a.csv")
    world.crawl()
    assert world.column("alone") == [7]
    world.put_csv("in/visits/b.csv", "id", "1")
    world.crawl()
    assert world.rows("visits") == [{"id": 1, "old": None}]


def test_older_snapshots_stay_readable(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id", "x1")
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        old = lake.table_files(uow, lake.TableId("assets_db", "visits"))
    world.put_csv("in/visits/a.csv", "id", "1")
    world.crawl()
    assert world.column("visits") == [1]
    said = connected().execute(f"SELECT id FROM iceberg_scan('{old.metadata}')").fetchall()
    assert said == [("x1",)]


def test_a_rebuild_reads_with_the_hints_of_today_and_keeps_what_cannot_be_read_any_more(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id", "1")
    world.put_csv("in/visits/b.csv", "id", "2")
    world.put_csv("in/other/a.csv", "id", "5")
    world.crawl()
    world.put("in/visits/b.csv", b"broken")
    world.crawl()
    world.deploy(hints=FormatHints(delimiter=","))
    world.crawl()
    read_before = list(world.reader.inspected)
    rebuild(world)
    world.crawl()
    assert sorted(world.reader.inspected[len(read_before) :]) == ["in/visits/a.csv", "in/visits/b.csv"]
    assert world.column("visits") == [1, 2]
    assert world.states()["in/visits/b.csv"] == "quarantined"


def test_files_that_go_to_another_table_are_neither_lost_nor_doubled(world: World) -> None:
    """Once the first file was alone; now what it was together with is another table's."""
    world.deploy()
    world.put_csv("in/mixed/visits.csv", "id,day", "1,mo")
    world.put_csv("in/mixed/wards.csv", "ward,beds", "w,3")
    world.crawl()
    assert world.tables() == ["mixed", "mixed_wards"]
    for number in range(2, 5):
        world.put_csv(f"in/mixed/wards{number}.csv", "ward,beds", f"w,{number}")
    world.crawl()
    rebuild(world, "mixed_wards")
    world.crawl()
    assert world.tables() == ["mixed", "mixed_wards"]  # names stay, although most files are wards now
    assert world.column("mixed") == [1]
    assert world.column("mixed_wards", "beds") == [2, 3, 3, 4]
    with world.rt.begin(world.operator) as uow:
        assert crawl.crawler_status(uow, "assets").is_idle


def test_only_what_a_crawler_makes_is_built_anew_and_only_by_who_may_run_it(world: World) -> None:
    world.deploy()
    with pytest.raises(crawl.UnknownCrawledTable):
        rebuild(world, "nothing")
    world.put_csv("in/visits/a.csv", "id", "1")
    world.crawl()
    for table in ("visits", "nothing"):
        with pytest.raises(AccessDenied), world.rt.begin(HOLDER) as uow:
            crawl.rebuild_table(uow, lake.TableId("assets_db", table))
