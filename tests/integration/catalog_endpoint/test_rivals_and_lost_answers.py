"""Exactly once (law 4): a stale writer is refused, and after any engine error the lease tells the truth."""

import threading

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog

from pergamon import lake
from pergamon.adapters.spark_connect import EngineFailed, EngineTimedOut

from .conftest import COLUMNS, Engine, Lake, Wire

WRITES = [
    "INSERT INTO {alias} VALUES (99, 'south', 'stale')",
    "INSERT OVERWRITE {alias} VALUES (99, 'south', 'stale')",
    "DELETE FROM {alias} WHERE id = 1",
    "MERGE INTO {alias} t USING (SELECT 1 AS id) s ON t.id <=> s.id WHEN MATCHED THEN DELETE",
]


def rows(*ids: int) -> pa.Table:
    return pa.table({"id": ids, "region": ["north"] * len(ids), "name": ["n"] * len(ids)}, schema=COLUMNS)


def append(iceberg: RestCatalog, lease: lake.Lease, *ids: int) -> None:
    iceberg.load_table(lease.alias).append(rows(*ids))


def test_a_table_has_one_writer_at_a_time(world: Lake) -> None:
    first = world.open()
    with pytest.raises(lake.TableLeased):
        world.open()
    world.close(first)
    assert not world.close(world.open()).committed


@pytest.mark.parametrize("write", WRITES)
def test_a_stale_writer_is_refused_and_the_rivals_rows_stay(
    engine: Engine, wire: Wire, iceberg: RestCatalog, write: str
) -> None:
    """The engine's files are written; then its lease is closed and a rival commits. On a 409 Sail would rebase."""
    world = engine.lake
    first = world.open()
    engine.insert(first, 1)
    world.close(first)
    stale = world.open()

    def rival() -> None:
        world.close(stale)
        lease = world.open()
        append(iceberg, lease, 2)
        assert world.close(lease).committed

    wire.before_commit = rival
    with pytest.raises(EngineFailed):
        engine.session.execute_sql(write.format(alias=stale.alias))
    assert wire.statuses == [200, 200, 403], "the first write, the rival's, and one refusal: nobody tried again"
    assert not world.close(stale).committed
    assert engine.ids() == [1, 2]
    assert stale.id not in world.marks()


def test_a_head_that_moved_without_a_lease_refuses_the_commit(engine: Engine, wire: Wire) -> None:
    world = engine.lake
    lease = world.open()

    def move_head() -> None:
        with world.rt.begin(world.actor) as uow:
            uow.execute("UPDATE lake_table SET snapshot_id = 7 WHERE name = 'patients'")

    wire.before_commit = move_head
    with pytest.raises(EngineFailed):
        engine.insert(lease, 1)
    assert wire.statuses == [403]
    assert not world.close(lease).committed


def test_an_answer_that_is_lost_after_the_commit_leaves_the_truth_in_the_lease(engine: Engine, wire: Wire) -> None:
    world = engine.lake
    lease = world.open()
    wire.lose_answer = True
    with pytest.raises(EngineFailed):
        engine.insert(lease, 1)
    assert world.close(lease).committed, "the engine said it failed; the commit stands"
    assert engine.ids() == [1]
    assert world.marks() == [lease.id]


def test_a_request_that_is_lost_before_the_commit_leaves_the_truth_in_the_lease(engine: Engine, wire: Wire) -> None:
    world = engine.lake
    lease = world.open()
    wire.lose_request = True
    with pytest.raises(EngineFailed):
        engine.insert(lease, 1)
    assert not world.close(lease).committed
    assert engine.ids() == []
    assert world.marks() == []


def test_an_answer_that_never_comes_ends_in_a_time_out_and_the_lease_tells(engine: Engine, wire: Wire) -> None:
    world = engine.lake
    lease = world.open()
    wire.hold_answer = True
    with pytest.raises(EngineTimedOut):
        engine.session.execute_sql(f"INSERT INTO {lease.alias} VALUES (1, 'a', 'b')", timeout_s=3)
    assert world.close(lease).committed


def test_an_engine_that_is_killed_while_its_commit_is_under_way_is_judged_by_the_lease(
    engine: Engine, wire: Wire
) -> None:
    world = engine.lake
    lease = world.open()
    wire.before_commit = engine.sail.kill
    with pytest.raises(EngineFailed):
        engine.insert(lease, 1)
    outcome = world.close(lease)
    stands = bool(world.history())
    assert outcome.committed == stands
    assert (lease.id in world.marks()) == stands


def test_a_lease_gives_one_commit(world: Lake, iceberg: RestCatalog, wire: Wire) -> None:
    lease = world.open()
    table = iceberg.load_table(lease.alias)
    table.append(rows(1))
    with pytest.raises(Exception, match="the lease is committed"):
        table.append(rows(2))
    assert wire.statuses == [200, 403]
    assert world.close(lease).committed
    assert len(world.history()) == 1


def test_a_hook_that_fails_takes_the_commit_back(world: Lake, iceberg: RestCatalog) -> None:
    """The pipeline's marks, the pointer, the lease and the trail change together or not at all."""
    lease = world.open()
    with world.rt.begin(world.actor) as uow:
        uow.execute("INSERT INTO marked (lease, snapshot_id) VALUES (%s, 1)", (lease.id,))
    with pytest.raises(Exception, match="500"):
        append(iceberg, lease, 1)
    outcome = world.close(lease)
    assert not outcome.committed
    assert world.history() == []
    with world.rt.begin(world.actor) as uow:
        assert uow.rows("SELECT 1 FROM audit_event WHERE code = 'lake.lease_committed'") == []


def test_a_close_waits_for_a_commit_that_is_under_way(world: Lake, iceberg: RestCatalog) -> None:
    """Whoever comes first wins, and both know it: never a commit after a close that said there was none."""
    lease = world.open()
    inside, go_on = threading.Event(), threading.Event()

    def hook() -> None:
        inside.set()
        assert go_on.wait(20)

    world.hook = hook
    outcomes: list[lake.LeaseOutcome] = []
    writer = threading.Thread(target=append, args=(iceberg, lease, 1))
    closer = threading.Thread(target=lambda: outcomes.append(world.close(lease)))
    writer.start()
    assert inside.wait(20)
    closer.start()
    closer.join(0.3)
    assert closer.is_alive(), "the close waits for the commit"
    go_on.set()
    writer.join()
    closer.join()
    assert outcomes[0].committed
