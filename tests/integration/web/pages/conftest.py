"""The portal over a real socket, and people who browse it. One is made; each test has a copy of its database."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pergamon import identity
from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
from pergamon.web import create_app
from tests.reference.browsing import Browser
from tests.reference.portal import OPERATOR, Portal, make_portal
from tests.reference.served import served

Visit = Callable[..., Browser]
SESSION = "__Host-pergamon-session"


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


@pytest.fixture
def portal(postgres_server: EmbeddedPostgres, made_portal: Made) -> Iterator[Portal]:
    with opened(postgres_server, made_portal) as portal:
        yield portal


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


@pytest.fixture
def address(portal: Portal) -> Iterator[str]:
    with reached(portal) as address:
        yield address


@contextmanager
def reached(portal: Portal) -> Iterator[str]:
    """Serve it. Returns: its address."""
    with portal.rt.searching.following(), served(create_app(portal.rt)) as address:
        yield address


@pytest.fixture
def visit(portal: Portal, address: str) -> Iterator[Visit]:
    """Makes browsers: of somebody who has signed in, or of nobody."""
    with ExitStack() as stack:

        def made(name: str = "", language: str = "en") -> Browser:
            browser = Browser(address, language)
            stack.callback(browser.close)
            if name:
                with portal.rt.begin(OPERATOR) as uow:  # as the sign-in does, without comparing a password
                    token = identity.issue_token(uow, f"person:{name}", label="login", lifetime=timedelta(hours=8))
                browser.cookies[SESSION] = token
            return browser

        yield made
