"""One crawler with much to do does not hold up another; and none makes tables without end."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from pergamon import crawl
from pergamon.crawl import Limits
from pergamon.crawl.follow import list_next_page
from pergamon.formats import Failed, Inspected, ReadRequest, Unreadable, WriteRequest, WrittenPart
from tests.reference.plain_reader import PlainReader

from .conftest import AT_ONCE, World


def many_folders(world: World) -> None:
    for number in range(12):
        world.put_csv(f"in/{number}.csv", "id", "1")


def one_large_folder(world: World) -> None:
    for number in range(12):
        world.put_csv(f"in/large/{number}.csv", "id", "1")


@pytest.mark.parametrize("much", [many_folders, one_large_folder])
def test_a_single_upload_waits_for_no_more_than_a_batch(world: World, much: Callable[[World], None]) -> None:
    world.limits = replace(AT_ONCE, inspect_files=1, commit_files=1)
    world.deploy("much")
    world.deploy("little", prefixes=("little",))
    much(world)
    place = world.place()
    while crawl.follow(place):
        pass
    crawl.crawl_step(place), crawl.crawl_step(place)
    world.put_csv("little/single.csv", "id", "7")
    while crawl.follow(place):
        pass
    folders = []
    while "single" not in world.tables() or not world.rows("single"):
        did = crawl.crawl_step(place)
        assert did is not None
        folders.append(did.folder)
    assert len(folders) <= 2 * 3  # looked into, planned, committed; and the other one's step before each
    world.crawl()
    assert set(world.states("much").values()) == {"added"}


def test_a_folder_into_which_files_come_without_end_holds_up_no_other(world: World) -> None:
    world.limits = replace(AT_ONCE, inspect_files=1, turn_s=0)
    world.deploy()
    place, folders = world.place(), list[str]()
    for number in range(30):
        world.put_csv(f"in/flood/{number}.csv", "id", "1")
        if number == 2:
            world.put_csv("in/wards/a.csv", "id", "7")
        while crawl.follow(place):
            pass
        did = crawl.crawl_step(place)
        folders.append(did.folder if did else "")
        if "wards" in world.tables() and world.rows("wards"):
            break
    assert world.column("wards") == [7], folders
    world.crawl()
    assert set(world.states().values()) == {"added"}


def test_what_a_slow_reader_has_left_is_looked_into_in_another_turn(world: World) -> None:
    """Files made to take long: the reader answers for the first, and others come before the rest."""

    class Slow(PlainReader):
        def inspect(self, files: Sequence[ReadRequest]) -> list[Inspected | Failed]:
            return super().inspect(files[:1])

    world.reader, world.limits = Slow(), replace(AT_ONCE, turn_s=0)
    world.deploy()
    for number in range(4):
        world.put_csv(f"in/slow/{number}.csv", "id", str(number))
    world.put_csv("in/wards/a.csv", "id", "7")
    folders = [did.folder for did in world.crawl()]
    assert folders.index("in/wards/") < len(folders) - 1 - folders[::-1].index("in/slow/")
    assert (world.column("slow"), world.column("wards")) == ([0, 1, 2, 3], [7])


def test_files_made_to_take_long_to_convert_are_set_aside_one_in_a_turn(world: World) -> None:
    """The reader gives up after the first of them, and others come before the rest."""

    class Slow(PlainReader):
        def write(self, parts: Sequence[WriteRequest]) -> list[WrittenPart | Failed]:
            slow = [place for place, one in enumerate(parts) if b"slow" in one.path.read_bytes()]
            if not slow:
                return super().write(parts)
            found: list[WrittenPart | Failed] = list(super().write(parts[: slow[0]]))
            return [*found, Failed(parts[slow[0]], Unreadable("reading it takes too long", hint="split it"))]

    world.reader, world.limits = Slow(), replace(AT_ONCE, turn_s=0)
    world.deploy()
    for number in range(4):
        world.put_csv(f"in/mixed/{number}.csv", "id,note", f"{number},{'slow' if number % 2 else 'plain'}")
    world.put_csv("in/wards/a.csv", "id", "7")
    did = world.crawl()
    folders = [one.folder for one in did]
    assert [one.files for one in did if one.what == "set aside"] == [1, 1]
    assert folders.index("in/wards/") < len(folders) - 1 - folders[::-1].index("in/mixed/")
    assert sorted(world.states().values()) == ["added"] * 3 + ["quarantined"] * 2
    assert (world.column("mixed"), world.column("wards")) == ([0, 2], [7])


def test_listings_take_turns_too(world: World) -> None:
    world.limits = Limits(quiet_s=0, longest_wait_s=0, page=1)
    for number in range(6):
        world.put_csv(f"in/{number}.csv", "id", "1")
    world.put_csv("little/single.csv", "id", "7")
    world.deploy("much")
    world.deploy("little", prefixes=("little",))
    for _ in range(6):
        with world.rt.begin(world.operator) as uow:
            list_next_page(uow, 1)
    assert list(world.states("little")) == ["little/single.csv"]


def test_a_crawler_makes_so_many_tables_and_says_so(world: World) -> None:
    world.deploy(most_tables=2)
    for name in "abcd":
        world.put_csv(f"in/{name}.csv", "id", "1")
    world.crawl()
    assert len(world.tables()) == 2
    waiting = [key for key, state in world.states().items() if state == "blocked"]
    assert len(waiting) == 2
    assert world.reason(waiting[0]) == "crawler assets has 2 tables, as many as it may (mostTables)"
    assert len(world.events("crawl.table_blocked")) == 2
    world.put_csv(f"in/{world.tables()[0]}.csv", "id", "2")
    world.crawl()
    assert world.column(world.tables()[0]) == [2]
    world.deploy(most_tables=4)
    with world.rt.begin(world.operator) as uow:
        crawl.replay_files(uow, "assets")
    world.crawl()
    assert world.tables() == ["a", "b", "c", "d"]
