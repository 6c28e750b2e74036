"""The API over a real socket: who may come in, what they get, and what errors look like."""

import itertools
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pyarrow as pa
import pytest
import uvicorn
from fastapi import FastAPI

from pergamon.web import create_app
from pergamon.web.permissions import PUBLIC, ROUTE_PERMISSIONS
from tests.reference.governed_lake import OPERATOR, GovernedLake


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """A real uvicorn on a free loopback port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def app(world: GovernedLake) -> FastAPI:
    return create_app(world.rt)


@pytest.fixture
def anyone(app: FastAPI) -> Iterator[httpx.Client]:
    with served(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(client: httpx.Client, token: str, sql: str, **more: str) -> httpx.Response:
    return client.post("/api/v1/query", json={"sql": sql, **more}, headers=bearer(token))


def test_two_people_with_different_rights_ask_the_same(anyone: httpx.Client, world: GovernedLake) -> None:
    sql = "SELECT name FROM raw_db.patients ORDER BY id"
    answer = ask(anyone, world.admin.token, sql)
    assert answer.status_code == 200
    assert answer.json()["rows"] == [["Änne"], ["Bo"], [None]]
    assert answer.json()["columns"] == [{"name": "name", "type": "string"}]
    assert answer.headers["cache-control"] == "no-store"
    refused = ask(anyone, world.user.token, sql)
    assert refused.status_code == 404
    assert refused.json() == {
        "code": "query.no_such_table",
        "message": "no such table: raw_db.patients",
        "hint": "`pergamon tables` lists what you may read",
    }


def test_a_result_as_arrow_is_the_same_result(anyone: httpx.Client, world: GovernedLake) -> None:
    arrow = "application/vnd.apache.arrow.stream"
    headers = bearer(world.admin.token) | {"Accept": arrow}
    answer = anyone.post("/api/v1/query", json={"sql": "SELECT * FROM curated_db.vitals"}, headers=headers)
    assert answer.headers["content-type"] == arrow
    assert answer.headers["x-pergamon-truncated"] == "true"
    assert pa.ipc.open_stream(answer.content).read_all().num_rows == 2000


def test_values_that_json_cannot_say_become_text_without_loss(anyone: httpx.Client, world: GovernedLake) -> None:
    sql = """SELECT 9007199254740993::BIGINT, 0.1::DECIMAL(5,2), DATE '2024-02-29', TIMESTAMP '2024-02-29 12:00:00',
             'x'::BLOB, [1, 2], {'a': NULL}, 'NaN'::DOUBLE, true, MAP {'k': 1}"""
    answer = ask(anyone, world.user.token, sql)
    assert answer.json()["rows"] == [
        [
            "9007199254740993",
            "0.10",
            "2024-02-29",
            "2024-02-29T12:00:00",
            "eA==",
            [1, 2],
            {"a": None},
            "nan",
            True,
            [["k", 1]],
        ]
    ]


def test_tables_are_listed_and_described_as_far_as_they_may_be_read(anyone: httpx.Client, world: GovernedLake) -> None:
    listed = anyone.get("/api/v1/tables", headers=bearer(world.user.token)).json()
    assert listed == {"tables": [{"database": "curated_db", "table": "vitals"}]}
    described = anyone.get("/api/v1/tables/curated_db/vitals", headers=bearer(world.user.token)).json()
    assert described["columns"] == [{"name": "patient", "type": "long"}, {"name": "pulse", "type": "long"}]
    for path in ("raw_db/patients", "raw_db/nothing", "..%2f/x", "information_schema/tables"):
        assert anyone.get(f"/api/v1/tables/{path}", headers=bearer(world.user.token)).status_code == 404


def test_me_is_who_the_token_says(anyone: httpx.Client, world: GovernedLake) -> None:
    answer = anyone.get("/api/v1/me", headers=bearer(world.user.token))
    assert answer.json() == {"id": "person:ada", "kind": "person", "roles": ["data-user", "everyone"]}


def test_the_history_over_the_api(anyone: httpx.Client, world: GovernedLake) -> None:
    query_id = ask(anyone, world.user.token, "SELECT 42").json()["query_id"]
    own = anyone.get("/api/v1/queries", headers=bearer(world.user.token)).json()["queries"]
    assert [(entry["id"], entry["sql"]) for entry in own] == [(query_id, "SELECT 42")]
    for number in range(3):
        ask(anyone, world.user.token, f"SELECT {number} AS Found")
    ask(anyone, world.admin.token, "SELECT 7 AS found")

    def listed(**asked: str | int) -> dict[str, Any]:  # Any: JSON
        told: dict[str, Any] = anyone.get("/api/v1/queries", params=asked, headers=bearer(world.user.token)).json()
        return told

    first = listed(text="found", limit=2)
    assert [entry["sql"] for entry in first["queries"]] == ["SELECT 2 AS Found", "SELECT 1 AS Found"]
    rest = listed(text="found", limit=2, after=first["next"])
    assert ([entry["sql"] for entry in rest["queries"]], rest["next"]) == (["SELECT 0 AS Found"], None)
    assert listed(text="SELECT%")["queries"] == listed(text="7 AS")["queries"] == [], "of others, and by no pattern"
    of_all = "/api/v1/workgroups/default/queries"
    seen = anyone.get(of_all, headers=bearer(world.admin.token)).json()["queries"]
    assert (seen[-1]["id"], {entry["sql"] for entry in seen}) == (query_id, {None})
    assert anyone.get(of_all, headers=bearer(world.user.token)).status_code == 404
    assert anyone.get(f"/api/v1/queries/{query_id}", headers=bearer(world.admin.token)).status_code == 404


WITHOUT_A_TOKEN: list[list[tuple[str, str]]] = [
    [],
    [("Authorization", "Bearer pgm_wrong")],
    [("Authorization", "Basic YTpi")],
    [("Authorization", "Bearer")],
    [("Authorization", "Bearer " + "x" * 1000)],
    [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    [("Cookie", "token=pgm_x")],
]


def test_without_a_live_token_every_door_is_closed(anyone: httpx.Client) -> None:
    paths = [(method, path) for (method, path), permission in ROUTE_PERMISSIONS.items() if permission != PUBLIC]
    paths += [
        ("GET", "/nowhere"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("POST", "/healthz"),
        ("GET", "/healthz/"),
    ]
    for headers, (method, path) in itertools.product(WITHOUT_A_TOKEN, paths):
        answer = anyone.request(method, path, headers=headers, content=b"{not json")
        assert answer.status_code == 401, (method, path)
        assert method == "HEAD" or answer.json()["code"] == "identity.unauthenticated"  # HEAD has no body
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_token_is_refused_at_once(anyone: httpx.Client, world: GovernedLake) -> None:
    with world.rt.begin(OPERATOR) as uow:
        uow.execute("UPDATE token SET revoked_at = now() WHERE principal_id = 'person:ada'")
    assert anyone.get("/api/v1/me", headers=bearer(world.user.token)).status_code == 401


def test_health_is_public_and_says_nothing_else(anyone: httpx.Client) -> None:
    answer = anyone.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


BAD_BODIES = [
    (b"{not json secret_value", 422, "web.request_not_valid"),
    (b"[]", 422, "web.request_not_valid"),
    (b'{"sql": 1}', 422, "web.request_not_valid"),
    (b'{"sql": "SELECT 1", "secret_key": "secret_value"}', 422, "web.request_not_valid"),
    (b'{"sql": "", "workgroup": "default"}', 422, "web.request_not_valid"),
    (b'{"sql": "SELECT \\ud800"}', 422, "web.request_not_valid"),
    (b'{"sql": "SELEC \'secret_value\'"}', 400, "query.syntax_error"),
    (b'{"sql": "DROP TABLE secret_value"}', 400, "query.refused"),
    (b'{"sql": "' + b"x" * 200_000 + b'"}', 413, "web.body_too_large"),
    (b'{"sql": "SELECT 1", "workgroup": "other"}', 404, "query.no_such_workgroup"),
]  # fmt: skip


def test_a_bad_request_is_told_what_is_wrong_and_never_what_it_sent(anyone: httpx.Client, world: GovernedLake) -> None:
    headers = bearer(world.user.token) | {"Content-Type": "application/json"}
    for body, status, code in BAD_BODIES:
        answer = anyone.post("/api/v1/query", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert set(answer.json()) == {"code", "message", "hint"}
        assert "secret_value" not in answer.text


def test_a_misspelled_key_and_a_missing_one_are_named(anyone: httpx.Client, world: GovernedLake) -> None:
    hint = anyone.post("/api/v1/query", json={"sqll": "SELECT 1"}, headers=bearer(world.user.token)).json()["hint"]
    assert "body.sql: missing (it is needed)" in hint
    assert "body.sqll: extra_forbidden (this is not known here; is it misspelled?)" in hint


def test_a_body_without_a_length_is_counted_too(anyone: httpx.Client, world: GovernedLake) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    answer = anyone.post("/api/v1/query", content=endless(), headers=bearer(world.user.token))
    assert answer.status_code == 413


def test_an_unknown_route_and_a_wrong_method_look_like_every_error(anyone: httpx.Client, world: GovernedLake) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/api/v1/me", 405)):
        answer = anyone.request(method, path, headers=bearer(world.user.token))
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message", "hint"}


def test_a_bug_answers_a_number_and_its_text_stays_here(app: FastAPI, world: GovernedLake) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise ValueError("secret_value")

    with served(app) as address:
        answer = httpx.get(f"{address}/broken", headers=bearer(world.user.token))
    assert answer.status_code == 500
    assert answer.json()["code"] == "pergamon.bug"
    assert "secret_value" not in answer.text
    log = world.rt.settings.logs / f"{answer.json()['incident']}.log"
    assert "secret_value" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_when_postgresql_does_not_answer_it_is_said_so(anyone: httpx.Client, world: GovernedLake) -> None:
    world.rt.store.close()
    answer = anyone.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["code"] == "store.unavailable"
