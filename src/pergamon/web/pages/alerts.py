"""What asks to be looked at, by whoever looks after it? Nothing that the page behind an alert would not show."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pergamon import crawl, pipeline, replicate
from pergamon.replicate import TaskState
from pergamon.store import UnitOfWork
from pergamon.web.pages.administration import COMPONENTS
from pergamon.web.pages.navigation import CRAWLERS, HEALTH, LANDED, REPLICATION, RUNS
from pergamon.web.pages.page import Page

MOST_COUNTED = 100
"""Files that are set aside: so many or more."""
STANDS = frozenset({TaskState.FAILED, TaskState.PARKED})


class Trouble(StrEnum):
    """What there is to say of it; the words stand in `home.html`."""

    RUN = "run"
    LANDED = "landed"
    TASK = "task"
    CRAWLED = "crawled"
    COMPONENT = "component"


@dataclass(frozen=True)
class Alert:
    """One thing that does not go on by itself. name: of what; count: of files."""

    trouble: Trouble
    path: str
    name: str = ""
    count: int = 0
    is_bad: bool = True


def alerts_for(page: Page, uow: UnitOfWork) -> list[Alert]:
    """The alerts for somebody, the worst of all first. Cost: one question for each right that they have."""
    return sorted([*_of_work(page, uow), *_of_parts(page, uow)], key=lambda one: not one.is_bad)


def _of_work(page: Page, uow: UnitOfWork) -> Iterator[Alert]:
    if page.may(*RUNS):
        for name, run in pipeline.newest_runs(uow).items():
            if run["state"] == "failed":
                yield Alert(Trouble.RUN, f"/pipelines/runs/{run['id']}", name)
    if page.may(*REPLICATION):
        for task in replicate.status_of_tasks(uow):
            if task.state in STANDS:
                yield Alert(Trouble.TASK, "/pipelines/replication", task.name)
    if page.may(*LANDED) and (count := pipeline.count_files(uow, state="quarantined", most=MOST_COUNTED)):
        yield Alert(Trouble.LANDED, "/pipelines/landed", count=count)
    if page.may(*CRAWLERS):
        for name, count in crawl.files_set_aside(uow).items():
            yield Alert(Trouble.CRAWLED, f"/pipelines/crawlers/{name}", name, count, is_bad=False)


def _of_parts(page: Page, uow: UnitOfWork) -> Iterator[Alert]:
    """Of the installation itself; replication has its own."""
    for one in page.rt.health_in(uow) if page.may(*HEALTH) else ():
        if one.state != "good" and one.kind != "replication":
            path = "/administration/health"
            yield Alert(Trouble.COMPONENT, path, page.text(COMPONENTS[one.kind]), is_bad=one.state == "bad")
