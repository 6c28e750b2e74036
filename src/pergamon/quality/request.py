"""Ask for a table to be measured: cheap, in the unit of work that changed it; one request a table, the newest."""

from datetime import timedelta

from pergamon import lake
from pergamon.lake import TableId
from pergamon.quality import tables
from pergamon.store import UnitOfWork

REST_SHARE = 10
"""A table that took a second to measure is left alone for ten, however often it changes."""


def request_profile(uow: UnitOfWork, table: TableId, *, again: bool = False) -> bool:
    """Have a table measured, and its rules applied, at its snapshot as of this unit of work.

    For the platform's own writers, which call it with their commit; people ask by `run_profile`. A snapshot that has a
    profile, or is asked for already, is not measured twice; `again`: it is. Cost: two index look-ups and an insert.

    Returns: is there something new to do?
    Raises:
        UnknownTable: there is no such table.
    """
    record = lake.read_table(uow, table)
    last = tables.last_measuring(uow, table)
    if last is not None and last[2] == record.snapshot_id and not again and not tables.is_requested(uow, table):
        return False
    due_at = uow.now
    if last is not None and not again:
        due_at = max(uow.now, last[0] + REST_SHARE * timedelta(milliseconds=last[1]))
    return tables.save_request(uow, table, record.snapshot_id, due_at, measure_again=again)


def request_rules(uow: UnitOfWork, table: TableId) -> None:
    """Have a table's rules applied anew. What its snapshot's profile says of the columns stays."""
    record = lake.read_table(uow, table)
    tables.save_rule_requests(uow, [(table, record.snapshot_id)])


def notice_changes(uow: UnitOfWork) -> int:
    """Ask for every table that has rules or has been measured before, and has changed since, whoever wrote it.

    Returns: how many were asked for.
    """
    specs = tables.all_rules(uow).values()
    measured, own = tables.measured_snapshots(uow), tables.tables_with_own_rules(uow)
    asked = 0
    for record in lake.list_tables(uow):
        is_followed = record.id in measured or record.id in own or any(spec.takes(record.id) for spec in specs)
        if is_followed and (record.id not in measured or measured[record.id] != record.snapshot_id):
            asked += request_profile(uow, record.id)
    return asked
