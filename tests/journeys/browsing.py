"""A real browser, and one portal that everybody in a file uses: its tests may meet what an earlier one has left.

They need the distribution's Chromium, and are skipped where there is none.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from tests.integration.web.pages.conftest import reached
from tests.made_portal import Made, opened
from tests.reference.portal import PASSWORD, Portal

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
with_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: `apt-get install chromium` (or another package of it) enables these tests"
)
PHONE, DESK = (390, 844), (1440, 900)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def portal(postgres_server: EmbeddedPostgres, made_portal: Made) -> Iterator[Portal]:
    with opened(postgres_server, made_portal) as portal:
        yield portal


@pytest.fixture(scope="module")
def address(portal: Portal) -> Iterator[str]:
    with reached(portal) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandboxed = os.getuid() != 0  # Chromium's own sandbox cannot be had as root
        launched = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=sandboxed)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def sessions() -> dict[str, StorageState]:
    """Who has signed in, and what their browser keeps of it."""
    return {}


@pytest.fixture
def open_as(browser: Browser, address: str, sessions: dict[str, StorageState]) -> Iterator[Open]:
    """Opens a page for somebody, who signs in by hand the first time; a message of the browser's console fails the
    test."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def opened(name: str = "", *, size: tuple[int, int] = DESK, scripts: bool = True, motion: str = "reduce") -> Page:
        context = browser.new_context(
            base_url=address,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="light",
            locale="en-GB",
            reduced_motion="reduce" if motion == "reduce" else "no-preference",
            accept_downloads=True,
            java_script_enabled=scripts,
            storage_state=sessions.get(name),
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        if name and name not in sessions:
            page.goto("/sign-in")
            sign_in(page, name)
            page.wait_for_url(f"{address}/")
            sessions[name] = context.storage_state()
        return page

    yield opened
    for context in contexts:
        context.close()
    unexpected = [text for text in said if "status of 4" not in text and "net::ERR_FAILED" not in text]
    assert not unexpected


def sign_in(page: Page, name: str) -> None:
    """Fill in the form that is open, and send it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
