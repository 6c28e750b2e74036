"""Who brings data, at the portal with a real browser: from a file on her desk to an asset that a colleague finds."""

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from pergamon import objects
from tests.integration.web.pages.test_describing_and_publishing import demand_ethics
from tests.integration.web.pages.test_files_that_are_sent import crawled, open_files
from tests.journeys.browsing import Open, sign_in, with_a_browser
from tests.reference.portal import Portal

pytestmark = with_a_browser

BEDS = "ward,beds\ncardiology,12\nsurgery,30\n"
DROP = """(zone, [name, text]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], name, { type: "text/csv" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module", autouse=True)
def incoming(portal: Portal) -> None:
    """Hana may send files."""
    open_files(portal)


def test_an_owner_from_a_file_to_a_published_asset(open_as: Open, portal: Portal) -> None:
    demand_ethics(portal)
    hana = open_as("hana")
    hana.get_by_role("link", name="Publish", exact=True).click()
    hana.get_by_label("Folder").fill("wards")
    hana.locator("[data-drop]").evaluate(DROP, ["torn.parquet", "PAR1 torn PAR1"])
    hana.get_by_role("link", name="See what was understood").click()
    expect(hana.get_by_text("not looked into yet")).to_be_visible()
    crawled(portal)
    expect(hana.get_by_text("The file was set aside", exact=False)).to_be_visible(timeout=10_000)
    hana.get_by_role("button", name="Take the file back").click()
    expect(hana.get_by_text("The file is taken back", exact=False)).to_be_visible()

    hana.get_by_label("Folder").fill("wards")
    hana.locator("[data-drop]").evaluate(DROP, ["beds.csv", BEDS])
    hana.get_by_role("link", name="See what was understood").click()
    crawled(portal)
    expect(hana.get_by_text("in its table", exact=True)).to_be_visible(timeout=10_000)
    expect(hana.get_by_role("row", name="beds long")).to_be_visible()
    hana.get_by_role("link", name="Describe and publish").click()
    hana.get_by_label("Title").fill("Beds of the wards")
    hana.get_by_label("What is it?").fill("How many beds each ward has.")
    hana.get_by_role("group", name="ward").get_by_label("What it says").fill("The ward's name.")
    hana.get_by_role("button", name="Keep and publish").press("Enter")
    board = hana.get_by_label("Board")
    assert board.evaluate("field => field.validity.valueMissing"), "the browser asks for what is demanded"
    board.select_option("Bern")
    hana.get_by_role("button", name="Keep and publish").press("Enter")
    expect(hana.get_by_text("Published: others find it now", exact=False)).to_be_visible()

    portal.follow()
    rena = open_as("rena")
    rena.goto("/catalog?text=beds")
    rena.get_by_role("link", name="Beds of the wards").click()
    expect(rena.get_by_text("How many beds each ward has.")).to_be_visible()
    expect(rena.get_by_role("link", name="Describe and publish")).to_have_count(0)


def test_a_file_goes_on_where_it_was(open_as: Open, portal: Portal, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(9_000_000))
    hana = open_as("hana")
    hana.goto("/publish")
    pieces: list[str] = []

    def cut(route: Route) -> None:
        pieces.append(route.request.headers.get("upload-offset", ""))
        if len(pieces) in (2, 4):  # one that the script gets over, and one in the middle of which the page is left
            route.abort()
        else:
            route.continue_()

    hana.route("**/uploads/*", lambda route: cut(route) if route.request.method == "PATCH" else route.continue_())
    hana.get_by_label("Drop files here, or choose").set_input_files(file)
    hana.get_by_role("button", name="Send").click()
    expect(hana.get_by_role("progressbar", name="large.bin")).to_be_visible()
    until = time.monotonic() + 20
    while len(pieces) < 4 and time.monotonic() < until:
        hana.wait_for_timeout(50)
    hana.reload()
    hana.get_by_label("Drop files here, or choose").set_input_files(file)
    hana.get_by_role("button", name="Send").click()
    expect(hana.get_by_role("link", name="See what was understood")).to_be_visible(timeout=20_000)
    assert pieces == ["0", "4194304", "4194304", "8388608", "8388608"], "nothing is sent twice"
    with portal.by("hana") as uow:
        kept = objects.read_object(uow, "clinic", "incoming/large.bin")
    assert kept.path is not None
    assert kept.path.read_bytes() == file.read_bytes()


def test_a_file_is_sent_without_scripts(open_as: Open, portal: Portal, tmp_path: Path) -> None:
    file = tmp_path / "rooms.csv"
    file.write_text(BEDS)
    page = open_as(scripts=False)
    page.goto("/publish")
    sign_in(page, "hana")
    page.get_by_label("Drop files here, or choose").set_input_files(file)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The file has come, whole.", exact=False)).to_be_visible()
    crawled(portal)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("in its table", exact=True)).to_be_visible()
