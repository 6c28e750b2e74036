"""Upload, crawl, publish, search, ask, preview, approve, query, revoke, refused: over HTTP, and at the command line.

Both ways do the same to two installations: what is told, what is refused with which code, and what the trail holds.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from click.testing import CliRunner

from pergamon import catalog, crawl, identity, lake, query
from pergamon.cli.main import group
from pergamon.client import ClientError, ServerRefused, connect
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.reference.served import bearer, served

VISITS = "id,name,site,age\n" + "".join(
    f"{n},patient {n:02},{'north' if n % 2 else 'south'},{n}\n" for n in range(1, 41)
)
ASSET, TABLE, SQL = "assets_db.visits", "study_sub.visits", "SELECT * FROM study_sub.visits ORDER BY id LIMIT 2"
CONDITIONS = {"text": "Tell nobody.", "purposes": ["research"], "masks": {"name": "show-last-4"}, "rows": "age >= 18"}
TOLD = [
    "objects.put",
    "catalog.asset_made",
    "catalog.asset_edited",
    "catalog.asset_published",
    "access.request_made",
    "query.preview_started",
    "query.preview_ended",
    "access.request_decided",
    "query.started",
    "query.ran",
    "access.grant_revoked",
]
"""What the trail holds of it, in this order."""


class Way(ABC):
    """How people go. Every act answers what is told as JSON; one that is refused raises `Refused`."""

    def __init__(self, address: str, tokens: dict[str, str], directory: Path) -> None:
        self.address, self.tokens, self.directory = address, tokens, directory

    @abstractmethod
    def upload(self, who: str, key: str, content: str) -> None: ...
    @abstractmethod
    def demand(self, who: str) -> None: ...
    @abstractmethod
    def publish(self, who: str) -> None: ...
    @abstractmethod
    def search(self, who: str, text: str) -> list[str]: ...
    @abstractmethod
    def ask(self, who: str, *, accept: bool = True, purpose: str = "research") -> Any: ...
    @abstractmethod
    def preview(self, who: str, request: str) -> Any: ...
    @abstractmethod
    def approve(self, who: str, request: str) -> Any: ...
    @abstractmethod
    def query(self, who: str, sql: str) -> list[Any]: ...
    @abstractmethod
    def revoke(self, who: str, grant: str) -> Any: ...


class Refused(Exception):
    """The code of the server's error."""


class OverHttp(Way):
    """The API; the query by the Python client."""

    def _told(self, who: str, method: str, path: str, **more: Any) -> Any:
        url = f"{self.address}/api/v1{path}"
        answer = httpx.request(method, url, headers=bearer(self.tokens[who]), timeout=60, **more)
        if answer.is_error:
            raise Refused(answer.json()["code"])
        return answer.json()

    def upload(self, who: str, key: str, content: str) -> None:
        self._told(who, "PUT", f"/buckets/assets/objects/{quote(key)}", content=content)

    def demand(self, who: str) -> None:
        version = self._told(who, "GET", f"/assets/{ASSET}")["working_version"]
        edit = {"expected_version": version, "edit": {"conditions": CONDITIONS}}
        self._told(who, "POST", f"/assets/{ASSET}/edit", json=edit)

    def publish(self, who: str) -> None:
        self._told(who, "POST", f"/assets/{ASSET}/publish", json={})

    def search(self, who: str, text: str) -> list[str]:
        return [one["name"] for one in self._told(who, "GET", f"/search?text={text}")["results"]]

    def ask(self, who: str, *, accept: bool = True, purpose: str = "research") -> Any:
        wish = {"asset": ASSET, "project": "study", "reason": "to learn", "rows": "site = 'north'", "days": 30}
        wish |= {"columns": ["id", "name"], "purpose": purpose}
        return self._told(who, "POST", "/requests", json=wish | {"accept": accept})

    def preview(self, who: str, request: str) -> Any:
        return self._told(who, "POST", f"/requests/{request}/preview", json={"days": 7})

    def approve(self, who: str, request: str) -> Any:
        return self._told(who, "POST", f"/requests/{request}/approve", json={"note": "fine", "days": 7})

    def query(self, who: str, sql: str) -> list[Any]:
        try:
            with connect(self.address, self.tokens[who]) as pergamon:
                return [list(row.values()) for row in pergamon.query(sql).arrow().to_pylist()]
        except ClientError as error:
            raise Refused(error.code) from None

    def revoke(self, who: str, grant: str) -> Any:
        return self._told(who, "POST", f"/grants/{grant}/revoke", json={"reason": "the study is over"})


class AtTheCommandLine(Way):
    """`pergamon … --server … --json`, each person with a token."""

    def _typed(self, who: str, *words: str) -> Any:
        arguments = [*words, "--server", self.address, "--json"]
        done = CliRunner().invoke(group, arguments, env={"PERGAMON_TOKEN": self.tokens[who]})
        if isinstance(done.exception, ServerRefused):
            raise Refused(done.exception.told_code)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return json.loads(done.stdout)

    def upload(self, who: str, key: str, content: str) -> None:
        folder, _, name = key.rpartition("/")
        (self.directory / name).write_text(content)
        self._typed(who, "put", str(self.directory / name), f"assets/{folder}/")

    def demand(self, who: str) -> None:
        words = ("--text", "Tell nobody.", "--purpose", "research", "--mask", "name=show-last-4", "--rows", "age >= 18")
        assert self._typed(who, "asset", "conditions", ASSET, *words)["conditions"].items() >= CONDITIONS.items()

    def publish(self, who: str) -> None:
        self._typed(who, "asset", "publish", ASSET)

    def search(self, who: str, text: str) -> list[str]:
        return [one["name"] for one in self._typed(who, "search", text)["results"]]

    def ask(self, who: str, *, accept: bool = True, purpose: str = "research") -> Any:
        words = ["--project", "study", "--reason", "to learn", "--rows", "site = 'north'", "--days", "30"]
        words += ["--column", "id", "--column", "name", "--purpose", purpose]
        return self._typed(who, "request", "create", ASSET, *words, *(["--accept-conditions"] if accept else []))

    def preview(self, who: str, request: str) -> Any:
        return self._typed(who, "request", "preview", request, "--days", "7")

    def approve(self, who: str, request: str) -> Any:
        return self._typed(who, "request", "approve", request, "--note", "fine", "--days", "7")

    def query(self, who: str, sql: str) -> list[Any]:
        rows: list[Any] = self._typed(who, "query", sql)["rows"]
        return rows

    def revoke(self, who: str, grant: str) -> Any:
        return self._typed(who, "grant", "revoke", grant, "--reason", "the study is over")


@pytest.fixture
def people(rt: Runtime, operator: Actor) -> dict[str, str]:
    """Hana owns what is uploaded; Ada's project studies it; Eve is a guest. Returns: their tokens."""
    holders, users = catalog.project_roles("heart", "owner"), {"owner": ["person:ada"], "consumer": ["person:cyd"]}
    with rt.begin(operator) as uow:
        for name in ("hana", "ada", "cyd", "eve"):
            identity.put_principal(uow, f"person:{name}", identity.PrincipalSpec(kind="person", display_name=name), {})
        rule = lake.AccessRuleSpec(ReadWriteSuperRoles=tuple(holders))
        lake.put_bucket(uow, "assets", lake.BucketSpec(access_rules=(rule,)))
        lake.put_database(uow, "assets_db", lake.DatabaseSpec(bucket="assets", prefix="tables"))
        catalog.put_domain(uow, "d", catalog.DomainSpec(units={"clinic": catalog.UnitSpec()}), {})
        for project, members in (("heart", {"owner": ["person:hana"]}), ("study", users)):
            spec = catalog.ProjectSpec.model_validate({"unit": "clinic", "members": members})
            catalog.put_project(uow, project, spec, {})
        catalog.put_data_source(uow, "visits", catalog.DataSourceSpec(project="heart", databases=("assets_db",)), {})
        crawl.put_crawler(uow, "assets", crawl.CrawlerSpec(bucket="assets", prefixes=("in",), database="assets_db"), {})
        identity.put_policy(uow, "queries", identity.PolicySpec(actions=frozenset({"query.run"})), {})
        identity.put_role(uow, "everyone", identity.RoleSpec(policies=frozenset({"queries"})), {})
        query.put_workgroup(uow, "default", query.WorkgroupSpec(users=frozenset({"everyone"})), {})
        return {
            name: identity.issue_token(uow, f"person:{name}", label="journey", lifetime=timedelta(hours=1))
            for name in ("hana", "ada", "cyd", "eve")
        }


@pytest.fixture(params=[OverHttp, AtTheCommandLine], ids=["over HTTP", "at the command line"])
def way(request: pytest.FixtureRequest, rt: Runtime, people: dict[str, str], tmp_path: Path) -> Iterator[Way]:
    with served(create_app(rt)) as address:
        yield request.param(address, people, tmp_path)


def test_what_is_asked_for_is_granted_queried_and_taken_back(way: Way, rt: Runtime, operator: Actor) -> None:
    way.upload("hana", "in/visits/a.csv", VISITS)
    _crawled(rt, "assets_db.visits")
    way.demand("hana")
    assert way.search("ada", "visits") == [], "only its project knows of it"
    assert _code(lambda: way.ask("ada")) == "catalog.unknown_asset"
    way.publish("hana")
    assert way.search("ada", "visits") == [ASSET]

    assert _code(lambda: way.ask("ada", accept=False)) == "access.bad_request"
    assert _code(lambda: way.ask("ada", purpose="marketing")) == "access.bad_request"
    assert _code(lambda: way.ask("cyd")) == "access.denied", "a consumer does not ask"
    asked = way.ask("ada")
    assert (asked["state"], asked["grant"]) == ("open", None)
    assert _code(lambda: way.ask("ada")) == "access.already_asked"

    assert _code(lambda: way.preview("ada", asked["id"])) == "access.denied"
    assert _code(lambda: way.preview("eve", asked["id"])) == "access.unknown_request"
    seen = way.preview("hana", asked["id"])
    assert seen["counted"] == {"given": 11, "total": 40, "rounded_to": 1}, "odd ids from 19 to 39"
    assert [(one["name"], one["mask"]) for one in seen["columns"]] == [("id", None), ("name", "show-last-4")]
    assert _code(lambda: way.approve("ada", asked["id"])) == "access.denied"
    granted = way.approve("hana", asked["id"])["grant"]
    assert (granted["state"], granted["table"], granted["rows"]) == ("active", TABLE, seen["rows"])

    assert way.query("ada", f"SELECT count(*) AS n FROM {TABLE}") == [[11]], "as the preview said"
    for who in ("ada", "cyd"):
        assert way.query(who, SQL) == [[19, "xxxxxxt 19"], [21, "xxxxxxt 21"]]
    assert _code(lambda: way.query("cyd", "SELECT age FROM study_sub.visits")) == "query.invalid"
    assert _code(lambda: way.query("cyd", f"SELECT * FROM {ASSET}")) == "query.no_such_table"
    assert _code(lambda: way.query("eve", SQL)) == "query.no_such_table"

    assert _code(lambda: way.revoke("ada", granted["id"])) == "access.denied"
    assert way.revoke("hana", granted["id"])["state"] == "revoked"
    assert _code(lambda: way.query("ada", SQL)) == "query.no_such_table"
    assert _code(lambda: way.revoke("hana", granted["id"])) == "access.grant_not_active"
    _require_told(rt, operator)


def _crawled(rt: Runtime, table: str) -> None:
    """What a worker does meanwhile."""
    place, deadline = rt.crawl_place("worker"), time.monotonic() + 30
    while time.monotonic() < deadline:
        crawl.follow(place)
        crawl.crawl_step(place)
        with rt.begin(rt.operator()) as uow:
            if lake.is_table(uow, lake.TableId.parse(table)):
                return
        time.sleep(0.02)
    raise AssertionError("it never became a table")


def _code(act: Any) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return str(refused.value)


def _require_told(rt: Runtime, operator: Actor) -> None:
    """The whole chain is intact and sealed, and holds every act in its order, and the denials."""
    verdict = rt.verify_trail(operator)
    assert verdict.intact
    assert (verdict.unsealed, verdict.sealed_length) == (0, verdict.length)
    codes = [entry.code for entry in reversed(rt.read_trail(operator, limit=1000))]
    assert [code for code in dict.fromkeys(codes) if code in TOLD] == TOLD
    assert codes.count("access.grant_issued") == 1, "in the same unit of work as the decision"
    assert codes.count("audit.act_denied") >= 5
