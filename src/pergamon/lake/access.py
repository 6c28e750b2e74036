"""Who may reach a table: its bucket's access rules, for the policy to decide with (law 1)."""

from collections.abc import Collection, Iterable

from pergamon.lake import tables
from pergamon.lake.buckets import read_buckets
from pergamon.lake.databases import read_databases
from pergamon.lake.locations import database_path, path_in_bucket
from pergamon.lake.model import BucketSpec, DatabaseSpec, TableId, UnknownTable
from pergamon.policy import AccessRule, Resource, normal_prefix, prefix_covers, resource_for_path
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


def resource_of_table(uow: UnitOfWork, table: TableId) -> Resource:
    """A table as the policy sees it, whether it is there or not; nobody's, where there is no such database.

    Cost: one index lookup, however many databases and buckets there are.
    """
    row = tables.database_and_bucket(uow, table.database)
    if row is None:
        return Resource("table", str(table))
    return _resource(table, DatabaseSpec.model_validate(row["database"]), BucketSpec.model_validate(row["bucket"]))


def resources_to_list(uow: UnitOfWork, roles: Collection[str]) -> list[tuple[Resource, str, list[str]]]:
    """The tables on which rules may give one of these roles a right: a resource, and the database and names of tables
    that are like it. Where no rule speaks of a part of a database, all its tables are alike.

    Cost: what the databases hold in which these roles have a right; not what the lake holds.
    """
    held = frozenset(roles)
    buckets = {name: access_rules(spec) for name, spec in read_buckets(uow).items()}
    reached = {
        name: (database_path(name, spec), _rules_in(database_path(name, spec), buckets.get(spec.bucket, ())))
        for name, spec in read_databases(uow).items()
    }
    given = [name for name, (_, rules) in reached.items() if any(_names(rule, held) for rule in rules)]
    return [
        alike
        for database, names in tables.names_of_tables(uow, given).items()
        for alike in _alike(database, names, *reached[database])
    ]


def _alike(
    database: str, names: list[str], path: str, rules: tuple[AccessRule, ...]
) -> list[tuple[Resource, str, list[str]]]:
    if all(prefix_covers(rule.prefix, path) for rule in rules):
        return [(resource_for_path("table", f"{database}.{names[0]}", path, rules), database, names)]
    return [
        (resource_for_path("table", f"{database}.{name}", f"{path}/{name}", rules), database, [name]) for name in names
    ]


def _rules_in(path: str, rules: Iterable[AccessRule]) -> tuple[AccessRule, ...]:
    """The rules that reach a database's tables, or some of them."""
    return tuple(rule for rule in rules if prefix_covers(rule.prefix, path) or rule.prefix.startswith(f"{path}/"))


def _names(rule: AccessRule, roles: frozenset[str]) -> bool:
    return bool(roles & (rule.readers | rule.writers | rule.supers))


def database_resource(uow: UnitOfWork, name: str) -> Resource:
    """A database as the policy sees it: who is given the whole of it. Nobody is, of one that is not there."""
    database = read_databases(uow).get(name)
    bucket = read_buckets(uow).get(database.bucket) if database else None
    if database is None or bucket is None:
        return Resource("database", name)
    return resource_for_path("database", name, database_path(name, database), access_rules(bucket))


def _resource(table: TableId, database: DatabaseSpec, bucket: BucketSpec) -> Resource:
    return resource_for_path("table", str(table), path_in_bucket(table, database), access_rules(bucket))
