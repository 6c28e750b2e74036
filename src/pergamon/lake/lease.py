"""Leases: who may write a table now, and what became of it (law 4, ADR-0004).

The life of a lease: open -> (one commit through the catalog endpoint) -> close. After any engine error or time-out the
worker closes the lease first and believes only what `close_lease` returns.
"""

from collections.abc import Mapping
from typing import Any

from pergamon.kernel import new_id
from pergamon.lake import tables
from pergamon.lake.events import LeaseClosed, LeaseOpened
from pergamon.lake.model import Lease, LeaseOutcome, TableId, TableLeased, UnknownLease, UnknownTable
from pergamon.store import UnitOfWork


def open_lease(uow: UnitOfWork, table: TableId, purpose: str, facts: Mapping[str, Any] | None = None) -> Lease:
    """Take the right to one commit on `table` on top of its present snapshot. Commit before the engine is called.

    facts: JSON. Those that are one text or whole number also stand in the snapshot's summary as `pergamon.<name>`;
        lists (file ids) stay in the lease, for the hook that runs with the commit. Never a row's value.
    Raises:
        UnknownTable: no such table.
        TableLeased: it has a lease that is not closed.
    """
    record = tables.table(uow, table, lock=True)
    if record is None:
        raise UnknownTable(f"there is no table {table}")
    lease = Lease(
        id=new_id("lease"),
        table=table,
        table_key=record.key,
        purpose=purpose,
        facts=dict(facts or {}),
        parent_snapshot_id=record.snapshot_id,
        opened_at=uow.now,
        opened_by=str(uow.actor),
    )
    if not tables.insert_lease(uow, lease):
        raise TableLeased(f"table {table} has an open lease", hint="close it first, and read its outcome")
    uow.record(
        LeaseOpened(subject=table.subject, lease=lease.id, purpose=purpose, parent_snapshot_id=lease.parent_snapshot_id)
    )
    return lease


def close_lease(uow: UnitOfWork, lease_id: str) -> LeaseOutcome:
    """End a lease: no commit can come after this. Waits for a commit that is under way. May be repeated.

    Returns: whether its commit stands; the truth about the write.
    Raises:
        UnknownLease: no such lease.
    """
    lease = tables.lease(uow, lease_id, lock=True)
    if lease is None:
        raise UnknownLease(f"there is no lease {lease_id}")
    if lease.closed_at is None:
        tables.mark_closed(uow, lease_id)
        uow.record(
            LeaseClosed(subject=lease.table.subject, lease=lease_id, committed_snapshot_id=lease.committed_snapshot_id)
        )
    return LeaseOutcome(lease=lease, committed_snapshot_id=lease.committed_snapshot_id)


def read_lease(uow: UnitOfWork, lease_id: str) -> Lease:
    """A lease as it stands.

    Raises:
        UnknownLease: no such lease.
    """
    lease = tables.lease(uow, lease_id)
    if lease is None:
        raise UnknownLease(f"there is no lease {lease_id}")
    return lease


def unclosed_leases(uow: UnitOfWork) -> list[Lease]:
    """What a dead worker left: its successor closes each and reads its outcome before it writes anything."""
    return tables.leases_not_closed(uow)
