"""The tutorial of the portal, step by step, as its reader would: its blocks in a terminal, its steps in a real browser.

A step's comment says what the reader does and sees; the words that it names must stand in the step's own text.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.docs.test_code_blocks_run import ROOT, Terminals, blocks_of, terminals
from tests.journeys.browsing import DESK, with_a_browser

pytestmark = with_a_browser
PAGE = ROOT / "docs" / "tutorial" / "the-portal.md"
STEP = re.compile(r"<!-- (does|sees): (.+?) -->")
PASSWORD = "nobody guesses this"
IN_A_GROUP = re.compile(r"in (\w+) (.+)")


def steps_of(text: str) -> list[tuple[int, str, str]]:
    """(line, `does` or `sees`, what) in order."""
    return [(text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in STEP.finditer(text)]


class Reader:
    """Somebody who does what the tutorial says."""

    def __init__(self, page: Page, terminal: Terminals, text: str) -> None:
        self.page, self.terminal, self.text = page, terminal, text
        self.address = f"http://127.0.0.1:{terminal.port}"

    def follow(self, kind: str, what: str) -> None:
        """One step."""
        if kind == "sees":
            expect(self.page.get_by_text(what, exact=False).first).to_be_visible(timeout=30_000)
            return
        if what in ("sign out", "sql"):
            self._alone(what)
            return
        inside = IN_A_GROUP.fullmatch(what)
        place = self.page.get_by_role("group", name=inside[1], exact=True) if inside else self.page
        verb, _, rest = (inside[2] if inside else what).replace("sign in", "sign_in").partition(" ")
        name, _, value = rest.partition(" = ")
        match verb:
            case "sign_in":
                self._sign_in(name)
            case "link":
                self.page.get_by_role("link", name=name, exact=True).first.click()
            case "button":
                self.page.get_by_role("button", name=name, exact=True).click()
            case "fill":
                place.get_by_label(name, exact=False).fill(value)
            case "choose":
                place.get_by_label(name).select_option(label=value)
            case "check":
                place.get_by_label(name, exact=False).check()
            case "search":
                self.page.get_by_role("searchbox").press_sequentially(name, delay=20)
            case "file":
                (file,) = self.terminal.directory.rglob(value)
                place.get_by_label(name).set_input_files(file)
            case _:
                raise AssertionError(f"the tutorial says {what!r}, which nobody understands")

    def _sign_in(self, name: str) -> None:
        self.page.goto(f"{self.address}/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.address}/")

    def _alone(self, what: str) -> None:
        if what == "sign out":
            self.page.get_by_role("button", name="Sign out", exact=True).click()
            return
        written = re.search(r"```sql\n(.+?)\n\s*```", self.text, re.DOTALL)
        assert written is not None
        editor = self.page.get_by_role("textbox", name="SQL")
        editor.fill(written[1].strip())
        editor.press("Control+Enter")


@pytest.mark.timeout(300)
def test_the_tutorial_is_followed_to_its_end(browser: Browser, tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"*{PASSWORD}*" in text
    with terminals() as terminal:
        for block in blocks_of(PAGE):
            terminal.run(block)
        context = browser.new_context(viewport={"width": DESK[0], "height": DESK[1]}, locale="en-GB")
        reader = Reader(context.new_page(), terminal, text)
        for line, kind, what in steps_of(text):
            try:
                reader.follow(kind, what)
            except Exception as error:
                reader.page.screenshot(path=tmp_path / "here.png")
                raise AssertionError(f"line {line}: {what}: {error}\n{tmp_path / 'here.png'}") from error
        context.close()


def test_a_step_names_nothing_that_its_text_does_not() -> None:
    """What a reader is to press stands in bold."""
    text = PAGE.read_text(encoding="utf-8")
    visible = STEP.sub("", text)
    for line, kind, what in steps_of(text):
        verb, _, name = what.partition(" ")
        if kind == "does" and verb in ("link", "button") and "_" not in name:
            assert f"**{name}**" in visible, (line, what)
