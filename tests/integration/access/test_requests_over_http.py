"""Requests, grants and previews over HTTP, on a real table: the same verbs, the same errors."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pytest

from pergamon import catalog, identity, lake, query
from pergamon.client import Client, connect
from pergamon.query import QueryJob, QueryTimedOut
from pergamon.web import create_app
from tests.reference.governed_lake import append
from tests.reference.plain_engine import PlainEngine
from tests.reference.served import bearer, served

from .conftest import COLUMNS, World

ROWS = [
    {"id": number, "name": f"n{number}", "born": date(1980, 1, 1), "site": "north" if number % 3 else "south", "age": 9}
    for number in range(33)
]


class Callers:
    """Everybody with a token, at one address."""

    def __init__(self, world: World, address: str) -> None:
        self.world, self.address, self.tokens = world, address, dict[str, str]()

    def __call__(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = bearer(self._token(name)) | more.pop("headers", {})
        return httpx.request(method, f"{self.address}/api/v1{path}", headers=headers, timeout=60, **more)

    def told(self, name: str, method: str, path: str, **more: Any) -> Any:
        answer = self(name, method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def site(self, name: str) -> Client:
        """The Python client of somebody."""
        return connect(self.address, self._token(name))

    def _token(self, name: str) -> str:
        if name not in self.tokens:
            with self.world.by() as uow:
                token = identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(days=30))
            self.tokens[name] = token
        return self.tokens[name]


@pytest.fixture
def ask(world: World) -> Iterator[Callers]:
    append(world.rt, "heart_db.patients", pa.Table.from_pylist(ROWS, schema=COLUMNS))
    with served(create_app(world.rt)) as address:
        yield Callers(world, address)
    world.rt.close_query_engine()


JSON = {"Content-Type": "application/json"}
WISH = {"asset": "heart_db.patients", "project": "study", "reason": "to learn"}


def test_what_is_asked_twice_with_one_key_is_asked_once(ask: Callers) -> None:
    key = {"Idempotency-Key": "one"}
    first = ask("ada", "POST", "/requests", json=WISH, headers=key)
    again = ask("ada", "POST", "/requests", json=WISH, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    anew = ask("ada", "POST", "/requests", json=WISH)
    assert (anew.status_code, anew.json()["code"]) == (409, "access.already_asked")
    assert len(ask.world.events("access.request_made")) == 1


def test_a_request_goes_its_way_and_the_grant_is_told_with_it(ask: Callers) -> None:
    made = ask.told("ada", "POST", "/requests", json=WISH)
    here = f"/requests/{made['id']}"
    assert ask.told("bob", "POST", f"{here}/comment", json={"text": "soon?"})["text"] == "soon?"
    assert ask.told("olga", "POST", f"{here}/ask-for-changes", json={"note": "how long?"})["state"] == "changes-asked"
    amended = ask.told("bob", "POST", f"{here}/amend", json={"days": 10, "columns": ["id", "site"]})
    assert (amended["state"], amended["days"], amended["round"]) == ("open", 10, 2)
    refused = ask("ada", "POST", f"{here}/approve", json={"note": "I would"})
    assert (refused.status_code, refused.json()["code"]) == (403, "access.denied")
    done = ask.told("olga", "POST", f"{here}/approve", json={"note": "fine", "masks": {"site": "mask-alphanum"}})
    assert done["grant"]["table"] == "study_sub.patients"
    assert done["grant"]["columns"] == [{"name": "id", "mask": None}, {"name": "site", "mask": "mask-alphanum"}]
    assert done["grant"] == ask.told("cyd", "GET", f"/grants/{done['grant_id']}")
    assert [one["id"] for one in ask.told("ada", "GET", "/grants?state=active")["grants"]] == [done["grant_id"]]
    late = ask("ada", "POST", f"{here}/withdraw")
    assert (late.status_code, late.json()["code"]) == (409, "access.request_not_open")
    over = ask.told("olga", "POST", f"/grants/{done['grant_id']}/revoke", json={"reason": "done"})
    assert (over["state"], over["revoked_why"]) == ("revoked", "done")
    assert ask.told("eve", "GET", "/requests") == {"requests": [], "next": None}
    for path in (here, f"/grants/{done['grant_id']}", "/requests/request_1", "/grants/a%00b"):
        assert ask("eve", "GET", path).status_code == 404, path


def test_lists_are_told_page_by_page_and_as_filtered(ask: Callers) -> None:
    ids = []
    for _ in range(3):
        ids.append(ask.told("ada", "POST", "/requests", json=WISH)["id"])
        ask.told("ada", "POST", f"/requests/{ids[-1]}/withdraw", json={"note": "changed my mind"})
    ids.append(ask.told("ada", "POST", "/requests", json=WISH)["id"])
    found, after = [], ""
    while True:
        told = ask.told("ada", "GET", f"/requests?limit=2{after}")
        found += [one["id"] for one in told["requests"]]
        if told["next"] is None:
            break
        after = f"&after={told['next']}"
    assert found == sorted(ids)
    assert [one["id"] for one in ask.told("olga", "GET", "/requests?waiting_for_me=true")["requests"]] == [ids[-1]]
    none = ask.told("olga", "GET", "/requests?waiting_for_me=true&state=changes-asked")
    assert none == {"requests": [], "next": None}


def test_who_may_decide_sees_what_would_be_given_and_nobody_else(ask: Callers) -> None:
    ask.world.list_with(masks={"name": "mask-alphanum"})
    made = ask.told("ada", "POST", "/requests", json=WISH | {"rows": "site = 'north'", "days": 5})
    here = f"/requests/{made['id']}/preview"
    seen = ask.told("olga", "POST", here)
    columns = [(one["name"], one["mask"]) for one in seen["columns"]]
    assert columns == [("id", None), ("name", "mask-alphanum"), ("born", None), ("site", None), ("age", None)]
    assert (seen["rows"], seen["days"], seen["not_given"]) == ("site = 'north'", 5, [])
    assert seen["counted"] == {"given": 20, "total": 30, "rounded_to": 10}, "olga may not read the table itself"
    narrowed = {"columns": ["id"], "rows": "id < 4", "days": 2}
    fewer = ask.told("olga", "POST", here, json=narrowed)
    assert (fewer["counted"]["given"], fewer["not_given"], fewer["days"]) == (0, ["name", "born", "site", "age"], 2)
    for name, status in {"ada": 403, "cyd": 403, "carl": 404, "eve": 404}.items():
        assert ask(name, "POST", here).status_code == status, name
    started, ended = ask.world.events("query.preview_started"), ask.world.events("query.preview_ended")
    assert [one["narrowed"] for one in started] == [[], ["columns", "rows", "days"]]
    assert [(one["rows_given"], one["rows_total"]) for one in ended] == [(20, 30), (0, 30)]
    assert [one["id"] for one in ask.told("olga", "GET", "/requests?state=open")["requests"]] == [made["id"]]
    ask.told("olga", "POST", f"/requests/{made['id']}/reject", json={"note": "no"})
    assert ask("olga", "POST", here).json()["code"] == "access.request_not_open"


def test_a_notebook_asks_and_decides(ask: Callers) -> None:
    """Every act of a request through `pergamon.client`."""
    with ask.site("ada") as ada, ask.site("olga") as olga:
        first = ada.request("heart_db.patients", project="study", reason="to learn")["id"]
        ada.comment(first, "soon, please")
        assert [one["id"] for one in olga.requests(waiting_for_me=True)] == [first]
        olga.ask_for_changes(first, note="which columns?")
        ada.amend(first, columns=["id", "name"], days=9)
        said = [(one["by"], one["text"]) for one in olga.read_request(first)["comments"]]
        assert said == [("person:ada", "soon, please"), ("person:olga", "which columns?")]
        assert ada.withdraw(first, note="not yet")["state"] == "withdrawn"
        second = ada.request("heart_db.patients", project="study", reason="anew", columns=["id"], rows="id < 20")["id"]
        assert olga.preview(second, rows="id > 9")["counted"] == {"given": 10, "total": 30, "rounded_to": 10}
        granted = olga.approve(second, note="fine", own_masks=True)["grant"]
        assert (granted["own_masks"], granted["reason"], granted["rows"]) == (True, "anew", "id < 20")
        assert "study_sub.patients" in ada.grants(state="active")._repr_html_()
        assert olga.revoke(granted["id"], reason="over")["state"] == "revoked"
        third = ada.request("heart_db.patients", project="study", reason="again")["id"]
        assert olga.reject(third, note="no")["state"] == "rejected"
        assert [one["state"] for one in ada.requests()] == ["withdrawn", "approved", "rejected"]


BAD: list[tuple[str, int, str]] = [
    ('"reason": "  "', 400, "access.bad_request"),
    ('"reason": "a\\u0000b"', 422, "web.request_not_valid"),
    ('"reason": "\\ud800"', 422, "web.request_not_valid"),
    ('"asset": "a\\u0000b"', 404, "catalog.unknown_asset"),
    ('"project": "st\\u0000udy"', 404, "catalog.unknown_project"),
    ('"renews": "a\\u0000b"', 404, "access.unknown_grant"),
    ('"columns": []', 400, "access.bad_request"),
    ('"columns": ["nope"]', 400, "access.bad_request"),
    ('"rows": "id = 1 or 1"', 400, "policy.filter_not_understood"),
    ('"rows": "((((((((((((((((((((((((((((((((((((((((id"', 400, "policy.filter_not_understood"),
    ('"days": 0', 422, "web.request_not_valid"),
    ('"days": 1e30', 422, "web.request_not_valid"),
    ('"purpose": "Bad One"', 400, "access.bad_request"),
    ('"forms": {"use": {"share": NaN}}', 400, "access.bad_request"),
    ('"forms": {"use": {"share": 1e999}}', 400, "access.bad_request"),
    ('"forms": {"none": {"share": 1}}', 400, "access.bad_request"),
    ('"unknown": 1', 422, "web.request_not_valid"),
]


def test_bad_input_is_named_and_leaves_nothing_behind(ask: Callers) -> None:
    form = catalog.FormSpec.model_validate({"fields": {"share": {"type": "number"}}})
    with ask.world.by() as uow:
        catalog.put_form(uow, "use", form, {})
    good = json.dumps(WISH)[:-1]
    for wrong, status, code in BAD:  # of two members of one name the last one counts
        answer = ask("ada", "POST", "/requests", content=f"{good}, {wrong}}}", headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (wrong, answer.text)
    assert ask.world.events("access.request_made") == []
    assert ask("ada", "POST", "/queries/query_1/cancel").json()["code"] == "query.no_such_query"


class Overwhelmed(PlainEngine):
    """An engine for which every query takes too long."""

    def run(self, job: QueryJob, watch: Callable[[], None] | None = None) -> tuple[pa.Table, bool]:
        raise QueryTimedOut("the query took longer than 10 s")


def test_what_takes_too_long_to_count_is_told_uncounted(world: World) -> None:
    request, olga = world.ask(), world.person("olga")
    engine = Overwhelmed()
    seen = query.preview_request(lambda: world.rt.begin(olga), world.rt.query_catalog, engine, request.id)
    told = seen.as_json()
    assert (told["counted"], told["not_counted"]) == (None, "more than could be counted in 10 s")
    assert [one["error_code"] for one in world.events("query.preview_ended")] == ["query.timed_out"]


def test_who_may_read_the_table_is_told_exact_counts(ask: Callers) -> None:
    with ask.world.by() as uow:
        rule = lake.AccessRuleSpec(ReadRoles=tuple(catalog.project_roles("heart", "owner")))
        lake.put_bucket(uow, "raw", lake.BucketSpec(access_rules=(rule,)))
    made = ask.told("ada", "POST", "/requests", json=WISH | {"rows": "site = 'north'"})
    seen = ask.told("olga", "POST", f"/requests/{made['id']}/preview")
    assert seen["counted"] == {"given": 22, "total": 33, "rounded_to": 1}
