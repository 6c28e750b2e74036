"""The demo's second act: a data holder uploads a folder, it is crawled and published, and a colleague finds it.

Each stage's time is read from the trail, where every stage left its event; the last one from the colleague's search.
"""

import json
import subprocess
import time
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.client import client_at
from pergamon.kernel import Unavailable

if TYPE_CHECKING:
    from pergamon.cli.demo import Demo

TABLES = ("encounters", "heart_rates", "lab_results", "medications", "patients", "wards")
"""What the sample folder becomes."""
LONGEST_WAIT_S = 60.0
STAGES = (
    ("objects.put", "object", "uploaded"),
    ("crawl.table_crawled", "table", "crawled"),
    ("catalog.asset_published", "asset", "published"),
)


class NotFoundInTime(Unavailable):
    """The uploads were not all found."""

    code = "demo.not_found_in_time"


def share_a_folder(demo: "Demo") -> None:
    """From a folder of files to assets that a colleague finds."""
    demo.title("Sharing: a data holder uploads a folder of files, in seven formats")
    demo.pergamon("init", "ehds-governance", demo.path("ehds"), "--beside")
    demo.pergamon("deploy", "-C", demo.path("ehds"))
    demo.pergamon("token", "issue", "person:hana", "person:rena", "--out-dir", demo.path("."))
    demo.pergamon("sample", "medical-assets", demo.path("medical_assets"), "--patients", 200)
    began = datetime.now().astimezone()
    demo.as_client("hana", "put", demo.path("medical_assets"), "ehds-assets")
    find_what_was_uploaded(demo, began)


def find_what_was_uploaded(demo: "Demo", began: datetime) -> None:
    demo.title("Found: crawled, described, published, and searched by a colleague")
    found_at = _wait_until_found(demo)
    _tell_stages(_trail(demo), began, found_at)
    demo.as_client("rena", "search", "patinets", "--facets")
    demo.as_client(
        "hana", "query", "SELECT ward, count(*) AS stays FROM ehds_db.encounters GROUP BY ward ORDER BY ward"
    )
    demo.say("Finding is not reading: the researcher has not been given the data.")
    demo.as_client("rena", "query", "SELECT * FROM ehds_db.encounters", must_fail=True)


def _wait_until_found(demo: "Demo") -> datetime:
    """When the researcher's search showed every table of the folder."""
    client = client_at(demo.server, demo.directory / "rena.token")
    began, names = time.monotonic(), set[str]()
    while time.monotonic() - began < LONGEST_WAIT_S:
        with_names: list[dict[str, Any]] = client.get("/api/v1/search?limit=100")["results"]
        names = {str(hit["name"]) for hit in with_names}
        if all(any(table in name for name in names) for table in TABLES):
            return datetime.now().astimezone()
        time.sleep(0.05)
    missing = [table for table in TABLES if not any(table in name for name in names)]
    raise NotFoundInTime(f"not found after {LONGEST_WAIT_S:.0f} s: {', '.join(missing)}", hint="pergamon crawl status")


def _trail(demo: "Demo") -> list[dict[str, Any]]:
    command = demo.command("audit", "log", "--limit", 1000, "--json")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    entries: list[dict[str, Any]] = json.loads(done.stdout)
    return entries


def _tell_stages(entries: Iterable[dict[str, Any]], began: datetime, found_at: datetime) -> None:
    """One line a stage: how many, and when the last of them was done, in seconds since the upload began."""
    times: dict[str, list[datetime]] = {}
    for entry in entries:
        at = datetime.fromisoformat(entry["at"])
        if at >= began:
            times.setdefault(entry["code"], []).append(at)
    for code, what, done in STAGES:
        counted = len(times.get(code, ()))
        click.echo(
            f"    {done:<10} {counted:>4} {what + ('' if counted == 1 else 's'):<8} {_since(began, times[code]):>6}"
        )
    click.echo(f"    {'found':<10} {len(TABLES):>4} {'tables':<8} {_since(began, [found_at]):>6}")


def _since(began: datetime, times: Iterable[datetime]) -> str:
    return f"{(max(times) - began).total_seconds():.1f} s"
