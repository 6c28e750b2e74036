"""A portal that nobody has used: made once for a test process, and opened as a copy."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
from tests.reference.portal import Portal, make_portal

Made = tuple[str, Path, dict[str, str]]
"""A database, a home, the assets."""


@pytest.fixture(scope="session")
def made_portal(
    postgres_server: EmbeddedPostgres, migrated_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    """A portal that nobody has used. Nothing is changed here: tests change copies."""
    home = tmp_path_factory.mktemp("portal") / "home"
    home.mkdir(mode=0o700)
    with copied(postgres_server, migrated_database) as url:
        with open_runtime(Settings(home=home, database_url=url)) as rt:
            assets = make_portal(rt).assets
        yield str(conninfo_to_dict(url)["dbname"]), home, assets


@contextmanager
def opened(server: EmbeddedPostgres, made: Made) -> Iterator[Portal]:
    """A copy of the portal that nobody has used."""
    name, home, assets = made
    shutil.rmtree(home / "search", ignore_errors=True)  # it is of the copy before, which began as this one does
    with (
        copied(server, name) as url,
        open_runtime(Settings(home=home, database_url=url)) as rt,
    ):
        portal = Portal(rt, dict(assets))
        portal.follow()
        yield portal


@contextmanager
def copied(server: EmbeddedPostgres, original: str) -> Iterator[str]:
    """A copy of a database to which nobody is connected."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(make_conninfo(server.conninfo, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {original} STRATEGY FILE_COPY")  # type: ignore[arg-type]
        yield make_conninfo(server.conninfo, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
