"""Every page of the portal, where it has something to show: who looks at it, and where it is.

`test_the_portal_looks.py` opens each of them, at a desk and on a phone, in the light and in the dark. A page without a
line here fails `tests/architecture`.
"""

from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
GALLERY = PICTURES.parent / "reference" / "pages-of-the-portal.md"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
"""Width and height in pixels."""
THEME = {"desk": "light", "phone": "dark"}
"""In which theme all rules of axe are asked, and the picture is taken that is kept; in the other, those of colour."""


@dataclass(frozen=True)
class Seen:
    """A page as somebody sees it. path: names in braces are what `lived_in.live_in` returns. press: a button of it that
    is pressed first, for what it brings to light."""

    name: str
    who: str
    path: str
    title: str
    press: str = ""
    area: str = ""

    def picture(self, size: str) -> str:
        """The name of the file of its picture."""
        return f"{self.name}.{size}.webp"


def _of(area: str, *seen: tuple[str, ...]) -> tuple[Seen, ...]:
    return tuple(replace(Seen(*words), area=area) for words in seen)


PAGES = (
    *_of(
        "Coming in",
        ("sign-in", "", "/sign-in", "Sign in"),
        ("home", "rena", "/", "Home of a researcher"),
        ("home-of-an-owner", "hana", "/", "Home of a data owner"),
        ("home-of-an-engineer", "ingrid", "/", "Home of who looks after the platform"),
        ("home-of-a-newcomer", "eve", "/", "Home of somebody new"),
        ("error", "rena", "/assets/no-such", "An address that is none"),
    ),
    *_of(
        "Find and understand",
        ("catalog", "rena", "/catalog?text=hospital", "The catalog"),
        ("nothing-found", "rena", "/catalog?text=zzzzzz", "Nothing found"),
        ("asset", "rena", "/assets/{encounters}", "An asset"),
        ("asset-of-mine", "hana", "/assets/{patients}", "An asset, for its owner"),
        ("sample", "rena", "/assets/{encounters}/sample", "Some of its rows, for who asks for them"),
        ("quality", "rena", "/assets/{encounters}/quality", "Its quality"),
        ("lineage", "hana", "/assets/{lab_results}/lineage", "Its lineage"),
        ("versions", "hana", "/assets/{encounters}/versions?of=2", "Its versions"),
        ("use", "hana", "/assets/{encounters}/use", "Who has it, and how much it is queried"),
    ),
    *_of(
        "Ask and decide",
        ("ask", "rena", "/assets/{encounters}/request", "Ask for access"),
        ("requests", "hana", "/requests", "Requests"),
        ("request", "rena", "/requests/{granted}", "A request that was granted"),
        ("amend", "rena", "/requests/{changed}/amend", "A request to be amended"),
        ("decide", "hana", "/requests/{waiting}", "A request to decide, with what it gives", "Show what it gives"),
        ("grants", "rena", "/grants", "Grants"),
    ),
    *_of(
        "Query",
        ("editor", "rena", "/query?saved=stays-by-ward", "The editor"),
        ("query", "rena", "/query/{by_ward}", "Rows"),
        ("bars", "rena", "/query/{by_ward}?chart=bar", "Rows as bars"),
        ("lines", "rena", "/query/{by_month}?chart=line&x=0&y=1&y=2", "Rows as lines"),
        ("mistake", "rena", "/query/{mistaken}", "A mistake"),
        ("table", "rena", "/query/tables/heart_study_sub/encounters", "A table that one may use"),
        ("queries", "rena", "/queries", "What ran, and what is saved"),
    ),
    *_of(
        "Projects",
        ("projects", "hana", "/projects", "Projects"),
        ("project", "hana", "/projects/clinic-data", "A project with data"),
        ("study", "rena", "/projects/heart-study", "A project that uses data"),
    ),
    *_of(
        "Publish",
        ("publish", "hana", "/publish", "Send files"),
        ("understood", "hana", "/publish/clinic/file/incoming/wards/beds.csv", "What was understood of a file"),
        ("set-aside", "hana", "/publish/clinic/file/incoming/wards/torn.parquet", "A file that was set aside"),
        ("not-looked-into", "hana", "/publish/clinic/file/incoming/later.csv", "A file that waits"),
        ("describe", "hana", "/assets/clinic_db.wards/edit", "Describe and publish"),
    ),
    *_of(
        "Lake",
        ("lake", "hana", "/lake", "Buckets"),
        ("folder", "hana", "/lake/clinic?prefix=incoming/", "A folder"),
        ("file", "hana", "/lake/clinic/file/incoming/wards/beds.csv", "A file"),
    ),
    *_of(
        "Pipelines",
        ("pipelines", "ingrid", "/pipelines", "Runs"),
        ("workflow", "ingrid", "/pipelines?workflow=nightly", "A workflow"),
        ("run", "ingrid", "/pipelines/runs/{run}", "A run"),
        ("replication", "ingrid", "/pipelines/replication", "Replication"),
        ("landed", "ingrid", "/pipelines/landed", "Landed files"),
        ("crawlers", "ingrid", "/pipelines/crawlers", "Crawlers"),
        ("crawler", "ingrid", "/pipelines/crawlers/uploads", "A crawler"),
    ),
    *_of(
        "Look after it",
        ("audit", "olga", "/audit", "The trail"),
        ("people", "ingrid", "/administration", "People"),
        ("roles", "ingrid", "/administration/roles", "Roles"),
        ("health", "ingrid", "/administration/health", "Health"),
        ("storage", "ingrid", "/administration/storage", "Storage of the projects"),
        ("configuration", "ingrid", "/administration/configuration?kind=role", "Configuration in force"),
        ("drift", "ingrid", "/administration/drift", "Drift"),
        ("styles", "rena", "/styles", "The components of all pages"),
    ),
)

NO_PAGES = frozenset({
    "/static/{name}", "/query/{query_id}/events", "/query/{query_id}/download", "/publish/{bucket}/events/{key:path}",
    "/pipelines/events", "/pipelines/runs/{run_id}/events", "/lake/{bucket}/content/{key:path}", "/audit/export",
})  # fmt: skip
"""Addresses that give a file or a stream of events."""


def gallery() -> str:
    """The page that shows the pictures."""
    lines = [
        "# The pages of the portal",
        "",
        "Every page, at a desk in the light and on a phone in the dark, as the tests saw it: `make pictures` takes the",
        "pictures anew, and writes this page. In the same visit axe looks at each, at both widths in both themes.",
    ]
    for area, seen in groupby(PAGES, key=lambda one: one.area):
        lines += ["", f"## {area}", "", "| | at a desk | on a phone |", "|---|---|---|"]
        for one in seen:
            desk, phone = (
                f'<img src="../pictures/{one.picture(size)}" alt="{one.title}, {where}" width="{width}">'
                for size, where, width in (("desk", "at a desk", 560), ("phone", "on a phone", 150))
            )
            lines.append(f"| {one.title} | {desk} | {phone} |")
    return "\n".join([*lines, ""])
