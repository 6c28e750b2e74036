"""One commit under one lease (law 4): what it may ask for, durable before visible, and everything moves together.

Three steps, so that no transaction is open while files are forced to the disk:
`plan_commit` (short transaction) -> `make_durable` (no transaction) -> `finish_commit` (one unit of work).
Only `make_durable` makes a `DurableCommit`, and only a `DurableCommit` can be finished.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Snapshot, Summary
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    SetSnapshotRefUpdate,
    TableRequirement,
    TableUpdate,
    update_table_metadata,
)

from pergamon.kernel import Decision
from pergamon.lake import tables
from pergamon.lake.events import LeaseCommitted
from pergamon.lake.metadata import next_metadata_location, read_metadata, write_metadata
from pergamon.lake.model import BadCommit, Lease, LeaseRefused, LeaseState, TableRecord
from pergamon.lake.named_files import force_to_disk, newly_named
from pergamon.lake.properties import SUMMARY_PREFIX
from pergamon.store import UnitOfWork

OnCommit = Callable[[UnitOfWork, Lease, int], None]
"""Runs in the commit's own unit of work, with the lease and the new snapshot's id: the pipeline marks its files."""


@dataclass(frozen=True)
class PlannedCommit:
    """A commit that its lease allows, as far as the request itself can tell."""

    lease: Lease
    record: TableRecord
    base: TableMetadata
    snapshot: Snapshot
    before: tuple[TableUpdate, ...] = ()
    """What our own process changes in the same commit, before the snapshot; an engine's commit has none."""
    in_place: frozenset[Path] = frozenset()
    """Files outside the table's location that our own process lets it name, each exactly; an engine's commit has
    none."""


@dataclass(frozen=True)
class DurableCommit:
    """A planned commit whose every newly named file lies in its table and is on the disk."""

    planned: PlannedCommit
    files: tuple[Path, ...]


def no_hook(uow: UnitOfWork, lease: Lease, snapshot_id: int) -> None:
    """For tables whose commits mean nothing to any other room."""


def plan_commit(
    uow: UnitOfWork,
    lease_id: str,
    table_name: str,
    updates: Sequence[TableUpdate],
    requirements: Sequence[TableRequirement] = (),
) -> PlannedCommit:
    """Check a commit against its lease and its table.

    Raises:
        LeaseRefused: no such lease, not open, for another table, or the head is no longer its parent.
        BadCommit: it asks for more than one new snapshot on main.
    """
    lease, record = writable(uow, lease_id, table_name)
    base = read_metadata(record.metadata_location)
    snapshot = _only_snapshot(lease, base, updates)
    _check_requirements(lease, base, requirements)
    return PlannedCommit(lease, record, base, snapshot)


def writable(uow: UnitOfWork, lease_id: str, table_name: str, *, lock: bool = False) -> tuple[Lease, TableRecord]:
    """The lease and the table, when the lease gives the right to commit now.

    Raises:
        LeaseRefused: it does not.
    """
    lease = tables.lease(uow, lease_id, lock=lock)
    if lease is None:
        raise refusal(f"{lease_id}.{table_name}", "there is no such lease")
    if lease.table.name != table_name:
        raise refusal(lease.alias, "the lease is for another table")
    if lease.state is not LeaseState.OPEN:
        raise refusal(lease.alias, f"the lease is {lease.state}")
    record = tables.table(uow, lease.table, lock=lock)
    if record is None or record.key != lease.table_key:
        raise refusal(lease.alias, "the table was dropped")
    if record.snapshot_id != lease.parent_snapshot_id:
        raise refusal(lease.alias, "the table's head has moved since the lease was opened")
    return lease, record


def refusal(name: str, reason: str) -> LeaseRefused:
    """The error for a write that no lease allows; it carries the decision, for the trail."""
    decision = Decision(False, "table.write", f"table:{name}", reason, decided_by=("lease",))
    return LeaseRefused(f"{name} cannot be written: {reason}", decision=decision)


def make_durable(planned: PlannedCommit) -> DurableCommit:
    """Force every file that the snapshot newly names to the disk, then the directories that name them. No transaction.

    Raises:
        BadLocation: a file outside the table's location, a link, or a missing file.
        BadCommit: equality deletes, which not every reader understands.
    """
    home, parent = planned.record.location, planned.base.current_snapshot()
    named = newly_named(planned.lease.alias, home, planned.snapshot, parent, in_place=planned.in_place)
    files = force_to_disk(tuple(named), home)
    return DurableCommit(planned, files)


def finish_commit(uow: UnitOfWork, commit: DurableCommit, on_commit: OnCommit) -> tuple[TableMetadata, str]:
    """Write the metadata, move the pointer, run the hook, spend the lease: all or nothing with this unit of work.

    Returns: the table's new metadata and its location.
    Raises:
        LeaseRefused: the lease was closed, or the head moved, since the commit was planned.
    """
    planned = commit.planned
    lease, record = writable(uow, planned.lease.id, planned.lease.table.name, lock=True)
    if record.metadata_location != planned.record.metadata_location:
        raise refusal(lease.alias, "the table has changed since the commit was planned")
    snapshot = _with_facts(planned.snapshot, lease)
    metadata = update_table_metadata(
        planned.base, (*planned.before, *_updates(snapshot)), True, record.metadata_location
    )
    location = next_metadata_location(record.location, record.metadata_location)
    write_metadata(metadata, location)
    if not tables.move_pointer(uow, record, location, snapshot.snapshot_id):
        raise refusal(lease.alias, "the table has changed since the commit was planned")
    tables.mark_committed(uow, lease.id, snapshot.snapshot_id)
    on_commit(uow, lease, snapshot.snapshot_id)
    uow.record(
        LeaseCommitted(
            subject=lease.table.subject,
            lease=lease.id,
            purpose=lease.purpose,
            snapshot_id=snapshot.snapshot_id,
            parent_snapshot_id=lease.parent_snapshot_id,
        )
    )
    return metadata, location


def _only_snapshot(lease: Lease, base: TableMetadata, updates: Sequence[TableUpdate]) -> Snapshot:
    """The one snapshot of a commit that is exactly add-snapshot and set-snapshot-ref main, on the lease's parent."""
    strangers = sorted({update.action for update in updates} - {"add-snapshot", "set-snapshot-ref"})
    if strangers:
        raise BadCommit(f"{lease.alias}: a lease does not allow {', '.join(strangers)}")
    added = [update.snapshot for update in updates if isinstance(update, AddSnapshotUpdate)]
    refs = [update for update in updates if isinstance(update, SetSnapshotRefUpdate)]
    if len(added) != 1 or len(refs) != 1:
        raise BadCommit(f"{lease.alias}: a commit is one new snapshot and one new head")
    snapshot, ref = added[0], refs[0]
    if (ref.ref_name, ref.type, ref.snapshot_id) != (MAIN_BRANCH, SnapshotRefType.BRANCH, snapshot.snapshot_id):
        raise BadCommit(f"{lease.alias}: only the branch main can be set, and only to the new snapshot")
    if snapshot.parent_snapshot_id != lease.parent_snapshot_id:
        raise refusal(lease.alias, "the commit stands on another snapshot than the lease")
    if not 0 <= snapshot.snapshot_id < 2**63:
        raise BadCommit(f"{lease.alias}: the snapshot's id is not a positive 64-bit number")
    if base.snapshot_by_id(snapshot.snapshot_id) is not None:
        raise BadCommit(f"{lease.alias}: the snapshot's id is taken")
    if base.format_version == 1 or snapshot.sequence_number != base.last_sequence_number + 1:
        raise BadCommit(f"{lease.alias}: the sequence number does not follow the table's last")
    if snapshot.schema_id is not None and snapshot.schema_id != base.current_schema_id:
        raise refusal(lease.alias, "the commit was written with other columns than the table has now")
    return snapshot


def _check_requirements(lease: Lease, base: TableMetadata, requirements: Iterable[TableRequirement]) -> None:
    """What the client asserts is checked too; it cannot ask for less than the lease does."""
    try:
        for requirement in requirements:
            requirement.validate(base)
    except CommitFailedException:
        raise refusal(lease.alias, "the table is not as the request asserts") from None


def _with_facts(snapshot: Snapshot, lease: Lease) -> Snapshot:
    """The snapshot with the lease's facts in its summary; an engine cannot write under our prefix."""
    if snapshot.summary is None:
        raise BadCommit(f"{lease.alias}: the snapshot has no summary")
    entries = snapshot.summary.additional_properties
    foreign = {name: value for name, value in entries.items() if not name.startswith(SUMMARY_PREFIX)}
    summary = Summary(snapshot.summary.operation, **foreign, **lease.summary())
    return snapshot.model_copy(update={"summary": summary})


def _updates(snapshot: Snapshot) -> tuple[TableUpdate, ...]:
    head = SetSnapshotRefUpdate.model_validate(
        {"ref-name": MAIN_BRANCH, "type": SnapshotRefType.BRANCH, "snapshot-id": snapshot.snapshot_id}
    )
    return AddSnapshotUpdate(snapshot=snapshot), head
