"""What every test may ask for: a real PostgreSQL, a fresh database in it, and a runtime on a temporary home."""

import gc
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings
from pergamon.store import apply_migrations
from tests.in_memory import keep_files_in_memory, keep_what_is_there
from tests.made_portal import made_portal

__all__ = ["made_portal"]

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy machine is slow, and that is no fault of what is tested

LONG_FILES = ("tests/journeys/", "tests/docs/", "tests/integration/pipeline/", "tests/integration/web/")
"""What takes minutes in one file begins first, so that no process waits for another at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before anything asks where files go."""
    if (directory := keep_files_in_memory()) and not config.option.basetemp:
        config.option.basetemp = str(directory / "t")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, for those who divide them among processes; within a file nothing changes."""
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG_FILES) if item.nodeid.startswith(name)), 99))


def pytest_collection_finish() -> None:
    """What is loaded now stays: nobody looks through it again for what nobody needs."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a failed test has left is looked at."""
    if session.testsfailed:
        keep_what_is_there()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL per test process, with durability off: what is tested with power cuts starts its own."""
    directory = tmp_path_factory.mktemp("pg")
    server = EmbeddedPostgres(directory, settings={"fsync": "off", "wal_level": "logical", "max_wal_senders": "10"})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_database(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database with every migration applied, which others are copied from: 30 ms instead of 300."""
    name = "t_migrated"
    with psycopg.connect(_admin(postgres_server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(make_conninfo(postgres_server.conninfo, dbname=name), row_factory=dict_row) as connection:
        apply_migrations(connection)
    return name


@pytest.fixture
def postgres_url(postgres_server: EmbeddedPostgres, migrated_database: str) -> Iterator[str]:
    """A libpq connection string to a database of an installation in which nothing has happened."""
    with _database(postgres_server, f"TEMPLATE {migrated_database} STRATEGY FILE_COPY") as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A libpq connection string to an empty database: no migration was applied."""
    with _database(postgres_server, "") as url:
        yield url


@contextmanager
def _database(server: EmbeddedPostgres, how: str) -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(_admin(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {how}")
    yield make_conninfo(server.conninfo, dbname=name)
    with psycopg.connect(_admin(server), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _admin(server: EmbeddedPostgres) -> str:
    return make_conninfo(server.conninfo, dbname="postgres")


@pytest.fixture
def rt(postgres_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """An empty installation: migrated database, temporary home."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with open_runtime(Settings(home=home, database_url=postgres_url)) as runtime:
        yield runtime


@pytest.fixture
def operator() -> Actor:
    return Actor(id="operator:test", kind=ActorKind.OPERATOR)
