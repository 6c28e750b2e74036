"""The portal over a real socket, and people who browse it. One is made; each test has a copy of its database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from pergamon import identity
from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.web import create_app
from tests.made_portal import Made, opened
from tests.reference.browsing import Browser
from tests.reference.portal import OPERATOR, Portal
from tests.reference.served import served

Visit = Callable[..., Browser]
SESSION = "__Host-pergamon-session"


@pytest.fixture
def portal(postgres_server: EmbeddedPostgres, made_portal: Made) -> Iterator[Portal]:
    with opened(postgres_server, made_portal) as portal:
        yield portal


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
