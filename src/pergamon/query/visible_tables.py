"""Which tables may this actor read? Listing and decision are one rule (`policy.visible`, `policy.decide`)."""

from operator import attrgetter

from pergamon.kernel import require
from pergamon.policy import Action, Resource, decide, visible
from pergamon.query.gate import TableName, no_such_table, recordable
from pergamon.query.model import Column, GovernedTable, GrantedTable
from pergamon.query.ports import TableCatalog
from pergamon.store import UnitOfWork


def visible_tables(uow: UnitOfWork, catalog: TableCatalog) -> list[TableName]:
    """The tables that `table.read` allows, by name."""
    tables = {resource.id: (resource, names) for resource, names in catalog.tables(uow)}
    allowed = visible(uow.actor, Action.TABLE_READ, [resource for resource, _ in tables.values()])
    return sorted((name for resource in allowed for name in tables[resource.id][1]), key=_in_order)


_in_order = attrgetter("database", "table")
"""As names are ordered by themselves, and in a tenth of the time."""


def describe_table(uow: UnitOfWork, catalog: TableCatalog, name: TableName) -> GrantedTable:
    """One table's columns and newest snapshot.

    Raises:
        UnknownQueryTable: it does not exist, or may not be read; both are answered alike.
    """
    return catalog.granted(uow, readable_table(uow, catalog, name))


def table_columns(uow: UnitOfWork, catalog: TableCatalog, name: TableName) -> tuple[Column, ...]:
    """One table's columns alone, as its reader is told of them: what many are described by at once.

    Raises:
        UnknownQueryTable: it does not exist, or may not be read; both are answered alike.
    """
    return catalog.columns(uow, readable_table(uow, catalog, name))


def readable_table(uow: UnitOfWork, catalog: TableCatalog, name: TableName) -> GovernedTable:
    """The table, once `table.read` on it is allowed.

    Raises:
        UnknownQueryTable: it does not exist, or may not be read.
    """
    found = catalog.find(uow, name)
    decision = decide(
        uow.actor, Action.TABLE_READ, found.resource if found else Resource("table", recordable(str(name)))
    )
    if found is None:  # decided all the same, so that it takes as long as a table that may not be read
        raise no_such_table(str(name))
    if not decision.allowed:
        error = no_such_table(str(name))
        error.decision = decision
        raise error
    require(decision)
    return found
