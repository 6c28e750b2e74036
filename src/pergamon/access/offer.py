"""What can be asked for of an asset now: its listing's conditions, and the table's columns with their field ids."""

from dataclasses import dataclass

from pergamon import catalog, lake
from pergamon.access.model import NotForAsking
from pergamon.catalog import AccessConditions, Asset, AssetContent, AssetKind
from pergamon.policy import PolicyColumn, UnknownColumnType, inner_columns, with_row_fields
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Offer:
    """An asset as it can be asked for. columns: all that the table has; listed: those that the listing tells of, and
    nothing else is given, nor of what is in columns. table_key: which table this is, whatever another of its name is
    later."""

    asset: Asset
    listing_version: int
    conditions: AccessConditions
    columns: tuple[PolicyColumn, ...]
    listed: frozenset[str]
    lake_table: str
    table_key: str

    @property
    def inner(self) -> tuple[PolicyColumn, ...]:
        """The fields of the structs in its columns; none of a column that is not understood."""
        return tuple(inner for column in self.columns if is_understood(column) for inner in inner_columns(column))

    @property
    def of_rows(self) -> tuple[PolicyColumn, ...]:
        """What each row has one of: what filters ask about, and what dates are shifted by."""
        return with_row_fields(self.columns)

    @property
    def names(self) -> dict[int, str]:
        """Of columns and of what is in them."""
        return {column.field_id: column.name for column in (*self.columns, *self.inner)}


def is_understood(column: PolicyColumn) -> bool:
    """Is it known what is in a column? Nothing is given of any other that has parts."""
    try:
        inner_columns(column)
    except UnknownColumnType:
        return False
    return True


def _listed(content: AssetContent) -> frozenset[str]:
    return frozenset(name for column in content.columns for name in _names_told(column.name, column.type))


def _names_told(name: str, column_type: str) -> list[str]:
    """A listed column and what the listing tells to be in it."""
    column = PolicyColumn(0, name, column_type)
    return [name, *(inner.name for inner in inner_columns(column))] if is_understood(column) else [name]


def offer_of(uow: UnitOfWork, asset: Asset) -> Offer:
    """The offer that an asset is now.

    Raises:
        NotForAsking: it has no listing, its table is gone, or it bundles others.
        MetadataMissing: its table cannot be read.
    """
    if asset.kind is not AssetKind.TABLE:
        raise NotForAsking("a data product is not asked for as a whole", hint="ask for the assets that it bundles")
    if asset.published_version is None or asset.retired_at is not None:
        raise NotForAsking("the asset is not listed, so it cannot be asked for", hint="its owners publish it")
    table = catalog.table_of(asset)
    if not lake.is_table(uow, table):
        raise NotForAsking("the asset's table is gone")
    record = lake.read_table(uow, table)
    schema = lake.read_metadata(record.metadata_location).schema()
    listing = catalog.standing_version(uow, asset.id, asset.published_version).content
    return Offer(
        asset=asset,
        listing_version=asset.published_version,
        conditions=listing.conditions,
        columns=tuple(
            PolicyColumn(column.field_id, column.name, lake.type_text(column.field_type), column.required)
            for column in schema.columns
        ),
        listed=_listed(listing),
        lake_table=asset.name,
        table_key=record.key,
    )


def listed_at(uow: UnitOfWork, asset_id: str, version: int) -> frozenset[str]:
    """The columns that one version of an asset tells of, and what is in them."""
    return _listed(catalog.standing_version(uow, asset_id, version).content)


def conditions_of(uow: UnitOfWork, asset_id: str, version: int) -> AccessConditions:
    """The conditions of one version of an asset."""
    return catalog.standing_version(uow, asset_id, version).content.conditions
