"""The lake as queries see it: its tables under their buckets' access rules, and the subscriptions under their grants.

A lake's table is read whole by whom the rules let read it. A subscription's table is a lake's table under another name,
of which live grants give columns and rows; whoever may read it need not be able to read the table itself.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from pergamon import access, lake
from pergamon.policy import Resource, obligations, resource_for_path
from pergamon.query.gate import TableName, no_such_table
from pergamon.query.governed_view import given_columns
from pergamon.query.mask_sql import SALT_BYTES, mask_secrets
from pergamon.query.model import Column, GovernedTable, GrantedTable, Reading
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class LakeCatalog:
    """A `TableCatalog`. mask_key: the secret key of a project's keyed masks, by the project's name."""

    mask_key: Callable[[UnitOfWork, str], bytes]

    def tables(self, uow: UnitOfWork) -> list[GovernedTable]:
        """Every table of the lake, and every one that live grants give to the actor's projects."""
        databases, buckets = lake.read_databases(uow), lake.read_buckets(uow)
        of_lake = [_governed(record.id, databases, buckets) for record in lake.list_tables(uow)]
        return of_lake + [_subscribed(table) for table in access.subscribed_tables(uow)]

    def find(self, uow: UnitOfWork, name: TableName) -> GovernedTable | None:
        """The table of that name, or None; a name that no table can have is simply not found.

        Rules and grants are read in any case: how long an answer takes must not tell whether there is a table.
        """
        databases, buckets = lake.read_databases(uow), lake.read_buckets(uow)
        subscribed = access.granted_rights(uow, name.database, name.table)
        record = _of_lake(uow, name)
        if record is not None:
            return _governed(record.id, databases, buckets)
        return None if subscribed is None else _subscribed(subscribed)

    def granted(self, uow: UnitOfWork, name: TableName) -> GrantedTable:
        """The newest snapshot: its files, its columns, and how it is read when grants give only a part.

        Raises:
            UnknownQueryTable: the table was dropped, or its last grant ended, meanwhile.
        """
        record = _of_lake(uow, name)
        if record is not None:
            return _snapshot(name, record)
        subscribed = access.granted_rights(uow, name.database, name.table)
        if subscribed is None:
            raise no_such_table(str(name))
        return self.in_part(uow, name, subscribed)

    def in_part(self, uow: UnitOfWork, name: TableName, subscribed: access.SubscribedTable) -> GrantedTable:
        """A lake's table as these rights give it.

        Raises:
            UnknownTable: the lake's table is gone.
        """
        whole = _snapshot(name, lake.read_table(uow, lake.TableId.parse(subscribed.lake_table)))
        salted = mask_secrets(self.mask_key(uow, subscribed.project), secrets.token_bytes(SALT_BYTES))
        reading = Reading(whole.columns, subscribed.rights, salted)
        return replace(whole, columns=given_columns(whole.columns, subscribed.rights), reading=reading)


def _of_lake(uow: UnitOfWork, name: TableName) -> lake.TableRecord | None:
    try:
        return lake.read_table(uow, lake.TableId.parse(str(name)))
    except (lake.UnknownTable, lake.BadName):
        return None


def _snapshot(name: TableName, record: lake.TableRecord) -> GrantedTable:
    metadata = lake.read_metadata(record.metadata_location)
    files = lake.files_of(record, metadata)
    columns = tuple(Column(field.name, str(field.field_type), field.field_id) for field in metadata.schema().columns)
    return GrantedTable(
        name=name,
        snapshot_id=files.snapshot_id,
        metadata=files.metadata,
        files=files.paths,
        columns=columns,
        data_bytes=files.size_bytes,
    )


def _subscribed(table: access.SubscribedTable) -> GovernedTable:
    """The decision names columns by their ids: their names stand in the table's metadata, which nobody opens yet."""
    name = TableName(table.database, table.table)
    ids = {column.field_id: str(column.field_id) for column in table.rights.columns}
    demanded = obligations(table.rights, ids)
    return GovernedTable(name, Resource("table", str(name), readers=table.readers, obligations=demanded), table.rights)


def _governed(
    table: lake.TableId, databases: dict[str, lake.DatabaseSpec], buckets: dict[str, lake.BucketSpec]
) -> GovernedTable:
    """A table whose database or bucket is gone has no rules, so nobody may read it."""
    name = TableName(table.database, table.name)
    database = databases.get(table.database)
    bucket = buckets.get(database.bucket) if database else None
    if database is None or bucket is None:
        return GovernedTable(name, Resource("table", str(table)))
    path = lake.path_in_bucket(table, database)
    return GovernedTable(name, resource_for_path("table", str(table), path, lake.access_rules(bucket)))
