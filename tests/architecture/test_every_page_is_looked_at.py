"""Every page of the portal has a line in the table of those that a browser opens, in that of those whose time is taken,
and its pictures in the documents."""

import re

import pytest
from bench.pages import not_measured

from pergamon.web.pages.static_files import FOLDER
from pergamon.web.permissions import PAGE_PERMISSIONS
from tests.journeys.portal_pages import GALLERY, NO_PAGES, PAGES, PICTURES, SIZES, gallery

GIVEN = [path for method, path in PAGE_PERMISSIONS if method == "GET"]
MOST_BYTES = 3_000_000


def pattern_of(route: str) -> re.Pattern[str]:
    """What addresses of a route look like."""
    parts = re.split(r"(\{\w+(?::path)?\})", route)
    return re.compile("".join(re.escape(part) if not part.startswith("{") else _any(part) for part in parts))


def _any(part: str) -> str:
    return ".+" if part.endswith(":path}") else "[^/]+"


@pytest.mark.parametrize("route", sorted(GIVEN))
def test_a_page_is_looked_at_or_is_none(route: str) -> None:
    looked_at = [one.name for one in PAGES if pattern_of(route).fullmatch(one.path.partition("?")[0])]
    assert bool(looked_at) is not (route in NO_PAGES)


def test_what_is_looked_at_is_there() -> None:
    assert len({one.name for one in PAGES}) == len(PAGES)
    for one in PAGES:
        assert any(pattern_of(route).fullmatch(one.path.partition("?")[0]) for route in GIVEN), one.name
    assert set(GIVEN) >= NO_PAGES


def test_the_time_of_every_page_is_taken() -> None:
    assert set(not_measured()) == NO_PAGES


def test_a_theme_changes_colours_and_nothing_else() -> None:
    """`light-dark()` takes colours alone. What axe says of all else in one theme, it says in the other."""
    style = (FOLDER / "app.css").read_text(encoding="utf-8")
    assert "light-dark(" in style
    assert "prefers-color-scheme" not in style
    on_screen = style.partition("@media print")[0]
    themed = re.findall(r"^[^\n]*data-theme[^{]*\{([^}]*)\}", on_screen, re.MULTILINE)
    assert [rule.strip() for rule in themed] == ["color-scheme: light;", "color-scheme: dark;"]


def test_the_pictures_are_those_of_the_pages() -> None:
    kept = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert set(kept) == {one.picture(size) for one in PAGES for size in SIZES}
    assert sum(kept.values()) < MOST_BYTES
    assert GALLERY.read_text(encoding="utf-8") == gallery(), "`make pictures` writes it"
