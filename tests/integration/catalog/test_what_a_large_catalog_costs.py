"""A batch costs a constant number of queries; a change and a page are index lookups, however many assets there are."""

from collections.abc import Callable
from typing import Any

import pytest

from pergamon import catalog, lake
from pergamon.catalog import tables
from pergamon.store import UnitOfWork
from tests.integration.catalog.conftest import World

ASSETS = 5_000


class Counting:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.asked = connection, 0

    def execute(self, *given: Any) -> Any:
        self.asked += 1
        return self._connection.execute(*given)


def _queries(world: World, work: Callable[[UnitOfWork], object], by: str | None = None) -> int:
    with world.by(by) as uow:
        counting = Counting(uow.connection)
        uow.connection = counting  # type: ignore[assignment]
        work(uow)
        uow.connection = counting._connection
    return counting.asked


@pytest.fixture
def large(world: World) -> World:
    """Thousands of assets in two projects, made as the room's own tables have them."""
    world.found("heart_db.model", "id:long", "sex")
    with world.by() as uow:
        uow.execute(
            "INSERT INTO catalog_asset (id, kind, project, name, data_source, table_database, table_name, facts, "
            "working_version, published_version, created_at, created_by, data_changed_at, changed_at) "
            "SELECT 'asset_' || lpad(to_hex(n), 32, '0'), 'table', CASE n %% 2 WHEN 0 THEN 'heart' ELSE 'quiet' END, "
            "'big_db.t' || n, 'heart-tables', 'big_db', 't' || n, '{}', 1, CASE n %% 3 WHEN 0 THEN NULL ELSE 1 END, "
            "now(), 'x', now(), now() FROM generate_series(1, %s) n",
            (ASSETS,),
        )
        uow.execute(
            'INSERT INTO catalog_asset_version SELECT id, 1, \'{"columns": [{"name": "id", "type": "long"}], '
            "\"terms\": [\"word\"]}', 'found', now(), 'x' FROM catalog_asset WHERE name LIKE 'big_db.%%'"
        )
        uow.execute("ANALYZE catalog_asset, catalog_asset_version")
        terms = {"word": catalog.TermSpec(title="Word")}
        catalog.put_glossary(uow, "words", catalog.GlossarySpec(terms=terms), {})
    return world


def test_a_batch_of_documents_costs_as_many_queries_as_one(large: World) -> None:
    with large.by() as uow:
        ids = catalog.asset_ids(uow, limit=1_000)
    one = _queries(large, lambda uow: catalog.search_documents(uow, ids[:1]))
    assert _queries(large, lambda uow: catalog.search_documents(uow, ids)) == one <= 3


def test_a_page_costs_as_many_queries_as_a_line(large: World) -> None:
    one = _queries(large, lambda uow: catalog.list_assets(uow, limit=1), by="olga")
    assert _queries(large, lambda uow: catalog.list_assets(uow, limit=500), by="olga") == one <= 5


@pytest.mark.parametrize("state", [None, "published"])
@pytest.mark.parametrize(
    ("whole", "published"), [([], ["heart"]), (["heart"], ["quiet"]), (["heart", "quiet"], []), ([], [])]
)
def test_a_page_of_many_projects_is_the_page_of_each(
    large: World, state: str | None, whole: list[str], published: list[str]
) -> None:
    given = {"whole": whole, "published": published, "state": state, "kind": None, "source": None, "limit": 300}
    with large.by() as uow:
        uow.execute("UPDATE catalog_asset SET retired_at = now() WHERE name LIKE 'big_db.t1%%7'")
        last = ("", "")
        for _ in range(3):
            after = given | {"after_name": last[0], "after_id": last[1]}
            page = tables.page_of_each(uow, after)
            assert tables.page_in_order(uow, after) == page
            last = (page[-1].name, page[-1].id) if page else last


def test_what_is_asked_by_name_table_or_page_is_looked_up_in_an_index(large: World) -> None:
    looked_up = {
        "name": "SELECT * FROM catalog_asset WHERE project = 'heart' AND name = 'big_db.t42' AND kind = 'table'",
        "table": "SELECT * FROM catalog_asset WHERE table_database = 'big_db' AND table_name = 't42' "
        "AND kind = 'table'",
        "page": "SELECT * FROM catalog_asset WHERE project = 'heart' AND (name, id) > ('big_db.t42', '') "
        "ORDER BY name, id LIMIT 100",
        "feed": "SELECT * FROM catalog_change WHERE (xid, sequence) > ('1'::xid8, 1) ORDER BY xid, sequence LIMIT 100",
    }
    with large.by() as uow:
        for what, query in looked_up.items():
            plan = "\n".join(str(row) for row in uow.connection.execute("EXPLAIN " + query).fetchall())  # type: ignore[arg-type]
            if what != "feed":  # the feed has few rows here
                assert "Seq Scan" not in plan, (what, plan)


def test_a_change_of_a_table_asks_the_same_however_many_there_are(large: World) -> None:
    def change(columns: tuple[str, ...]) -> Callable[[UnitOfWork], object]:
        facts = catalog.TableFacts(columns=tuple(catalog.Column(name=name, type="long") for name in columns))
        return lambda uow: catalog.table_changed(uow, lake.TableId("heart_db", "model"), facts)

    assert _queries(large, change(("a",))) < 25
    assert _queries(large, change(("a",))) < 8
