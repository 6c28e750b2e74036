"""Random writers on one table: the verbs on PostgreSQL against a slow, obvious model of a lease."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.table import Table
from pyiceberg.table.update import TableRequirement, TableUpdate

from pergamon import lake
from pergamon.kernel import Actor, ActorKind
from pergamon.lake.metadata import file_io
from pergamon.runtime import Runtime

ACTOR = Actor(id="service:worker", kind=ActorKind.SERVICE)
COLUMNS = pa.schema([("n", pa.int64())])


class _Captured(NoopCatalog):
    """A catalog that keeps what a commit would have sent."""

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> None:  # type: ignore[override]
        raise _Sent(updates)


class _Sent(Exception):
    def __init__(self, updates: tuple[TableUpdate, ...]) -> None:
        super().__init__()
        self.updates = updates


def written(record: lake.TableRecord, number: int) -> tuple[TableUpdate, ...]:
    """Files of one appended row, and the updates that would commit them."""
    location = record.metadata_location
    table = Table(
        (record.id.database, record.id.name), lake.read_metadata(location), location, file_io(), _Captured("x")
    )
    try:
        table.append(pa.table({"n": [number]}, schema=COLUMNS))
    except _Sent as sent:
        return sent.updates
    raise AssertionError("the append sent nothing")


class Writers(RuleBasedStateMachine):
    """Several writers open, write, commit (early, late, twice) and close, in any order."""

    rt: Runtime
    count = 0

    @initialize()
    def a_new_table(self) -> None:
        type(self).count += 1
        self.table = lake.TableId("raw_db", f"t_{self.count}")
        self.open: lake.Lease | None = None
        self.leases: list[lake.Lease] = []
        self.writes: list[tuple[lake.Lease, tuple[TableUpdate, ...]]] = []
        self.expected: dict[str, bool] = {}
        self.commits = 0
        with self.rt.begin(ACTOR) as uow:
            lake.create_table(uow, self.rt.settings.lake, self.table, COLUMNS)

    @rule()
    def open_a_lease(self) -> None:
        with self.rt.begin(ACTOR) as uow:
            if self.open is not None:
                with pytest.raises(lake.TableLeased):
                    lake.open_lease(uow, self.table, "merge")
                return
            self.open = lake.open_lease(uow, self.table, "merge")
        self.leases.append(self.open)
        self.expected[self.open.id] = False

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def write_files_under_some_lease(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        with self.rt.begin(ACTOR) as uow:
            record = lake.read_table(uow, self.table)
        self.writes.append((lease, written(record, len(self.writes))))

    @precondition(lambda self: self.writes)
    @rule(data=st.data())
    def commit_something_written(self, data: st.DataObject) -> None:
        lease, updates = data.draw(st.sampled_from(self.writes))
        may = self.open is not None and lease.id == self.open.id and not self.expected[lease.id]
        stands_on_parent = updates[0].snapshot.parent_snapshot_id == lease.parent_snapshot_id  # type: ignore[union-attr]
        if may and stands_on_parent:
            self._commit(lease, updates)
            self.expected[lease.id] = True
            self.commits += 1
        else:
            with pytest.raises((lake.LeaseRefused, lake.BadCommit)):
                self._commit(lease, updates)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def close_some_lease(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        with self.rt.begin(ACTOR) as uow:
            assert lake.close_lease(uow, lease.id).committed == self.expected[lease.id]
        if self.open is not None and lease.id == self.open.id:
            self.open = None

    @invariant()
    def every_commit_stands_once_and_nothing_else_does(self) -> None:
        if not hasattr(self, "table"):
            return
        with self.rt.begin(ACTOR) as uow:
            history = lake.snapshot_history(uow, self.table)
        committed = [snapshot.summary["pergamon.lease"] for snapshot in history]
        assert sorted(committed) == sorted(lease for lease, stands in self.expected.items() if stands)
        parents = [snapshot.parent_snapshot_id for snapshot in history]
        assert parents == [None, *(snapshot.snapshot_id for snapshot in history)][: len(parents)]

    def _commit(self, lease: lake.Lease, updates: tuple[TableUpdate, ...]) -> None:
        with self.rt.begin(ACTOR) as uow:
            planned = lake.plan_commit(uow, lease.id, self.table.name, updates)
        durable = lake.make_durable(planned)
        with self.rt.begin(ACTOR) as uow:
            lake.finish_commit(uow, durable, lake.no_hook)


def test_whatever_writers_do_a_lease_is_spent_once_and_its_outcome_is_true(rt: Runtime) -> None:
    with rt.begin(ACTOR) as uow:
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw"))
    machine = type("WritersHere", (Writers,), {"rt": rt})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert machine.count > 5
