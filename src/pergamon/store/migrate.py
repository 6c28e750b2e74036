"""Forward-only migrations: numbered SQL files, each applied once, in order, in its own transaction.

A migration that has been applied may not change: its digest is kept. Rules for authors: `store/migrations/README.md`.
"""

import re
from dataclasses import dataclass
from importlib import resources

from psycopg import Connection
from psycopg.rows import DictRow

from pergamon.kernel import PergamonError, sha256_hex

ADVISORY_LOCK = 7_021_101
"""One process migrates at a time; the others wait, then find nothing to do."""


class MigrationFailed(PergamonError):
    """The database cannot be brought to this version's shape."""

    code = "store.migration_failed"


@dataclass(frozen=True)
class Migration:
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return sha256_hex(self.sql.encode())


def known_migrations() -> list[Migration]:
    """The migrations of this version, in order."""
    folder = resources.files("pergamon.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", entry.name))
    return [Migration(name.removesuffix(".sql"), (folder / name).read_text()) for name in names]


def apply_migrations(connection: Connection[DictRow], *, up_to: str | None = None) -> list[str]:
    """Bring the database to the newest shape, or only as far as `up_to` (for tests on filled tables).

    Returns: the names that were applied now.
    Raises:
        MigrationFailed: an applied migration was edited, or the database is from a newer version.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
    try:
        return _apply(connection, up_to)
    finally:
        connection.rollback()
        connection.execute("SELECT pg_advisory_unlock(%s)", (ADVISORY_LOCK,))
        connection.commit()


def _apply(connection: Connection[DictRow], up_to: str | None) -> list[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, digest text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = {row["name"]: row["digest"] for row in connection.execute("SELECT name, digest FROM schema_migration")}
    connection.commit()
    migrations = known_migrations()
    _refuse_strangers(applied, migrations)
    done = []
    for migration in migrations:
        if migration.name in applied or (up_to is not None and migration.name > up_to):
            continue
        connection.execute("SET LOCAL lock_timeout = '4s'")
        connection.execute("SET LOCAL statement_timeout = '5min'")
        connection.execute(migration.sql.encode())
        connection.execute(
            "INSERT INTO schema_migration (name, digest) VALUES (%s, %s)", (migration.name, migration.digest)
        )
        connection.commit()
        done.append(migration.name)
    return done


def _refuse_strangers(applied: dict[str, str], migrations: list[Migration]) -> None:
    known = {migration.name: migration.digest for migration in migrations}
    for name, digest in applied.items():
        if name not in known:
            raise MigrationFailed(
                f"the database knows migration {name}, this version does not", hint="upgrade Pergamon"
            )
        if known[name] != digest:
            raise MigrationFailed(
                f"migration {name} was edited after it was applied", hint="add a new migration instead"
            )
