"""With 10,000 grants of 200 projects and 1,000 people, what is read at a query is found by index, in a few queries."""

import json
import re
from datetime import timedelta
from typing import Any

from psycopg import sql

from pergamon import access
from pergamon.access import tables
from pergamon.store import UnitOfWork
from tests.integration.access.conftest import World

PROJECTS, ASSETS, PEOPLE = 200, 50, 1_000
_SCANNED = re.compile(r'"Node Type": "Seq Scan", [^{}]*?"Relation Name": "(\w+)"')
"""Of a plan: the tables that are read from end to end."""


def _fill(uow: UnitOfWork, world: World) -> None:
    """Copies of one grant: 200 projects, 50 assets each; half of them ended."""
    uow.execute(
        "INSERT INTO principal (id, kind, display_name, active, attributes, created_at) "
        "SELECT 'person:p' || n, 'person', 'p', true, '{}', now() FROM generate_series(1, %s) n",
        (PEOPLE,),
    )
    uow.execute(
        "INSERT INTO access_subscription SELECT 'p' || p, 'asset_' || a, 'p' || p || '_sub', 't' || a "
        "FROM generate_series(1, %s) p, generate_series(1, %s) a",
        (PROJECTS, ASSETS),
    )
    uow.execute(
        "INSERT INTO access_request (id, asset_id, asset_name, asset_project, listing_version, project, requested_by, "
        "requested_at, changed_at, state, round, shaped_by, wish) "
        "SELECT 'request_' || p || '_' || a, 'asset_' || a, asset_name, asset_project, 1, 'p' || p, requested_by, "
        "requested_at, changed_at, state, 1, shaped_by, wish FROM access_request r, generate_series(1, %s) p, "
        "generate_series(1, %s) a",
        (PROJECTS, ASSETS),
    )
    uow.execute(
        "INSERT INTO access_grant (id, request_id, project, asset_id, asset_project, lake_table, table_key, rights, "
        "column_names, isolated, granted_at, granted_by, valid_until) "
        "SELECT 'grant_' || p || '_' || a, 'request_' || p || '_' || a, 'p' || p, 'asset_' || a, asset_project, "
        "lake_table, table_key, rights, column_names, false, granted_at, granted_by, "
        "CASE WHEN a %% 2 = 0 THEN granted_at - interval '1 day' END "
        "FROM access_grant g, generate_series(1, %s) p, generate_series(1, %s) a",
        (PROJECTS, ASSETS),
    )
    uow.execute(
        "INSERT INTO lake_table SELECT 'key' || n, database, 't' || n, location || n, metadata_location, snapshot_id, "
        "created_at, changed_at, dropped_at FROM lake_table, generate_series(1, %s) n",
        (PEOPLE,),
    )
    kept = uow.rows(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_name = 'catalog_asset' AND is_generated = 'NEVER' ORDER BY ordinal_position"
    )
    columns = sql.SQL(", ").join(sql.Identifier(row["column_name"]) for row in kept)
    of_copies = sql.SQL(
        "INSERT INTO catalog_asset ({columns}) SELECT {columns} FROM (SELECT (jsonb_populate_record(a, "
        "jsonb_build_object('id', 'asset_' || n || 'x', 'name', a.table_database || '.t' || n, 'table_name', 't' || n))"
        ").* FROM catalog_asset a, generate_series(1, %s) n) copied"
    )
    uow.execute(of_copies.format(columns=columns), (PEOPLE,))
    filled = ("principal", "access_subscription", "access_request", "access_grant", "lake_table", "catalog_asset")
    for name in filled:
        uow.connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))


class Explained:
    """A unit of work that keeps the plan of each question."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self.plans: list[str] = []

    def __getattr__(self, name: str) -> Any:  # Any: whatever the unit of work has
        return getattr(self.uow, name)

    def row(self, query: Any, parameters: Any = ()) -> Any:  # Any: as of the unit of work
        return next(iter(self.rows(query, parameters)), None)

    def rows(self, query: Any, parameters: Any = ()) -> Any:  # Any: as of the unit of work
        plan = self.uow.rows("EXPLAIN (FORMAT JSON) " + query, parameters)
        self.plans.append(json.dumps(plan))
        return self.uow.rows(query, parameters)


def test_what_is_given_is_found_by_index_in_one_question(world: World) -> None:
    grant = world.granted()
    with world.by() as uow:
        _fill(uow, world)
        assert tables.grounds_that_are_gone(uow)[0]["is_table"] is False
    with world.by("cyd") as uow:
        explained: Any = Explained(uow)  # Any: stands for a unit of work
        found = access.granted_rights(explained, "study_sub", "patients")
        assert found is not None
        assert found.grants == (grant.id,)
        assert access.granted_rights(explained, "p7_sub", "t7") is None, "its asset is not there"
        assert len(tables.live_grants_of_project(explained, "p7")) == ASSETS // 2
        assert access.is_live(explained, [grant.id])
        assert not access.is_live(explained, [grant.id, "grant_7_7"])
        assert [one.table for one in access.list_subscriptions(explained)] == ["patients"]
        assert len(explained.plans) == 6
        lately = uow.now - timedelta(days=1)
        given = tables.newest_given(explained, ["study", "p7"], lately, 1)
        assert [one.id for one in given] == [grant.id], "behind all those that have lost their ground"
        assert tables.newest_given(explained, ["p7"], lately, 1) == []
        assert "access_grant_newest" in explained.plans[6]
        assert {scanned for plan in explained.plans[:7] for scanned in _SCANNED.findall(plan)} <= {"catalog_project"}
