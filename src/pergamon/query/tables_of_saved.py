"""The SQL of saved queries. No other room touches their table."""

from collections.abc import Collection

from psycopg.rows import DictRow

from pergamon.store import UnitOfWork


def put(uow: UnitOfWork, owner: str, name: str, project: str | None, sql: str) -> None:
    uow.execute(
        "INSERT INTO query_saved (owner, name, project, sql_text, changed_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (owner, name) DO UPDATE SET project = excluded.project, sql_text = excluded.sql_text, "
        "changed_at = excluded.changed_at",
        (owner, name, project, sql, uow.now),
    )


def saved(uow: UnitOfWork, owner: str, name: str) -> DictRow | None:
    return uow.row(
        "SELECT owner, name, project, sql_text AS sql, changed_at FROM query_saved WHERE owner = %s AND name = %s",
        (owner, name),
    )


def count_of(uow: UnitOfWork, owner: str) -> int:
    row = uow.row("SELECT count(*) AS n FROM query_saved WHERE owner = %s", (owner,))
    return int(row["n"]) if row else 0


def readable(
    uow: UnitOfWork, owner: str, projects: Collection[str], after: tuple[str, str], limit: int
) -> list[DictRow]:
    """The owner's, and those that are shared with these projects, by owner and name."""
    return uow.rows(
        "SELECT owner, name, project, sql_text AS sql, changed_at FROM query_saved "
        "WHERE (owner = %s OR project = ANY(%s)) AND (owner, name) > (%s, %s) ORDER BY owner, name LIMIT %s",
        (owner, list(projects), *after, limit),
    )


def delete(uow: UnitOfWork, owner: str, name: str) -> None:
    uow.execute("DELETE FROM query_saved WHERE owner = %s AND name = %s", (owner, name))
