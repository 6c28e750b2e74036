"""What every test may ask for: a real PostgreSQL, a fresh database in it, and a runtime on a temporary home."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.conninfo import make_conninfo

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy machine is slow, and that is no fault of what is tested


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL per test process, with durability off: what is tested with power cuts starts its own."""
    directory = tmp_path_factory.mktemp("pg")
    server = EmbeddedPostgres(directory, settings={"fsync": "off", "wal_level": "logical", "max_wal_senders": "10"})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A libpq connection string to a fresh, empty database."""
    name = f"t_{secrets.token_hex(6)}"
    admin = make_conninfo(postgres_server.conninfo, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield make_conninfo(postgres_server.conninfo, dbname=name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


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
