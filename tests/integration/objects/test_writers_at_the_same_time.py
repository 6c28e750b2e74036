"""Many writers at once: one wins where one may, nothing is lost, followers hear everything once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pergamon import objects
from pergamon.kernel import PergamonError
from pergamon.runtime import Runtime
from pergamon.store import FeedPosition
from tests.reference.stacks import BUCKET, KEEPER, OPERATOR, READER, WRITER, feed, files, get, put, stack


@pytest.fixture(autouse=True)
def _stacked(rt: Runtime) -> None:
    stack(rt)


def together(count: int, act: Callable[[int], object]) -> list[object]:
    """Run an act in as many threads at the same moment; a refusal is its outcome."""
    barrier = threading.Barrier(count)

    def run(number: int) -> object:
        barrier.wait()
        try:
            return act(number)
        except PergamonError as refusal:
            return refusal

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("round_", range(5))
def test_of_writers_who_want_to_be_the_first_exactly_one_is(rt: Runtime, round_: int) -> None:
    outcomes = together(6, lambda n: put(rt, "open/a", str(n).encode(), if_none_match="*"))
    won = [outcome for outcome in outcomes if isinstance(outcome, objects.ObjectVersion)]
    assert len(won) == 1
    assert all(isinstance(outcome, objects.ConditionFailed) for outcome in outcomes if outcome is not won[0])
    assert (feed(rt), len(files(rt))) == ([("created", "open/a")], 1)
    assert get(rt, "open/a") == str(outcomes.index(won[0])).encode()


def test_a_count_kept_under_conditions_loses_no_step(rt: Runtime) -> None:
    """Five writers each add one, four times, by If-Match, as often as it takes."""
    put(rt, "open/count", b"0")

    def add(_number: int) -> None:
        for _ in range(4):
            while True:
                with rt.begin(WRITER) as uow:
                    found = objects.read_object(uow, BUCKET, "open/count")
                assert found.path is not None
                total = int(found.path.read_bytes()) + 1
                try:
                    put(rt, "open/count", str(total).encode(), if_match=f'"{found.etag}"')
                    break
                except objects.ConditionFailed:
                    continue

    together(5, add)
    assert get(rt, "open/count") == b"20"
    with rt.begin(READER) as uow:
        assert len(objects.object_versions(uow, BUCKET, "open/count")) == 21
    assert len(feed(rt)) == 21


def test_one_version_is_current_whatever_happens_at_once(rt: Runtime) -> None:
    put(rt, "open/a", b"first")

    def act(number: int) -> object:
        match number % 4:
            case 0 | 1:
                return put(rt, "open/a", str(number).encode())
            case 2:
                with rt.begin(KEEPER) as uow:
                    return objects.put_tags(uow, BUCKET, "open/a", {"n": str(number)})
            case _:
                with rt.begin(KEEPER) as uow:
                    return objects.remove_object(uow, BUCKET, "open/a", for_good=number % 8 == 7)

    for _ in range(4):
        together(8, act)
        with rt.begin(OPERATOR) as uow:
            row = uow.row("SELECT count(*) AS n, count(*) FILTER (WHERE is_current) AS c FROM object_version")
        assert row is not None
        assert row["c"] == min(row["n"], 1)
    rt.free_contents()
    with rt.begin(OPERATOR) as uow:
        known = {row["path"] for row in uow.rows("SELECT path FROM object_version WHERE path IS NOT NULL")}
    assert len(known) == len(files(rt)), "each content that is left is a version's"


def test_a_follower_hears_of_everything_once_while_writers_write(rt: Runtime) -> None:
    heard: list[str] = []
    done = threading.Event()

    def follow() -> None:
        position = FeedPosition()
        while True:
            was_done = done.is_set()
            with rt.begin(OPERATOR) as uow:
                events = objects.read_events(uow, position, 7)
            heard.extend(event.key for event in events)
            if events:
                position = events[-1].position
            elif was_done:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    together(6, lambda n: [put(rt, f"open/{n}/{i}") for i in range(10)])
    done.set()
    follower.join(60)
    assert sorted(heard) == sorted(f"open/{n}/{i}" for n in range(6) for i in range(10))


def test_a_reference_and_a_removal_do_not_pass_each_other(rt: Runtime) -> None:
    """Either the table refers to it and it stays, or it is gone and cannot be referred to."""
    import pyarrow as pa

    from pergamon import lake

    table = lake.TableId("db", "t")
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, "curated", lake.BucketSpec())
        lake.put_database(uow, "db", lake.DatabaseSpec(bucket="curated"))
        lake.create_table(uow, rt.settings.lake, table, pa.schema([("id", pa.int64())]))
    for number in range(8):
        version = put(rt, f"open/{number}")

        def act(which: int, version: objects.ObjectVersion = version) -> object:
            if which:
                with rt.begin(KEEPER) as uow:
                    return objects.remove_object(uow, BUCKET, version.key, for_good=True)
            try:
                with rt.begin(OPERATOR) as uow:
                    objects.refer(uow, table, [version.id])
                    return None
            except Exception as error:  # psycopg's, of the foreign key
                return error

        together(2, act)
        rt.free_contents()
        with rt.begin(OPERATOR) as uow:
            refers = bool(objects.referring_tables(uow, version.id))
        assert version.path is not None
        assert version.path.exists() is refers
