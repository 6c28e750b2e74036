"""With 10,000 grants of 200 projects and 1,000 people, what is read at a query is found by index, in a few queries."""

import json
from typing import Any

from psycopg import sql

from pergamon import access
from pergamon.access import tables
from pergamon.store import UnitOfWork
from tests.integration.access.conftest import World

PROJECTS, ASSETS, PEOPLE = 200, 50, 1_000


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
    for name in ("principal", "access_subscription", "access_request", "access_grant"):
        uow.connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))


class Explained:
    """A unit of work that keeps the plan of each query for rows, and counts those for one."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow, self.plans, self.single = uow, list[str](), 0

    def __getattr__(self, name: str) -> Any:  # Any: whatever the unit of work has
        return getattr(self.uow, name)

    def row(self, query: Any, parameters: Any = ()) -> Any:  # Any: as of the unit of work
        self.single += 1
        return self.uow.row(query, parameters)

    def rows(self, query: Any, parameters: Any = ()) -> Any:  # Any: as of the unit of work
        plan = self.uow.rows("EXPLAIN (FORMAT JSON) " + query, parameters)
        self.plans.append(json.dumps(plan))
        return self.uow.rows(query, parameters)


def test_what_is_given_is_found_by_index(world: World) -> None:
    grant = world.granted()
    with world.by() as uow:
        _fill(uow, world)
    with world.by("cyd") as uow:
        explained: Any = Explained(uow)  # Any: stands for a unit of work
        assert [one.id for one in tables.live_grants_of_table(explained, "study_sub", "patients")] == [grant.id]
        assert tables.live_grants_of_table(explained, "p7_sub", "t8") == []
        assert len(tables.live_grants_of_projects(explained, ["p7"])) == ASSETS // 2
        assert len(tables.live_grants(explained, [grant.id, "grant_7_7", "grant_7_8"])) == 2
        assert len(explained.plans) == 4
        assert [plan for plan in explained.plans if "Seq Scan" in plan] == []
        assert access.granted_rights(explained, "study_sub", "patients") is not None
        assert (len(explained.plans), explained.single) == (7, 0)
        assert access.is_live(explained, [grant.id])
        assert (len(explained.plans), explained.single) == (10, 0)
        assert [one.table for one in access.list_subscriptions(explained)] == ["patients"]
        assert (len(explained.plans), explained.single) == (13, 0)
