"""Who may reach a table: its bucket's access rules, for the policy to decide with (law 1)."""

from collections.abc import Iterable

from pergamon.lake import tables
from pergamon.lake.buckets import read_buckets
from pergamon.lake.databases import read_databases
from pergamon.lake.locations import database_path, path_in_bucket
from pergamon.lake.model import BucketSpec, DatabaseSpec, TableId, UnknownTable
from pergamon.policy import AccessRule, Resource, normal_prefix, resource_for_path
from pergamon.store import UnitOfWork


def access_rules(spec: BucketSpec) -> tuple[AccessRule, ...]:
    """A bucket's rules in the policy's own words."""
    return tuple(
        AccessRule(
            prefix=normal_prefix(rule.prefix),
            readers=frozenset(rule.read_roles),
            writers=frozenset(rule.read_write_roles),
            supers=frozenset(rule.read_write_super_roles),
            tags=rule.tags,
        )
        for rule in spec.access_rules
    )


def table_resource(uow: UnitOfWork, table: TableId) -> Resource:
    """A table as the policy sees it.

    Raises:
        UnknownTable: no such table.
    """
    if tables.table(uow, table) is None:
        raise UnknownTable(f"there is no table {table}")
    database = read_databases(uow)[table.database]
    return _resource(table, database, read_buckets(uow)[database.bucket])


def table_resources(uow: UnitOfWork) -> list[Resource]:
    """Every table as the policy sees it, by name; for `policy.visible`."""
    databases, buckets = read_databases(uow), read_buckets(uow)
    found = (record.id for record in tables.all_tables(uow, None))
    return [_resource(table, databases[table.database], buckets[databases[table.database].bucket]) for table in found]


def resources_of_tables(uow: UnitOfWork, named: Iterable[TableId]) -> dict[TableId, Resource]:
    """These tables as the policy sees them, whether they are there or not; none for a database that is not there."""
    databases, buckets = read_databases(uow), read_buckets(uow)
    return {
        table: _resource(table, databases[table.database], buckets[databases[table.database].bucket])
        for table in named
        if table.database in databases
    }


def database_resource(uow: UnitOfWork, name: str) -> Resource:
    """A database as the policy sees it: who is given the whole of it. Nobody is, of one that is not there."""
    database = read_databases(uow).get(name)
    bucket = read_buckets(uow).get(database.bucket) if database else None
    if database is None or bucket is None:
        return Resource("database", name)
    return resource_for_path("database", name, database_path(name, database), access_rules(bucket))


def _resource(table: TableId, database: DatabaseSpec, bucket: BucketSpec) -> Resource:
    return resource_for_path("table", str(table), path_in_bucket(table, database), access_rules(bucket))
