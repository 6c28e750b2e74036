"""Every page in a real browser, at a desk and on a phone, in the light and in the dark: axe finds nothing, all fits.

A theme changes colours and nothing else (`tests/architecture` holds the style sheet to that), so at each width all
rules are asked in one theme, and in the other those that look at colours. `make pictures` keeps what is seen in
`docs/pictures`.
"""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.browsing import Open, with_a_browser
from tests.journeys.portal_pages import GALLERY, PAGES, PICTURES, SIZES, THEME, Seen, gallery
from tests.reference.lived_in import live_in
from tests.reference.portal import Portal

pytestmark = with_a_browser
KEPT = os.environ.get("PERGAMON_PICTURES", "")
"""A directory: pictures of all that is seen are kept there, at each width in both themes; in `docs/pictures`, which
`make pictures` names, in one."""
TALLEST = 1_500
"""Pixels of a page that are in its picture."""
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
OF_COLOUR = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
OTHER = {"light": "dark", "dark": "light"}
BY_KEYBOARD = ("home", "catalog", "asset", "decide", "query", "project", "describe", "landed")
FOCUSED = """() => {
  const one = document.activeElement, shape = getComputedStyle(one), around = getComputedStyle(one, "::after");
  const inside = one.closest(".editor") ?? one, drawn = [shape, around, getComputedStyle(inside)];
  const box = one.querySelector("rect");
  const is_seen = drawn.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
    || (box && parseFloat(getComputedStyle(box).strokeWidth) >= 3);
  one.dataset.reached = "1";
  return { is_seen, called: one.outerHTML.slice(0, 120), is_out: one === document.body };
}"""
NOT_REACHED = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  const reached = (one) => one.dataset.reached
    || (one.type === "radio" && [...document.getElementsByName(one.name)].some((other) => other.dataset.reached));
  return all.filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && !reached(one))
    .map((one) => one.outerHTML.slice(0, 120));
}"""


@pytest.fixture(scope="module")
def places(portal: Portal, address: str) -> dict[str, str]:
    """What addresses are made of."""
    return live_in(portal)


@pytest.fixture
def seen(open_as: Open, places: dict[str, str]) -> "Look":
    return Look(open_as, places)


class Look:
    """Opens pages, one window for each person."""

    def __init__(self, open_as: Open, places: dict[str, str]) -> None:
        self.open_as, self.places = open_as, places
        self.windows: dict[str, Page] = {}

    def at(self, one: Seen) -> Page:
        page = self.windows[one.who] = self.windows.get(one.who) or self.open_as(one.who)
        show(page, "desk")
        answer = page.goto(one.path.format(**self.places))
        assert answer is not None
        assert answer.status == (404 if one.name == "error" else 200), one.name
        if one.press:
            page.get_by_role("button", name=one.press).click()
            page.wait_for_load_state()
        return page


def show(page: Page, size: str, theme: str = "light") -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.evaluate("new Promise((done) => requestAnimationFrame(done))")


@pytest.mark.timeout(600)
def test_every_page_fits_and_axe_finds_nothing(seen: Look) -> None:
    faults: list[str] = []
    is_gallery = bool(KEPT) and Path(KEPT).resolve() == PICTURES
    for one in PAGES:
        page = seen.at(one)
        for size, theme in THEME.items():
            show(page, size, theme)
            faults += faults_of(page, f"{one.name}, {size}", SIZES[size][0])
            if KEPT:
                keep(page, Path(KEPT) / one.picture(size), size)
            show(page, size, OTHER[theme])
            faults += faults_of(page, f"{one.name}, {size}, {OTHER[theme]}", SIZES[size][0], OF_COLOUR)
            if KEPT and not is_gallery:
                keep(page, Path(KEPT) / one.picture(f"{size}-{OTHER[theme]}"), size)
    if is_gallery:
        GALLERY.write_text(gallery(), encoding="utf-8")
    assert not faults, "\n".join(faults)


def faults_of(page: Page, name: str, width: int, rules: dict[str, Any] = RULES) -> list[str]:  # Any: as axe reads it
    """What is wrong with a page as it stands: too wide, or something that axe finds."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    faults = [f"{name}: {wide} pixels wide"] if wide > width else []
    if violations(page, rules):
        page.wait_for_timeout(300)  # a colour may have been on its way
        for fault in violations(page, rules):
            places = [" ".join(node["target"]) for node in fault["nodes"][:3]]
            faults.append(f"{name}: {fault['id']}: {fault['help']}: {places}")
    return faults


def violations(page: Page, rules: dict[str, Any]) -> list[dict[str, Any]]:  # Any: as axe reads and tells them
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    return list(page.evaluate("(options) => axe.run(options)", rules)["violations"])


def keep(page: Page, path: Path, size: str) -> None:
    """A picture of what is seen."""
    page.mouse.move(0, 0)
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": SIZES[size][0], "height": min(tall, TALLEST)})
    asked = {"format": "webp", "quality": 60}
    session = page.context.new_cdp_session(page)
    path.write_bytes(base64.b64decode(session.send("Page.captureScreenshot", asked)["data"]))
    session.detach()


def test_everything_is_reached_by_keyboard_and_seen_when_it_is(seen: Look) -> None:
    for one in PAGES:
        if one.name not in BY_KEYBOARD:
            continue
        page = seen.at(one)
        for turn in range(400):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if turn == 0:
                expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
            if focused["is_out"]:
                break
            assert focused["is_seen"], f"{one.name}: nobody sees the focus on {focused['called']}"
        assert page.evaluate(NOT_REACHED) == [], one.name


def test_what_is_printed_is_the_page_alone_on_white(seen: Look) -> None:
    for one in PAGES:
        if one.name not in ("asset", "request", "query"):
            continue
        page = seen.at(one)
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator("nav, button, .button").filter(visible=True).count() == 0, one.name
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.emulate_media(media="screen", color_scheme="light")


def test_nothing_moves_for_who_asked_for_that(open_as: Open) -> None:
    longest = """() => Math.max(...[...document.querySelectorAll("*")].flatMap((one) => {
      const style = getComputedStyle(one);
      return `${style.transitionDuration},${style.animationDuration}`.split(",").map(parseFloat);
    }))"""
    for motion, moves in (("reduce", False), ("as usual", True)):
        page = open_as(motion=motion)
        page.goto("/sign-in")
        assert (page.evaluate(longest) > 0.001) is moves
