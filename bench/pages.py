"""How long does the server take for each page of the portal, with many assets and people?

Each page is opened by somebody who may see it, again and again, each time another thing where there are several: from
the first byte of the request to the last of the answer, on one connection to the process that serves, over loopback.
A run's figure is the 95th percentile of its calls. Goal: below 100 ms for every page.
Baseline: `/healthz`, which asks PostgreSQL for a 1; beside it a style sheet, which asks for nothing.

Data (portal.py): BENCH_ASSETS (100,000) assets of 20 columns and BENCH_PEOPLE (1,000) people in five of 100 projects
each; a grant for every tenth asset and as many that have ended; as many files in the lake and of crawlers as assets;
200,000 entries in the trail, 2,000 runs, two days of lag, 20 queries a person, of which one's rows are kept; each
granted table has 1,000 rows; all configuration came with a deployment. Seed 1 for what is opened.
Checked: every answer is the page and no error. Pages that are not measured are named in the result.
Command: `python -m bench pages` (`BENCH_CALLS`, 40; `BENCH_PAGES=/query,/catalog` for some alone).
"""

import os
import random
import re
from collections.abc import Callable, Iterator

from bench import grants
from bench.measure import Measured, report, rows_wanted, runs_wanted, timings
from bench.portal import QUERIES_EACH, WORKFLOWS, Served, Visitor, served_portal, size_wanted
from pergamon.web.pages.static_files import static_path
from pergamon.web.permissions import PAGE_PERMISSIONS

GOAL_S = 0.1
BASELINE = "/healthz"
WHOLE = 20
"""So many calls, at least, make a run: below, the 95th percentile is the slowest."""

Path = Callable[[random.Random, grants.Size], str]


def _asset(dice: random.Random, size: grants.Size) -> str:
    """One of the first person's: of a project of theirs, or one that others offer."""
    return f"asset_{dice.randrange(size.assets):032x}"


def _own_asset(dice: random.Random, size: grants.Size) -> str:
    """One of the project that the first person owns."""
    return f"asset_{grants.PROJECTS * dice.randrange(size.assets // grants.PROJECTS):032x}"


def _own_file(dice: random.Random, size: grants.Size) -> str:
    """One in the folder of that project."""
    number = grants.PROJECTS * dice.randrange(1, size.assets // grants.PROJECTS)
    return f"p0/f{number // 1_000}/{number}"


def _measured_asset(dice: random.Random, size: grants.Size) -> str:
    """One that was measured, of a project of the first person."""
    return f"asset_{dice.choice(sorted(grants.projects_of(0))) + grants.PROJECTS * dice.randrange(5) % 500:032x}"


def _request(dice: random.Random, size: grants.Size) -> str:
    return f"request_{grants.PROJECTS * dice.randrange(size.grants // grants.PROJECTS):032x}"


def _granted(dice: random.Random, size: grants.Size) -> str:
    return f"p0_sub/t{grants.granted_asset(size, 0, dice.randrange(size.grants // grants.PROJECTS))}"


def _granted_asset(dice: random.Random, size: grants.Size) -> str:
    """One of which a project of theirs was granted columns, rows and masks."""
    return f"asset_{grants.granted_asset(size, 0, dice.randrange(size.grants // grants.PROJECTS)):032x}"


def _query(dice: random.Random, size: grants.Size) -> str:
    return f"query_0_{dice.randrange(1, QUERIES_EACH)}"


def _only(path: str) -> Path:
    return lambda dice, size: path


PERSON, ADMIN = "n0", "admin"
NO_ASSET = "/assets/no-such"
PAGES: dict[str, list[tuple[str, Path]]] = {
    "/sign-in": [(PERSON, _only("/sign-in"))],
    "/": [(PERSON, _only("/")), (ADMIN, _only("/"))],
    "/catalog": [
        (PERSON, _only("/catalog")),
        (PERSON, lambda dice, size: f"/catalog?text=t{dice.randrange(size.assets)}"),
        (PERSON, lambda dice, size: f"/catalog?project=p{dice.randrange(grants.PROJECTS)}&sort=name"),
    ],
    "/assets/{asset}": [(PERSON, lambda dice, size: f"/assets/{_asset(dice, size)}"), (PERSON, _only(NO_ASSET))],
    "/assets/{asset}/sample": [(PERSON, lambda dice, size: f"/assets/{_granted_asset(dice, size)}/sample")],
    "/assets/{asset}/use": [(PERSON, lambda dice, size: f"/assets/{_own_asset(dice, size)}/use")],
    "/assets/{asset}/quality": [(PERSON, lambda dice, size: f"/assets/{_measured_asset(dice, size)}/quality")],
    "/assets/{asset}/lineage": [(PERSON, lambda dice, size: f"/assets/{_asset(dice, size)}/lineage")],
    "/assets/{asset}/versions": [(PERSON, lambda dice, size: f"/assets/{_asset(dice, size)}/versions?of=1")],
    "/assets/{asset}/request": [(PERSON, lambda dice, size: f"/assets/{_asset(dice, size)}/request")],
    "/assets/{asset}/edit": [(PERSON, lambda dice, size: f"/assets/{_own_asset(dice, size)}/edit")],
    "/publish": [(PERSON, _only("/publish"))],
    "/publish/{bucket}/file/{key:path}": [
        (PERSON, lambda dice, size: f"/publish/bucket0/file/{_own_file(dice, size)}")
    ],
    "/requests": [(PERSON, _only("/requests"))],
    "/requests/{request_id}": [(PERSON, lambda dice, size: f"/requests/{_request(dice, size)}")],
    "/requests/{request_id}/amend": [
        (PERSON, lambda dice, size: f"/requests/request_{2**40 + 95 + 100 * dice.randrange(5):032x}/amend")
    ],
    "/grants": [(PERSON, _only("/grants"))],
    "/query": [
        (PERSON, _only("/query")),
        (PERSON, lambda dice, size: f"/query?table={_granted(dice, size).replace('/', '.')}"),
        (PERSON, lambda dice, size: f"/query?saved=text-{dice.randrange(1, QUERIES_EACH)}"),
    ],
    "/query/tables/{database}/{table}": [(PERSON, lambda dice, size: f"/query/tables/{_granted(dice, size)}")],
    "/query/{query_id}": [
        (PERSON, lambda dice, size: f"/query/{_query(dice, size)}"),
        (PERSON, lambda dice, size: f"/query/{_query(dice, size)}?chart=bar"),
        (PERSON, lambda dice, size: f"/query/{_query(dice, size)}?chart=line"),
    ],
    "/queries": [(PERSON, _only("/queries"))],
    "/projects": [(PERSON, _only("/projects"))],
    "/projects/{project}": [(PERSON, lambda dice, size: f"/projects/p{dice.choice(sorted(grants.projects_of(0)))}")],
    "/lake": [(PERSON, _only("/lake"))],
    "/lake/{bucket}": [(PERSON, _only("/lake/bucket0")), (PERSON, _only("/lake/bucket0?prefix=p0/f1/"))],
    "/lake/{bucket}/file/{key:path}": [(PERSON, lambda dice, size: f"/lake/bucket0/file/{_own_file(dice, size)}")],
    "/pipelines": [
        (ADMIN, _only("/pipelines")),
        (ADMIN, lambda dice, size: f"/pipelines?workflow=w{dice.randrange(WORKFLOWS)}"),
    ],
    "/pipelines/runs/{run_id}": [(ADMIN, lambda dice, size: f"/pipelines/runs/run_{dice.randrange(1, 2_000)}")],
    "/pipelines/replication": [(ADMIN, _only("/pipelines/replication"))],
    "/pipelines/landed": [(ADMIN, _only("/pipelines/landed"))],
    "/pipelines/crawlers": [(ADMIN, _only("/pipelines/crawlers"))],
    "/pipelines/crawlers/{name}": [(ADMIN, lambda dice, size: f"/pipelines/crawlers/c{dice.randrange(20)}")],
    "/administration": [(ADMIN, _only("/administration")), (ADMIN, _only("/administration?text=n77"))],
    "/administration/roles": [(ADMIN, _only("/administration/roles"))],
    "/administration/health": [(ADMIN, _only("/administration/health"))],
    "/administration/storage": [(ADMIN, _only("/administration/storage"))],
    "/administration/configuration": [
        (ADMIN, _only("/administration/configuration")),
        (ADMIN, _only("/administration/configuration?kind=person")),
    ],
    "/administration/drift": [(ADMIN, _only("/administration/drift"))],
    "/audit": [
        (ADMIN, _only("/audit")),
        (ADMIN, lambda dice, size: f"/audit?by=n{dice.randrange(size.people)}"),
        (ADMIN, lambda dice, size: f"/audit?subject=query:query_{dice.randrange(200_000)}"),
    ],
    "/styles": [(PERSON, _only("/styles"))],
}
"""Who opens what, by route."""


def main() -> None:
    size = size_wanted()
    with served_portal(size, people=1) as portal:
        visitors = {name: portal.visitor(name) for name in (PERSON, ADMIN)}
        pages = [
            _measured(portal, visitors[who], _name(route, who, path, size), path)
            for route, ways in _wanted()
            for who, path in ways
        ]
        plain = [_measured(portal, visitors[PERSON], path, _only(path)) for path in (BASELINE, static_path("app.css"))]
    slow = [page.name for page in pages if page.median_s > GOAL_S]
    facts = {
        "assets": size.assets,
        "people": size.people,
        "calls": rows_wanted("BENCH_CALLS", 40),
        "goal_s": GOAL_S,
        "slower": slow,
        "not_measured": not_measured(),
    }
    report("pages", [*plain, *pages], BASELINE, facts)
    print(f"  slower than {GOAL_S:.1f} s: {', '.join(slow) or 'none'}; not measured: {', '.join(not_measured())}")


def _wanted() -> Iterator[tuple[str, list[tuple[str, Path]]]]:
    chosen = [route for route in os.environ.get("BENCH_PAGES", "").split(",") if route]
    return ((route, ways) for route, ways in PAGES.items() if not chosen or route in chosen)


def not_measured() -> list[str]:
    """Pages that come after this was written; files, streams and downloads, which are no pages."""
    return sorted(path for (method, path), _ in PAGE_PERMISSIONS.items() if method == "GET" and path not in PAGES)


def _name(route: str, who: str, path: Path, size: grants.Size) -> str:
    """The route, with what the address asks, and whose page it is when it is not the first person's."""
    opened = path(random.Random(1), size)
    if opened in {NO_ASSET, BASELINE}:
        return opened
    asked = opened.partition("?")[2]
    words = re.sub(r"\d+", "…", asked)
    return f"{route}{'?' * bool(words)}{words}{' (admin)' if who == ADMIN and route == '/' else ''}"


def _measured(portal: Served, visitor: Visitor, name: str, path: Path) -> Measured:
    """The 95th percentile of each run's calls; the first run warms up."""
    calls = max(rows_wanted("BENCH_CALLS", 40), WHOLE)
    p95s = []
    for _ in range(1 + runs_wanted()):
        dice = random.Random(1)
        seconds = sorted(_opened(visitor, path(dice, portal.size)) for _ in range(calls))
        p95s.append(seconds[int(len(seconds) * 0.95)])
    return timings(name, p95s[1:], 0)


def _opened(visitor: Visitor, path: str) -> float:
    answer = visitor.open(path)
    if answer.status != (404 if path == NO_ASSET else 200):
        raise RuntimeError(f"{path}: {answer.status}: {answer.body[:2_000]!r}")
    return answer.seconds


if __name__ == "__main__":
    main()
