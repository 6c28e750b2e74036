"""What the platform's own PostgreSQL promises, whichever way it is reached: socket, network, and the worker's relay."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pergamon.adapters.database_relay import (
    database_address,
    relay_to_database,
    relay_to_socket,
    through_relay,
)
from pergamon.adapters.embedded_postgres import EmbeddedPostgres, free_port
from pergamon.kernel import Unavailable
from pergamon.store import Store, apply_migrations, known_migrations


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One that is reached by its socket and by TCP."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("db"), settings={"fsync": "off"}, port=free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["socket", "URL of a socket", "network", "relay"])
def conninfo(request: pytest.FixtureRequest, server: EmbeddedPostgres, tmp_path: Path) -> Iterator[str]:
    """To a fresh database."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    parts = server.parameters() | {"dbname": name}
    by_network = make_conninfo(server.tcp_conninfo(), dbname=name)
    with ExitStack() as stack:
        match request.param:
            case "socket":
                yield make_conninfo(server.conninfo, dbname=name)
            case "URL of a socket":
                user = f"{parts['user']}:{parts['password']}"
                yield f"postgresql://{user}@/{name}?host={parts['host']}&port={parts['port']}"
            case "network":
                yield by_network
            case _:
                address = database_address(by_network)
                assert address is not None
                outer = relay_to_database(tmp_path, address)
                stack.callback(outer.close)
                inner = relay_to_socket(outer.path)
                stack.callback(inner.close)
                yield through_relay(by_network, inner.port)


@pytest.fixture
def store(conninfo: str) -> Iterator[Store]:
    store = Store(conninfo)
    with store.transaction() as connection:
        connection.execute("CREATE TABLE kept (id int PRIMARY KEY, word text)")
    yield store
    store.close()


def run(store: Store, *statements: LiteralString) -> None:
    """All of them in one transaction."""
    with store.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def kept(store: Store) -> list[tuple[object, ...]]:
    with store.transaction() as connection:
        return [tuple(row.values()) for row in connection.execute("SELECT * FROM kept ORDER BY id").fetchall()]


def test_a_fresh_database_is_migrated_once(conninfo: str) -> None:
    store = Store(conninfo)
    try:
        with store.transaction() as connection:
            assert apply_migrations(connection) == [migration.name for migration in known_migrations()]
        with store.transaction() as connection:
            assert apply_migrations(connection) == []
    finally:
        store.close()


def test_two_that_open_it_at_once_both_find_it_migrated(conninfo: str) -> None:
    applied: list[int] = []

    def open_it() -> None:
        store = Store(conninfo)
        with store.transaction() as connection:
            applied.append(len(apply_migrations(connection)))
        store.close()

    both = [threading.Thread(target=open_it) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(applied) == [0, len(known_migrations())]


def test_a_block_that_ends_is_kept_and_one_that_raises_never_was(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (1, 'Änne')")
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(store, "INSERT INTO kept VALUES (2, 'lost')", "SELECT 1 / 0")
    assert kept(store) == [(1, "Änne")]


def test_a_session_is_in_utc_in_utf8_and_waits_for_nothing_for_ever(store: Store) -> None:
    names = ("TimeZone", "client_encoding", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    with store.transaction() as connection:
        found = [connection.execute("SELECT current_setting(%s) AS it", (name,)).fetchone() for name in names]
    assert [row["it"] for row in found if row] == ["UTC", "UTF8", "10s", "1min", "1min"]


def test_transactions_beside_each_other_do_not_see_each_other_before_their_end(store: Store) -> None:
    with store.transaction() as first:
        first.execute("INSERT INTO kept VALUES (1, 'first')")
        with store.transaction() as second:
            second.execute("INSERT INTO kept VALUES (2, 'second')")
        assert kept(store) == [(2, "second")]
    assert kept(store) == [(1, "first"), (2, "second")]


def test_a_large_value_comes_back_whole(store: Store) -> None:
    word = "".join(chr(0x20 + n % 0x2000) for n in range(2_000_000))
    with store.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (1, %s)", (word,))
    assert kept(store) == [(1, word)]


def test_a_connection_that_was_cut_is_an_error_and_the_next_transaction_has_a_new_one(
    store: Store,
) -> None:
    with pytest.raises(Unavailable, match="own PostgreSQL does not answer"):
        run(store, "INSERT INTO kept VALUES (1, 'lost')", "SELECT pg_terminate_backend(pg_backend_pid())")
    assert kept(store) == []


def test_no_error_shows_the_password(store: Store, server: EmbeddedPostgres) -> None:
    password = server.parameters()["password"]
    assert password in store.conninfo
    assert password not in repr(store)
    with pytest.raises(Unavailable) as failed:
        run(store, "SET statement_timeout = 1", "SELECT pg_sleep(1)")
    assert failed.value.message == "PostgreSQL took too long"
    assert password not in str(failed.value)
