"""Pipelines, as the people who look after them see them; and that nobody else sees anything of them."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from threading import Thread
from time import sleep

import pytest

from pergamon import crawl, identity, pipeline, replicate
from pergamon.pipeline import tables as pipeline_tables
from pergamon.replicate import tables as replicate_tables
from pergamon.web.pages.pipelines import lag_chart
from pergamon.web.pages.runs_drawing import drawn_runs, drawn_steps
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit

RIGHTS = {
    "watcher": {"workflow.read"},
    "engineer": {
        "workflow.read", "workflow.run", "replication.control", "tracker.read", "tracker.control", "crawler.run",
    },
    "landing": {"tracker.read"},
    "crawling": {"crawler.run"},
}  # fmt: skip
"""A person of each name has these rights, and no others."""
EVIL = "<script>alert(1)</script>"


def make_people(portal: Portal) -> None:
    with portal.rt.begin(OPERATOR) as uow:
        for name, actions in RIGHTS.items():
            identity.put_policy(uow, name, identity.PolicySpec(actions=frozenset(actions)), {})
            identity.put_role(uow, name, identity.RoleSpec(policies=frozenset({name})), {})
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({name}))
            identity.put_principal(uow, f"person:{name}", spec, {})


@pytest.fixture
def busy(portal: Portal) -> Portal:
    """A portal where something ran, something lags, and something was set aside."""
    make_busy(portal)
    return portal


def make_busy(portal: Portal) -> None:
    make_people(portal)
    with portal.rt.begin(OPERATOR) as uow:
        step = pipeline.StepSpec(job="vitals")
        pipeline.put_workflow(uow, "nightly", pipeline.WorkflowSpec(steps=(step,), schedule="0 3 * * *"), {})
        pipeline.put_workflow(uow, "report", pipeline.WorkflowSpec(steps=(step,), after=("nightly",)), {})
        good, bad = (pipeline.request_run(uow, "nightly") for _ in range(2))
        pipeline_tables.save_part(uow, good, "job:vitals", "succeeded", {"rows": {"curated_db.v": 7}, "attempts": 3})
        pipeline_tables.save_part(uow, bad, "job:vitals", "failed", {"code": "x.y", "message": EVIL, "attempts": 1})
        pipeline.finish_run(uow, good, [])
        pipeline.finish_run(uow, bad, [f"job:vitals: {EVIL}"])
        spec = {"source": {"conninfo": "{{secret:his}}"}, "rules": [RULE]}
        replicate.put_replication_task(uow, "hospital", replicate.ReplicationTaskSpec.model_validate(spec), {})
        for minutes in (9, 5, 1):
            earlier = uow.__class__(uow.connection, uow.actor, uow.now - timedelta(minutes=minutes))
            replicate_tables.set_progress(earlier, "hospital", 100, 100 + minutes * 2_000_000, 11)
        position = {"first": "00000000016B3748.0000000000", "last": "00000000016B3748.0000000000"}
        manifest = MANIFEST | {"position": position}
        pipeline.register_from_manifest(uow, manifest, f"staging/landing/{EVIL}.parquet")
        (file,) = pipeline.list_files(uow)
        pipeline_tables.set_state(uow, [file["id"]], pipeline.FileState.QUARANTINED, reason=f"cut off {EVIL}")
        crawler = crawl.CrawlerSpec(bucket="clinic", prefixes=("uploads",), database="clinic_db")
        crawl.put_crawler(uow, "uploads", crawler, {})


RULE = {
    "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
    "object-locator": {"schema-name": "public", "table-name": "%"},
}  # fmt: skip
MANIFEST = {
    "version": 1, "task": "hospital", "schema": "public", "table": "stays", "kind": "full_load", "load_id": "load_1",
    "file": "LOAD00000001.parquet", "sha256": "0" * 64, "size_bytes": 1, "rows": 1, "columns": [],
    "replica_identity_columns": [], "source_columns": [], "full_load_complete": True, "full_load_files": 1,
}  # fmt: skip

PAGES = {
    "/pipelines": "workflow.read",
    "/pipelines/replication": "replication.control",
    "/pipelines/landed": "tracker.read",
    "/pipelines/landed?state=merged": "tracker.read",
    "/pipelines/crawlers": "crawler.run",
    "/pipelines/crawlers/uploads": "crawler.run",
}


@pytest.mark.parametrize("name", [*RIGHTS, "rena", "olga", "hana"])
def test_each_page_opens_for_exactly_those_whom_the_policy_lets(busy: Portal, visit: Visit, name: str) -> None:
    held = RIGHTS.get(name, set())
    for language in ("en", "de"):
        browser = visit(name, language)
        for path, asked in PAGES.items():
            answer = browser.get(path)
            leads_on = path == "/pipelines" and asked not in held and held
            assert answer.status_code == (303 if leads_on else 200 if asked in held else 403), (name, path)
            if leads_on:
                assert browser.follow(answer).status_code == 200
        home = browser.get("/").text
        assert ('href="/pipelines"' in home) is bool(held)
        if held:
            tabs = set(re.findall(r'href="(/pipelines[a-z/]*)"', browser.get(browser_path(held)).text)) & set(PAGES)
            assert tabs - {"/pipelines"} <= {path for path, asked in PAGES.items() if asked in held} | {"/pipelines"}
    assert not list(busy.rt.settings.logs.glob("incident_*"))


def browser_path(held: set[str]) -> str:
    return next(path for path, asked in PAGES.items() if asked in held)


def test_what_ran_is_shown_with_its_steps_attempts_and_reason(busy: Portal, visit: Visit) -> None:
    engineer = visit("engineer")
    page = engineer.get("/pipelines").text
    assert "did not go through" in page
    assert "alert(1)" in page
    assert EVIL not in page
    assert page.count("plot-mark") == 1, "a run that failed is told by a shape, not by a colour alone"
    runs = list(dict.fromkeys(re.findall(r'href="(/pipelines/runs/[^"]+)"', page)))
    texts = [engineer.get(path).text for path in runs]
    assert any("curated_db.v" in text and re.search(r'<td class="num"[^>]*>3</td>', text) for text in texts), (
        "tried three times"
    )
    assert any("x.y" in text for text in texts)
    assert not any(EVIL in text for text in texts)
    assert engineer.get("/pipelines/runs/run_nothing").status_code == 404
    assert "report" in engineer.get("/pipelines?workflow=report").text


def test_home_says_what_ran_and_what_is_to_be_looked_at_to_who_looks_after_it(busy: Portal, visit: Visit) -> None:
    with busy.by() as uow:
        replicate_tables.set_state(uow, "hospital", replicate.TaskState.PARKED, "its slot is gone", ())
    home = visit("engineer").get("/").text
    alerts = unescape(home[home.index("To be looked at") :].split("</section>")[0])
    for told, path in (
        ("nightly did not go through", "/pipelines/runs/"),
        ("1 landed file is set aside", "/pipelines/landed"),
        ("Replication hospital does not go on by itself", "/pipelines/replication"),
    ):
        assert re.search(rf'href="{path}[^"]*">{told}<', alerts), told
    assert "Last runs" in home
    assert EVIL not in home
    landing = visit("landing").get("/").text
    assert "1 landed file is set aside" in landing
    assert "nightly" not in landing
    assert "Replication hospital" not in landing
    assert "To be looked at" not in visit("rena").get("/").text


def test_what_is_under_way_is_told_as_it_moves(busy: Portal, visit: Visit) -> None:
    engineer = visit("engineer")
    assert "data-events" not in engineer.get("/pipelines").text, "all runs are over"
    all_of_them = engineer.get("/pipelines/events", Accept="text/event-stream").text
    assert len(re.findall(r"event: state\ndata: [0-9a-f]{64}\n\n", all_of_them)) == 1
    with busy.by() as uow:
        run = pipeline.request_run(uow, "nightly")
    page = engineer.get(f"/pipelines/runs/{run}").text
    assert f'data-events="/pipelines/runs/{run}/events"' in page
    assert 'data-events="/pipelines/events"' in engineer.get("/pipelines").text
    told: list[str] = []
    listening = Thread(target=lambda: told.append(engineer.get(f"/pipelines/runs/{run}/events").text))
    listening.start()
    sleep(1)
    with busy.by() as uow:
        pipeline_tables.save_part(uow, run, "job:vitals", "succeeded", {})
        pipeline.finish_run(uow, run, [])
    listening.join(30)
    (events,) = told
    assert re.findall(r"data: (\w+)", events) == ["requested", "succeeded"]
    part = engineer.get(f"/pipelines/runs/{run}", **{"X-Fragment": "1"}).text
    assert "job:vitals" in part
    assert "<html" not in part
    assert "data-under-way" not in part
    assert visit("landing").get(f"/pipelines/runs/{run}/events").status_code == 403
    assert engineer.get("/pipelines/runs/run_nothing/events").status_code == 404


def test_a_run_is_started_by_who_may_and_by_nobody_else(busy: Portal, visit: Visit) -> None:
    watcher, engineer = visit("watcher"), visit("engineer")
    path = "/pipelines/workflows/nightly/run"
    assert path not in watcher.get("/pipelines").text, "nobody is offered what is refused"
    token = watcher.form("/pipelines", "/sign-out")["form_token"]
    assert watcher.post(path, {"form_token": token}).status_code == 403
    answer = engineer.send("/pipelines", path)
    assert "waiting for its turn" in engineer.follow(answer).text
    with busy.by() as uow:
        assert pipeline.list_runs(uow, workflow="nightly")[0]["state"] == "requested"


def test_a_file_that_was_set_aside_is_tried_again_or_left_out(busy: Portal, visit: Visit) -> None:
    landing, engineer = visit("landing"), visit("engineer")
    page = landing.get("/pipelines/landed").text
    assert "cut off" in page
    assert EVIL not in page
    assert "/replay" not in page
    (replay,) = re.findall(r'action="(/pipelines/landed/[^"]+/replay)"', engineer.get("/pipelines/landed").text)
    token = landing.form("/pipelines/landed", "/sign-out")["form_token"]
    assert landing.post(replay, {"form_token": token}).status_code == 403
    assert "will be tried again" in engineer.follow(engineer.send("/pipelines/landed", replay)).text
    with busy.by() as uow:
        (file,) = pipeline.list_files(uow)
        assert file["state"] == "registered"
        pipeline_tables.set_state(uow, [file["id"]], pipeline.FileState.QUARANTINED, reason="again")
    skip = replay.replace("/replay", "/skip")
    assert engineer.send("/pipelines/landed", skip).status_code == 422, "it asks for a reason"
    assert engineer.send("/pipelines/landed", skip, reason="The source is gone.").status_code == 303
    assert "The source is gone." in engineer.get("/pipelines/landed?state=skipped").text


def test_files_that_landed_are_told_page_by_page(busy: Portal, visit: Visit) -> None:
    with busy.by() as uow:
        uow.execute(
            "INSERT INTO tracked_file SELECT (jsonb_populate_record(f, jsonb_build_object('id', id || n, 'path', "
            "'landing/' || lpad(n::text, 3, '0')))).* FROM tracked_file f, generate_series(1, 60) n"
        )
    engineer = visit("engineer")
    first = unescape(engineer.get("/pipelines/landed").text)
    (address,) = re.findall(r'href="(/pipelines/landed[^"]+after=[^"]+)"', first)
    second = engineer.get(address).text
    assert not re.findall(r'href="[^"]+after=', second)
    found = [name for page in (first, second) for name in re.findall(r"<code[^>]*>(landing/\d+)</code>", page)]
    assert found == [f"landing/{n:03}" for n in range(1, 61)]
    assert engineer.get("/pipelines/landed?after=xyz").status_code == 400


def test_lag_is_kept_by_the_minute_and_drawn(busy: Portal, visit: Visit) -> None:
    page = visit("engineer").get("/pipelines/replication").text
    assert "at most 18 MB" in page
    assert re.search(r"How many rows landed in four minutes: at most (11|22|33)", page)
    assert "chart-line" in page
    assert "33" in page, "rows of the last day"
    with busy.by() as uow:
        later = uow.__class__(uow.connection, uow.actor, uow.now + timedelta(days=3))
        replicate_tables.set_progress(later, "hospital", 100, 100, 0)
        assert len(replicate.lag_of_task(uow, "hospital", uow.now - timedelta(days=9))) == 1, "two days are kept"
        for minutes in range(9):
            earlier = uow.__class__(uow.connection, uow.actor, datetime(2030, 1, 1, minute=minutes, tzinfo=UTC))
            replicate_tables.set_progress(earlier, "hospital", 100, 100 + minutes, 2)
        steps = replicate.lag_of_task(uow, "hospital", datetime(2030, 1, 1, tzinfo=UTC), step=timedelta(minutes=4))
        assert [(point.lag_bytes, point.rows) for point in steps] == [(3, 8), (7, 8), (8, 2)], "the worst of each step"


def test_a_crawler_is_asked_to_look_again(busy: Portal, visit: Visit) -> None:
    crawling = visit("crawling")
    page = "/pipelines/crawlers/uploads"
    assert "is being looked through" in crawling.follow(crawling.send(page, f"{page}/run")).text
    assert crawling.get("/pipelines/crawlers/nothing").status_code == 404


def test_pictures_of_little_and_of_nothing() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert lag_chart([replicate.LagPoint(now, 1, 0)]) is None
    flat = lag_chart([replicate.LagPoint(now + timedelta(hours=n), 0, 0) for n in range(2)])
    assert flat is not None
    assert flat.lines[0].path.count("M") == 2, "a gap is a gap"
    assert drawn_steps([], now) is None
    run = {"id": "r", "workflow": "w", "state": "running", "requested_at": now, "ended_at": None}
    assert drawn_runs([run], now) is None
    pair = drawn_runs([run, run], now)
    assert pair is not None
    assert {bar.height for bar in pair.bars} == {2.0}
