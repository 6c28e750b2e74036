"""How do assets and projects stand now? For the rooms above, which have asked the policy or do so with what this tells.

Nothing here decides who may know of it.
"""

from collections.abc import Collection

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.model import Asset, AssetVersion, Place
from pergamon.lake import TableId
from pergamon.store import UnitOfWork


def standing_assets(uow: UnitOfWork, ids: Collection[str], *, lock: bool = False) -> dict[str, Asset]:
    """Assets by id, retired ones too. lock: nobody changes them meanwhile. Cost: index lookups."""
    if lock:
        tables.lock_assets(uow, ids)
    return {asset.id: asset for asset in tables.assets_by_id(uow, ids)}


def standing_version(uow: UnitOfWork, asset_id: str, number: int) -> AssetVersion:
    """One version of an asset that names it."""
    return tables.version_of(uow, asset_id, number)


def standing_project(uow: UnitOfWork, project: str, *, lock: bool = False) -> Place | None:
    """Where a project stands; None when there is none."""
    found = tables_of_places.project(uow, project, lock=lock)
    return found[1] if found else None


def standing_places(uow: UnitOfWork) -> list[Place]:
    """Every project's place, by name."""
    return tables_of_places.places(uow)


def table_of(asset: Asset) -> TableId:
    """The table that an asset of kind `table` describes."""
    return TableId.parse(asset.name)
