"""The objects' SQL. No other room touches these tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.kernel import new_id
from pergamon.objects.model import ObjectEventKind, ObjectVersion
from pergamon.objects.scopes import LAST, Folding, Scope
from pergamon.store import UnitOfWork

_LOCK_SPACE = 60
"""Keeps our advisory locks apart from others' in the same database."""


def lock_key(uow: UnitOfWork, bucket: str, key: str) -> None:
    """Hold a key until this transaction ends; whoever else changes it waits, then sees what was done."""
    uow.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (f"{bucket}/{key}", _LOCK_SPACE))


def hold_off_sweep(uow: UnitOfWork) -> None:
    """Until this transaction ends, no content is swept; many may hold it off at once."""
    uow.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_LOCK_SPACE,))


def sweep_alone(uow: UnitOfWork) -> None:
    """Until this transaction ends, nobody makes an object of a content."""
    uow.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_SPACE,))


def insert_version(uow: UnitOfWork, version: ObjectVersion) -> None:
    uow.execute(
        "INSERT INTO object_version (id, bucket, key, size_bytes, sha256, content_type, owner, created_at, tags, "
        "is_current, is_deletion, path) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            version.id,
            version.bucket,
            version.key,
            version.size_bytes,
            version.sha256,
            version.content_type,
            version.owner,
            version.created_at,
            Jsonb(dict(version.tags)),
            version.is_current,
            version.is_deletion,
            str(version.path) if version.path else None,
        ),
    )


def insert_event(uow: UnitOfWork, kind: ObjectEventKind, version: ObjectVersion) -> None:
    """One row of the feed, in this transaction."""
    uow.execute(
        "INSERT INTO object_event (id, kind, bucket, key, version_id, at, actor) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (new_id("oev"), kind.value, version.bucket, version.key, version.id, uow.now, str(uow.actor)),
    )


def current(uow: UnitOfWork, bucket: str, key: str) -> ObjectVersion | None:
    """The newest version, which may be a deletion."""
    row = uow.row("SELECT * FROM object_version WHERE bucket = %s AND key = %s AND is_current", (bucket, key))
    return _version(row) if row else None


def version(uow: UnitOfWork, bucket: str, key: str, version_id: str) -> ObjectVersion | None:
    row = uow.row("SELECT * FROM object_version WHERE id = %s AND bucket = %s AND key = %s", (version_id, bucket, key))
    return _version(row) if row else None


def versions(uow: UnitOfWork, bucket: str, key: str) -> list[ObjectVersion]:
    """Newest first."""
    rows = uow.rows(
        "SELECT * FROM object_version WHERE bucket = %s AND key = %s "
        "ORDER BY is_current DESC, created_at DESC, id DESC",
        (bucket, key),
    )
    return [_version(row) for row in rows]


def versions_after(
    uow: UnitOfWork, bucket: str, key: str, after: ObjectVersion | None, limit: int
) -> list[ObjectVersion]:
    """Newest first; a page of them, behind one of them."""
    is_first, is_second = after is None, after is not None and after.is_current
    rows = uow.rows(
        "SELECT * FROM object_version WHERE bucket = %s AND key = %s "
        "AND (%s OR (NOT is_current AND (%s OR (created_at, id) < (%s::timestamptz, %s)))) "
        "ORDER BY is_current DESC, created_at DESC, id DESC LIMIT %s",
        (bucket, key, is_first, is_second, after.created_at if after else None, after.id if after else "", limit),
    )
    return [_version(row) for row in rows]


def mark_superseded(uow: UnitOfWork, version_id: str) -> None:
    uow.execute("UPDATE object_version SET is_current = false, superseded_at = %s WHERE id = %s", (uow.now, version_id))


def mark_current(uow: UnitOfWork, version_id: str) -> None:
    uow.execute("UPDATE object_version SET is_current = true, superseded_at = NULL WHERE id = %s", (version_id,))


def save_tags(uow: UnitOfWork, version_id: str, tags: dict[str, str]) -> None:
    uow.execute("UPDATE object_version SET tags = %s WHERE id = %s", (Jsonb(tags), version_id))


def expired(  # noqa: PLR0917 - what a rule says
    uow: UnitOfWork, bucket: str, before: datetime, keep: int, table_names: Sequence[str], limit: int
) -> list[ObjectVersion]:
    """Versions superseded before then, with at least `keep` newer superseded ones, that are none of these tables' data.

    In the order of their keys, in which they are then locked.
    """
    rows = uow.rows(
        "SELECT * FROM (SELECT v.* FROM object_version v WHERE v.bucket = %(bucket)s AND NOT v.is_current "
        "AND v.superseded_at < %(before)s AND NOT EXISTS (SELECT 1 FROM object_reference r WHERE r.version_id = v.id "
        "AND NOT r.is_past AND r.table_name = ANY (%(tables)s)) "
        "AND (%(keep)s = 0 OR (SELECT count(*) FROM object_version n WHERE n.bucket = v.bucket AND n.key = v.key "
        "AND NOT n.is_current AND (n.superseded_at, n.id) > (v.superseded_at, v.id)) >= %(keep)s) "
        "ORDER BY v.superseded_at LIMIT %(limit)s) AS found ORDER BY key, id",
        {"bucket": bucket, "before": before, "keep": keep, "tables": list(table_names), "limit": limit},
    )
    return [_version(row) for row in rows]


def delete_version(uow: UnitOfWork, version_id: str) -> None:
    uow.execute("DELETE FROM object_version WHERE id = %s", (version_id,))


def lock_version(uow: UnitOfWork, version_id: str) -> None:
    """Wait for whoever is just referring to it; who comes later waits for us."""
    uow.execute("SELECT 1 FROM object_version WHERE id = %s FOR UPDATE", (version_id,))


def listed(uow: UnitOfWork, bucket: str, scopes: Sequence[Scope], after: str, limit: int) -> list[ObjectVersion]:
    """Current objects inside any of the scopes with a key above `after`, by key. A range scan per scope."""
    rows = uow.rows(
        "SELECT DISTINCT ON (found.key) found.* FROM unnest(%(prefixes)s::text[], %(ends)s::text[], "
        "%(exacts)s::text[], %(tags)s::text[]) AS scope (prefix, ending, exact, tags) "
        "CROSS JOIN LATERAL (SELECT * FROM object_version AS o WHERE o.bucket = %(bucket)s AND o.is_current "
        'AND NOT o.is_deletion AND o.key > %(after)s COLLATE "C" AND o.key >= scope.exact COLLATE "C" '
        'AND o.key < scope.ending COLLATE "C" AND (o.key = scope.exact COLLATE "C" '
        'OR starts_with(o.key, scope.prefix COLLATE "C")) AND o.tags @> scope.tags::jsonb '
        "ORDER BY o.key LIMIT %(limit)s) AS found ORDER BY found.key LIMIT %(limit)s",
        _scope_parameters(scopes) | {"bucket": bucket, "after": after, "limit": limit},
    )
    return [_version(row) for row in rows]


@dataclass(frozen=True)
class FoldedRow:
    """One line of a listing with folders: a folder, or an object; and where the next line is looked for."""

    folder: str | None
    version: ObjectVersion | None
    jump: str


def listed_folded(  # noqa: PLR0917 - what was asked, as it was asked
    uow: UnitOfWork, bucket: str, scopes: Sequence[Scope], folding: Folding, after: str, limit: int
) -> list[FoldedRow]:
    """As `listed`, keys behind a delimiter as one folder each: an index probe per line, however much a folder holds."""
    rows = uow.rows(
        "WITH RECURSIVE scope AS (SELECT * FROM unnest(%(prefixes)s::text[], %(ends)s::text[], %(exacts)s::text[], "
        "%(tags)s::text[]) AS s (prefix, ending, exact, tags)), line AS ("
        'SELECT 0 AS number, NULL::text AS id, NULL::text COLLATE "C" AS folder, %(after)s::text COLLATE "C" AS jump '
        "UNION ALL SELECT line.number + 1, next.id, fold.folder, coalesce(fold.folder || %(last)s, next.key) "
        "FROM line CROSS JOIN LATERAL (SELECT found.id, found.key FROM scope CROSS JOIN LATERAL ("
        "SELECT o.id, o.key FROM object_version AS o WHERE o.bucket = %(bucket)s AND o.is_current "
        'AND NOT o.is_deletion AND o.key > line.jump AND o.key >= scope.exact COLLATE "C" '
        'AND o.key < scope.ending COLLATE "C" AND (o.key = scope.exact COLLATE "C" '
        'OR starts_with(o.key, scope.prefix COLLATE "C")) AND o.tags @> scope.tags::jsonb '
        "ORDER BY o.key LIMIT 1) AS found ORDER BY found.key LIMIT 1) AS next "
        "CROSS JOIN LATERAL (SELECT strpos(substr(next.key, %(start)s), %(delimiter)s) AS at) AS place "
        "CROSS JOIN LATERAL (SELECT CASE WHEN place.at > 0 THEN "
        "substr(next.key, 1, %(start)s + place.at + length(%(delimiter)s) - 2) END AS folder) AS fold "
        "WHERE line.number < %(limit)s) "
        "SELECT line.folder AS line_folder, line.jump AS line_jump, v.* FROM line "
        "LEFT JOIN object_version AS v ON v.id = line.id AND line.folder IS NULL "
        "WHERE line.number > 0 ORDER BY line.number",
        _scope_parameters(scopes)
        | {
            "bucket": bucket,
            "after": after,
            "limit": limit,
            "last": LAST,
            "start": len(folding.prefix) + 1,
            "delimiter": folding.delimiter,
        },
    )
    return [_folded(row) for row in rows]


def _folded(row: DictRow) -> FoldedRow:
    folder, jump = row.pop("line_folder"), row.pop("line_jump")
    return FoldedRow(folder, None if folder else _version(row), jump)


def _scope_parameters(scopes: Sequence[Scope]) -> dict[str, Any]:
    return {
        "prefixes": [scope.prefix for scope in scopes],
        "ends": [scope.ending for scope in scopes],
        "exacts": [scope.exact for scope in scopes],
        "tags": [scope.tags_json for scope in scopes],
    }


def current_of_keys(uow: UnitOfWork, bucket: str, keys: Sequence[str]) -> list[ObjectVersion]:
    """The current objects with exactly these keys, by key."""
    rows = uow.rows(
        "SELECT * FROM object_version WHERE bucket = %s AND key = ANY (%s) AND is_current AND NOT is_deletion "
        "ORDER BY key",
        (bucket, list(keys)),
    )
    return [_version(row) for row in rows]


def add_references(uow: UnitOfWork, table: str, version_ids: Sequence[str]) -> None:
    uow.execute(
        "INSERT INTO object_reference (table_name, version_id) SELECT %s, unnest(%s::text[]) "
        "ON CONFLICT (table_name, version_id) DO UPDATE SET is_past = false",
        (table, list(version_ids)),
    )


def end_references(uow: UnitOfWork, table: str, version_ids: Sequence[str]) -> None:
    """The versions are no data of the table any more; that they were is remembered as long as they are there."""
    uow.execute(
        "UPDATE object_reference SET is_past = true WHERE table_name = %s AND version_id = ANY (%s)",
        (table, list(version_ids)),
    )


def drop_all_references(uow: UnitOfWork, version_id: str) -> None:
    uow.execute("DELETE FROM object_reference WHERE version_id = %s", (version_id,))


def referring(uow: UnitOfWork, version_id: str, *, also_past: bool = False) -> list[str]:
    """The names of the tables that refer to a version; also_past: and of those that once did."""
    rows = uow.rows(
        "SELECT table_name FROM object_reference WHERE version_id = %s AND (%s OR NOT is_past) ORDER BY table_name",
        (version_id, also_past),
    )
    return [row["table_name"] for row in rows]


def add_governed(uow: UnitOfWork, governor: str, bucket: str, prefixes: Sequence[str], database: str) -> None:
    uow.execute(
        "INSERT INTO object_governed_prefix (governor, bucket, prefix, database) SELECT %s, %s, unnest(%s::text[]), %s",
        (governor, bucket, list(prefixes), database),
    )


def drop_governed(uow: UnitOfWork, governor: str) -> None:
    uow.execute("DELETE FROM object_governed_prefix WHERE governor = %s", (governor,))


def governing_databases(uow: UnitOfWork, bucket: str, key: str) -> list[str]:
    """The databases that an object with this key becomes a table of, or would."""
    rows = uow.rows(
        "SELECT DISTINCT database FROM object_governed_prefix WHERE bucket = %s AND starts_with(%s, prefix) "
        "ORDER BY database",
        (bucket, key),
    )
    return [row["database"] for row in rows]


def kept_below_governed(uow: UnitOfWork, databases: Sequence[tuple[str, str]]) -> list[DictRow]:
    """By owner, what lies below the prefixes that become tables of its databases; a prefix in another counts once."""
    return uow.rows(
        "WITH wanted AS (SELECT DISTINCT o.owner, g.bucket, g.prefix FROM unnest(%s::text[], %s::text[]) "
        "AS o (owner, database) JOIN object_governed_prefix g USING (database)) "
        "SELECT w.owner, count(*) FILTER (WHERE v.is_current) AS objects, "
        "coalesce(sum(v.size_bytes) FILTER (WHERE v.is_current), 0)::bigint AS size_bytes, "
        "coalesce(sum(v.size_bytes) FILTER (WHERE NOT v.is_current), 0)::bigint AS older_bytes FROM wanted w "
        "JOIN object_version v ON v.bucket = w.bucket AND v.key >= w.prefix AND v.key < w.prefix || %s "
        "WHERE NOT v.is_deletion AND NOT EXISTS (SELECT FROM wanted a WHERE a.owner = w.owner AND a.bucket = w.bucket "
        "AND a.prefix <> w.prefix AND starts_with(w.prefix, a.prefix)) GROUP BY w.owner",
        ([owner for owner, _ in databases], [name for _, name in databases], LAST),
    )


def known_contents(uow: UnitOfWork, version_ids: Sequence[str]) -> set[str]:
    """Those of these version ids that are objects."""
    rows = uow.rows("SELECT id FROM object_version WHERE id = ANY (%s)", (list(version_ids),))
    return {row["id"] for row in rows}


def _version(row: DictRow) -> ObjectVersion:
    told = {name: value for name, value in row.items() if name != "superseded_at"}
    return ObjectVersion(**(told | {"path": Path(row["path"]) if row["path"] else None}))


def referring_into_bucket(uow: UnitOfWork, bucket: str) -> list[str]:
    rows = uow.rows(
        "SELECT DISTINCT r.table_name FROM object_reference r JOIN object_version v ON v.id = r.version_id "
        "WHERE v.bucket = %s AND NOT r.is_past",
        (bucket,),
    )
    return [row["table_name"] for row in rows]


def delete_bucket(uow: UnitOfWork, bucket: str) -> int:
    """Delete every version of a bucket, and tell followers of what stood there. Returns: how many."""
    uow.execute(
        "INSERT INTO object_event (id, kind, bucket, key, version_id, at, actor) "
        "SELECT 'oev_' || v.id, 'removed', v.bucket, v.key, v.id, %s, %s FROM object_version v "
        "WHERE v.bucket = %s AND v.is_current AND NOT v.is_deletion",
        (uow.now, str(uow.actor), bucket),
    )
    uow.execute(
        "DELETE FROM object_reference r USING object_version v WHERE v.id = r.version_id AND v.bucket = %s", (bucket,)
    )
    return uow.execute("DELETE FROM object_version WHERE bucket = %s", (bucket,))
