"""How many pages a second does the portal serve, and how long do they take, when 50 people browse at once?

Each of BENCH_BROWSERS (50) people has a session and a connection of their own, and goes through the portal as people
do: home, a search, a result, its quality, where it comes from, the form to ask for it, requests, the editor, projects.
Contenders: `browsing`, with 1 to 5 seconds to read each page, as people take; and `without a pause`, which is as much
as the server can do. A figure is the 95th percentile of the pages of a run of BENCH_SECONDS (20).
Baseline: `/healthz`, asked by as many without a pause.

Data: as `pages` (portal.py); the one process that serves, PostgreSQL and all who browse share the machine. Seed: the
person's number. Checked: every answer is a page. Command: `python -m bench browsing`.
"""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bench import grants
from bench.measure import Measured, report, rows_wanted, runs_wanted, timings
from bench.portal import Served, served_portal, size_wanted

READING_S = (1.0, 5.0)
BASELINE = "/healthz"

Walk = Callable[[random.Random, int, grants.Size], Iterator[str]]


@dataclass(frozen=True)
class Crowd:
    """So many people, for so many seconds, who go this way and stop at each page for as long as `pause_s` says."""

    people: int
    length: float
    walk: Walk
    pause_s: tuple[float, float]


@dataclass
class Seen:
    """What all of them met in one run: seconds by page."""

    seconds: list[float] = field(default_factory=list)
    by_page: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)


def main() -> None:
    people, length = rows_wanted("BENCH_BROWSERS", 50), float(rows_wanted("BENCH_SECONDS", 20))
    size = size_wanted()
    with served_portal(size, people=people) as portal:
        crowds = {
            BASELINE: Crowd(people, length, _health, (0.0, 0.0)),
            "browsing": Crowd(people, length, _browse, READING_S),
            "without a pause": Crowd(people, length, _browse, (0.0, 0.0)),
        }
        found = {name: _measured(name, portal, crowd) for name, crowd in crowds.items()}
    facts = {name: told for name, (_, told) in found.items()}
    whole = {"assets": size.assets, "people": size.people, "browsers": people, "seconds": length, "pages": facts}
    report("browsing", [measured for measured, _ in found.values()], BASELINE, whole)
    for name, told in facts.items():
        print(f"  {name}: {told['pages_per_s']} pages/s, median {told['median_s']} s, p99 {told['p99_s']} s")


def _measured(name: str, portal: Served, crowd: Crowd) -> tuple[Measured, dict[str, Any]]:
    """The 95th percentile of each run, after a short one that warms up; and what else there is to say of them."""
    _run(portal, replace(crowd, length=min(crowd.length, 5.0)))
    runs = [_run(portal, crowd) for _ in range(runs_wanted())]
    for seen in runs:
        if seen.faults:
            raise RuntimeError(f"{name}: {dict(seen.faults)}")
    told = {
        "pages_per_s": round(statistics.median(len(seen.seconds) / crowd.length for seen in runs), 1),
        "median_s": round(statistics.median(statistics.median(seen.seconds) for seen in runs), 4),
        "p99_s": round(statistics.median(_percentile(seen.seconds, 0.99) for seen in runs), 4),
        "p95_by_page": {page: round(_percentile(found, 0.95), 4) for page, found in sorted(runs[-1].by_page.items())},
    }
    return timings(name, [_percentile(seen.seconds, 0.95) for seen in runs], 0), told


def _run(portal: Served, crowd: Crowd) -> Seen:
    """All of them, until the time is over."""
    seen, lock, until = Seen(), threading.Lock(), time.monotonic() + crowd.length

    def goes(number: int) -> None:
        dice, visitor = random.Random(number), portal.visitor(f"n{number}")
        time.sleep(dice.uniform(0, crowd.pause_s[1]))
        paths = crowd.walk(dice, number, portal.size)
        while time.monotonic() < until:
            path = next(paths)
            answer = visitor.open(path)
            page = _page_of(path)
            with lock:
                seen.seconds.append(answer.seconds)
                seen.by_page.setdefault(page, []).append(answer.seconds)
                if answer.status != 200:
                    seen.faults[f"{page}: {answer.status}"] += 1
            time.sleep(dice.uniform(*crowd.pause_s))

    threads = [threading.Thread(target=goes, args=(number,)) for number in range(crowd.people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def _health(_dice: random.Random, _person: int, _size: grants.Size) -> Iterator[str]:
    while True:
        yield BASELINE


def _browse(dice: random.Random, person: int, size: grants.Size) -> Iterator[str]:
    """From home to the form that asks, over and over; each time another asset."""
    mine = sorted(grants.projects_of(person))
    while True:
        asset = f"/assets/asset_{dice.randrange(size.assets):032x}"
        yield "/"
        yield f"/catalog?text=t{dice.randrange(size.assets)}"
        yield f"/catalog?project=p{dice.randrange(grants.PROJECTS)}"
        yield asset
        yield f"{asset}/quality"
        yield f"{asset}/lineage"
        yield f"{asset}/request"
        yield "/requests"
        yield "/query"
        yield "/queries"
        yield f"/projects/p{dice.choice(mine)}"


def _page_of(path: str) -> str:
    """Which page an address is of."""
    parts = path.partition("?")[0].split("/")
    return "/".join([*parts[:2], *("…" for _ in parts[2:3]), *parts[3:]])


def _percentile(seconds: list[float], share: float) -> float:
    return sorted(seconds)[int(len(seconds) * share)]


if __name__ == "__main__":
    main()
