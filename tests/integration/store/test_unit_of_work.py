"""Migrations on filled tables, the outbox, and what a lost PostgreSQL looks like."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.kernel import Actor, Unavailable, new_id
from pergamon.runtime import Runtime
from pergamon.store import (
    MigrationFailed,
    Store,
    UnitOfWork,
    apply_migrations,
    asked_once,
    claim_messages,
    known_migrations,
    mark_delivered,
    mark_failed,
)


def test_migrating_twice_changes_nothing(empty_postgres_url: str) -> None:
    with psycopg.connect(empty_postgres_url, row_factory=dict_row) as connection:
        assert apply_migrations(connection) == [migration.name for migration in known_migrations()]
        assert apply_migrations(connection) == []


def test_each_migration_runs_on_the_filled_tables_of_the_one_before(empty_postgres_url: str) -> None:
    """An empty table never walks a data migration's loop: every table gets a row as soon as it can hold one."""
    with psycopg.connect(empty_postgres_url, row_factory=dict_row) as connection:
        for migration in known_migrations():
            apply_migrations(connection, up_to=migration.name)
            fill_empty_tables(connection)
        filled = [name for name in table_names(connection) if has_rows(connection, name)]
    assert {"outbox", "audit_event", "role", "principal"} <= set(filled)


def test_a_migration_edited_after_it_was_applied_is_refused(empty_postgres_url: str) -> None:
    with psycopg.connect(empty_postgres_url, row_factory=dict_row) as connection:
        apply_migrations(connection)
        connection.execute("UPDATE schema_migration SET digest = 'other' WHERE name LIKE '0001%'")
        connection.commit()
        with pytest.raises(MigrationFailed, match="0001_store_outbox was edited"):
            apply_migrations(connection)


def test_a_database_of_a_newer_version_is_refused(empty_postgres_url: str) -> None:
    with psycopg.connect(empty_postgres_url, row_factory=dict_row) as connection:
        apply_migrations(connection)
        connection.execute("INSERT INTO schema_migration (name, digest) VALUES ('9999_future', 'x')")
        connection.commit()
        with pytest.raises(MigrationFailed, match="upgrade"):
            apply_migrations(connection)


def test_a_message_is_taken_by_one_worker_and_tried_again_later(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        uow.enqueue("mail", "k1", {"n": 1})
        uow.enqueue("mail", "k1", {"n": 2})
    with rt.begin(operator) as first, rt.begin(operator) as second:
        [message] = claim_messages(first, "mail")
        assert claim_messages(second, "mail") == []
        assert message.payload == {"n": 1}
        mark_failed(first, message)
    with rt.begin(operator) as uow:
        assert claim_messages(uow, "mail") == []
        later = UnitOfWork(uow.connection, operator, uow.now + timedelta(seconds=2))
        [message] = claim_messages(later, "mail")
        assert message.attempts == 1
        mark_delivered(later, message)
        assert claim_messages(later, "mail") == []


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "pg")
    with server.in_use():
        yield server


def test_postgres_killed_in_the_middle_is_a_clear_error_and_the_store_recovers(own_server: EmbeddedPostgres) -> None:
    import os
    import signal
    import time

    store = Store(own_server.conninfo, max_size=2)

    def select_one(kill_first: bool) -> None:
        with store.transaction() as connection:
            if kill_first:
                pid = own_server.server_pid()
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                time.sleep(0.2)
            connection.execute("SELECT 1")

    with pytest.raises(Unavailable, match="own PostgreSQL does not answer"):
        select_one(kill_first=True)
    own_server.start()
    select_one(kill_first=False)
    store.close()


def table_names(connection: psycopg.Connection[dict[str, object]]) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [str(row["tablename"]) for row in rows]


def has_rows(connection: psycopg.Connection[dict[str, object]], table: str) -> bool:
    return connection.execute(f'SELECT 1 AS one FROM "{table}" LIMIT 1').fetchone() is not None


def fill_empty_tables(connection: psycopg.Connection[dict[str, object]]) -> None:
    """Put one row into every empty table, foreign keys and checks aside."""
    connection.execute("SET session_replication_role = replica")
    for table in table_names(connection):
        if table != "schema_migration" and not has_rows(connection, table):
            insert_one_row(connection, table)
    connection.execute("SET session_replication_role = origin")
    connection.commit()


VALUES = {
    "json": "'{}'",
    "jsonb": "'{}'",
    "ARRAY": "'{}'",
    "bytea": "''",
    "boolean": "false",
    "xid8": "'1'",
    "uuid": "gen_random_uuid()",
}

CHECKED = {"principal.kind": "'person'", "audit_setting.kind": "'audit'"}
"""Columns whose check allows a few words only."""


def insert_one_row(connection: psycopg.Connection[dict[str, object]], table: str) -> None:
    columns = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = %s AND is_nullable = 'NO' "
        "AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'",
        (table,),
    ).fetchall()
    names = ", ".join(f'"{column["column_name"]}"' for column in columns)
    values = ", ".join(
        CHECKED.get(f"{table}.{column['column_name']}") or value_for(str(column["data_type"])) for column in columns
    )
    try:
        with connection.transaction():
            connection.execute(
                f'INSERT INTO "{table}" ({names}) VALUES ({values})'
                if columns
                else f'INSERT INTO "{table}" DEFAULT VALUES'
            )
    except psycopg.errors.CheckViolation:
        pass  # a table whose checks need a real value stays empty here; its room's tests fill it


def value_for(data_type: str) -> str:
    if data_type.startswith("timestamp") or data_type == "date":
        return "now()"
    if data_type in {"integer", "bigint", "smallint", "numeric", "double precision", "real"}:
        return "1"
    return VALUES.get(data_type, "'x'")


@asked_once
def counted_messages(uow: UnitOfWork, topic: str) -> int:
    row = uow.row("SELECT count(*) AS n FROM outbox WHERE topic = %s", (topic,))
    return int(row["n"]) if row else 0


def test_what_is_asked_once_is_asked_again_after_anything_that_may_have_changed_it(rt: Runtime) -> None:
    def behind_its_back() -> None:
        with rt.begin(rt.operator()) as other:
            other.enqueue("mail", new_id("k"), {})

    with rt.begin(rt.operator()) as uow:
        assert counted_messages(uow, "mail") == 0
        behind_its_back()
        assert counted_messages(uow, "mail") == 0, "it was not asked again"
        assert counted_messages(uow, "post") == 0
        uow.enqueue("mail", "a", {})
        assert counted_messages(uow, "mail") == 2
        behind_its_back()
        uow.rows("SELECT id FROM outbox FOR NO KEY UPDATE SKIP LOCKED")
        assert counted_messages(uow, "mail") == 3
        behind_its_back()
        uow.rows("WITH gone AS (DELETE FROM outbox WHERE key = 'a' RETURNING id) SELECT id FROM gone")
        assert counted_messages(uow, "mail") == 3
        behind_its_back()
        uow.rows("SELECT pg_advisory_xact_lock(1)")
        assert counted_messages(uow, "mail") == 4
