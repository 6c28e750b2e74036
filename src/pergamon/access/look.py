"""Which requests and grants are there, for whom? What an actor may not see is answered as not there."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pergamon import catalog
from pergamon.access import tables
from pergamon.access.model import (
    AccessRequest,
    BadRequest,
    Grant,
    GrantState,
    RequestState,
    UnknownGrant,
    UnknownRequest,
    moment,
)
from pergamon.access.rules import asking_resource, seen, shared_resource
from pergamon.catalog import NOT_A_NAME, Asset, Place, resource_at
from pergamon.identity import actions_of_roles
from pergamon.policy import Action, as_text, mask_text, visible
from pergamon.store import UnitOfWork, asked_once

REQUEST_ID, GRANT_ID = re.compile(r"request_[0-9a-f]{32}"), re.compile(r"grant_[0-9a-f]{32}")
NO_REQUEST = "there is no such request"
NO_GRANT = "there is no such grant"
MOST_AT_ONCE = 1_001
"""One more than a page of the API, so that it is known whether there are more."""


def read_request(uow: UnitOfWork, request_id: str) -> AccessRequest:
    """A request with what was said and decided on it.

    Raises:
        UnknownRequest: there is none, or the actor may not see it.
    """
    return visible_request(uow, request_id)


def list_requests(
    uow: UnitOfWork,
    *,
    project: str | None = None,
    asset: str | None = None,
    state: RequestState | None = None,
    waiting_for_me: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[AccessRequest]:
    """The requests that the actor may see, oldest first, without comments; after: the last id of the page before.

    waiting_for_me: open ones on which the actor may decide and has not, and those sent back to the actor's projects.
    asset: an id, or a name that only one asset has which the actor may find.

    Raises:
        UnknownAsset, AmbiguousName: see `catalog.read_asset`.
    """
    asset_id = catalog.find_asset(uow, asset).id if asset is not None else None
    limit = min(limit, MOST_AT_ONCE)
    if waiting_for_me:
        return tables.page_of_waiting(
            uow,
            asking=asking_projects(uow),
            deciding=_deciding(uow),
            project=project,
            asset=asset_id,
            state=state.value if state else None,
            after=after,
            limit=limit,
        )
    asking, owning = _sides(uow)
    return tables.page_of_requests(
        uow,
        asking=asking,
        owning=owning,
        project=project,
        asset=asset_id,
        state=state.value if state else None,
        after=after,
        limit=limit,
    )


def read_grant(uow: UnitOfWork, grant_id: str) -> Grant:
    """One grant.

    Raises:
        UnknownGrant: there is none, or the actor may not see it.
    """
    return visible_grant(uow, grant_id)


def list_grants(
    uow: UnitOfWork,
    *,
    project: str | None = None,
    asset: str | None = None,
    state: GrantState | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Grant]:
    """The grants that the actor may see, oldest first; after: the last id of the page before.

    Raises:
        UnknownAsset, AmbiguousName: see `catalog.read_asset`.
    """
    asset_id = catalog.find_asset(uow, asset).id if asset is not None else None
    using, owning = _sides(uow)
    return tables.page_of_grants(
        uow,
        using=using,
        owning=owning,
        project=project,
        asset=asset_id,
        state=state.value if state else None,
        after=after,
        limit=min(limit, MOST_AT_ONCE),
    )


def undecided_requests(uow: UnitOfWork, *, limit: int = 100) -> list[AccessRequest]:
    """What the actor's own projects have asked for and is not decided, the newest first, without comments."""
    return tables.newest_undecided(uow, _using(uow), min(limit, MOST_AT_ONCE))


def given_lately(uow: UnitOfWork, within: timedelta, *, limit: int = 100) -> list[Grant]:
    """What the actor's own projects were given in the time before now and have, the newest first."""
    return tables.newest_given(uow, _using(uow), uow.now - within, min(limit, MOST_AT_ONCE))


def ending_grants(uow: UnitOfWork, within: timedelta, *, limit: int = 100) -> list[Grant]:
    """Live grants to the actor's own projects that end within this time, the first to end first."""
    return tables.first_to_end(uow, _using(uow), uow.now + within, min(limit, MOST_AT_ONCE))


def requests_as_lines(requests: Sequence[AccessRequest], uow: UnitOfWork) -> list[dict[str, Any]]:  # Any: JSON
    """Lines of a list of requests that the actor may see, each with its asset's title where they may find that asset.

    Cost: one query.
    """
    titles = catalog.titles_found(uow, {one.asset_id for one in requests})
    return [one.summary() | {"title": titles.get(one.asset_id)} for one in requests]


def asking_projects(uow: UnitOfWork) -> list[str]:
    """The projects for which the actor may ask for access, by name."""
    resources = [asking_resource(place.project) for place in catalog.standing_places(uow)]
    held = actions_of_roles(uow, uow.actor.roles)
    return [one.id for one in visible(uow.actor, Action.ACCESS_ASK, resources, actions=held)]


def grant_as_told(grant: Grant, uow: UnitOfWork) -> dict[str, Any]:  # Any: JSON
    """A grant with its state at this moment, as JSON."""
    return grants_as_told([grant], uow)[0]


def grants_as_told(grants: Sequence[Grant], uow: UnitOfWork) -> list[dict[str, Any]]:  # Any: JSON
    """Grants that the actor may see, each with who asked for it and why, and its asset's title where they may find that
    asset. Cost: two queries."""
    why = tables.reasons(uow, {grant.request_id for grant in grants})
    titles = catalog.titles_found(uow, {grant.asset_id for grant in grants})
    return [_as_told(one, uow, why[one.request_id]) | {"title": titles.get(one.asset_id)} for one in grants]


def _as_told(grant: Grant, uow: UnitOfWork, why: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON, a row
    names = grant.column_names
    return {
        "id": grant.id,
        "state": grant.state(uow.now).value,
        "request_id": grant.request_id,
        "asset_id": grant.asset_id,
        "asset_project": grant.asset_project,
        "project": grant.project,
        "table": f"{grant.database}.{grant.table}",
        "columns": [
            {"name": names.get(number, ""), "mask": mask_text(mask, names) if mask else None}
            for number, mask in sorted(grant.rights.columns.items())
        ],
        "rows": as_text(grant.rights.rows, names) if grant.rights.rows is not None else "",
        "own_masks": grant.rights.own_masks,
        "isolated": grant.isolated,
        "requested_by": why["requested_by"],
        "reason": why["reason"],
        "purpose": why["purpose"],
        "granted_at": moment(grant.granted_at),
        "granted_by": list(grant.granted_by),
        "valid_until": moment(grant.valid_until),
        "revoked_at": moment(grant.revoked_at),
        "revoked_by": grant.revoked_by,
        "revoked_why": grant.revoked_why,
    }


def request_as_told(request: AccessRequest, uow: UnitOfWork) -> dict[str, Any]:  # Any: JSON
    """All of a request that the actor may see, with the grant that it became, as JSON."""
    granted = tables.grant(uow, request.grant_id) if request.grant_id is not None else None
    (line,) = requests_as_lines([request], uow)
    return line | request.as_json() | {"grant": grant_as_told(granted, uow) if granted else None}


def visible_request(uow: UnitOfWork, request_id: str, *, lock: bool = False) -> AccessRequest:
    """A request that the actor may see.

    Raises:
        UnknownRequest: there is none, or the actor may not see it.
    """
    is_name = REQUEST_ID.fullmatch(request_id) is not None
    found = tables.request(uow, request_id) if is_name else None
    _require_seen(uow, "request", request_id if is_name else NOT_A_NAME, found)
    locked = tables.request(uow, request_id, lock=True) if lock else found
    if locked is None:
        raise UnknownRequest(NO_REQUEST)
    return locked


def visible_grant(uow: UnitOfWork, grant_id: str, *, lock: bool = False) -> Grant:
    """A grant that the actor may see.

    Raises:
        UnknownGrant: there is none, or the actor may not see it.
    """
    is_name = GRANT_ID.fullmatch(grant_id) is not None
    found = tables.grant(uow, grant_id) if is_name else None
    _require_seen(uow, "grant", grant_id if is_name else NOT_A_NAME, found)
    locked = tables.grant(uow, grant_id, lock=True) if lock else found
    if locked is None:
        raise UnknownGrant(NO_GRANT)
    return locked


def asset_at(uow: UnitOfWork, asset_id: str) -> Asset:
    """The asset that a request or a grant names."""
    asset = catalog.standing_assets(uow, [asset_id]).get(asset_id)
    if asset is None:  # cannot be: no asset is ever deleted
        raise BadRequest("the asset is not there any more")
    return asset


def owner_of(uow: UnitOfWork, project: str) -> Place:
    """Where the asset's project stands; of one that is gone, nobody has a right."""
    return catalog.standing_project(uow, project) or Place(project, "", "", frozenset(), frozenset())


def _require_seen(uow: UnitOfWork, kind: str, name: str, found: AccessRequest | Grant | None) -> None:
    project = found.project if found else ""
    owner = owner_of(uow, found.asset_project if found else "")
    held = actions_of_roles(uow, uow.actor.roles)
    decision = seen(uow.actor, kind, name, project=project, owner=owner, actions=held)
    if found is None or not decision.allowed:
        refused = None if decision.allowed else decision
        if kind == "request":
            raise UnknownRequest(NO_REQUEST, hint="`pergamon request ls` lists what you may see", decision=refused)
        raise UnknownGrant(NO_GRANT, hint="`pergamon grant ls` lists what you may see", decision=refused)


@asked_once
def _sides(uow: UnitOfWork) -> tuple[list[str], list[str]]:
    """The projects that the actor sees the requests and grants of, and those for whose assets they see them."""
    places = catalog.standing_places(uow)
    owning = [shared_resource("request", place.project, project="", owner=place) for place in places]
    sees_owning = visible(uow.actor, Action.ACCESS_SEE, owning, actions=actions_of_roles(uow, uow.actor.roles))
    return _using(uow), [one.id for one in sees_owning]


@asked_once
def _using(uow: UnitOfWork) -> list[str]:
    """The projects that the actor sees the requests and grants of."""
    nobody = Place("", "", "", frozenset(), frozenset())
    names = [place.project for place in catalog.standing_places(uow)]
    asking = [shared_resource("request", name, project=name, owner=nobody) for name in names]
    held = actions_of_roles(uow, uow.actor.roles)
    return [one.id for one in visible(uow.actor, Action.ACCESS_SEE, asking, actions=held)]


def _deciding(uow: UnitOfWork) -> list[str]:
    """The projects on whose listed assets the actor decides."""
    places = catalog.standing_places(uow)
    resources = [resource_at(place, place.project, is_published=True) for place in places]
    held = actions_of_roles(uow, uow.actor.roles)
    return [one.id for one in visible(uow.actor, Action.ACCESS_DECIDE, resources, actions=held)]
