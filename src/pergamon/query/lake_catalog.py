"""The lake as queries see it: its tables under their buckets' access rules, and the subscriptions under their grants.

A lake's table is read whole by whom the rules let read it. A subscription's table is a lake's table under another name,
of which live grants give columns and rows; whoever may read it need not be able to read the table itself.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from pyiceberg.table.metadata import TableMetadata

from pergamon import access, lake
from pergamon.policy import Resource, obligations
from pergamon.query.gate import TableName, no_such_table
from pergamon.query.governed_view import given_columns
from pergamon.query.mask_sql import SALT_BYTES, mask_secrets
from pergamon.query.model import Column, GovernedTable, GrantedTable, Reading
from pergamon.store import UnitOfWork

FEW_FILES = 100
SCHEMAS_KEPT = 4096


@dataclass(frozen=True)
class LakeCatalog:
    """A `TableCatalog`. mask_key: the secret key of keyed masks, by the project that is given and the one that owns."""

    mask_key: Callable[[UnitOfWork, str, str], bytes]

    def tables(self, uow: UnitOfWork) -> list[tuple[Resource, list[TableName]]]:
        """The lake's tables on which rules give one of the actor's roles a right, and those that live grants give."""
        of_lake = [
            (resource, [TableName(database, name) for name in names])
            for resource, database, names in lake.resources_to_list(uow, uow.actor.roles)
        ]
        return of_lake + _listed(access.list_subscriptions(uow))

    def find(self, uow: UnitOfWork, name: TableName) -> GovernedTable | None:
        """The table of that name, or None; a name that no table can have is simply not found.

        Rules are read in any case: how long an answer takes must not tell whether the lake has such a table. None of
        its databases is called as those of subscriptions.
        """
        if name.database.endswith(lake.SUBSCRIPTIONS):
            subscribed = access.granted_rights(uow, name.database, name.table)
            return None if subscribed is None else GovernedTable(name, _demanding(name, subscribed), subscribed)
        try:
            table = lake.TableId.parse(str(name))
        except lake.BadName:
            return None
        resource = lake.resource_of_table(uow, table)
        record = lake.find_table(uow, table)
        return None if record is None else GovernedTable(name, resource, record)

    def columns(self, uow: UnitOfWork, table: GovernedTable) -> tuple[Column, ...]:
        """What its reader is told of its columns; which files it has is nobody's question here.

        Raises:
            UnknownQueryTable: the table was dropped meanwhile.
        """
        if isinstance(table.source, lake.TableRecord):
            return columns_at(table.source.metadata_location)
        try:
            record = lake.read_table(uow, lake.TableId.parse(table.source.lake_table))
        except lake.UnknownTable:
            raise no_such_table(str(table.name)) from None
        return given_columns(columns_at(record.metadata_location), table.source.rights)

    def granted(self, uow: UnitOfWork, table: GovernedTable) -> GrantedTable:
        """The newest snapshot: its files, its columns, and how it is read when grants give only a part.

        Raises:
            UnknownQueryTable: the table was dropped meanwhile.
        """
        if isinstance(table.source, lake.TableRecord):
            return _snapshot(table.name, table.source)
        try:
            return self.in_part(uow, table.name, table.source)
        except lake.UnknownTable:
            raise no_such_table(str(table.name)) from None

    def in_part(self, uow: UnitOfWork, name: TableName, subscribed: access.SubscribedTable) -> GrantedTable:
        """A lake's table as these rights give it.

        Raises:
            UnknownTable: the lake's table is gone.
        """
        whole = _snapshot(name, lake.read_table(uow, lake.TableId.parse(subscribed.lake_table)))
        key = self.mask_key(uow, subscribed.project, subscribed.owner)
        salted = mask_secrets(key, secrets.token_bytes(SALT_BYTES))
        reading = Reading(whole.columns, subscribed.rights, salted)
        return replace(
            whole,
            columns=given_columns(whole.columns, subscribed.rights),
            reading=reading,
            lake_table=subscribed.lake_table,
            asset_id=subscribed.asset_id,
        )


def _snapshot(name: TableName, record: lake.TableRecord) -> GrantedTable:
    metadata = lake.read_metadata(record.metadata_location)
    files = lake.files_of(record, metadata)
    return GrantedTable(
        name=name,
        snapshot_id=files.snapshot_id,
        metadata=files.metadata,
        files=files.paths,
        columns=_columns(metadata),
        data_bytes=files.size_bytes,
        parquet_alone=_parquet_alone(files, metadata),
        has_deleted_rows=bool(files.position_deletes),
    )


@lru_cache(maxsize=SCHEMAS_KEPT)
def columns_at(metadata_location: str) -> tuple[Column, ...]:
    """The columns that a metadata file tells. It is read once: such a file never changes, a new one has a new name."""
    return _columns(lake.read_metadata(metadata_location))


def _columns(metadata: TableMetadata) -> tuple[Column, ...]:
    return tuple(
        Column(field.name, lake.type_text(field.field_type), field.field_id) for field in metadata.schema().columns
    )


def _parquet_alone(files: lake.TableFiles, metadata: TableMetadata) -> tuple[str, ...]:
    """A few files need no manifests to be told apart by; many are passed over by what their manifests tell of them."""
    is_alone = files.is_parquet_alone and lake.NAME_MAPPING not in metadata.properties
    return tuple(file.path for file in files.data) if is_alone and len(files.data) <= FEW_FILES else ()


def _demanding(name: TableName, table: access.SubscribedTable) -> Resource:
    """The decision names columns by their ids: their names stand in the table's metadata, which nobody opens yet."""
    ids = {column.field_id: str(column.field_id) for column in table.rights.columns}
    return Resource("table", str(name), readers=table.readers, obligations=obligations(table.rights, ids))


def _listed(subscriptions: Iterable[access.Subscription]) -> list[tuple[Resource, list[TableName]]]:
    """What was given to one project is alike to the policy: the same people use it."""
    alike: dict[frozenset[str], list[TableName]] = {}
    for one in subscriptions:
        alike.setdefault(one.readers, []).append(TableName(one.database, one.table))
    return [(Resource("table", str(names[0]), readers=readers), names) for readers, names in alike.items()]
