"""How many questions a page asks PostgreSQL: a number of its own, whatever there is to list."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pergamon import catalog, crawl, identity, lineage
from pergamon.policy import Action
from tests.reference.portal import CRAWLER, OPERATOR, Portal

from .conftest import Visit

MOST = {
    ("rena", "/"): 18,
    ("ada", "/"): 28,
    ("rena", "/catalog"): 8,
    ("rena", "/assets/{asset}"): 14,
    ("hana", "/assets/{asset}"): 14,
    ("rena", "/assets/{asset}/lineage"): 23,
    ("hana", "/assets/{asset}/lineage"): 23,
    ("rena", "/projects"): 8,
    ("rena", "/projects/heart-study"): 20,
    ("rena", "/requests"): 10,
    ("rena", "/query"): 14,
    ("ada", "/pipelines/crawlers"): 7,
    ("ada", "/administration/drift"): 29,
    ("ada", "/administration/health"): 12,
    ("ada", "/audit"): 7,
}
"""Who looks at what, and how often it may ask. Opening the session and the navigation take six."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What those ask who answer requests; others in this process follow the catalog meanwhile."""
    texts: list[str] = []
    execute: Callable[..., Any] = psycopg.Connection.execute

    def telling(connection: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = query if isinstance(query, str) else query.as_string()
        if text.split()[:1] and text.split()[0] in ("SELECT", "WITH") and "AnyIO" in threading.current_thread().name:
            texts.append(text)
        return execute(connection, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "execute", telling)
    return texts


def test_a_page_asks_as_much_however_much_it_lists(portal: Portal, visit: Visit, asked: list[str]) -> None:
    add_administrator(portal)
    add(portal, range(1))
    browsers = {name: visit(name) for name in {name for name, _ in MOST}}

    def questions() -> dict[tuple[str, str], int]:
        counts = {}
        for name, path in MOST:
            asked.clear()
            answer = browsers[name].get(path.format(asset=portal.assets["encounters"]))
            assert answer.status_code == 200, (path, answer.text[:500])
            counts[name, path] = len(asked)
        return counts

    before = questions()
    add(portal, range(1, 8))
    assert questions() == before
    assert {page: count for page, count in before.items() if count > MOST[page]} == {}


def add(portal: Portal, numbers: range) -> None:
    """Projects that ask, crawlers, and datasets around the asset: one more of each for a number."""
    stays = lineage.Dataset("pergamon", "clinic_db.encounters")
    with portal.by() as uow:
        for number in numbers:
            members = {"owner": ["person:rena"], "consumer": ["person:hana"]}
            spec = catalog.ProjectSpec.model_validate({"unit": "research", "members": members})
            catalog.put_project(uow, f"study-{number}", spec, {})
            wanted = {"bucket": "clinic", "prefixes": [f"more/{number}/"], "database": "clinic_db"}
            crawl.put_crawler(uow, f"crawler-{number}", crawl.CrawlerSpec.model_validate(wanted), {})
    with portal.rt.begin(CRAWLER) as uow:
        for number in numbers:
            files = lineage.Dataset.of_objects("clinic", f"more/{number}/")
            told = lineage.Dataset("pergamon", f"clinic_db.more_{number}")
            for run, start, end in (("in", files, stays), ("out", stays, told)):
                job = lineage.LineageRun(f"job {run} {number}", "job", f"run_{run}_{number}")
                lineage.record_edges(uow, job, [start], [end])
    for number in numbers:
        portal.ask(project=f"study-{number}")


def add_administrator(portal: Portal) -> None:
    actions = frozenset(action.value for action in Action)
    with portal.rt.begin(OPERATOR) as uow:
        identity.put_policy(uow, "all", identity.PolicySpec(actions=actions), {})
        identity.put_role(uow, "administrator", identity.RoleSpec(policies=frozenset({"all"})), {})
        spec = identity.PrincipalSpec(kind="person", display_name="Ada", roles=frozenset({"administrator"}))
        identity.put_principal(uow, "person:ada", spec, {})
