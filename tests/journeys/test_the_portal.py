"""People at the portal with a real browser: what they can do, by keyboard too; that axe finds nothing; that it fits.

They need the distribution's Chromium, and are skipped where there is none.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.integration.web.pages.conftest import address, made_portal, portal, visit
from tests.reference.portal import PASSWORD, Portal

__all__ = ["address", "made_portal", "portal", "visit"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: `apt-get install chromium` (or another package of it) enables these tests"
)
PHONE, DESK = (390, 844), (1440, 900)
PICTURES = os.environ.get("PERGAMON_PICTURES")
"""A directory: each page that is looked at is kept there as a picture. Three of them stand in `docs/pictures`."""
FIRST_PAGE_BYTES = 150_000

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandboxed = os.getuid() != 0  # Chromium's own sandbox cannot be had as root
        launched = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=sandboxed)
        yield launched
        launched.close()


@pytest.fixture
def open_as(browser: Browser, address: str) -> Iterator[Open]:
    """Opens a page for somebody who signs in by hand; a message of the browser's console fails the test."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def opened(name: str = "", *, size: tuple[int, int] = DESK, theme: str = "light", language: str = "en-GB") -> Page:
        context = browser.new_context(
            base_url=address,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            locale=language,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        if name:
            page.goto("/sign-in")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Passwor").fill(PASSWORD)
            page.locator("main form button").click()
            page.wait_for_url(f"{address}/")
        return page

    yield opened
    for context in contexts:
        context.close()
    unexpected = [text for text in said if "status of 4" not in text and "net::ERR_FAILED" not in text]
    assert not unexpected


def test_a_researcher_finds_asks_and_queries(open_as: Open, portal: Portal) -> None:
    rena = open_as("rena")
    rena.get_by_role("link", name="Catalog", exact=True).click()
    search = rena.get_by_role("searchbox")
    search.press_sequentially("hospitl", delay=20)
    expect(rena.get_by_role("link", name="Hospital stays")).to_be_visible()
    expect(rena).to_have_url(re.compile("text=hospitl"))
    expect(search).to_be_focused()
    rena.get_by_role("checkbox", name="Encounter").check()
    expect(rena.get_by_role("status").filter(has_text="1 asset")).to_be_visible()
    rena.get_by_role("link", name="Hospital stays").click()
    rena.get_by_role("link", name="Request access").click()
    rena.get_by_label("What do you need it for?").fill("How long do people stay, and where?")
    rena.get_by_label("research", exact=True).check()
    rena.get_by_text("Only some columns?").click()
    rena.get_by_role("checkbox", name="cost").uncheck()
    rena.get_by_role("checkbox", name="I accept the conditions").check()
    rena.get_by_role("button", name="Send the request").click()
    expect(rena.get_by_text("Your request has been sent.")).to_be_visible()
    request = rena.url

    hana = open_as("hana")
    hana.get_by_role("link", name="clinic_db.encounters").click()
    hana.get_by_role("button", name="Show what it gives").click()
    expect(hana.get_by_text("of 900 rows")).to_be_visible()
    hana.get_by_label("Why? Whoever asked reads it.").fill("The ethics board has agreed.")
    hana.get_by_role("button", name="Approve").click()
    expect(hana.get_by_text("Approved.", exact=True)).to_be_visible()

    rena.goto(request)
    rena.get_by_role("link", name="Query it").click()
    editor = rena.get_by_role("textbox", name="SQL")
    expect(editor).to_have_value("SELECT * FROM heart_study_sub.encounters LIMIT 100")
    editor.fill("")
    editor.press_sequentially("SELECT ward, count(*) AS stays FROM heart_st")
    expect(rena.get_by_role("option", name="heart_study_sub.encounters")).to_be_visible()
    editor.press("Tab")
    editor.press_sequentially(" GROUP BY ward ORDER BY stays DESC")
    editor.press("Control+Enter")
    expect(rena.get_by_role("cell", name="cardiology")).to_be_visible(timeout=20_000)
    with rena.expect_download() as file:
        rena.get_by_role("link", name="CSV").click()
    assert Path(file.value.path()).read_text().startswith("ward,stays")


def test_a_long_query_is_seen_to_run_and_is_cancelled(open_as: Open) -> None:
    rena = open_as("rena")
    rena.goto("/query")
    rena.get_by_role("textbox", name="SQL").fill(
        "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) = -1"
    )
    rena.get_by_role("button", name="Run").click()
    expect(rena.get_by_text("Under way…")).to_be_visible()
    rena.get_by_role("button", name="Cancel").click()
    expect(rena.get_by_text("cancelled", exact=True)).to_be_visible(timeout=15_000)


def test_light_and_dark_language_and_menu_by_keyboard_alone(open_as: Open, address: str) -> None:
    page = open_as("rena", size=PHONE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.get_by_role("button", name="Dark").press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Menu").press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Pages")).not_to_be_visible()
    page.get_by_role("button", name="Menu").press("Enter")
    page.get_by_role("button", name="Deutsch").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_role("button", name="Menü").press("Enter")
    page.get_by_role("button", name="Abmelden", exact=True).press("Enter")
    page.wait_for_url(f"{address}/sign-in")


def test_everything_works_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/catalog?text=hospital")
    page.get_by_label("Name").fill("rena")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("checkbox", name="Encounter").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("1 asset", exact=True)).to_be_visible()
    page.goto("/query")
    page.get_by_role("textbox", name="SQL").fill("SELECT 41 + 1 AS answer")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("cell", name="42")).to_be_visible(timeout=20_000)
    context.close()


def pages_of(portal: Portal) -> dict[str, tuple[str, str]]:
    """Every page that is looked at: its name, who looks, and its path."""
    waiting = portal.ask("remy", "lab_results", purpose=None, accept=False).id
    granted = portal.ask(columns=("patient", "admitted", "days", "ward"), days=20).id
    portal.approve(granted)
    with portal.by("rena") as uow:
        entry = portal.rt.submit_statement(uow, "SELECT ward, days FROM heart_study_sub.encounters ORDER BY days, ward")
    portal.rt.statement_bell.ring_here()
    asset = f"/assets/{portal.assets['encounters']}"
    return {
        "sign-in": ("", "/sign-in"),
        "home": ("rena", "/"),
        "home-of-an-owner": ("hana", "/"),
        "catalog": ("rena", "/catalog?text=hospital"),
        "nothing-found": ("rena", "/catalog?text=zzzzzz"),
        "asset": ("rena", asset),
        "quality": ("rena", f"{asset}/quality"),
        "lineage": ("hana", f"{asset}/lineage"),
        "versions": ("hana", f"{asset}/versions?of=2"),
        "ask": ("rena", f"/assets/{portal.assets['patients']}/request"),
        "request-to-decide": ("hana", f"/requests/{waiting}"),
        "request-granted": ("rena", f"/requests/{granted}"),
        "requests": ("hana", "/requests"),
        "grants": ("rena", "/grants"),
        "query": ("rena", f"/query/{entry.id}"),
        "editor": ("rena", "/query"),
        "queries": ("rena", "/queries"),
        "project": ("hana", "/projects/clinic-data"),
        "audit": ("olga", "/audit"),
        "error": ("rena", "/assets/no-such"),
        "styles": ("rena", "/styles"),
    }


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_every_page_fits_and_axe_finds_nothing(
    open_as: Open, portal: Portal, size: tuple[int, int], theme: str
) -> None:
    faults: list[str] = []
    people: dict[str, Page] = {}
    for name, (who, path) in pages_of(portal).items():
        page = people[who] = people.get(who) or open_as(who, size=size, theme=theme)
        page.goto(path)
        faults += faults_of(page, name, size)
    assert not faults, "\n".join(faults)


def faults_of(page: Page, name: str, size: tuple[int, int]) -> list[str]:
    """What is wrong with a page as it stands: too wide, or something that axe finds."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    faults = [f"{name}: {wide} pixels wide on {size[0]}"] if wide > size[0] else []
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    for fault in found.response["violations"]:
        places = [" ".join(node["target"]) for node in fault["nodes"][:3]]
        faults.append(f"{name}: {fault['id']}: {fault['help']}: {places}")
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / (f"{name}.png" if size == DESK else f"{name}.phone.png"))
    return faults


def test_the_first_page_is_small(open_as: Open) -> None:
    page = open_as()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(sum(request.sizes().values())))
    page.goto("/sign-in", wait_until="networkidle")
    page.get_by_label("Name").fill("rena")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main form button").click()
    page.wait_for_load_state("networkidle")
    assert 10_000 < sum(sizes) < FIRST_PAGE_BYTES, sum(sizes)


def test_what_is_printed_has_no_navigation(open_as: Open, portal: Portal) -> None:
    page = open_as("rena")
    page.goto(f"/assets/{portal.assets['encounters']}")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Pages")).not_to_be_visible()
    expect(page.get_by_role("heading", name="Hospital stays")).to_be_visible()
