"""A name is taken from the folder that has it: a stranger's folder cannot keep `patients` for ever. Operators only.

The folder's table goes on under another name, from its files; what waited for the name is tried again. The table that
had it is dropped, with its assets: they were descriptions of other data.
"""

from pergamon import catalog, lake, objects
from pergamon.crawl import tables
from pergamon.crawl.model import CrawledNameTaken, TableReleased, UnknownCrawledTable
from pergamon.crawl.names import numbered, safe_name
from pergamon.kernel import ActorKind, Conflict, Decision, Invalid, require
from pergamon.lake import TableId
from pergamon.policy import Action
from pergamon.store import UnitOfWork


def release_name(uow: UnitOfWork, table: TableId, *, to: str | None = None) -> str | None:
    """Free the name of a crawled table. Its folder's table is called `to` from now on, or `name_2`, ….

    Returns: the new name; None when the table has no files any more, and is forgotten.

    Raises:
        AccessDenied: the actor is not the operator.
        UnknownCrawledTable: no crawler makes it.
        CrawledNameTaken: there is a table called `to`.
        Invalid: `to` is no name that every engine spells the same.
        TableLeased: it is being written at this moment; try again.
    """
    _require_operator(uow, table)
    owner = tables.owner_of(uow, table.database, table.name)
    if owner is None:
        raise UnknownCrawledTable(f"no crawler makes {table}", hint="see `pergamon crawl status`")
    tables.take_from_workers(uow, owner["crawler"], owner["folder"])
    name = None
    if tables.has_files(uow, owner["id"]):
        name = _free_name(uow, table) if to is None else _wanted(uow, table.database, to)
    _drop(uow, table, owner["id"], owner["table_key"])
    tables.call(uow, owner["id"], name)
    tables.wake(uow, owner["crawler"], [owner["folder"]])
    for crawler, folder in tables.replay_blocked(uow, table.database, table.name):
        tables.wake(uow, crawler, [folder])
    uow.record(
        TableReleased(subject=table.subject, crawler=owner["crawler"], folder=owner["folder"], now_called=name or "")
    )
    return name


def _require_operator(uow: UnitOfWork, table: TableId) -> None:
    is_operator = uow.actor.kind is ActorKind.OPERATOR
    reason = "the operator" if is_operator else "only the operator gives names to others"
    require(Decision(is_operator, Action.CRAWLER_RUN.value, table.subject, reason))


def _wanted(uow: UnitOfWork, database: str, to: str) -> str:
    if safe_name(to) != to:
        raise Invalid(f"{to!r} is no name for a table", hint=f"as {safe_name(to)!r}")
    if not _is_free(uow, database, to):
        raise CrawledNameTaken(f"there is a table {database}.{to}", hint="choose another name")
    return to


def _free_name(uow: UnitOfWork, table: TableId) -> str:
    number = 2
    while not _is_free(uow, table.database, numbered(table.name, number)):
        number += 1
    return numbered(table.name, number)


def _is_free(uow: UnitOfWork, database: str, name: str) -> bool:
    if tables.owner_of(uow, database, name) is not None:
        return False
    try:
        lake.read_table(uow, TableId(database, name))
    except lake.UnknownTable:
        return True
    return False


def _drop(uow: UnitOfWork, table: TableId, table_id: str, key: str | None) -> None:
    """The lake's table, when it is still the crawler's own; the objects are referred to no more."""
    going = [file.id for file in tables.data_files(uow, table_id)]
    objects.unrefer(uow, table, tables.versions_of_data_files(uow, going))
    tables.forget_table(uow, table_id)
    try:
        record = lake.read_table(uow, table)
    except lake.UnknownTable:
        return
    if record.key != key:
        return
    mine = [lease for lease in lake.unclosed_leases(uow) if lease.table == table]
    if mine:
        raise Conflict(f"{table} is being written at this moment", hint="try again in a moment")
    lake.drop_table(uow, table)
    catalog.table_dropped(uow, table)
