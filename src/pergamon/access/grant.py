"""Issue a grant, revoke it, and tell that one has ended. That it has ended, the clock decides."""

import re
from datetime import datetime, timedelta

from pergamon import catalog, lake
from pergamon.access import tables
from pergamon.access.events import GrantEnding, GrantExpired, GrantIssued, GrantRevoked, RequestWithdrawn
from pergamon.access.look import asset_at, visible_grant
from pergamon.access.model import (
    MOST_LIVE_GRANTS,
    AccessRequest,
    BadRequest,
    Grant,
    GrantNotActive,
    GrantState,
    Note,
    RequestAct,
    RequestState,
    TooManyGrants,
    checked,
    closed,
    moment,
    state_after,
)
from pergamon.access.offer import Offer
from pergamon.access.shape import shaped
from pergamon.catalog import asset_resource
from pergamon.identity import actions_of_roles
from pergamon.kernel import AccessDenied, canonical_bytes, new_id, sha256_hex
from pergamon.policy import Action, as_json, decide, mask_text
from pergamon.store import UnitOfWork

LONGEST_TABLE = 120
AT_ONCE = 500
"""Ends told in one unit of work."""
BY_HAND, TABLE_GONE, PROJECT_GONE = "by-hand", "table-gone", "project-gone"


def subscription_database(project: str) -> str:
    """The database of what a project was granted: `heart-study` has `heart_study_sub`."""
    return project.replace("-", "_") + lake.SUBSCRIPTIONS


def table_identifier(name: str) -> str:
    """A name as SQL takes it without quotes: `Heart Rate (2024)` is `heart_rate_2024`."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST_TABLE] or "asset"
    return f"t_{plain}" if plain[0].isdigit() else plain


def issue(uow: UnitOfWork, request: AccessRequest, offer: Offer, *, granted_by: tuple[str, ...]) -> Grant:
    """Give what an approved request asks for, less what its approvers took away.

    The request is locked and its approval stands in this unit of work; the table keeps its name for the project.

    Raises:
        TooManyGrants: the project has as many live grants on the asset as one may have.
    """
    shape = shaped(offer, request.wish, [one.narrowing for one in request.approvals])
    database, table = _subscribe(uow, request, offer)
    if tables.count_live_grants(uow, request.project, request.asset_id) >= MOST_LIVE_GRANTS:
        told = f"the project has {MOST_LIVE_GRANTS} live grants on this asset"
        raise TooManyGrants(told, hint="some must end or be revoked first")
    grant = Grant(
        id=new_id("grant"),
        request_id=request.id,
        asset_id=request.asset_id,
        asset_project=request.asset_project,
        lake_table=offer.lake_table,
        table_key=offer.table_key,
        project=request.project,
        database=database,
        table=table,
        rights=shape.rights,
        column_names=offer.names,
        isolated=offer.conditions.isolated,
        granted_at=uow.now,
        granted_by=granted_by,
        valid_until=_end(uow, request, shape.days),
    )
    tables.insert_grant(uow, grant)
    uow.record(_issued(grant))
    return grant


def revoke_grant(uow: UnitOfWork, grant_id: str, reason: str) -> Grant:
    """Take a grant back: it gives nothing from now on, and a query that runs on it is stopped.

    Raises:
        UnknownGrant: there is none, or the actor may not see it.
        AccessDenied: the actor does not decide on the asset.
        GrantNotActive: it has ended.
        BadRequest: no reason is given.
    """
    grant = visible_grant(uow, grant_id, lock=True)
    held = actions_of_roles(uow, uow.actor.roles)
    resource = asset_resource(asset_at(uow, grant.asset_id))
    decision = decide(uow.actor, Action.ACCESS_REVOKE, resource, actions=held)
    if not decision.allowed:
        raise AccessDenied("the owners and stewards of the asset take it back", decision=decision)
    if grant.state(uow.now) is not GrantState.ACTIVE:
        raise GrantNotActive(f"the grant is {grant.state(uow.now)}")
    if not reason.strip():
        raise BadRequest("say why it is taken back")
    _revoke(uow, grant, BY_HAND, why=checked(Note, {"said": reason}).said)
    return visible_grant(uow, grant_id)


def expire_grants(uow: UnitOfWork) -> int:
    """Tell the trail which grants have ended: their time is over, or their table or project is gone.

    For the platform's own worker, which asks again as long as there are any. Nothing is given in the meantime either.
    Returns: how many were told.
    """
    expired = tables.lock_expired(uow, AT_ONCE)
    for grant in expired:
        uow.record(
            GrantExpired(grant.subject, grant.asset_id, grant.project, valid_until=moment(grant.valid_until) or "")
        )
    tables.set_end_told(uow, [grant.id for grant in expired])
    return len(expired) + _end_without_ground(uow)


def end_grants_of_project(uow: UnitOfWork, project: str) -> int:
    """End what a project was granted and what it gives, and withdraw what it has asked for: it is removed, and another
    of its name is not it. For whoever removes the project, in the same unit of work, and asks the policy for that."""
    for request_id in tables.undecided_of_project(uow, project):
        request = tables.request(uow, request_id, lock=True)
        if request is not None and request.state in (RequestState.OPEN, RequestState.CHANGES_ASKED):
            state = state_after(request.state, RequestAct.WITHDRAW)
            tables.save_request(uow, closed(request, state, by=uow.actor.id, at=uow.now))
            uow.record(RequestWithdrawn(subject=request.subject, project=project))
    live = tables.live_grants_of_project(uow, project)  # after the requests: one may just have become a grant
    for grant in live:
        _revoke(uow, grant, PROJECT_GONE, why=f"the project {project} was removed")
    return len(live)


def warn_of_ends(uow: UnitOfWork, *, days: int = 30) -> int:
    """Tell once of each live grant that ends within so many days, so that it can be renewed. Returns: how many."""
    ending = tables.lock_ending(uow, uow.now + timedelta(days=days), AT_ONCE)
    for grant in ending:
        uow.record(
            GrantEnding(grant.subject, grant.asset_id, grant.project, valid_until=moment(grant.valid_until) or "")
        )
    tables.set_warned(uow, [grant.id for grant in ending])
    return len(ending)


def _subscribe(uow: UnitOfWork, request: AccessRequest, offer: Offer) -> tuple[str, str]:
    """The asset's table in the project's database, as it was called before, or by a name that is free."""
    database = subscription_database(request.project)
    tables.lock_subscriptions(uow, database)
    known = tables.subscription(uow, request.project, request.asset_id)
    if known is not None:
        return known
    table = free_name(
        table_identifier(catalog.table_of(offer.asset).name),
        tables.names_taken(uow, database, table_identifier(catalog.table_of(offer.asset).name)),
    )
    tables.insert_subscription(uow, request.project, request.asset_id, database, table)
    return database, table


def free_name(name: str, taken: frozenset[str]) -> str:
    """The name, or with the first number from 2 that is free."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _end(uow: UnitOfWork, request: AccessRequest, days: int | None) -> datetime | None:
    """When a grant that is issued now ends; one that renews another goes on from that one's end."""
    if days is None:
        return None
    begin = uow.now
    if request.wish.renews is not None:
        renewed = tables.grant(uow, request.wish.renews)
        if renewed is not None and renewed.state(uow.now) is GrantState.ACTIVE and renewed.valid_until is not None:
            begin = renewed.valid_until
    return (begin + timedelta(days=days)).replace(microsecond=0)


def _end_without_ground(uow: UnitOfWork) -> int:
    """Revoke the live grants whose project, asset or table is gone."""
    told = 0
    for row in tables.grounds_that_are_gone(uow):
        cause, why = (
            (PROJECT_GONE, "the project is gone") if row["is_table"] else (TABLE_GONE, "the asset's table is gone")
        )
        for grant in tables.lock_live_grants_on(uow, row["project"], row["asset_id"], row["table_key"]):
            _revoke(uow, grant, cause, why=why)
            told += 1
    return told


def _revoke(uow: UnitOfWork, grant: Grant, cause: str, *, why: str) -> None:
    tables.set_revoked(uow, grant.id, why)
    uow.record(GrantRevoked(grant.subject, grant.asset_id, grant.project, cause=cause))


def _issued(grant: Grant) -> GrantIssued:
    names = grant.column_names
    rows = grant.rights.rows
    return GrantIssued(
        subject=grant.subject,
        request=grant.request_id,
        asset=grant.asset_id,
        project=grant.project,
        table=f"{grant.database}.{grant.table}",
        lake_table=grant.lake_table,
        columns=[names[number] for number in sorted(grant.rights.columns)],
        masks={names[n]: mask_text(mask, names) for n, mask in sorted(grant.rights.columns.items()) if mask},
        rows=None if rows is None else sha256_hex(canonical_bytes(as_json(rows))),
        own_masks=grant.rights.own_masks,
        isolated=grant.isolated,
        valid_until=moment(grant.valid_until),
        granted_by=list(grant.granted_by),
    )
