"""OpenLineage events come in from those who may tell, stay what they are: claims of a principal; and go out again."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from click.testing import CliRunner

from pergamon import identity, lake
from pergamon.cli.main import group
from pergamon.kernel import Actor, Kind, PergamonError
from pergamon.lineage import Dataset, LineageRun, column_by_column, record_edges, upstream
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.integration.web.test_the_api import bearer, served
from tests.reference.openlineage_schema import RUN_EVENT
from tests.unit.lineage.test_openlineage import RUN, A, B, column_lineage, event, field

OTHER_RUN = "0f1e2d3c-0000-4000-8000-000000000002"


@pytest.fixture
def tokens(rt: Runtime, operator: Actor) -> dict[str, str]:
    """`etl` may tell lineage; `manager` looks after the catalog; `reader` reads raw tables; `visitor` may nothing."""
    held = {"etl": "lineage.write", "manager": "catalog.manage", "reader": None, "visitor": None}
    with rt.begin(operator) as uow:
        rule = lake.AccessRuleSpec.model_validate({"prefix": "data", "ReadRoles": ["reader"]})
        lake.put_bucket(uow, "raw", lake.BucketSpec(access_rules=(rule,)))
        lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))
        for name, action in held.items():
            if action is not None:
                identity.put_policy(uow, name, identity.PolicySpec(actions=frozenset({action})), {})
            policies = frozenset({name}) if action is not None else frozenset()
            identity.put_role(uow, name, identity.RoleSpec(policies=policies, impersonable=True), {})
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({name}))
            identity.put_principal(uow, f"person:{name}", spec, {})
        return {name: identity.issue_token(uow, f"person:{name}", label="test") for name in held}


@pytest.fixture
def web(rt: Runtime) -> Iterator[httpx.Client]:
    with served(create_app(rt)) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def post(web: httpx.Client, token: str, document: dict[str, Any]) -> httpx.Response:
    return web.post("/api/v1/lineage", json=document, headers=bearer(token))


def get(web: httpx.Client, token: str, path: str = "", **asked: object) -> httpx.Response:
    return web.get(
        f"/api/v1/lineage{path}", params={name: str(value) for name, value in asked.items()}, headers=bearer(token)
    )


def pairs(rt: Runtime, dataset: Dataset = B) -> set[tuple[str, str, str]]:
    with rt.begin(rt.operator()) as uow:
        edges = upstream(uow, dataset, set).edges
    return {(edge.input_field, edge.output_field, edge.told_by) for edge in edges}


def test_an_event_is_kept_as_told_by_who_sent_it_and_shown_to_who_sees_the_table(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str]
) -> None:
    answer = post(web, tokens["etl"], column_lineage(field("a")))
    assert (answer.status_code, answer.json()) == (201, {"is_new": True, "edges": 2})
    told = get(web, tokens["reader"], dataset="raw_db.b", depth=1).json()
    assert {(e["input"]["field"], e["output"]["field"], e["told_by"], e["kind"], e["job"]) for e in told["edges"]} == {
        (None, None, "person:etl", "told", "airflow/daily.load"),
        ("a", "out", "person:etl", "told", "airflow/daily.load"),
    }
    assert [(one["kind"], one["name"]) for one in told["datasets"]] == [("table", "raw_db.b"), ("foreign", A.name)]
    assert get(web, tokens["reader"], dataset=A.name, namespace=A.namespace, direction="down").json()["edges"]
    assert get(web, tokens["visitor"], dataset="raw_db.b").status_code == 404
    assert get(web, tokens["visitor"], dataset=str(A)).status_code == 404


def test_the_same_event_again_changes_nothing(rt: Runtime, web: httpx.Client, tokens: dict[str, str]) -> None:
    for is_new in (True, False, False):
        assert post(web, tokens["etl"], event()).json()["is_new"] is is_new
    with rt.begin(rt.operator()) as uow:
        assert len(uow.rows("SELECT * FROM lineage_run")) == 1


def test_the_events_of_a_run_add_up_and_nothing_is_written_by_a_run_that_failed(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str]
) -> None:
    assert post(web, tokens["etl"], event(eventType="START", outputs=[])).json()["edges"] == 0
    assert post(web, tokens["etl"], event(eventType="COMPLETE", inputs=[])).json()["edges"] == 1
    assert pairs(rt) == {("", "", "person:etl")}
    lost = {"run": {"runId": OTHER_RUN}, "job": {"namespace": "airflow", "name": "lost"}}
    post(web, tokens["etl"], event(eventType="START", outputs=[{"namespace": "s3://x", "name": "never"}], **lost))
    assert post(web, tokens["etl"], event(eventType="FAIL", **lost)).json()["edges"] == 0
    assert pairs(rt, Dataset("s3://x", "never")) == set()


def test_a_claim_about_our_own_table_never_changes_what_the_platform_says(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str]
) -> None:
    with rt.begin(rt.service("worker")) as uow:
        columns = column_by_column(A, B, [("truth", "out")])
        record_edges(uow, LineageRun("airflow/daily.load", "job", RUN), [A], [B], columns)
    post(web, tokens["etl"], column_lineage(field("lie")))
    post(web, tokens["etl"], event(run={"runId": OTHER_RUN}))
    assert pairs(rt) == {("", "", "platform"), ("truth", "out", "platform"), ("", "", "person:etl")}


def test_who_may_not_tell_is_refused_before_the_event_is_looked_at(web: httpx.Client, tokens: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 50_000, json.dumps({"run": 1}).encode()):
        for name, status in (("visitor", 403), ("manager", 403), ("etl", 400)):
            answer = web.post("/api/v1/lineage", content=body, headers=headers | bearer(tokens[name]))
            assert answer.status_code == status, answer.text


def test_more_than_can_be_kept_is_refused(web: httpx.Client, tokens: dict[str, str]) -> None:
    many = [{"namespace": "n", "name": str(number)} for number in range(200)]
    answer = post(web, tokens["etl"], event(inputs=many, outputs=many))
    assert (answer.status_code, answer.json()["code"]) == (400, "lineage.bad_event")
    assert post(web, tokens["etl"], event(junk="x" * 2_000_000)).status_code == 413
    long = {"namespace": "n" * 500, "name": "é" * 1_000}
    assert post(web, tokens["etl"], event(inputs=[long])).status_code == 201


def test_that_somebody_told_us_stands_in_the_trail_without_names(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str]
) -> None:
    post(web, tokens["etl"], column_lineage(field("a")))
    with rt.begin(rt.operator()) as uow:
        (row,) = uow.rows("SELECT actor, subject, facts FROM audit_event WHERE code = 'lineage.told'")
    assert (row["actor"], row["subject"]) == ("person:etl", f"lineage_run:{RUN}")
    assert A.name not in row["facts"]


BAD_QUESTIONS: list[dict[str, object]] = [
    {"dataset": "\x00"},
    {"dataset": "a\nb"},
    {"dataset": "x" * 2_500},
    {"dataset": "raw_db.b", "namespace": "\x7f"},
    {"dataset": "raw_db.b", "depth": 0},
    {"dataset": "raw_db.b", "depth": 21},
    {"dataset": "raw_db.b", "direction": "sideways"},
    {},
]


def test_a_question_that_cannot_be_asked_is_refused(web: httpx.Client, tokens: dict[str, str]) -> None:
    for asked in BAD_QUESTIONS:
        assert get(web, tokens["manager"], **asked).status_code in {400, 422}, asked


def test_a_column_that_nobody_could_have_is_asked_for_in_peace(web: httpx.Client, tokens: dict[str, str]) -> None:
    post(web, tokens["etl"], column_lineage(field("a")))
    answer = get(web, tokens["manager"], dataset="raw_db.b", field="é\x00" * 200)
    assert answer.status_code == 200


def tell_runs(rt: Runtime, number: int) -> None:
    for one in range(number):
        with rt.begin(rt.service("worker")) as uow:
            columns = column_by_column(A, B, [("a", f"c{one}")])
            record_edges(uow, LineageRun("merge:raw_db.b", "merge", f"lease_{one}"), [A], [B], columns)


def test_what_the_platform_did_is_told_in_valid_events_page_by_page(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str]
) -> None:
    tell_runs(rt, 5)
    post(web, tokens["etl"], event())
    validator = jsonschema_rs.Draft202012Validator(RUN_EVENT, validate_formats=True)
    events, position = [], "0.0"
    for _ in range(4):
        page = get(web, tokens["manager"], "/events", after=position, limit=2).json()
        events += page["events"]
        position = page["position"]
    assert page == {"events": [], "position": position, "has_more": False}
    assert len(events) == 10, "a start and an end of each of five; what etl told is not ours to tell"
    for told in events:
        validator.validate(told)
    assert len({told["run"]["runId"] for told in events}) == 5
    for name in ("etl", "reader", "visitor"):
        assert get(web, tokens[name], "/events").status_code == 403
    for bad in ("x", "1", "1.x", "-1.0", "9" * 19 + ".0", "0.0; --"):
        assert get(web, tokens["manager"], "/events", after=bad).status_code == 422


@contextmanager
def openlineage_endpoint(fail_at: int | None = None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Somebody else's OpenLineage endpoint; it fails once, at that event."""
    taken: list[dict[str, Any]] = []
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/api/v1/lineage", "exactly the address that was given"
            fails = next(numbers) == fail_at
            if not fails:
                taken.append(document)
            self.send_response(503 if fails else 201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/lineage", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_an_export_that_is_cut_goes_on_and_loses_nothing(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_runs(rt, 3)
    monkeypatch.setenv("PERGAMON_TOKEN", tokens["manager"])
    state = tmp_path / "position"
    with openlineage_endpoint(fail_at=3) as (address, taken):
        words = ["lineage", "export", "--server", str(web.base_url), "--to", address, "--state", str(state)]
        with pytest.raises(PergamonError) as cut:
            group.main(words, standalone_mode=False)
        assert cut.value.kind is Kind.UNAVAILABLE
        group.main(words, standalone_mode=False)
        assert len({told["run"]["runId"] for told in taken if told["eventType"] == "COMPLETE"}) == 3
        before = len(taken)
        tell_runs(rt, 1)
        group.main(words, standalone_mode=False)
        assert len(taken) == before + 2


@pytest.mark.parametrize(
    "words", [["--after", "7"], ["--after", "1.2; --"], ["--to", "http://marquez.test/x"], ["--to", "file:///etc/x"]]
)
def test_an_export_to_nowhere_is_refused(rt: Runtime, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    with pytest.raises(PergamonError) as refused:
        group.main(["lineage", "export", *words], standalone_mode=False)
    assert refused.value.kind is Kind.INVALID


def test_lineage_at_the_command_line(
    rt: Runtime, web: httpx.Client, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tree for a client and for the operator acting for the same person; who sees nothing is told nothing."""
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    tell_runs(rt, 1)
    words = ["lineage", "show", "raw_db.b", "--column", "C0"]
    monkeypatch.setenv("PERGAMON_TOKEN", tokens["reader"])
    as_client = CliRunner().invoke(group, [*words, "--server", str(web.base_url)], catch_exceptions=False)
    as_operator = CliRunner().invoke(group, ["--as", "person:reader", *words], catch_exceptions=False)
    assert as_client.stdout == as_operator.stdout
    assert as_client.stdout.splitlines() == [
        "raw_db.b · c0",
        f"└─ {A} · a  [merge:raw_db.b]",
    ]
    told = json.loads(CliRunner().invoke(group, [*words, "--json", "--server", str(web.base_url)]).stdout)
    assert told["cut"] is False
    with pytest.raises(PergamonError) as hidden:
        group.main(["--as", "person:visitor", *words], standalone_mode=False)
    assert hidden.value.kind is Kind.NOT_FOUND
    with pytest.raises(PergamonError) as refused:
        group.main(["--as", "person:visitor", "lineage", "export"], standalone_mode=False)
    assert refused.value.kind is Kind.DENIED
    exported = CliRunner().invoke(group, ["lineage", "export"], catch_exceptions=False)
    assert [json.loads(line)["eventType"] for line in exported.stdout.splitlines()] == ["START", "COMPLETE"]


def test_what_the_events_of_a_run_name_together_has_a_bound(web: httpx.Client, tokens: dict[str, str]) -> None:
    """They are read together with each event that comes: a thousand of a megabyte each would fill the memory."""
    taken = []
    for number in range(7):
        inputs = [{"namespace": f"n{number}", "name": f"{place:03d}" + "x" * 1_900} for place in range(480)]
        taken.append(post(web, tokens["etl"], event(eventType="START", inputs=inputs, outputs=[])).status_code)
    assert taken == [201] * 4 + [400] * 3
