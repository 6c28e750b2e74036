"""The lake as queries see it: each table with the roles that its bucket's access rules give a right on it."""

from dataclasses import dataclass

from pergamon import lake
from pergamon.policy import Resource, resource_for_path
from pergamon.query.gate import TableName
from pergamon.query.model import Column, GovernedTable, GrantedTable
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class LakeCatalog:
    """A `TableCatalog` over the lake's own tables."""

    def tables(self, uow: UnitOfWork) -> list[GovernedTable]:
        """Every table of the lake, by name."""
        databases, buckets = lake.read_databases(uow), lake.read_buckets(uow)
        return [_governed(record.id, databases, buckets) for record in lake.list_tables(uow)]

    def find(self, uow: UnitOfWork, name: TableName) -> GovernedTable | None:
        """The table of that name, or None; a name that no table can have is simply not found.

        The rules are read in any case: how long an answer takes must not tell whether there is a table.
        """
        databases, buckets = lake.read_databases(uow), lake.read_buckets(uow)
        try:
            record = lake.read_table(uow, lake.TableId.parse(str(name)))
        except (lake.UnknownTable, lake.BadName):
            return None
        return _governed(record.id, databases, buckets)

    def granted(self, uow: UnitOfWork, name: TableName) -> GrantedTable:
        """The newest snapshot: its files, its columns.

        Raises:
            NotFound: the table was dropped meanwhile.
        """
        record = lake.read_table(uow, lake.TableId.parse(str(name)))
        metadata = lake.read_metadata(record.metadata_location)
        files = lake.files_of(record, metadata)
        columns = tuple(Column(column.name, str(column.field_type)) for column in metadata.schema().columns)
        return GrantedTable(
            name=name, snapshot_id=files.snapshot_id, metadata=files.metadata, files=files.paths, columns=columns
        )


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
