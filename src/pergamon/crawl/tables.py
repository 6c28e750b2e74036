"""The crawl's SQL: crawlers, folders, files, parts, data files. No other room touches these tables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.crawl.model import Claim, FileState, Limits
from pergamon.crawl.names import Partition, Placement, stem
from pergamon.crawl.planning import PlannedTable, Shape
from pergamon.formats import FilePart, schema_as_json, schema_from_json
from pergamon.kernel import canonical_bytes, new_id, sha256_hex
from pergamon.lake import TableId
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Found:
    """The newest version of a key, for `note_files`. version_id None: the object is gone."""

    key: str
    place: Placement
    version_id: str | None = None
    path: str | None = None
    size_bytes: int = 0


@dataclass(frozen=True)
class Waiting:
    """A file that nobody has looked into yet."""

    id: str
    key: str
    version_id: str
    path: Path
    partition: Partition


@dataclass(frozen=True)
class Part:
    """A part of a file, with all that is needed to bring its rows into a table."""

    id: int
    file_id: str
    key: str
    version_id: str
    path: Path
    size_bytes: int
    partition: Partition
    part: FilePart
    rows: int | None
    data_file_id: int | None
    is_newest: bool


@dataclass(frozen=True)
class DataFile:
    """A data file of a crawled table."""

    id: int
    path: Path
    rows: int
    size_bytes: int
    partition: tuple[str | int | None, ...]
    spec_id: int


@dataclass(frozen=True)
class CrawlTable:
    """A table that a folder becomes, as planned and as committed. committed None: it is not made yet."""

    id: str
    part_name: str | None
    database: str
    name: str
    columns: pa.Schema
    committed: pa.Schema | None
    divided_by: tuple[str, ...]
    committed_divided_by: tuple[str, ...]
    table_key: str | None
    state: str
    reason: str | None
    anew: bool = False
    """The next commit writes all of its rows again."""


def save_crawler(uow: UnitOfWork, name: str, spec: dict[str, Any], tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO crawler (name, spec, tags, changed_at) VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET "
        "spec = excluded.spec, tags = excluded.tags, changed_at = excluded.changed_at",
        (name, Jsonb(spec), Jsonb(tags), uow.now),
    )


def crawlers(uow: UnitOfWork) -> list[DictRow]:
    return uow.rows("SELECT name, spec, tags, changed_at, last_listed_at FROM crawler ORDER BY name")


def crawler(uow: UnitOfWork, name: str) -> DictRow | None:
    return uow.row("SELECT name, spec, tags, changed_at, last_listed_at FROM crawler WHERE name = %s", (name,))


def delete_crawler(uow: UnitOfWork, name: str) -> bool:
    uow.execute("DELETE FROM crawl_listing WHERE crawler = %s", (name,))
    return uow.execute("DELETE FROM crawler WHERE name = %s", (name,)) > 0


def remember_spec(uow: UnitOfWork, name: str, spec: dict[str, Any]) -> None:
    uow.execute(
        "INSERT INTO crawl_dropped (name, spec) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec",
        (name, Jsonb(spec)),
    )


def remembered_spec(uow: UnitOfWork, name: str) -> dict[str, Any] | None:
    row = uow.row("SELECT spec FROM crawl_dropped WHERE name = %s", (name,))
    return row["spec"] if row else None


def begin_listing(uow: UnitOfWork, crawler: str, cause: str) -> None:
    """List everything from the beginning; a listing under way begins anew."""
    uow.execute(
        "INSERT INTO crawl_listing (crawler, cause, started_at, moved_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (crawler) DO UPDATE SET prefix = 0, after = '', cause = excluded.cause, "
        "started_at = excluded.started_at",
        (crawler, cause, uow.now, uow.now),
    )


def next_listing(uow: UnitOfWork) -> DictRow | None:
    """A listing that nobody else is at, locked until this transaction ends."""
    return uow.row(
        "SELECT l.crawler, l.prefix, l.after, l.started_at, c.spec FROM crawl_listing l "
        "JOIN crawler c ON c.name = l.crawler ORDER BY l.moved_at LIMIT 1 FOR UPDATE OF l SKIP LOCKED"
    )


def move_listing(uow: UnitOfWork, crawler: str, prefix: int, after: str) -> None:
    uow.execute(
        "UPDATE crawl_listing SET prefix = %s, after = %s, moved_at = %s WHERE crawler = %s",
        (prefix, after, uow.now, crawler),
    )


def end_listing(uow: UnitOfWork, crawler: str) -> None:
    uow.execute("DELETE FROM crawl_listing WHERE crawler = %s", (crawler,))
    uow.execute("UPDATE crawler SET last_listed_at = %s WHERE name = %s", (uow.now, crawler))


def is_listing(uow: UnitOfWork, crawler: str) -> bool:
    return uow.row("SELECT 1 FROM crawl_listing WHERE crawler = %s", (crawler,)) is not None


def known_keys(uow: UnitOfWork, crawler: str, prefix: str, after: str, last: str | None) -> list[str]:
    """The keys below a prefix that have a version, in (after, last]; last None: to the end."""
    rows = uow.rows(
        "SELECT key FROM crawl_file WHERE crawler = %(crawler)s AND version_id IS NOT NULL "
        'AND starts_with(key, %(prefix)s COLLATE "C") AND key > %(after)s COLLATE "C" '
        'AND (%(last)s::text IS NULL OR key <= %(last)s COLLATE "C") ORDER BY key',
        {"crawler": crawler, "prefix": prefix, "after": after, "last": last},
    )
    return [row["key"] for row in rows]


def strangers(uow: UnitOfWork, crawler: str, prefixes: Sequence[str]) -> list[str]:
    """The keys that have a version and lie below none of these prefixes."""
    rows = uow.rows(
        "SELECT key FROM crawl_file WHERE crawler = %s AND version_id IS NOT NULL "
        'AND NOT EXISTS (SELECT 1 FROM unnest(%s::text[]) AS p WHERE starts_with(key, p COLLATE "C"))',
        (crawler, list(prefixes)),
    )
    return [row["key"] for row in rows]


def note_files(uow: UnitOfWork, crawler: str, found: Sequence[Found]) -> int:
    """Remember the newest versions; folders in which something changed have work. Returns: how many files changed.

    A version that is known already changes nothing: it is never read again.
    """
    if not found:
        return 0
    document = [
        {
            "id": new_id("cfile"),
            "key": item.key,
            "folder": item.place.folder,
            "base": item.place.base,
            "partition": [list(pair) for pair in item.place.partition],
            "version_id": item.version_id,
            "path": item.path,
            "size_bytes": item.size_bytes,
        }
        for item in found
    ]
    # Folders before files, as whoever works on a folder does: two that wait for each other would both fail.
    uow.execute(
        "SELECT 1 FROM crawl_folder WHERE crawler = %s AND folder = ANY (%s) ORDER BY folder FOR UPDATE",
        (crawler, [item.place.folder for item in found]),
    )
    row = uow.row(
        """
        WITH found AS (
            SELECT * FROM jsonb_to_recordset(%(found)s) AS f (id text, key text, folder text, base text,
                partition jsonb, version_id text, path text, size_bytes bigint)
        ), changed AS (
            INSERT INTO crawl_file AS old (id, crawler, folder, key, partition, version_id, path, size_bytes, state,
                                           changed_at)
            SELECT id, %(crawler)s, folder, key, partition, version_id, path, size_bytes, 'pending', %(now)s
            FROM found WHERE version_id IS NOT NULL
            ON CONFLICT (crawler, key) DO UPDATE SET folder = excluded.folder, partition = excluded.partition,
                version_id = excluded.version_id, path = excluded.path, size_bytes = excluded.size_bytes,
                state = 'pending', reason = NULL, warnings = '[]', changed_at = excluded.changed_at
            WHERE old.version_id IS DISTINCT FROM excluded.version_id
            RETURNING old.folder, old.key
        ), removed AS (
            UPDATE crawl_file SET version_id = NULL, state = 'removed', reason = NULL, changed_at = %(now)s
            FROM found WHERE found.version_id IS NULL AND crawl_file.crawler = %(crawler)s
                AND crawl_file.key = found.key AND crawl_file.version_id IS NOT NULL
            RETURNING crawl_file.folder, crawl_file.key
        ), touched AS (
            SELECT folder, key FROM changed UNION ALL SELECT folder, key FROM removed
        ), folders AS (
            INSERT INTO crawl_folder AS old (crawler, folder, base, first_change_at, last_change_at)
            SELECT %(crawler)s, touched.folder, min(found.base), %(now)s, %(now)s
            FROM touched JOIN found USING (key) GROUP BY touched.folder
            ON CONFLICT (crawler, folder) DO UPDATE SET
                first_change_at = coalesce(old.first_change_at, excluded.first_change_at),
                last_change_at = excluded.last_change_at, due_at = NULL, failures = 0
            RETURNING 1
        )
        SELECT count(*) AS changed FROM touched
        """,
        {"found": Jsonb(document), "crawler": crawler, "now": uow.now},
    )
    return int(row["changed"]) if row else 0


def take_folder(uow: UnitOfWork, worker: str, limits: Limits) -> Claim | None:
    """A folder in which there is something to do: one's own, or one that has been quiet or has waited long enough and
    that nobody living is at. Crawlers take turns, step by step, so that none waits until another's work is done; within
    a crawler one's own folder goes on first while its turn lasts, then the oldest: a folder into which files come
    without end holds up no other.
    """
    row = uow.row(
        """
        UPDATE crawl_folder SET claim = %(claim)s, claimed_by = %(worker)s, beat_at = %(now)s,
            turn_at = CASE WHEN claim IS NOT NULL AND claimed_by = %(worker)s AND turn_at > %(over)s THEN turn_at
                ELSE %(now)s END
        WHERE (crawler, folder) = (
            SELECT f.crawler, f.folder FROM crawl_folder f JOIN crawler c ON c.name = f.crawler,
                LATERAL (SELECT f.claim IS NOT NULL AND f.claimed_by = %(worker)s AS is_own) AS held
            WHERE f.first_change_at IS NOT NULL AND (f.due_at IS NULL OR f.due_at <= %(now)s)
                AND (f.last_change_at <= %(quiet)s OR f.first_change_at <= %(longest)s OR f.claim IS NOT NULL)
                AND (f.claim IS NULL OR f.claimed_by = %(worker)s OR f.beat_at < %(silent)s)
            ORDER BY c.served_at NULLS FIRST, (is_own AND f.turn_at > %(over)s) DESC,
                CASE WHEN is_own THEN f.turn_at + %(turn)s ELSE f.first_change_at END
            LIMIT 1 FOR UPDATE OF f SKIP LOCKED)
        RETURNING claim, crawler, folder, base
        """,
        {
            "claim": new_id("claim"),
            "worker": worker,
            "now": uow.now,
            "quiet": uow.now - timedelta(seconds=limits.quiet_s),
            "longest": uow.now - timedelta(seconds=limits.longest_wait_s),
            "silent": uow.now - timedelta(seconds=limits.silence_s),
            "turn": timedelta(seconds=limits.turn_s),
            "over": uow.now - timedelta(seconds=limits.turn_s),
        },
    )
    if row is None:
        return None
    uow.execute("UPDATE crawler SET served_at = %s WHERE name = %s", (uow.now, row["crawler"]))
    return Claim(row["claim"], row["crawler"], row["folder"], row["base"])


def hold(uow: UnitOfWork, claim: Claim) -> bool:
    """Is the claim still good? Then it is until this transaction ends."""
    row = uow.row(
        "SELECT 1 FROM crawl_folder WHERE crawler = %s AND folder = %s AND claim = %s FOR UPDATE",
        (claim.crawler, claim.folder, claim.id),
    )
    return row is not None


def beat(uow: UnitOfWork, worker: str) -> None:
    uow.execute("UPDATE crawl_folder SET beat_at = %s WHERE claimed_by = %s AND claim IS NOT NULL", (uow.now, worker))


def let_go(uow: UnitOfWork, claim: Claim) -> None:
    """Leave a folder as it is: its crawler was dropped, and what is left to do waits until it comes back."""
    uow.execute(
        "UPDATE crawl_folder SET claim = NULL, claimed_by = NULL, beat_at = NULL "
        "WHERE crawler = %s AND folder = %s AND claim = %s",
        (claim.crawler, claim.folder, claim.id),
    )


def release(uow: UnitOfWork, claim: Claim) -> None:
    """Nothing is left to do in a folder, or what came meanwhile waits for its own quiet."""
    uow.execute(
        "UPDATE crawl_folder SET claim = NULL, claimed_by = NULL, beat_at = NULL, failures = 0, failure = NULL, "
        "first_change_at = NULL WHERE crawler = %s AND folder = %s AND claim = %s",
        (claim.crawler, claim.folder, claim.id),
    )


def put_off(uow: UnitOfWork, claim: Claim, failure: str, wait: timedelta) -> None:
    uow.execute(
        "UPDATE crawl_folder SET claim = NULL, claimed_by = NULL, beat_at = NULL, failures = failures + 1, "
        "failure = %s, due_at = %s WHERE crawler = %s AND folder = %s AND claim = %s",
        (failure, uow.now + wait, claim.crawler, claim.folder, claim.id),
    )


def failures_of(uow: UnitOfWork, claim: Claim) -> int:
    row = uow.row("SELECT failures FROM crawl_folder WHERE crawler = %s AND folder = %s", (claim.crawler, claim.folder))
    return int(row["failures"]) if row else 0


def wake(uow: UnitOfWork, crawler: str, folders: Collection[str]) -> None:
    """There is something to do in these folders."""
    uow.execute(
        "UPDATE crawl_folder SET first_change_at = coalesce(first_change_at, %s), last_change_at = %s, due_at = NULL, "
        "failures = 0 WHERE crawler = %s AND folder = ANY (%s)",
        (uow.now, uow.now, crawler, list(folders)),
    )


def waiting(uow: UnitOfWork, claim: Claim, limit: int) -> list[Waiting]:
    rows = uow.rows(
        "SELECT id, key, version_id, path, partition FROM crawl_file WHERE crawler = %s AND folder = %s "
        "AND state = 'pending' ORDER BY id LIMIT %s",
        (claim.crawler, claim.folder, limit),
    )
    return [
        Waiting(row["id"], row["key"], row["version_id"], Path(row["path"]), _partition(row["partition"]))
        for row in rows
    ]


def set_aside(uow: UnitOfWork, file_id: str, version_id: str, state: FileState, reason: str) -> bool:
    """False when the file has another version by now."""
    done = uow.execute(
        "UPDATE crawl_file SET state = %s, reason = %s, changed_at = %s WHERE id = %s AND version_id = %s",
        (state.value, reason, uow.now, file_id, version_id),
    )
    return done > 0


def save_schemas(uow: UnitOfWork, schemas: Mapping[str, pa.Schema]) -> None:
    document = [{"digest": digest, "columns": schema_as_json(schema)} for digest, schema in schemas.items()]
    uow.execute(
        "INSERT INTO crawl_schema SELECT digest, columns FROM jsonb_to_recordset(%s) AS s (digest text, columns jsonb) "
        "ORDER BY digest ON CONFLICT DO NOTHING",
        (Jsonb(document),),
    )


def save_parts(uow: UnitOfWork, parts: Sequence[dict[str, Any]], *, anew: bool = False) -> None:
    """Any: JSON. What was known of this version is forgotten, unless its rows are in a table that is not built anew."""
    uow.execute(
        "INSERT INTO crawl_part (file_id, version_id, path, number, part, part_name, file_schema, shape, in_place, "
        "row_count) SELECT p.file_id, p.version_id, f.path, p.number, p.part, p.part_name, p.file_schema, p.shape, "
        "p.in_place, p.row_count FROM jsonb_to_recordset(%s) AS p (file_id text, version_id text, number int, "
        "part jsonb, part_name text, file_schema text, shape text, in_place boolean, row_count bigint) "
        "JOIN crawl_file f ON f.id = p.file_id AND f.version_id = p.version_id AND f.state = 'pending' "
        "ON CONFLICT (file_id, version_id, number) DO UPDATE SET part = excluded.part, "
        "part_name = excluded.part_name, file_schema = excluded.file_schema, shape = excluded.shape, "
        "in_place = excluded.in_place, row_count = excluded.row_count, "
        "table_id = CASE WHEN crawl_part.data_file_id IS NULL THEN NULL ELSE crawl_part.table_id END "
        "WHERE crawl_part.data_file_id IS NULL OR %s",
        (Jsonb(list(parts)), anew),
    )


def forget_parts_beyond(uow: UnitOfWork, counts: Mapping[str, int], versions: Mapping[str, str]) -> None:
    """What files that were read again do not hold any more, as a sheet that is not asked for. counts: id -> parts."""
    document = [{"id": name, "version_id": versions[name], "parts": count} for name, count in counts.items()]
    uow.execute(
        "DELETE FROM crawl_part p USING jsonb_to_recordset(%s) AS d (id text, version_id text, parts int) "
        "WHERE p.file_id = d.id AND p.version_id = d.version_id AND p.number >= d.parts",
        (Jsonb(document),),
    )


def ask_rebuild(uow: UnitOfWork, crawler: str, folder: str) -> int:
    """Every file of a folder is to be read again. Returns: how many."""
    uow.execute(
        "UPDATE crawl_folder SET rebuild_asked = true, first_change_at = coalesce(first_change_at, %(now)s), "
        "last_change_at = %(now)s, due_at = NULL, failures = 0 WHERE crawler = %(crawler)s AND folder = %(folder)s",
        {"now": uow.now, "crawler": crawler, "folder": folder},
    )
    return uow.execute(
        "UPDATE crawl_file SET state = 'pending', reason = NULL, changed_at = %s WHERE crawler = %s AND folder = %s "
        "AND version_id IS NOT NULL",
        (uow.now, crawler, folder),
    )


def is_rebuild_asked(uow: UnitOfWork, claim: Claim) -> bool:
    row = uow.row(
        "SELECT 1 FROM crawl_folder WHERE crawler = %s AND folder = %s AND rebuild_asked", (claim.crawler, claim.folder)
    )
    return row is not None


def rebuild_is_planned(uow: UnitOfWork, claim: Claim) -> None:
    """All tables of the folder are written again by their next commits."""
    uow.execute(
        "UPDATE crawl_folder SET rebuild_asked = false WHERE crawler = %s AND folder = %s",
        (claim.crawler, claim.folder),
    )
    uow.execute(
        "UPDATE crawl_table SET anew = true WHERE crawler = %s AND folder = %s AND table_key IS NOT NULL",
        (claim.crawler, claim.folder),
    )


def free_parts(uow: UnitOfWork, claim: Claim) -> None:
    """Let every part that was read again be planned; those of versions whose rows only stay keep their tables."""
    uow.execute(
        "UPDATE crawl_part p SET table_id = NULL FROM crawl_file f WHERE f.id = p.file_id "
        "AND f.version_id = p.version_id AND f.crawler = %s AND f.folder = %s AND f.state = 'inspected'",
        (claim.crawler, claim.folder),
    )


def kept_shapes(uow: UnitOfWork, claim: Claim) -> dict[str, list[pa.Schema]]:
    """Table -> the shapes of the files whose rows it holds, or is to hold, and keeps."""
    rows = uow.rows(
        "SELECT DISTINCT p.table_id, s.digest, s.columns FROM crawl_part p JOIN crawl_file f ON f.id = p.file_id "
        "JOIN crawl_schema s ON s.digest = p.shape WHERE f.crawler = %s AND f.folder = %s AND p.table_id IS NOT NULL "
        "AND f.version_id IS NOT NULL AND ((p.version_id = f.version_id AND f.state IN ('inspected', 'added')) "
        "OR (p.data_file_id IS NOT NULL AND (p.version_id = f.version_id OR f.state NOT IN ('inspected', 'added')))) "
        "ORDER BY p.table_id, s.digest",
        (claim.crawler, claim.folder),
    )
    found: dict[str, list[pa.Schema]] = {}
    for row in rows:
        found.setdefault(row["table_id"], []).append(schema_from_json(row["columns"]))
    return found


def is_written_anew(uow: UnitOfWork, table_id: str) -> None:
    uow.execute("UPDATE crawl_table SET anew = false WHERE id = %s", (table_id,))


def mark_inspected(uow: UnitOfWork, files: Mapping[str, Sequence[str]], versions: Mapping[str, str]) -> None:
    """files: id -> warnings; versions: id -> the version that was looked into."""
    document = [{"id": name, "version_id": versions[name], "warnings": list(said)} for name, said in files.items()]
    uow.execute(
        "UPDATE crawl_file SET state = 'inspected', reason = NULL, warnings = d.warnings, changed_at = %s "
        "FROM jsonb_to_recordset(%s) AS d (id text, version_id text, warnings jsonb) "
        "WHERE crawl_file.id = d.id AND crawl_file.version_id = d.version_id AND crawl_file.state = 'pending'",
        (uow.now, Jsonb(document)),
    )


def reshape_part(uow: UnitOfWork, part: Part, said: FilePart, file_schema: str, shape: str) -> None:
    """A part whose values did not fit: what reading all of them has shown."""
    uow.execute(
        "UPDATE crawl_part SET part = %s, file_schema = %s, shape = %s, in_place = %s, row_count = %s WHERE id = %s",
        (Jsonb(part_json(said)), file_schema, shape, said.in_place, said.rows, part.id),
    )


def shapes(uow: UnitOfWork, claim: Claim) -> list[Shape]:
    """The shapes of the parts that have no table yet."""
    rows = uow.rows(
        "SELECT p.shape, p.part_name, s.columns, count(*) AS files, min(f.key) AS first_key, bool_or(p.in_place) AS "
        "in_place FROM crawl_part p JOIN crawl_file f ON f.id = p.file_id AND f.version_id = p.version_id "
        "JOIN crawl_schema s ON s.digest = p.shape "
        "WHERE f.crawler = %s AND f.folder = %s AND f.state = 'inspected' AND p.table_id IS NULL "
        "GROUP BY p.shape, p.part_name, s.columns",
        (claim.crawler, claim.folder),
    )
    return [
        Shape(
            digest=row["shape"],
            part_name=row["part_name"],
            columns=schema_from_json(row["columns"]),
            files=row["files"],
            first_stem=stem(row["first_key"].rpartition("/")[2]),
            in_place=row["in_place"],
        )
        for row in rows
    ]


def assign(uow: UnitOfWork, claim: Claim, shape: str, part_name: str | None, table_id: str) -> None:
    uow.execute(
        "UPDATE crawl_part p SET table_id = %s FROM crawl_file f WHERE f.id = p.file_id "
        "AND f.version_id = p.version_id AND f.crawler = %s AND f.folder = %s AND f.state = 'inspected' "
        "AND p.table_id IS NULL AND p.shape = %s AND p.part_name IS NOT DISTINCT FROM %s",
        (table_id, claim.crawler, claim.folder, shape, part_name),
    )


def set_aside_shape(
    uow: UnitOfWork, claim: Claim, shape: str, part_name: str | None, *, state: FileState, reason: str
) -> list[tuple[str, str]]:
    """Set aside every file with a part of this shape. Returns: their keys and versions."""
    rows = uow.rows(
        "UPDATE crawl_file f SET state = %s, reason = %s, changed_at = %s FROM crawl_part p "
        "WHERE f.id = p.file_id AND f.version_id = p.version_id AND f.crawler = %s AND f.folder = %s "
        "AND f.state = 'inspected' AND p.table_id IS NULL AND p.shape = %s AND p.part_name IS NOT DISTINCT FROM %s "
        "RETURNING f.key, f.version_id",
        (state.value, reason, uow.now, claim.crawler, claim.folder, shape, part_name),
    )
    return [(row["key"], row["version_id"]) for row in rows]


def tables_of_folder(uow: UnitOfWork, crawler: str, folder: str) -> list[CrawlTable]:
    rows = uow.rows(
        "SELECT * FROM crawl_table WHERE crawler = %s AND folder = %s ORDER BY created_at, id", (crawler, folder)
    )
    return [_table(row) for row in rows]


def tables_of_crawler(uow: UnitOfWork, crawler: str) -> list[DictRow]:
    return uow.rows(
        "SELECT t.database, t.name, t.folder, t.state, t.reason, count(d.id) AS data_files, "
        "coalesce(sum(d.row_count), 0)::bigint AS rows, coalesce(sum(d.size_bytes), 0)::bigint AS size_bytes "
        "FROM crawl_table t LEFT JOIN crawl_data_file d ON d.table_id = t.id WHERE t.crawler = %s "
        "GROUP BY t.id ORDER BY t.database, t.name, t.folder",
        (crawler,),
    )


def count_tables(uow: UnitOfWork, crawler: str) -> int:
    """How many tables a crawler has; nobody else makes one of them until this transaction ends."""
    uow.execute("SELECT pg_advisory_xact_lock(hashtextextended('crawl_table ' || %s, 0))", (crawler,))
    row = uow.row("SELECT count(*) AS tables FROM crawl_table WHERE crawler = %s AND state = 'ready'", (crawler,))
    return int(row["tables"]) if row else 0


def failures_of_crawler(uow: UnitOfWork, crawler: str) -> list[DictRow]:
    return uow.rows(
        "SELECT folder, failure, failures, due_at FROM crawl_folder WHERE crawler = %s AND failure IS NOT NULL "
        "ORDER BY folder",
        (crawler,),
    )


def save_table(
    uow: UnitOfWork, claim: Claim, database: str, table: PlannedTable, *, state: str, reason: str | None
) -> str:
    """Make or change a planned table. Returns: its id."""
    table_id = table.id or new_id("ctable")
    uow.execute(
        "INSERT INTO crawl_table (id, crawler, folder, part_name, database, name, columns, divided_by, state, reason, "
        "created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET "
        "columns = excluded.columns, divided_by = excluded.divided_by, state = excluded.state, "
        "reason = excluded.reason",
        (
            table_id,
            claim.crawler,
            claim.folder,
            table.part_name,
            database,
            table.name,
            Jsonb(schema_as_json(table.columns)),
            Jsonb(list(table.divided_by)),
            state,
            reason,
            uow.now,
        ),
    )
    return table_id


def save_columns(uow: UnitOfWork, table_id: str, columns: pa.Schema) -> None:
    uow.execute("UPDATE crawl_table SET columns = %s WHERE id = %s", (Jsonb(schema_as_json(columns)), table_id))


def owner_of(uow: UnitOfWork, database: str, name: str) -> DictRow | None:
    """Whose crawled table has this name."""
    return uow.row(
        "SELECT id, crawler, folder, table_key FROM crawl_table WHERE database = %s AND name = %s AND state = 'ready'",
        (database, name),
    )


def crawler_of_table(uow: UnitOfWork, table_key: str, table: TableId) -> str | None:
    row = uow.row(
        "SELECT crawler FROM crawl_table WHERE table_key = %s "
        "OR (database = %s AND name = %s AND state = 'ready') LIMIT 1",
        (table_key, table.database, table.name),
    )
    return row["crawler"] if row else None


def block(uow: UnitOfWork, table_id: str, reason: str) -> list[DictRow]:
    """The files of a table whose name belongs to somebody else."""
    uow.execute("UPDATE crawl_table SET state = 'blocked', reason = %s WHERE id = %s", (reason, table_id))
    return uow.rows(
        "UPDATE crawl_file f SET state = 'blocked', reason = %s, changed_at = %s FROM crawl_part p "
        "WHERE p.file_id = f.id AND p.version_id = f.version_id AND p.table_id = %s "
        "AND f.state IN ('inspected', 'added') AND p.data_file_id IS NULL RETURNING f.key",
        (reason, uow.now, table_id),
    )


def set_table_key(uow: UnitOfWork, table_id: str, key: str) -> None:
    uow.execute("UPDATE crawl_table SET table_key = %s WHERE id = %s", (key, table_id))


def mark_committed(uow: UnitOfWork, table: CrawlTable, columns: pa.Schema, divided_by: Sequence[str]) -> None:
    uow.execute(
        "UPDATE crawl_table SET committed = %s, committed_divided_by = %s WHERE id = %s",
        (Jsonb(schema_as_json(columns)), Jsonb(list(divided_by)), table.id),
    )


def files_with_work(uow: UnitOfWork, table_id: str, limit: int) -> list[str]:
    """The files of a table that have rows to come or to go, oldest first."""
    rows = uow.rows(
        "SELECT f.id FROM crawl_file f JOIN crawl_part p ON p.file_id = f.id "
        "LEFT JOIN crawl_data_file d ON d.id = p.data_file_id WHERE (p.table_id = %(table)s AND p.data_file_id IS NULL "
        "AND p.version_id = f.version_id AND f.state IN ('inspected', 'added')) "
        "OR (d.table_id = %(table)s AND (f.version_id IS NULL OR (p.version_id <> f.version_id "
        "AND f.state IN ('inspected', 'added')))) GROUP BY f.id ORDER BY f.id LIMIT %(limit)s",
        {"table": table_id, "limit": limit},
    )
    return [row["id"] for row in rows]


def forget_table(uow: UnitOfWork, table_id: str) -> None:
    """The lake's table was dropped: nothing is in it, and it is made anew."""
    uow.execute(
        "UPDATE crawl_part SET data_file_id = NULL, first_row = NULL, rows_held = NULL WHERE data_file_id IN "
        "(SELECT id FROM crawl_data_file WHERE table_id = %s)",
        (table_id,),
    )
    uow.execute("DELETE FROM crawl_data_file WHERE table_id = %s", (table_id,))
    uow.execute(
        "UPDATE crawl_table SET committed = NULL, committed_divided_by = '[]', table_key = NULL WHERE id = %s",
        (table_id,),
    )


def has_outdated_rows(uow: UnitOfWork, claim: Claim) -> bool:
    """Is something left to bring in or to take out in a folder, besides what is set aside?"""
    row = uow.row(
        "SELECT 1 FROM crawl_file f JOIN crawl_part p ON p.file_id = f.id LEFT JOIN crawl_table t ON t.id = p.table_id "
        "WHERE f.crawler = %s AND f.folder = %s AND ((p.data_file_id IS NOT NULL AND (f.version_id IS NULL "
        "OR (p.version_id <> f.version_id AND f.state IN ('inspected', 'added')))) "
        "OR (p.data_file_id IS NULL AND p.version_id = f.version_id AND f.state = 'inspected' "
        "AND coalesce(t.state, 'ready') = 'ready')) "
        "UNION ALL SELECT 1 FROM crawl_table WHERE crawler = %s AND folder = %s AND anew AND state = 'ready' LIMIT 1",
        (claim.crawler, claim.folder, claim.crawler, claim.folder),
    )
    return row is not None


def data_files_to_go(uow: UnitOfWork, table_id: str, files: Sequence[str]) -> list[DataFile]:
    """The data files of a table that hold rows of outdated versions of these files."""
    rows = uow.rows(
        "SELECT DISTINCT d.* FROM crawl_data_file d JOIN crawl_part p ON p.data_file_id = d.id "
        "JOIN crawl_file f ON f.id = p.file_id WHERE d.table_id = %s AND f.id = ANY (%s) AND (f.version_id IS NULL "
        "OR (p.version_id <> f.version_id AND f.state IN ('inspected', 'added'))) ORDER BY d.id",
        (table_id, list(files)),
    )
    return [_data_file(row) for row in rows]


def shared_with(uow: UnitOfWork, table_id: str, files: Sequence[str]) -> dict[str, dict[int, tuple[int, int]]]:
    """File -> the data files that its outdated rows are in -> how many files have rows there, and their size in bytes:
    what is to be written again."""
    rows = uow.rows(
        "SELECT DISTINCT f.id AS file_id, d.id AS data_file_id, held.files, held.size_bytes FROM crawl_file f "
        "JOIN crawl_part p ON p.file_id = f.id JOIN crawl_data_file d ON d.id = p.data_file_id, LATERAL ("
        "SELECT count(*) AS files, sum(o.size_bytes)::bigint AS size_bytes FROM crawl_part s "
        "JOIN crawl_file o ON o.id = s.file_id WHERE s.data_file_id = d.id) AS held "
        "WHERE d.table_id = %s AND f.id = ANY (%s) AND (f.version_id IS NULL OR p.version_id <> f.version_id)",
        (table_id, list(files)),
    )
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for row in rows:
        found.setdefault(row["file_id"], {})[row["data_file_id"]] = row["files"], row["size_bytes"]
    return found


def outdated_files_in(uow: UnitOfWork, going: Sequence[int], besides: Sequence[str]) -> list[str]:
    """The files with outdated rows in these data files, besides those that are known."""
    rows = uow.rows(
        "SELECT DISTINCT f.id FROM crawl_part p JOIN crawl_file f ON f.id = p.file_id "
        "WHERE p.data_file_id = ANY (%s) AND NOT f.id = ANY (%s) AND (f.version_id IS NULL "
        "OR (p.version_id <> f.version_id AND f.state IN ('inspected', 'added'))) ORDER BY f.id",
        (list(going), list(besides)),
    )
    return [row["id"] for row in rows]


def data_files(uow: UnitOfWork, table_id: str) -> list[DataFile]:
    return [
        _data_file(row)
        for row in uow.rows("SELECT * FROM crawl_data_file WHERE table_id = %s ORDER BY id", (table_id,))
    ]


def parts_to_come(
    uow: UnitOfWork, table_id: str, files: Sequence[str], going: Sequence[int], *, everything: bool = False
) -> list[Part]:
    """The parts whose rows are to be written: new ones of these files, and those that share a data file that goes.

    everything: every part whose rows are in the table or are to be; but one whose rows another table holds has to wait
    until that has let them go.
    """
    rows = uow.rows(
        "SELECT p.*, f.key, f.partition, f.size_bytes, s.columns, p.version_id = f.version_id AS is_newest "
        "FROM crawl_part p JOIN crawl_file f ON f.id = p.file_id JOIN crawl_schema s ON s.digest = p.file_schema "
        "LEFT JOIN crawl_data_file d ON d.id = p.data_file_id "
        "WHERE p.table_id = %(table)s AND coalesce(d.table_id, p.table_id) = p.table_id "
        "AND ((p.data_file_id IS NULL AND p.version_id = f.version_id "
        "AND f.state IN ('inspected', 'added') AND (%(everything)s OR f.id = ANY (%(files)s))) "
        "OR (p.data_file_id IS NOT NULL AND (%(everything)s OR p.data_file_id = ANY (%(going)s)) "
        "AND f.version_id IS NOT NULL AND (p.version_id = f.version_id OR f.state NOT IN ('inspected', 'added')))) "
        "ORDER BY f.partition, p.id",
        {"table": table_id, "files": list(files), "going": list(going), "everything": everything},
    )
    return [_part(row) for row in rows]


def versions_of_data_files(uow: UnitOfWork, going: Sequence[int]) -> set[str]:
    rows = uow.rows("SELECT DISTINCT version_id FROM crawl_part WHERE data_file_id = ANY (%s)", (list(going),))
    return {row["version_id"] for row in rows}


def formats_of(uow: UnitOfWork, table_id: str) -> tuple[str, ...]:
    """What a table's files were before they were a table."""
    rows = uow.rows(
        "SELECT DISTINCT p.part ->> 'format' AS format FROM crawl_part p JOIN crawl_data_file d "
        "ON d.id = p.data_file_id WHERE d.table_id = %s ORDER BY 1",
        (table_id,),
    )
    return tuple(row["format"] for row in rows)


def unlink_data_files(uow: UnitOfWork, going: Sequence[int]) -> None:
    """The rows of these data files are gone; parts of versions that nobody needs are forgotten."""
    uow.execute(
        "UPDATE crawl_part SET data_file_id = NULL, first_row = NULL, rows_held = NULL WHERE data_file_id = ANY (%s)",
        (list(going),),
    )
    uow.execute("DELETE FROM crawl_data_file WHERE id = ANY (%s)", (list(going),))


def add_data_files(uow: UnitOfWork, table_id: str, files: Sequence[dict[str, Any]]) -> None:
    """Any: JSON. Each with its parts under `parts`: their ids, and where in it their rows are."""
    uow.execute(
        """
        WITH given AS (
            SELECT * FROM jsonb_to_recordset(%(files)s) AS g (path text, row_count bigint, size_bytes bigint,
                partition jsonb, spec_id int, parts jsonb)
        ), made AS (
            INSERT INTO crawl_data_file (table_id, path, row_count, size_bytes, partition, spec_id)
            SELECT %(table)s, path, row_count, size_bytes, partition, spec_id FROM given RETURNING id, path
        )
        UPDATE crawl_part SET data_file_id = made.id, first_row = part.first_row, rows_held = part.rows
        FROM made JOIN given USING (path),
            LATERAL jsonb_to_recordset(given.parts) AS part (id bigint, first_row bigint, rows bigint)
        WHERE crawl_part.id = part.id
        """,
        {"files": Jsonb(list(files)), "table": table_id},
    )


def settle_files(uow: UnitOfWork, files: Sequence[str]) -> None:
    """Files all of whose parts have their rows in tables are added; what is left of older versions is forgotten."""
    uow.execute(
        "UPDATE crawl_file f SET state = 'added', changed_at = %s WHERE f.id = ANY (%s) AND f.state = 'inspected' "
        "AND NOT EXISTS (SELECT 1 FROM crawl_part p WHERE p.file_id = f.id AND p.version_id = f.version_id "
        "AND p.data_file_id IS NULL)",
        (uow.now, list(files)),
    )
    uow.execute(
        "DELETE FROM crawl_part p USING crawl_file f WHERE f.id = p.file_id AND f.id = ANY (%s) "
        "AND p.data_file_id IS NULL AND p.version_id IS DISTINCT FROM f.version_id",
        (list(files),),
    )


def file_of_key(uow: UnitOfWork, crawler: str, key: str) -> DictRow | None:
    return uow.row(
        "SELECT f.version_id, f.state, f.reason, f.warnings, "
        "(SELECT coalesce(jsonb_agg(DISTINCT t.database || '.' || t.name), '[]') FROM crawl_part p "
        "JOIN crawl_table t ON t.id = p.table_id WHERE p.file_id = f.id) AS tables, "
        "(SELECT sum(p.rows_held)::bigint FROM crawl_part p WHERE p.file_id = f.id) AS rows "
        "FROM crawl_file f WHERE f.crawler = %s AND f.key = %s",
        (crawler, key),
    )


def how_they_stand(uow: UnitOfWork, only: str | None = None) -> list[DictRow]:
    """Crawlers by name, each with what it has to do and how many files are in which state. Cost: one query."""
    return uow.rows(
        "SELECT c.name, c.spec, c.last_listed_at, "
        "EXISTS (SELECT 1 FROM crawl_listing l WHERE l.crawler = c.name) AS is_listing, "
        "(SELECT count(*) FROM crawl_folder d WHERE d.crawler = c.name AND d.first_change_at IS NOT NULL) "
        "AS folders_at_work, "
        "(SELECT coalesce(jsonb_object_agg(s.state, s.files), '{}') FROM (SELECT f.state, count(*) AS files "
        "FROM crawl_file f WHERE f.crawler = c.name GROUP BY f.state) s) AS files "
        "FROM crawler c WHERE %s::text IS NULL OR c.name = %s ORDER BY c.name",
        (only, only),
    )


def files_set_aside(uow: UnitOfWork) -> list[DictRow]:
    """Crawlers by name, each with how many of its files are set aside. Cost: the index entries of those files."""
    return uow.rows(
        "SELECT c.name, (SELECT count(*) FROM crawl_file f WHERE f.crawler = c.name AND f.state = 'quarantined') "
        "AS files FROM crawler c ORDER BY c.name"
    )


def files(uow: UnitOfWork, crawler: str, state: str | None, after: str, limit: int) -> list[DictRow]:
    return uow.rows(
        "SELECT f.key, f.folder, f.version_id, f.size_bytes, f.state, f.reason, f.warnings, f.changed_at, "
        "(SELECT coalesce(jsonb_agg(DISTINCT t.database || '.' || t.name), '[]') FROM crawl_part p "
        "JOIN crawl_table t ON t.id = p.table_id WHERE p.file_id = f.id) AS tables, "
        "(SELECT coalesce(jsonb_agg(jsonb_build_object('table', t.database || '.' || t.name, 'version_id', "
        "p.version_id, 'data_file', regexp_replace(d.path, '^.*/(data|[.]objects)/', '\\1/'), "
        "'first_row', p.first_row, 'rows', p.rows_held) ORDER BY p.id), '[]') FROM crawl_part p "
        "JOIN crawl_data_file d ON d.id = p.data_file_id JOIN crawl_table t ON t.id = d.table_id "
        "WHERE p.file_id = f.id) AS rows_in "
        "FROM crawl_file f WHERE f.crawler = %s AND (%s::text IS NULL OR f.state = %s) "
        'AND f.key > %s COLLATE "C" ORDER BY f.key LIMIT %s',
        (crawler, state, state, after, limit),
    )


def replay(uow: UnitOfWork, crawler: str, key: str | None) -> list[DictRow]:
    """Let files that were set aside be looked into anew."""
    uow.execute(
        "DELETE FROM crawl_part p USING crawl_file f WHERE f.id = p.file_id AND f.crawler = %s "
        "AND f.state IN ('quarantined', 'blocked') AND (%s::text IS NULL OR f.key = %s) "
        "AND p.version_id = f.version_id AND p.data_file_id IS NULL",
        (crawler, key, key),
    )
    return uow.rows(
        "UPDATE crawl_file SET state = 'pending', reason = NULL, changed_at = %s WHERE crawler = %s "
        "AND state IN ('quarantined', 'blocked') AND (%s::text IS NULL OR key = %s) RETURNING folder, key",
        (uow.now, crawler, key, key),
    )


def drop_blocked_tables(uow: UnitOfWork, crawler: str) -> None:
    """What was blocked is planned anew."""
    uow.execute(
        "DELETE FROM crawl_table t WHERE t.crawler = %s AND t.state = 'blocked' "
        "AND NOT EXISTS (SELECT 1 FROM crawl_part p WHERE p.table_id = t.id) "
        "AND NOT EXISTS (SELECT 1 FROM crawl_data_file d WHERE d.table_id = t.id)",
        (crawler,),
    )


def take_from_workers(uow: UnitOfWork, crawler: str, folder: str) -> None:
    """Whoever is at a folder has lost it, and begins anew from its states; locked until this transaction ends."""
    uow.execute(
        "UPDATE crawl_folder SET claim = NULL, claimed_by = NULL, beat_at = NULL WHERE crawler = %s AND folder = %s",
        (crawler, folder),
    )


def has_files(uow: UnitOfWork, table_id: str) -> bool:
    """Is there a file, or an older version of one, whose rows are the table's?"""
    row = uow.row(
        "SELECT 1 FROM crawl_part p JOIN crawl_file f ON f.id = p.file_id WHERE p.table_id = %s "
        "AND f.version_id IS NOT NULL AND (p.version_id = f.version_id OR p.data_file_id IS NOT NULL) LIMIT 1",
        (table_id,),
    )
    return row is not None


def call(uow: UnitOfWork, table_id: str, name: str | None) -> None:
    """Give a table another name; None: forget it."""
    if name is not None:
        uow.execute("UPDATE crawl_table SET name = %s, anew = false WHERE id = %s", (name, table_id))
        return
    uow.execute("UPDATE crawl_part SET table_id = NULL WHERE table_id = %s", (table_id,))
    uow.execute("DELETE FROM crawl_table WHERE id = %s", (table_id,))


def replay_blocked(uow: UnitOfWork, database: str, name: str) -> set[tuple[str, str]]:
    """Let the files that wait for a table's name be tried again. Returns: crawlers and folders."""
    parts = uow.rows(
        "DELETE FROM crawl_part p USING crawl_file f, crawl_table t WHERE f.id = p.file_id AND t.id = p.table_id "
        "AND t.database = %s AND t.name = %s AND t.state = 'blocked' AND f.state = 'blocked' "
        "AND p.data_file_id IS NULL RETURNING p.file_id",
        (database, name),
    )
    rows = uow.rows(
        "UPDATE crawl_file SET state = 'pending', reason = NULL, changed_at = %s WHERE id = ANY (%s) "
        "AND state = 'blocked' RETURNING crawler, folder",
        (uow.now, [row["file_id"] for row in parts]),
    )
    found = {(row["crawler"], row["folder"]) for row in rows}
    for crawler in {crawler for crawler, _ in found}:
        drop_blocked_tables(uow, crawler)
    return found


def digest_of(schema: pa.Schema) -> str:
    return sha256_hex(canonical_bytes(schema_as_json(schema)))


def part_json(part: FilePart) -> dict[str, Any]:
    """A part without its schema, which many have in common. Any: JSON."""
    return {name: value for name, value in part.as_json().items() if name != "schema"}


def _part(row: DictRow) -> Part:
    return Part(
        id=row["id"],
        file_id=row["file_id"],
        key=row["key"],
        version_id=row["version_id"],
        path=Path(row["path"]),
        size_bytes=row["size_bytes"],
        partition=_partition(row["partition"]),
        part=FilePart.from_json({**row["part"], "schema": row["columns"]}),
        rows=row["row_count"],
        data_file_id=row["data_file_id"],
        is_newest=row["is_newest"],
    )


def _data_file(row: DictRow) -> DataFile:
    return DataFile(
        row["id"], Path(row["path"]), row["row_count"], row["size_bytes"], tuple(row["partition"]), row["spec_id"]
    )


def _table(row: DictRow) -> CrawlTable:
    return CrawlTable(
        id=row["id"],
        part_name=row["part_name"],
        database=row["database"],
        name=row["name"],
        columns=schema_from_json(row["columns"]),
        committed=None if row["committed"] is None else schema_from_json(row["committed"]),
        divided_by=tuple(row["divided_by"]),
        committed_divided_by=tuple(row["committed_divided_by"]),
        table_key=row["table_key"],
        state=row["state"],
        reason=row["reason"],
        anew=row["anew"],
    )


def _partition(said: Sequence[Sequence[str | None]]) -> Partition:
    return tuple((str(name), value) for name, value in said)
