"""When a crawl begins, who may have a table's name, what replay does, what the clock does, who may ask."""

import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon import crawl, identity, lake
from pergamon.cli.main import group
from pergamon.crawl import CrawlerSpec, Limits
from pergamon.kernel import AccessDenied
from pergamon.runtime import Runtime

from .conftest import CRAWLER, World


def test_many_uploads_at_once_are_one_commit(world: World) -> None:
    world.limits = Limits(quiet_s=0.3, longest_wait_s=5)
    world.deploy()
    world.crawl()
    place = world.place()
    for number in range(20):
        world.put_parquet(f"in/visits/{number}.parquet", id=[number])
        crawl.follow(place)
        assert crawl.crawl_step(place) is None
    _wait_until(lambda: bool(world.crawl()))
    assert world.column("visits") == list(range(20))
    assert world.snapshots("visits") == 1


def test_an_endless_burst_does_not_put_a_crawl_off_for_ever(world: World) -> None:
    world.limits = Limits(quiet_s=60, longest_wait_s=0.2)
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    crawl.follow(world.place())
    crawl.follow(world.place())
    assert crawl.crawl_step(world.place()) is None
    time.sleep(0.25)
    assert crawl.crawl_step(world.place()) is not None


def test_two_workers_never_take_the_same_folder(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.put_parquet("in/wards/a.parquet", id=[1])
    while crawl.follow(world.place()):
        pass
    taken = [crawl.crawl_step(world.place(name)) for name in ("one", "two", "three")]
    assert [did.folder if did else None for did in taken] == ["in/visits/", "in/wards/", None]


def test_a_silent_worker_loses_its_folder_and_cannot_commit(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id", "1")
    while crawl.follow(world.place()):
        pass
    slow, quick = world.place("slow"), world.place("quick")
    impatient = crawl.Place(quick.begin, quick.lake_root, quick.reader, "quick", Limits(silence_s=-1))
    crawl.crawl_step(slow), crawl.crawl_step(slow)  # looked into, planned
    write = world.reader.write

    def overtaken(parts):  # type: ignore[no-untyped-def]
        world.reader.write = write  # type: ignore[method-assign]
        answers = write(parts)
        while crawl.crawl_step(impatient) is not None:
            pass
        return answers

    world.reader.write = overtaken  # type: ignore[method-assign]
    did = crawl.crawl_step(slow)
    assert did is not None
    assert did.what in ("lost", "failed")
    assert world.column("visits") == [1]
    assert world.snapshots("visits") == 1
    data = Path(world.rt.settings.lake, "assets/tables/assets_db/visits/data")
    assert len(list(data.rglob("*.parquet"))) == 1


@pytest.mark.parametrize(
    "second", ["in/Visits/b.parquet", "in/vísits/b.parquet", "in/sub/visits/b.parquet", "in/visits.parquet"]
)
def test_two_folders_with_one_name_never_share_a_table(world: World, second: str) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.crawl()
    world.put_parquet(second, id=[2])
    world.crawl()
    assert world.column("visits") == [1]
    assert world.states()[second] == "blocked"
    assert world.reason(second) == "assets_db.visits is made from in/visits/ by crawler assets"
    assert [event["subject"] for event in world.events("crawl.table_blocked")] == ["table:assets_db.visits"]


def test_a_table_of_somebody_else_is_never_touched(world: World) -> None:
    with world.rt.begin(world.operator) as uow:
        table = lake.TableId("assets_db", "visits")
        lake.create_table(uow, world.rt.settings.lake, table, pa.schema([("id", pa.int64())]))
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.crawl()
    assert world.rows("visits") == []
    assert world.states() == {"in/visits/a.parquet": "blocked"}
    with world.rt.begin(world.operator) as uow:
        lake.drop_table(uow, table)
        assert crawl.replay_files(uow, "assets") == 1
    world.crawl()
    assert world.column("visits") == [1]


def test_a_table_that_was_dropped_is_made_anew(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        lake.drop_table(uow, lake.TableId("assets_db", "visits"))
    world.put_parquet("in/visits/b.parquet", id=[2])
    world.crawl()
    assert world.column("visits") == [1, 2]


def test_replay_reads_again_what_was_set_aside(world: World) -> None:
    world.deploy()
    world.put("in/visits/a.csv", b"broken")
    world.put("in/visits/b.csv", b"broken")
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        assert crawl.replay_files(uow, "assets", "in/visits/a.csv") == 1
        with pytest.raises(crawl.UnknownCrawledFile):
            crawl.replay_files(uow, "assets", "in/visits/c.csv")
    world.crawl()
    assert world.reader.inspected.count("in/visits/a.csv") == 2
    assert world.reader.inspected.count("in/visits/b.csv") == 1
    assert set(world.states().values()) == {"quarantined"}


def test_a_crawler_without_events_waits_for_its_schedule(rt: Runtime, world: World) -> None:
    world.deploy(on_event=False, schedule="0 3 * * *")
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.crawl()
    assert world.tables() == []
    with world.rt.begin(CRAWLER) as uow:
        assert crawl.begin_due_listings(uow) == []
        uow.execute("UPDATE crawler SET changed_at = changed_at - interval '2 days'")
    with world.rt.begin(CRAWLER) as uow:
        assert crawl.begin_due_listings(uow) == ["assets"]
    world.crawl()
    assert world.column("visits") == [1]
    with world.rt.begin(CRAWLER) as uow:
        assert crawl.begin_due_listings(uow) == []


def test_a_listing_finds_what_came_and_what_went(world: World) -> None:
    world.limits = Limits(quiet_s=0, longest_wait_s=0, page=2)
    world.deploy(on_event=False)
    for name in "abcde":
        world.put_parquet(f"in/visits/{name}.parquet", id=[ord(name)])
    _ask(world)
    assert world.column("visits") == [97, 98, 99, 100, 101]
    for name in "ace":
        world.remove(f"in/visits/{name}.parquet")
    world.put_parquet("in/visits/f.parquet", id=[102])
    _ask(world)
    assert world.column("visits") == [98, 100, 102]


def test_patterns_and_hidden_files_are_left_out(world: World) -> None:
    world.deploy(include=("*.parquet",), exclude=("old/*",))
    for key in ("in/visits/a.parquet", "in/old/b.parquet", "in/visits/_tmp/c.parquet", "in/visits/.d.parquet"):
        world.put_parquet(key, id=[1])
    world.put_csv("in/visits/notes.csv", "id", "2")
    world.put_parquet("elsewhere/a.parquet", id=[3])
    world.crawl()
    assert list(world.states()) == ["in/visits/a.parquet"]


def test_a_crawler_that_comes_back_has_its_tables(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        crawl.drop_crawler(uow, "assets")
    world.put_parquet("in/visits/b.parquet", id=[2])
    world.crawl()
    assert world.column("visits") == [1]
    with world.rt.begin(world.operator) as uow, pytest.raises(crawl.CrawlerHasTables):
        crawl.put_crawler(uow, "assets", CrawlerSpec(bucket="curated", database="assets_db"), {})
    world.deploy()
    world.crawl()
    assert world.column("visits") == [1, 2]
    assert world.reader.inspected == ["in/visits/a.parquet", "in/visits/b.parquet"]


def test_who_may_not_run_crawlers_learns_nothing_of_them(world: World) -> None:
    world.deploy()
    with world.rt.begin(world.operator) as uow:
        identity.put_role(uow, "nobody", identity.RoleSpec(), {})
        spec = identity.PrincipalSpec(kind="person", display_name="N", roles=frozenset({"nobody"}))
        identity.put_principal(uow, "person:n", spec, {})
        nobody = identity.principal_actor(uow, "person:n")
    for ask in (crawl.request_crawl, crawl.crawler_status, crawl.crawled_files, crawl.replay_files):
        for name in ("assets", "none"):
            with pytest.raises(AccessDenied), world.rt.begin(nobody) as uow:
                ask(uow, name)


def test_the_command_line_tells_what_became_of_files(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERGAMON_HOME", str(world.rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(world.rt.settings.database_url))
    world.deploy()
    world.put("in/visits/bad\u202e.csv", b"broken")
    world.put_csv("in/visits/good.csv", "id", "1")
    world.crawl()
    world.put_csv("in/wa\u202erds/a.csv", "id", "1")
    world.crawl()
    asked = (["ls"], ["status"], ["files", "assets", "--quarantined"], ["replay", "assets"])
    for words in (*asked, ["rebuild", "assets_db.visits"], ["release", "assets_db.wards", "--to", "rooms"]):
        group.main(["crawl", *words], standalone_mode=False)
    said = capsys.readouterr().out
    assert "assets/in/ -> assets_db" in said
    assert "2 added, 1 quarantined" in said
    assert "assets_db.wards  from in/wa·rds/: 1 row" in said
    assert "2 files will be read again" in said
    assert "assets_db.wards is free: its files become assets_db.rooms" in said
    assert "assets_db.visits  from in/visits/: 1 row in 1 data file" in said
    assert "quarantined  in/visits/bad·.csv" in said
    assert "1 file will be tried again" in said


def _ask(world: World) -> None:
    with world.rt.begin(world.operator) as uow:
        crawl.request_crawl(uow, "assets")
    world.crawl()


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
