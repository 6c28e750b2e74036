"""A second PostgreSQL, as a hospital's: another cluster than the platform's, with logical replication allowed."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pergamon.adapters.embedded_postgres import EmbeddedPostgres

SETTINGS = {
    "fsync": "off",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "logical_decoding_work_mem": "64kB",  # so that a transaction of a few hundred rows is streamed already
}


@dataclass(frozen=True)
class SourceDatabase:
    """A fresh database of the source cluster."""

    conninfo: str = field(repr=False)

    def execute(self, *statements: str) -> None:
        """Run statements in one transaction."""
        with psycopg.connect(self.conninfo) as connection:
            for statement in statements:
                connection.execute(cast(LiteralString, statement))

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        options = "-c timezone=UTC -c intervalstyle=iso_8601"
        with psycopg.connect(self.conninfo, row_factory=dict_row, options=options) as connection:
            return connection.execute(cast(LiteralString, query), parameters).fetchall()

    def as_user(self, name: str, password: str) -> str:
        return make_conninfo(self.conninfo, user=name, password=password)


def start_source_server(directory: Path, **settings: str) -> EmbeddedPostgres:
    server = EmbeddedPostgres(directory, settings=SETTINGS | settings)
    server.start()
    return server


@pytest.fixture(scope="session")
def source_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One source cluster per test process."""
    server = start_source_server(tmp_path_factory.mktemp("source"))
    yield server
    server.stop()


@pytest.fixture
def source_database(source_server: EmbeddedPostgres) -> Iterator[SourceDatabase]:
    """An empty database of the source cluster; its slots go with it."""
    name = f"s_{secrets.token_hex(6)}"
    admin = make_conninfo(source_server.conninfo, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(cast(LiteralString, f"CREATE DATABASE {name}"))
    yield SourceDatabase(make_conninfo(source_server.conninfo, dbname=name))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(active_pid, 30000) FROM pg_replication_slots WHERE database = %s AND active",
            (name,),  # with a time to wait: a slot cannot be dropped before its reader is gone
        )
        for (slot,) in connection.execute(
            "SELECT slot_name FROM pg_replication_slots WHERE database = %s", (name,)
        ).fetchall():
            connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        connection.execute(cast(LiteralString, f"DROP DATABASE {name} WITH (FORCE)"))
