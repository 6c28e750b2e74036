"""The lake's SQL. No other room touches these tables."""

from collections.abc import Collection
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.lake.model import BucketSpec, DatabaseSpec, Lease, TableId, TableRecord
from pergamon.store import UnitOfWork


def save_bucket(uow: UnitOfWork, name: str, spec: BucketSpec, tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO lake_bucket (name, spec, tags, changed_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET spec = EXCLUDED.spec, tags = EXCLUDED.tags, changed_at = EXCLUDED.changed_at",
        (name, Jsonb(spec.model_dump(mode="json", by_alias=True)), Jsonb(tags), uow.now),
    )


def buckets(uow: UnitOfWork) -> list[DictRow]:
    return uow.rows("SELECT name, spec, tags FROM lake_bucket ORDER BY name")


def delete_bucket(uow: UnitOfWork, name: str) -> bool:
    return uow.execute("DELETE FROM lake_bucket WHERE name = %s", (name,)) > 0


def databases_in_bucket(uow: UnitOfWork, bucket: str) -> list[str]:
    return [row["name"] for row in uow.rows("SELECT name FROM lake_database WHERE bucket = %s", (bucket,))]


def save_database(uow: UnitOfWork, name: str, spec: DatabaseSpec, tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO lake_database (name, bucket, spec, tags, changed_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET bucket = EXCLUDED.bucket, spec = EXCLUDED.spec, tags = EXCLUDED.tags, "
        "changed_at = EXCLUDED.changed_at",
        (name, spec.bucket, Jsonb(spec.model_dump(mode="json")), Jsonb(tags), uow.now),
    )


def databases(uow: UnitOfWork) -> list[DictRow]:
    return uow.rows("SELECT name, spec, tags FROM lake_database ORDER BY name")


def database_and_bucket(uow: UnitOfWork, name: str) -> DictRow | None:
    return uow.row(
        "SELECT d.spec AS database, b.spec AS bucket FROM lake_database d JOIN lake_bucket b ON b.name = d.bucket "
        "WHERE d.name = %s",
        (name,),
    )


def delete_database(uow: UnitOfWork, name: str) -> bool:
    uow.execute(
        "DELETE FROM lake_lease USING lake_table WHERE lake_lease.table_key = lake_table.key "
        "AND lake_table.database = %s AND lake_table.dropped_at IS NOT NULL",
        (name,),
    )
    uow.execute("DELETE FROM lake_table WHERE database = %s AND dropped_at IS NOT NULL", (name,))
    return uow.execute("DELETE FROM lake_database WHERE name = %s", (name,)) > 0


def insert_table(uow: UnitOfWork, record: TableRecord) -> bool:
    """False when the name or the location is taken."""
    return (
        uow.execute(
            "INSERT INTO lake_table "
            "(key, database, name, location, metadata_location, snapshot_id, created_at, changed_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                record.key,
                record.id.database,
                record.id.name,
                record.location,
                record.metadata_location,
                record.snapshot_id,
                record.created_at,
                record.changed_at,
            ),
        )
        > 0
    )


def table(uow: UnitOfWork, table: TableId, *, lock: bool = False) -> TableRecord | None:
    values = (table.database, table.name)
    if lock:
        row = uow.row(
            "SELECT * FROM lake_table WHERE database = %s AND name = %s AND dropped_at IS NULL FOR UPDATE", values
        )
    else:
        row = uow.row("SELECT * FROM lake_table WHERE database = %s AND name = %s AND dropped_at IS NULL", values)
    return _record(row) if row else None


def all_tables(uow: UnitOfWork, database: str | None) -> list[TableRecord]:
    rows = uow.rows(
        "SELECT * FROM lake_table WHERE dropped_at IS NULL AND (%(database)s::text IS NULL OR database = %(database)s) "
        "ORDER BY database, name",
        {"database": database},
    )
    return [_record(row) for row in rows]


def names_of_tables(uow: UnitOfWork, databases: Collection[str]) -> dict[str, list[str]]:
    rows = uow.rows(
        "SELECT database, array_agg(name ORDER BY name) AS names FROM lake_table "
        "WHERE dropped_at IS NULL AND database = ANY (%s) GROUP BY database ORDER BY database",
        (sorted(databases),),
    )
    return {row["database"]: row["names"] for row in rows}


def keys_of_tables(uow: UnitOfWork, named: Collection[TableId]) -> dict[TableId, str]:
    rows = uow.rows(
        "SELECT database, name, t.key FROM unnest(%s::text[], %s::text[]) AS wanted (database, name) "
        "JOIN lake_table t USING (database, name) WHERE t.dropped_at IS NULL",
        ([table.database for table in named], [table.name for table in named]),
    )
    return {TableId(row["database"], row["name"]): row["key"] for row in rows}


def move_pointer(uow: UnitOfWork, record: TableRecord, metadata_location: str, snapshot_id: int | None) -> bool:
    """False when the pointer is no longer where `record` says: somebody else moved it."""
    return (
        uow.execute(
            "UPDATE lake_table SET metadata_location = %s, snapshot_id = %s, changed_at = %s "
            "WHERE key = %s AND metadata_location = %s AND dropped_at IS NULL",
            (metadata_location, snapshot_id, uow.now, record.key, record.metadata_location),
        )
        > 0
    )


def mark_dropped(uow: UnitOfWork, key: str) -> None:
    uow.execute("UPDATE lake_table SET dropped_at = %s, changed_at = %s WHERE key = %s", (uow.now, uow.now, key))


def insert_lease(uow: UnitOfWork, lease: Lease) -> bool:
    """False when the table has an open lease."""
    return (
        uow.execute(
            "INSERT INTO lake_lease (id, table_key, purpose, facts, parent_snapshot_id, opened_at, opened_by) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (table_key) WHERE closed_at IS NULL DO NOTHING",
            (
                lease.id,
                lease.table_key,
                lease.purpose,
                Jsonb(dict(lease.facts)),
                lease.parent_snapshot_id,
                lease.opened_at,
                lease.opened_by,
            ),
        )
        > 0
    )


def lease(uow: UnitOfWork, lease_id: str, *, lock: bool = False) -> Lease | None:
    """A lease by its id; locked, a commit and a close wait for each other."""
    if lock:
        row = uow.row(
            "SELECT l.*, t.database, t.name FROM lake_lease l JOIN lake_table t ON t.key = l.table_key "
            "WHERE l.id = %s FOR UPDATE OF l",
            (lease_id,),
        )
    else:
        row = uow.row(
            "SELECT l.*, t.database, t.name FROM lake_lease l JOIN lake_table t ON t.key = l.table_key WHERE l.id = %s",
            (lease_id,),
        )
    return _lease(row) if row else None


def open_lease_of(uow: UnitOfWork, table_key: str) -> str | None:
    row = uow.row("SELECT id FROM lake_lease WHERE table_key = %s AND closed_at IS NULL", (table_key,))
    return row["id"] if row else None


def leases_not_closed(uow: UnitOfWork) -> list[Lease]:
    rows = uow.rows(
        "SELECT l.*, t.database, t.name FROM lake_lease l JOIN lake_table t ON t.key = l.table_key "
        "WHERE l.closed_at IS NULL ORDER BY l.id"
    )
    return [_lease(row) for row in rows]


def mark_committed(uow: UnitOfWork, lease_id: str, snapshot_id: int) -> None:
    uow.execute(
        "UPDATE lake_lease SET committed_snapshot_id = %s, committed_at = %s WHERE id = %s",
        (snapshot_id, uow.now, lease_id),
    )


def mark_closed(uow: UnitOfWork, lease_id: str) -> None:
    uow.execute("UPDATE lake_lease SET closed_at = %s WHERE id = %s", (uow.now, lease_id))


def _record(row: DictRow) -> TableRecord:
    names = ("key", "location", "metadata_location", "snapshot_id", "created_at", "changed_at")
    return TableRecord(id=TableId(row["database"], row["name"]), **{name: row[name] for name in names})


def _lease(row: DictRow) -> Lease:
    values: dict[str, Any] = {name: row[name] for name in row if name not in ("database", "name")}
    return Lease(table=TableId(row["database"], row["name"]), **values)
