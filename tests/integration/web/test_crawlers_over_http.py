"""Crawlers by the API: the same words as at the command line, for whoever may run them."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from pergamon import crawl, identity, lake
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.reference.served import served


@pytest.fixture
def client(rt: Runtime, operator: Actor) -> Iterator[httpx.Client]:
    """A person who may run crawlers, and one crawler without files."""
    with rt.begin(operator) as uow:
        lake.put_bucket(uow, "assets", lake.BucketSpec())
        lake.put_database(uow, "assets_db", lake.DatabaseSpec(bucket="assets", prefix="tables"))
        spec = crawl.CrawlerSpec(bucket="assets", prefixes=("in",), database="assets_db", on_event=False)
        crawl.put_crawler(uow, "assets", spec, {})
        identity.put_policy(uow, "crawling", identity.PolicySpec(actions=frozenset({"crawler.run"})), {})
        identity.put_role(uow, "engineer", identity.RoleSpec(policies=frozenset({"crawling"})), {})
        identity.put_role(uow, "bystander", identity.RoleSpec(), {})
        for name, role in (("eva", "engineer"), ("bob", "bystander")):
            person = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({role}))
            identity.put_principal(uow, f"person:{name}", person, {})
    with served(create_app(rt)) as url, httpx.Client(base_url=url, headers=_token(rt, operator, "eva")) as told:
        yield told


def _token(rt: Runtime, operator: Actor, name: str) -> dict[str, str]:
    with rt.begin(operator) as uow:
        token = identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


def test_a_crawler_is_listed_asked_run_and_replayed(client: httpx.Client, rt: Runtime, operator: Actor) -> None:
    (listed,) = client.get("/api/v1/crawlers").json()["crawlers"]
    assert (listed["name"], listed["is_idle"], listed["files"]) == ("assets", True, {})
    assert client.post("/api/v1/crawlers/assets/run").json() == {"requested": True}
    told = client.get("/api/v1/crawlers/assets").json()
    assert (told["is_listing"], told["tables"], told["failures"]) == (True, [], [])
    with rt.begin(operator) as uow:
        uow.execute(
            "INSERT INTO crawl_file (id, crawler, folder, key, state, reason, changed_at) SELECT 'f' || n, 'assets', "
            "'in/', 'in/' || n, 'quarantined', 'it is broken', now() FROM generate_series(1, 3) AS n"
        )
    page = client.get("/api/v1/crawlers/assets/files", params={"limit": 2, "state": "quarantined"}).json()
    rest = client.get("/api/v1/crawlers/assets/files", params={"limit": 2, "after": page["next"]}).json()
    assert [file["key"] for file in page["files"] + rest["files"]] == ["in/1", "in/2", "in/3"]
    assert rest["next"] is None
    assert client.post("/api/v1/crawlers/assets/replay", json={"key": "in/1"}).json() == {"files": 1}
    assert client.post("/api/v1/crawlers/assets/replay", json={}).json() == {"files": 2}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/crawlers/none", 404),
        ("GET", "/api/v1/crawlers/a%00b", 422),
        ("GET", "/api/v1/crawlers/a%00b/files", 422),
        ("POST", "/api/v1/crawlers/a%00b/run", 422),
        ("POST", "/api/v1/crawlers/none/run", 404),
        ("GET", "/api/v1/crawlers/assets/files?state=odd", 422),
        ("GET", "/api/v1/crawlers/assets/files?after=x", 400),
    ],
)
def test_what_is_not_there_or_wrong_is_told(client: httpx.Client, method: str, path: str, status: int) -> None:
    assert client.request(method, path).status_code == status


def test_a_bystander_is_refused_whatever_is_asked(client: httpx.Client, rt: Runtime, operator: Actor) -> None:
    headers = _token(rt, operator, "bob")
    for method, path in (
        ("GET", "/api/v1/crawlers"),
        ("GET", "/api/v1/crawlers/assets"),
        ("GET", "/api/v1/crawlers/none"),
        ("GET", "/api/v1/crawlers/assets/files"),
        ("POST", "/api/v1/crawlers/assets/run"),
    ):
        assert client.request(method, path, headers=headers).status_code == 403
