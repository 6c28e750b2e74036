"""Which tables may this actor read? Listing and decision are one rule (`policy.visible`, `policy.decide`)."""

from pergamon.policy import Action, visible
from pergamon.query.gate import TableName
from pergamon.query.ports import TableCatalog
from pergamon.store import UnitOfWork


def visible_tables(uow: UnitOfWork, catalog: TableCatalog) -> list[TableName]:
    """The tables that `table.read` allows, by name."""
    governed = {str(table.resource): table.name for table in catalog.tables(uow)}
    tables = [table.resource for table in catalog.tables(uow)]
    return sorted(governed[str(resource)] for resource in visible(uow.actor, Action.TABLE_READ, tables))
