"""Databases as they are deployed: put, read, drop."""

from pergamon.lake import tables
from pergamon.lake.buckets import read_buckets
from pergamon.lake.events import DatabaseDropped, DatabasePut
from pergamon.lake.model import (
    SUBSCRIPTIONS,
    BadName,
    DatabaseSpec,
    InUse,
    UnknownBucket,
    UnknownDatabase,
    require_name,
)
from pergamon.store import UnitOfWork, asked_once


def put_database(uow: UnitOfWork, name: str, spec: DatabaseSpec, tags: dict[str, str] | None = None) -> None:
    """Declare a database, or change what is declared.

    Raises:
        BadName: the name cannot be used, or ends as the names of subscriptions do.
        UnknownBucket: its bucket is not declared.
        InUse: it has tables, and its place was to change: tables are moved by `relocate`, never by configuration.
    """
    require_name("database", name)
    if name.endswith(SUBSCRIPTIONS):
        hint = "such names are for what projects are granted; give it another"
        raise BadName(f"the database {name} cannot be called so: its name ends in {SUBSCRIPTIONS}", hint=hint)
    if spec.bucket not in read_buckets(uow):
        raise UnknownBucket(f"database {name} names the bucket {spec.bucket}, which is not declared")
    before = read_databases(uow).get(name)
    moved = before is not None and (before.bucket, before.prefix) != (spec.bucket, spec.prefix)
    if moved and tables.all_tables(uow, name):
        raise InUse(f"database {name} has tables; its bucket and prefix cannot change", hint="drop its tables first")
    tables.save_database(uow, name, spec, tags or {})
    uow.record(DatabasePut(subject=f"database:{name}", bucket=spec.bucket, prefix=spec.prefix))


@asked_once
def read_databases(uow: UnitOfWork) -> dict[str, DatabaseSpec]:
    """Every declared database, by name."""
    return {row["name"]: DatabaseSpec.model_validate(row["spec"]) for row in tables.databases(uow)}


def read_database_tags(uow: UnitOfWork) -> dict[str, dict[str, str]]:
    return {row["name"]: row["tags"] for row in tables.databases(uow)}


def drop_database(uow: UnitOfWork, name: str) -> None:
    """Forget a database that has no tables.

    Raises:
        UnknownDatabase: no such database.
        InUse: it still has tables.
    """
    count = len(tables.all_tables(uow, name))
    if count:
        raise InUse(f"database {name} has {count} tables", hint="drop them first")
    if not tables.delete_database(uow, name):
        raise UnknownDatabase(f"there is no database {name}")
    uow.record(DatabaseDropped(subject=f"database:{name}"))
