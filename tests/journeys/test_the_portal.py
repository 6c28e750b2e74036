"""People at the portal with a real browser: what they can do, by keyboard too, without scripts too."""

import re
from pathlib import Path

from playwright.sync_api import StorageState, expect

from tests.journeys.browsing import PHONE, Open, sign_in, with_a_browser

pytestmark = with_a_browser
FIRST_PAGE_BYTES = 150_000


def test_a_researcher_finds_asks_and_queries(open_as: Open) -> None:
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
    hana.get_by_role("region", name="Waiting for you").get_by_role("link", name="Hospital stays").click()
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
    editor.press_sequentially(" AS e GROUP BY e.wa")
    expect(rena.get_by_role("option", name="e.ward")).to_be_visible()
    editor.press("Enter")
    editor.press_sequentially(" ORDER BY stays DESC")
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


def test_rows_are_turned_over_and_drawn_where_they_are(open_as: Open) -> None:
    rena = open_as("rena")
    rena.goto("/query")
    rena.get_by_role("textbox", name="SQL").fill("SELECT range AS n, range % 7 AS m FROM range(5000)")
    rena.get_by_role("button", name="Run").click()
    rena.get_by_role("link", name="Last rows").click()
    expect(rena.get_by_role("cell", name="4999", exact=True)).to_be_visible(timeout=20_000)
    expect(rena).to_have_url(re.compile(r"row=4900"))
    rena.get_by_label("From row").fill("2501")
    rena.get_by_label("From row").press("Enter")
    expect(rena.get_by_role("cell", name="2500", exact=True)).to_be_visible()
    rena.get_by_role("link", name="Bars").click()
    expect(rena.get_by_role("row", name="13 6")).to_be_visible()
    rena.get_by_label("How long the bars are").select_option("n")
    expect(rena.get_by_role("row", name="13 13")).to_be_visible()
    rena.go_back()
    rena.go_back()
    expect(rena.get_by_role("cell", name="2500", exact=True)).to_be_visible()


def test_a_wide_drawing_is_dragged(open_as: Open) -> None:
    page = open_as("hana", size=PHONE)
    page.goto("/assets/clinic_db.lab_results/lineage")
    drawing = page.locator(".drawing")
    around = drawing.bounding_box()
    assert around is not None
    page.mouse.move(around["x"] + 250, around["y"] + 12)
    page.mouse.down()
    page.mouse.move(around["x"] + 100, around["y"] + 12, steps=4)
    page.mouse.up()
    assert drawing.evaluate("(one) => one.scrollLeft") == 150


def test_light_and_dark_language_and_menu_by_keyboard_alone(
    open_as: Open, address: str, sessions: dict[str, StorageState]
) -> None:
    page = open_as("stella", size=PHONE)
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
    del sessions["stella"]


def test_everything_works_without_scripts(open_as: Open) -> None:
    page = open_as(scripts=False)
    page.goto("/catalog?text=hospital")
    sign_in(page, "rena")
    page.get_by_role("checkbox", name="Encounter").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("1 asset", exact=True)).to_be_visible()
    page.goto("/query")
    page.get_by_role("textbox", name="SQL").fill("SELECT 41 + 1 AS answer")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("cell", name="42")).to_be_visible(timeout=20_000)


def test_the_first_page_is_small(open_as: Open) -> None:
    page = open_as()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(sum(request.sizes().values())))
    page.goto("/sign-in", wait_until="networkidle")
    sign_in(page, "rena")
    page.wait_for_load_state("networkidle")
    assert 10_000 < sum(sizes) < FIRST_PAGE_BYTES, sum(sizes)
