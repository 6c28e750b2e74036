"""Older versions go only by their bucket's rule, in plain sight, and never one that stands or is a table's data."""

from datetime import timedelta

import pyarrow as pa
import pytest

from pergamon import lake, objects
from pergamon.runtime import Runtime
from tests.reference.stacks import BUCKET, OPERATOR, RULES, WRITER, files, get, put, stack, trail


def rule(rt: Runtime, **said: int) -> None:
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, BUCKET, RULES.model_copy(update={"versions": lake.VersionsSpec(**said)}))


def age(rt: Runtime, days: float) -> None:
    """Let days pass for what was superseded."""
    with rt.begin(OPERATOR) as uow:
        uow.execute("UPDATE object_version SET superseded_at = superseded_at - %s", (timedelta(days=days),))


def left(rt: Runtime, key: str = "open/a") -> list[str]:
    with rt.begin(WRITER) as uow:
        return [version.id for version in objects.object_versions(uow, BUCKET, key)]


@pytest.mark.parametrize(
    ("said", "days", "kept"),
    [
        ({"keep": 1}, 2, [4, 3]),
        ({"keep": 1}, 0.5, [4, 3, 2, 1, 0]),
        ({"days": 30}, 29, [4, 3, 2, 1, 0]),
        ({"days": 30}, 31, [4]),
        ({"days": 30, "keep": 2}, 31, [4, 3, 2]),
        ({"days": 30, "keep": 2}, 29, [4, 3, 2, 1, 0]),
    ],
)
def test_what_neither_number_nor_days_keep_goes(
    rt: Runtime, said: dict[str, int], days: float, kept: list[int]
) -> None:
    stack(rt)
    versions = [put(rt, "open/a", bytes([n])) for n in range(5)]
    other = put(rt, "open/b")
    age(rt, days)
    while rt.expire():
        pass
    assert len(left(rt)) == 5, "without a rule nothing goes"
    rule(rt, **said)
    while rt.expire():
        pass
    assert left(rt) == [versions[n].id for n in kept]
    assert left(rt, "open/b") == [other.id]
    assert rt.free_contents() == 5 - len(kept)
    assert len(files(rt)) == len(kept) + 1
    assert get(rt, "open/a") == bytes([4])
    told = trail(rt, ["objects.version_expired"])
    assert told == [("objects.version_expired", "object:assets/open/a", "service:sweeper")] * (5 - len(kept))


def test_a_tables_data_stays_and_what_was_removed_goes(rt: Runtime) -> None:
    stack(rt)
    rule(rt, days=1)
    table = lake.TableId("db", "t")
    version = put(rt, "open/a")
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, "curated", lake.BucketSpec())
        lake.put_database(uow, "db", lake.DatabaseSpec(bucket="curated"))
        lake.create_table(uow, rt.settings.lake, table, pa.schema([("id", pa.int64())]))
        objects.refer(uow, table, [version.id])
    put(rt, "open/gone")
    with rt.begin(WRITER) as uow:
        deletion = objects.remove_object(uow, BUCKET, "open/a")
        objects.remove_object(uow, BUCKET, "open/gone")
    assert deletion is not None
    age(rt, 2)
    rt.expire()
    assert left(rt) == [deletion.id, version.id]
    assert len(left(rt, "open/gone")) == 1, "that it was removed is remembered"
    with rt.begin(OPERATOR) as uow:
        objects.unrefer(uow, table, [version.id])
    rt.expire()
    assert left(rt) == [deletion.id]


def test_one_batch_at_a_time(rt: Runtime) -> None:
    stack(rt)
    rule(rt, days=1)
    for n in range(4):
        put(rt, "open/a", bytes([n]))
    age(rt, 2)
    with rt.begin(OPERATOR) as uow:
        assert objects.expire_versions(uow, limit=2)
    assert len(left(rt)) == 2
    with rt.begin(OPERATOR) as uow:
        assert not objects.expire_versions(uow, limit=2)
    assert len(left(rt)) == 1
