"""From a table that may be queried to what the catalog says of it: the asset that it is, or of which it was granted."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pergamon import access, catalog, lake
from pergamon.query.gate import TableName
from pergamon.query.ports import TableCatalog
from pergamon.query.visible_tables import describe_table
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class AssetBehind:
    """An asset that the actor may find."""

    id: str
    title: str


def assets_behind(uow: UnitOfWork, names: Collection[TableName]) -> dict[TableName, AssetBehind]:
    """The assets of tables that the actor may read, where they may find them. Cost: few questions, for all of them."""
    is_any_granted = any(name.database.endswith(lake.SUBSCRIPTIONS) for name in names)
    granted = access.list_subscriptions(uow) if is_any_granted else []
    ids = {str(TableName(one.database, one.table)): [one.asset_id] for one in granted}
    for asset in catalog.assets_of_tables(uow, [str(name) for name in names]):
        ids.setdefault(asset.name, []).append(asset.id)
    wanted = {name: ids.get(str(name), []) for name in names}
    titles = catalog.titles_found(uow, {one for found in wanted.values() for one in found})
    seen = {name: [one for one in sorted(found) if one in titles] for name, found in wanted.items()}
    return {name: AssetBehind(found[0], titles[found[0]]) for name, found in seen.items() if found}


def table_as_told(uow: UnitOfWork, tables: TableCatalog, name: TableName) -> dict[str, Any]:  # Any: JSON
    """One table with its columns, its newest snapshot, and its asset, where there is one to be found.

    Raises:
        UnknownQueryTable: it does not exist, or may not be read; both are answered alike.
    """
    found = describe_table(uow, tables, name)
    behind = assets_behind(uow, [found.name]).get(found.name)
    return found.description() | {"asset": {"id": behind.id, "title": behind.title} if behind else None}
