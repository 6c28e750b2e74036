"""What do a project's live grants give its members, on which tables, at this moment? Read at every query.

A grant gives only while the clock says so, it is not revoked, its project is there, its asset is not retired and the
lake's table is the very one that was granted. Cost: index lookups, whatever there is besides.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pergamon import catalog
from pergamon.access import tables
from pergamon.access.grant import lake_keys
from pergamon.access.model import Grant, SubscribedTable, Subscription
from pergamon.access.rules import USERS
from pergamon.catalog import project_roles, projects_of_roles
from pergamon.identity import attributes_of
from pergamon.policy import attribute_names, resolved_rights, united
from pergamon.store import UnitOfWork


def granted_rights(uow: UnitOfWork, database: str, table: str) -> SubscribedTable | None:
    """What a subscription's table gives the actor, as the live grants are; None when nothing does.

    Whether the actor may read it, the policy decides: `readers` are the roles that may.
    """
    live = tables.live_grants_of_table(uow, database, table)
    ground = _ground_of(uow, [vars(grant) for grant in live])
    grants = [grant for grant in live if ground.holds(vars(grant))]
    return _table(grants, _attributes_for(uow, grants)) if grants else None


def list_subscriptions(uow: UnitOfWork) -> list[Subscription]:
    """The tables that live grants give to projects whose data the actor uses, by database and table."""
    projects = projects_of_roles(uow.actor.roles, *USERS)
    rows = tables.subscriptions_of_projects(uow, projects) if projects else []
    ground = _ground_of(uow, rows)
    readers = {project: project_roles(project, *USERS) for project in projects}
    named = {
        (row["database"], row["table_name"]): Subscription(
            row["database"], row["table_name"], row["asset_id"], row["project"], readers[row["project"]]
        )
        for row in rows
        if ground.holds(row)
    }
    return [named[name] for name in sorted(named)]


def is_live(uow: UnitOfWork, grant_ids: Collection[str]) -> bool:
    """Do all of these grants still give what they gave? Asked again and again while a query runs on them."""
    wanted = set(grant_ids)
    rows = tables.live_grants(uow, wanted)
    if {row["id"] for row in rows} != wanted:
        return False
    ground = _ground_of(uow, rows)
    return all(ground.holds(row) for row in rows)


@dataclass(frozen=True)
class _Ground:
    """What grants stand on, as it is now."""

    assets: frozenset[str]
    projects: frozenset[str]
    keys: Mapping[str, str]

    def holds(self, row: Mapping[str, Any]) -> bool:  # Any: of a row
        """Are project, asset and table of a grant there, and is the table the very one that was granted?"""
        is_table = self.keys.get(row["lake_table"]) == row["table_key"]
        return is_table and row["asset_id"] in self.assets and row["project"] in self.projects


def _ground_of(uow: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> _Ground:
    """Of all these grants at once, in two queries."""
    if not rows:
        return _Ground(frozenset(), frozenset(), {})
    assets, projects = catalog.still_there(uow, {row["asset_id"] for row in rows}, {row["project"] for row in rows})
    return _Ground(assets, projects, lake_keys(uow, {row["lake_table"] for row in rows}))


def _attributes_for(uow: UnitOfWork, grants: Sequence[Grant]) -> Mapping[str, str]:
    """The actor's attributes, where a filter asks for one."""
    filters = [grant.rights.rows for grant in grants if grant.rights.rows is not None]
    return attributes_of(uow, uow.actor.id) if any(map(attribute_names, filters)) else {}


def _table(grants: Sequence[Grant], attributes: Mapping[str, str]) -> SubscribedTable:
    first = grants[0]
    return SubscribedTable(
        database=first.database,
        table=first.table,
        asset_id=first.asset_id,
        lake_table=first.lake_table,
        project=first.project,
        owner=first.asset_project,
        grants=tuple(grant.id for grant in grants),
        rights=united(
            [resolved_rights(grant.rights, attributes) for grant in grants],
            isolated=any(grant.isolated for grant in grants),
        ),
        readers=project_roles(first.project, *USERS),
    )
