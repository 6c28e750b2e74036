"""The portal over a real socket, and people who browse it. One is made; each test has a copy of its database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from pergamon import identity
from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
from pergamon.web import create_app
from tests.conftest import _database
from tests.reference.browsing import Browser
from tests.reference.portal import OPERATOR, Portal, make_portal
from tests.reference.served import served

Visit = Callable[..., Browser]
SESSION = "__Host-pergamon-session"


@pytest.fixture(scope="session")
def made_portal(
    postgres_server: EmbeddedPostgres, migrated_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, dict[str, str]]]:
    """A portal's database, its home, and its assets. Nothing is changed here: tests change copies."""
    home = tmp_path_factory.mktemp("portal") / "home"
    home.mkdir(mode=0o700)
    with _database(postgres_server, f"TEMPLATE {migrated_database} STRATEGY FILE_COPY") as url:
        with open_runtime(Settings(home=home, database_url=url)) as rt:
            assets = make_portal(rt).assets
        yield url.partition("dbname=")[2].split()[0], home, assets


@pytest.fixture
def portal(postgres_server: EmbeddedPostgres, made_portal: tuple[str, Path, dict[str, str]]) -> Iterator[Portal]:
    name, home, assets = made_portal
    with (
        _database(postgres_server, f"TEMPLATE {name} STRATEGY FILE_COPY") as url,
        open_runtime(Settings(home=home, database_url=url)) as rt,
    ):
        portal = Portal(rt, dict(assets))
        portal.follow()
        yield portal


@pytest.fixture
def address(portal: Portal) -> Iterator[str]:
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
