"""Looks at a source database: tables, keys, replica identities, sizes. Reads catalogs only, never a row of data."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from pergamon.deploy.quickstart import FoundSource, FoundTable, Identity
from pergamon.kernel import Invalid, Unavailable

TABLES = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned,
       c.relreplident::text AS identity, c.reltuples::bigint AS rows, pg_table_size(c.oid) AS size_bytes,
       ARRAY(SELECT a.attname FROM pg_index i
             CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place)::text[] AS key,
       ARRAY(SELECT a.attname FROM pg_index i
             CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
             WHERE i.indrelid = c.oid AND i.indisreplident ORDER BY k.place)::text[] AS index_columns,
       ARRAY(SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)::text[] AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY n.nspname, c.relname
"""
ABOUT = """
SELECT current_setting('server_version_num')::int AS server_version, current_setting('wal_level') AS wal_level,
       current_database() AS dbname, current_user::text AS "user",
       coalesce((SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), false) AS may_replicate
"""
IDENTITIES: dict[str, Identity] = {"d": "default", "i": "index", "f": "full", "n": "nothing"}


class BadConninfo(Invalid):
    """What was given is not a connection string of PostgreSQL."""

    code = "adapters.bad_conninfo"


class SourceNotReached(Unavailable):
    """The source does not answer, or refuses this user."""

    code = "adapters.source_not_reached"


def without_password(conninfo: str) -> tuple[str, str | None]:
    """A connection string without its password, and the password.

    Raises:
        BadConninfo: it is not a libpq connection string or URL. Its text is not repeated: it may hold the password.
    """
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(conninfo))
    except psycopg.ProgrammingError:
        hint = "write postgresql://user@host:5432/database"
        raise BadConninfo("this is not a connection string of PostgreSQL", hint=hint) from None
    password = parts.pop("password", None)
    return make_conninfo("", **parts), str(password) if password is not None else None


def inspect_postgres(conninfo: str, password: str | None) -> FoundSource:
    """Look at a source.

    Raises:
        SourceNotReached: no connection, or the password is refused.
    """
    try:
        with psycopg.connect(conninfo, password=password, connect_timeout=10, row_factory=dict_row) as connection:
            connection.read_only = True
            connection.execute("SET statement_timeout = '30s'")
            about = connection.execute(ABOUT).fetchone() or {}
            tables = tuple(_table(row) for row in connection.execute(TABLES))
            info = connection.info
            return FoundSource(host=info.host, port=info.port, tables=tables, **about)
    except psycopg.errors.InvalidPassword:
        raise SourceNotReached(
            "the source refuses the password", hint="is the user right, and may it connect?"
        ) from None
    except psycopg.OperationalError as error:
        sqlstate = error.sqlstate or type(error).__name__
        hint = "is the host right, does PostgreSQL listen there, and does pg_hba.conf let this user in?"
        raise SourceNotReached(f"the source does not answer, or refuses this user ({sqlstate})", hint=hint) from None


def _table(row: Mapping[str, Any]) -> FoundTable:
    identity = IDENTITIES[row["identity"]]
    told_by = {"default": row["key"], "index": row["index_columns"], "full": row["columns"], "nothing": []}[identity]
    return FoundTable(
        schema=row["schema"],
        name=row["name"],
        key=tuple(row["key"]),
        identity=identity,
        identity_columns=tuple(told_by),
        rows=row["rows"],
        size_bytes=row["size_bytes"],
        partitioned=row["partitioned"],
    )
