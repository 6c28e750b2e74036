"""Databases of an installation in which nothing has happened, made anew from those that tests have used.

To copy a database costs 60 ms of a processor and more of its disk; to bring a used one back to what the migrations
left costs 10 ms. What is brought back is rows and sequences; where a test changed anything else (a table, a trigger,
a setting), its database is thrown away.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, cast

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pergamon.store import apply_migrations

USES = 40
"""So often a database is used, for its tables keep the room of the rows that were removed."""
CATALOGS = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_rewrite", "pg_policy"),
    *("pg_proc", "pg_type", "pg_namespace", "pg_extension", "pg_publication", "pg_publication_rel", "pg_event_trigger"),
    *("pg_default_acl", "pg_subscription", "pg_db_role_setting", "pg_largeobject_metadata"),
)
DEFINITIONS = "SELECT " + ", ".join(
    f"(SELECT (count(*), max(xmin::text::bigint))::text FROM {name}"
    f"{' WHERE subdbid = d.oid' if name == 'pg_subscription' else ''}"
    f"{' WHERE setdatabase = d.oid' if name == 'pg_db_role_setting' else ''}) AS {name}"
    for name in CATALOGS
)
DEFINITIONS += " FROM pg_database AS d WHERE datname = current_database()"
"""Who adds, changes or removes a definition leaves another number of rows, or a younger one."""
WRITTEN = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0 ORDER BY 1
"""
BEGIN_SEQUENCES = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL
"""


class KeptDatabases:
    """Those of one server. Used by one thread."""

    def __init__(self, admin: psycopg.Connection[Any], conninfo: str) -> None:
        """admin: a connection to the server that commits each statement; conninfo: how to connect to the server."""
        self._admin, self._conninfo = admin, conninfo
        self._spare: list[tuple[str, int]] = []
        self._execute("CREATE DATABASE t_migrated")
        with psycopg.connect(self._url("t_migrated"), row_factory=dict_row) as connection:
            apply_migrations(connection)
        with psycopg.connect(self._url("t_migrated")) as connection:
            self._definitions = connection.execute(DEFINITIONS).fetchone()
            self._rows = {table: _copy_of(connection, table) for table in _written(connection)}

    @contextmanager
    def one(self) -> Iterator[str]:
        """A libpq connection string to a database in which nothing has happened; nobody else has it."""
        name, uses = self._spare.pop() if self._spare else (f"t_{secrets.token_hex(6)}", 0)
        if not uses:
            self._execute(f"CREATE DATABASE {name} TEMPLATE t_migrated STRATEGY FILE_COPY")
        yield self._url(name)
        self._admin.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (name,))
        if uses + 1 < USES and self._is_brought_back(name):
            self._spare.append((name, uses + 1))
        else:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _is_brought_back(self, name: str) -> bool:
        """Bring rows and sequences back to what the migrations left; False where that would not be all."""
        with psycopg.connect(self._url(name), options="-c session_replication_role=replica") as connection:
            if connection.execute(DEFINITIONS).fetchone() != self._definitions:
                return False
            others = [table for table in _written(connection) if table not in self._rows]
            changed = [table for table, rows in self._rows.items() if _copy_of(connection, table) != rows]
            connection.execute(cast(LiteralString, ";".join(f"DELETE FROM {table}" for table in others + changed)))
            for table in changed:
                with connection.cursor().copy(cast(LiteralString, f"COPY {table} FROM STDIN")) as rows:
                    rows.write(self._rows[table])
            connection.execute(BEGIN_SEQUENCES)
        return True

    def _url(self, name: str) -> str:
        return make_conninfo(self._conninfo, dbname=name)

    def _execute(self, statement: str) -> None:
        self._admin.execute(cast(LiteralString, statement))


def _written(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables into which somebody has ever written."""
    return [name for (name,) in connection.execute(WRITTEN)]


def _copy_of(connection: psycopg.Connection[Any], table: str) -> bytes:
    """The rows of a table, in an order of their own."""
    with connection.cursor().copy(cast(LiteralString, f"COPY (SELECT * FROM {table} AS t ORDER BY t) TO STDOUT")) as c:
        return b"".join(bytes(part) for part in c)
