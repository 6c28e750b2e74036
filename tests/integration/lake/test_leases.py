"""A lease's life in PostgreSQL, without an engine."""

import threading

import pyarrow as pa
import pytest

from pergamon import lake
from pergamon.kernel import Actor
from pergamon.runtime import Runtime

TABLE = lake.TableId("raw_db", "patients")


@pytest.fixture
def filled(rt: Runtime, operator: Actor) -> Runtime:
    with rt.begin(operator) as uow:
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))
        lake.create_table(uow, rt.settings.lake, TABLE, pa.schema([("id", pa.int64())]))
    return rt


def test_closing_twice_tells_the_same_and_is_recorded_once(filled: Runtime, operator: Actor) -> None:
    with filled.begin(operator) as uow:
        lease = lake.open_lease(uow, TABLE, "merge", {"files": ["f1"]})
    outcomes = []
    for _ in range(2):
        with filled.begin(operator) as uow:
            outcomes.append(lake.close_lease(uow, lease.id).committed)
    assert outcomes == [False, False]
    with filled.begin(operator) as uow:
        events = uow.rows("SELECT code FROM audit_event WHERE code LIKE 'lake.lease%%' ORDER BY at")
        assert lake.read_lease(uow, lease.id).facts == {"files": ["f1"]}
        assert lake.read_lease(uow, lease.id).state is lake.LeaseState.CLOSED
    assert [row["code"] for row in events] == ["lake.lease_opened", "lake.lease_closed"]


def test_an_unknown_lease_or_table_is_not_found(filled: Runtime, operator: Actor) -> None:
    with filled.begin(operator) as uow:
        with pytest.raises(lake.UnknownLease):
            lake.close_lease(uow, "lease_none")
        with pytest.raises(lake.UnknownLease):
            lake.read_lease(uow, "lease_none")
        with pytest.raises(lake.UnknownTable):
            lake.open_lease(uow, lake.TableId("raw_db", "none"), "merge")


def test_a_dead_workers_leases_are_found_by_its_successor(filled: Runtime, operator: Actor) -> None:
    with filled.begin(operator) as uow:
        lease = lake.open_lease(uow, TABLE, "merge")
    with filled.begin(operator) as uow:
        assert [found.id for found in lake.unclosed_leases(uow)] == [lease.id]
        lake.close_lease(uow, lease.id)
        assert lake.unclosed_leases(uow) == []


def test_a_leased_table_is_neither_dropped_nor_changed(filled: Runtime, operator: Actor) -> None:
    with filled.begin(operator) as uow:
        lease = lake.open_lease(uow, TABLE, "merge")
    with filled.begin(operator) as uow:
        with pytest.raises(lake.TableLeased):
            lake.drop_table(uow, TABLE)
        with pytest.raises(lake.TableLeased):
            lake.evolve_table(uow, TABLE, add=[pa.field("x", pa.string())])
        lake.close_lease(uow, lease.id)
        lake.drop_table(uow, TABLE)


def test_of_many_who_open_at_once_one_has_the_lease(filled: Runtime, operator: Actor) -> None:
    begin, results = threading.Barrier(6), []

    def try_to_open() -> None:
        begin.wait()
        try:
            with filled.begin(operator) as uow:
                results.append(lake.open_lease(uow, TABLE, "merge").id)
        except lake.TableLeased:
            results.append(None)

    threads = [threading.Thread(target=try_to_open) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert sum(result is not None for result in results) == 1
