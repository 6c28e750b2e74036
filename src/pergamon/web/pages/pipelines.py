"""`/pipelines`: what ran and how long it took, how far behind their sources tasks are, which files were set aside."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from pergamon import crawl, pipeline, replicate
from pergamon.kernel import canonical_bytes, sha256_hex
from pergamon.policy import Action, Resource
from pergamon.web.errors import NEVER_STORED
from pergamon.web.pages.charts import Lines, lines
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.live import told_as_it_changes
from pergamon.web.pages.navigation import CRAWLERS, LANDED, REPLICATION, RUNS
from pergamon.web.pages.page import Form, Page, PageDep
from pergamon.web.pages.runs_drawing import drawn_runs, drawn_steps, took_ms
from pergamon.web.pages.workflow_drawing import drawn_workflow
from pergamon.web.pagination import After, cursor, place_in

router = page_router()

RUNS_SHOWN = 40
UNDER_WAY = frozenset({"requested", "running"})
"""States of a run that is not over."""
FILES_SHOWN = 50
LAG_SHOWN = timedelta(days=1)
LAG_STEP = timedelta(minutes=4)
"""The picture of a day has 360 points, each the worst of its minutes."""
LONGEST_GAP = 2 * LAG_STEP
"""Further apart, two points are not joined: nobody looked in between."""
TABS = {
    "/pipelines": (marked("Runs"), RUNS),
    "/pipelines/replication": (marked("Replication"), REPLICATION),
    "/pipelines/landed": (marked("Landed files"), LANDED),
    "/pipelines/crawlers": (marked("Crawlers"), CRAWLERS),
}
LANDED_STATES = {
    "quarantined": marked("Set aside"),
    "registered": marked("Waiting"),
    "merged": marked("Merged"),
    "skipped": marked("Left out"),
}

Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Nothing(Form):
    """A form that is only a button."""


class RunForm(Form):
    """Whether what runs after it runs too."""

    dependents: bool = False


class SkipForm(Form):
    """Why the file is left out."""

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class ReplayForm(Form):
    """Which file; none: all of the crawler."""

    key: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^\x00]+$")] | None = None


@router.get("/pipelines")
def runs(page: PageDep, workflow: Annotated[str | None, Query(max_length=200)] = None) -> Response:
    """The workflows, and the newest runs; for who may see only a neighbour of this page, that one."""
    elsewhere = [path for path, (_, asked) in TABS.items() if page.may(*asked)]
    if elsewhere and elsewhere[0] != "/pipelines":
        return page.go(elsewhere[0])
    page.require(*RUNS)
    with page.begin() as uow:
        workflows = pipeline.read_workflows(uow)
        chosen = workflow if workflow in workflows else None
        found = pipeline.list_runs(uow, RUNS_SHOWN, workflow=chosen)
        newest = pipeline.newest_runs(uow)
    return _shown(
        page,
        "pipelines/runs.html",
        fragment="pipelines/_runs.html",
        workflows=workflows,
        newest=newest,
        may_run={name for name in workflows if page.may(Action.WORKFLOW_RUN, Resource("workflow", name))},
        chosen=chosen,
        runs=[one | {"took_ms": took_ms(one["requested_at"], one["ended_at"], page.now)} for one in found],
        drawing=drawn_runs(found, page.now),
        flow=drawn_workflow(workflows[chosen].steps) if chosen else None,
        under_way=any(one["state"] in UNDER_WAY for one in found),
    )


@router.get("/pipelines/events")
def runs_events(page: PageDep) -> Response:
    """Tells of each change of the newest runs, until none of them is under way."""
    page.require(*RUNS)

    def state() -> tuple[str, bool]:
        with page.begin() as uow:
            states = {one["id"]: one["state"] for one in pipeline.list_runs(uow, RUNS_SHOWN)}
        told = sha256_hex(canonical_bytes(states))
        return told, not UNDER_WAY.intersection(states.values())

    return StreamingResponse(told_as_it_changes(state), media_type="text/event-stream", headers=NEVER_STORED)


@router.get("/pipelines/runs/{run_id}")
def run(run_id: Name, page: PageDep) -> Response:
    """One run: its steps with their times, how often each was tried, and why one failed."""
    page.require(*RUNS)
    with page.begin() as uow:
        spec, found = pipeline.planned_run(uow, run_id)
        caused = pipeline.runs_caused_by(uow, run_id)
    parts = [
        dict(part) | {"took_ms": took_ms(part["started_at"], part["ended_at"], page.now), "counts": counts_in(part)}
        for part in found.parts
    ]
    return _shown(
        page,
        "pipelines/run.html",
        fragment="pipelines/_run.html",
        run=found,
        under_way=not found.has_ended,
        retries=spec.retries,
        parts=parts,
        caused=caused,
        drawing=drawn_steps(found.parts, page.now),
        flow=drawn_workflow(spec.steps, {part["name"]: part["state"] for part in found.parts}),
    )


@router.get("/pipelines/runs/{run_id}/events")
def run_events(run_id: Name, page: PageDep) -> Response:
    """Tells of each step of a run that begins or ends, until the run has ended."""
    page.require(*RUNS)

    def state() -> tuple[str, bool]:
        with page.begin() as uow:
            found = pipeline.read_run(uow, run_id)
        steps = Counter(part["state"] for part in found.parts)
        return f"{found.state} {dict(sorted(steps.items()))}", found.has_ended

    state()
    return StreamingResponse(told_as_it_changes(state), media_type="text/event-stream", headers=NEVER_STORED)


@router.post("/pipelines/workflows/{workflow}/run")
def request_run(workflow: Name, page: PageDep) -> Response:
    """Run a workflow now."""
    asked = page.form(RunForm)
    with page.begin() as uow:
        run_id = pipeline.request_run(uow, workflow, dependents=asked.dependents)
    return page.go(f"/pipelines/runs/{run_id}", said="run-requested")


@router.get("/pipelines/replication")
def replication(page: PageDep) -> Response:
    """Where each task stands, how far behind its source it is, and how that went over the last day."""
    with page.begin() as uow:
        tasks = replicate.status_of_tasks(uow)
        lags = {task.name: replicate.lag_of_task(uow, task.name, page.now - LAG_SHOWN, step=LAG_STEP) for task in tasks}
    told = [
        asdict(task)
        | {
            "lag_bytes": task.lag_bytes,
            "landed": replicate.lsn_text(task.landed_lsn),
            "lag": lag_chart(lags[task.name]),
            "landing": landing_chart(lags[task.name]),
            "points": lags[task.name],
            "rows_lately": sum(point.rows for point in lags[task.name]),
        }
        for task in tasks
    ]
    return _shown(page, "pipelines/replication.html", tasks=told)


@router.get("/pipelines/landed")
def landed(page: PageDep, state: Annotated[str, Query(max_length=40)] = "quarantined", after: After = None) -> Response:
    """Landed files of one state; those set aside with the reason."""
    page.require(*LANDED)
    (last,) = place_in(after, str) or ("",)
    shown = state if state in LANDED_STATES else "quarantined"
    with page.begin() as uow:
        files = pipeline.list_files(uow, state=shown, after=last, limit=FILES_SHOWN + 1)
    return _shown(
        page,
        "pipelines/landed.html",
        files=files[:FILES_SHOWN],
        more=cursor(files[FILES_SHOWN - 1]["id"]) if len(files) > FILES_SHOWN else None,
        after=after,
        state_shown=shown,
        states=LANDED_STATES,
        may_control={
            file["id"]
            for file in files
            if shown == "quarantined" and page.may(Action.TRACKER_CONTROL, Resource("file", file["id"]))
        },
    )


@router.post("/pipelines/landed/{file_id}/replay")
def replay(file_id: Name, page: PageDep) -> Response:
    """Let a file be tried again."""
    page.form(Nothing)
    with page.begin() as uow:
        pipeline.replay_file(uow, file_id)
    return page.go("/pipelines/landed", said="file-replayed")


@router.post("/pipelines/landed/{file_id}/skip")
def skip(file_id: Name, page: PageDep) -> Response:
    """Go on without a file."""
    asked = page.form(SkipForm)
    with page.begin() as uow:
        pipeline.skip_file(uow, file_id, reason=asked.reason)
    return page.go("/pipelines/landed", said="file-skipped")


@router.get("/pipelines/crawlers")
def crawlers(page: PageDep) -> Response:
    """The crawlers, with how many files are in which state."""
    with page.begin() as uow:
        found = crawl.list_crawlers(uow)
    return _shown(page, "pipelines/crawlers.html", crawlers=[one.as_json() for one in found])


@router.get("/pipelines/crawlers/{name}")
def crawler(name: Name, page: PageDep, after: After = None) -> Response:
    """One crawler: its tables, what failed, and the files that were set aside."""
    (last,) = place_in(after, str) or ("",)
    with page.begin() as uow:
        found = crawl.crawler_status(uow, name).as_json()
        files = crawl.crawled_files(uow, name, state="quarantined", after=last, limit=FILES_SHOWN + 1)
    more = cursor(files[FILES_SHOWN - 1]["key"]) if len(files) > FILES_SHOWN else None
    return _shown(page, "pipelines/crawler.html", crawler=found, files=files[:FILES_SHOWN], more=more, after=after)


@router.post("/pipelines/crawlers/{name}/run")
def request_crawl(name: Name, page: PageDep) -> Response:
    """Look through everything below a crawler's folders now."""
    page.form(Nothing)
    with page.begin() as uow:
        crawl.request_crawl(uow, name)
    return page.go(f"/pipelines/crawlers/{name}", said="crawl-requested")


@router.post("/pipelines/crawlers/{name}/replay")
def replay_crawled(name: Name, page: PageDep) -> Response:
    """Let files of a crawler that were set aside be tried again: one, or all."""
    asked = page.form(ReplayForm)
    with page.begin() as uow:
        crawl.replay_files(uow, name, asked.key)
    return page.go(f"/pipelines/crawlers/{name}", said="files-replayed")


def lag_chart(points: Sequence[replicate.LagPoint]) -> Lines | None:
    """How far behind a task was, over time; None for fewer than two moments."""
    moments, behind = [point.at.timestamp() for point in points], [float(point.lag_bytes) for point in points]
    return lines([""], moments, [behind], floor=0.0, longest_gap=LONGEST_GAP.total_seconds())


def landing_chart(points: Sequence[replicate.LagPoint]) -> Lines | None:
    """How many rows landed, over time; None for fewer than two moments, or when none did."""
    if not any(point.rows for point in points):
        return None
    moments, landed = [point.at.timestamp() for point in points], [float(point.rows) for point in points]
    return lines([""], moments, [landed], floor=0.0, longest_gap=LONGEST_GAP.total_seconds())


def counts_in(part: Any) -> dict[str, int]:  # Any: a part of a run
    """Rows by table of a job; rows, files and commits of a table."""
    detail = part["detail"]
    rows = detail.get("rows")
    if isinstance(rows, dict):
        return {str(table): int(count) for table, count in rows.items()}
    return {name: int(detail[name]) for name in ("rows", "files", "commits") if isinstance(detail.get(name), int)}


def _shown(page: Page, template: str, *, fragment: str | None = None, **values: Any) -> Response:
    """A page under the tabs that open for whoever looks."""
    tabs = {path: title for path, (title, asked) in TABS.items() if page.may(*asked)}
    return page.show(template, fragment=fragment, tabs=tabs, **values)
