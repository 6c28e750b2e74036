"""What do a project's live grants give its members, on which tables, at this moment? Read at every query.

A grant gives only while the clock says so, it is not revoked, its project is there, its asset is not retired and the
lake's table is the very one that was granted. Cost: index lookups, whatever there is besides.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from pergamon import catalog
from pergamon.access import tables
from pergamon.access.grant import lake_keys
from pergamon.access.model import Grant, SubscribedTable
from pergamon.access.rules import USERS
from pergamon.catalog import project_roles, projects_of_roles
from pergamon.identity import attributes_of
from pergamon.policy import resolved_rights, united
from pergamon.store import UnitOfWork


def granted_rights(uow: UnitOfWork, database: str, table: str) -> SubscribedTable | None:
    """What a subscription's table gives the actor, as the live grants are; None when nothing does.

    Whether the actor may read it, the policy decides: `readers` are the roles that may.
    """
    grants = _grounded(uow, tables.live_grants_of_table(uow, database, table))
    return _table(grants, attributes_of(uow, uow.actor.id)) if grants else None


def subscribed_tables(uow: UnitOfWork) -> list[SubscribedTable]:
    """What all projects whose data the actor uses were granted, by database and table."""
    projects = projects_of_roles(uow.actor.roles, *USERS)
    grants = _grounded(uow, tables.live_grants_of_projects(uow, projects)) if projects else []
    attributes = attributes_of(uow, uow.actor.id) if grants else {}
    by_table: dict[tuple[str, str], list[Grant]] = {}
    for grant in grants:
        by_table.setdefault((grant.database, grant.table), []).append(grant)
    return [_table(by_table[name], attributes) for name in sorted(by_table)]


def is_live(uow: UnitOfWork, grant_ids: Collection[str]) -> bool:
    """Do all of these grants still give what they gave? Asked again and again while a query runs on them."""
    wanted = set(grant_ids)
    rows = tables.live_grants(uow, wanted)
    if {row["id"] for row in rows} != wanted:
        return False
    assets = catalog.standing_assets(uow, {row["asset_id"] for row in rows})
    keys = lake_keys(uow, {row["lake_table"] for row in rows})
    return all(
        row["asset_id"] in assets
        and assets[row["asset_id"]].retired_at is None
        and keys.get(row["lake_table"]) == row["table_key"]
        and catalog.standing_project(uow, row["project"]) is not None
        for row in rows
    )


def _grounded(uow: UnitOfWork, grants: Sequence[Grant]) -> list[Grant]:
    """Those whose project, asset and table are there."""
    if not grants:
        return []
    assets = catalog.standing_assets(uow, {grant.asset_id for grant in grants})
    there = {asset.id for asset in assets.values() if asset.retired_at is None}
    keys = lake_keys(uow, {grant.lake_table for grant in grants if grant.asset_id in there})
    projects = _standing(uow, {grant.project for grant in grants})
    return [
        grant
        for grant in grants
        if grant.asset_id in there and keys.get(grant.lake_table) == grant.table_key and grant.project in projects
    ]


def _standing(uow: UnitOfWork, projects: Iterable[str]) -> set[str]:
    return {project for project in projects if catalog.standing_project(uow, project) is not None}


def _table(grants: Sequence[Grant], attributes: Mapping[str, str]) -> SubscribedTable:
    first = grants[0]
    return SubscribedTable(
        database=first.database,
        table=first.table,
        asset_id=first.asset_id,
        lake_table=first.lake_table,
        project=first.project,
        grants=tuple(grant.id for grant in grants),
        rights=united(
            [resolved_rights(grant.rights, attributes) for grant in grants],
            isolated=any(grant.isolated for grant in grants),
        ),
        readers=project_roles(first.project, *USERS),
    )
