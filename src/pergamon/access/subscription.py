"""What do a project's live grants give its members, on which tables, at this moment? Read at every query.

A grant gives only while the clock says so, it is not revoked, its project is there, its asset is not retired and the
lake's table is the very one that was granted. Cost: one question, of index lookups, whatever there is besides.
"""

from collections.abc import Collection, Mapping, Sequence

from pergamon.access import tables
from pergamon.access.model import Grant, SubscribedTable, Subscription
from pergamon.access.rules import USERS
from pergamon.catalog import project_roles, projects_of_roles
from pergamon.policy import resolved_rights, united
from pergamon.store import UnitOfWork, asked_once


def granted_rights(uow: UnitOfWork, database: str, table: str) -> SubscribedTable | None:
    """What a subscription's table gives the actor, as the live grants are; None when nothing does.

    Whether the actor may read it, the policy decides: `readers` are the roles that may.
    """
    grants, attributes = tables.grants_that_give(uow, database, table)
    return _table(grants, attributes) if grants else None


@asked_once
def list_subscriptions(uow: UnitOfWork) -> list[Subscription]:
    """The tables that live grants give to projects whose data the actor uses, by database and table."""
    projects = projects_of_roles(uow.actor.roles, *USERS)
    readers = {project: project_roles(project, *USERS) for project in projects}
    return [
        Subscription(row["database"], row["table_name"], row["asset_id"], row["project"], readers[row["project"]])
        for row in (tables.subscriptions_of_projects(uow, projects) if projects else ())
    ]


def names_given(uow: UnitOfWork, asset_id: str) -> list[str]:
    """Under which names projects have, or had, what was granted of an asset. For rooms above, which ask the policy."""
    return tables.names_given(uow, asset_id)


def is_live(uow: UnitOfWork, grant_ids: Collection[str]) -> bool:
    """Do all of these grants still give what they gave? Asked again and again while a query runs on them."""
    wanted = set(grant_ids)
    return tables.count_that_give(uow, wanted) == len(wanted)


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
