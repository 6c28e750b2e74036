"""Who may do what to a request in which state? Drawn from the rules themselves, for the reference.

The verbs ask `rules.verdict` and `state_after`; so does this, with one actor for each part that somebody can have.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pergamon.access.model import (
    FIRST_STATES,
    TRANSITIONS,
    AccessRequest,
    RequestAct,
    RequestNotOpen,
    RequestState,
    Wish,
    state_after,
)
from pergamon.access.rules import asking_resource, seen, verdict
from pergamon.catalog import Asset, AssetKind, Place, asset_resource, project_roles
from pergamon.kernel import Actor, ActorKind
from pergamon.policy import Action, decide

OWNERS, ASKERS = "heart", "study"
UNIT_OWNER = "unit:clinic/owner"
CATALOG_MANAGE = frozenset({"catalog.manage"})
_ASSET_AT = datetime(2026, 1, 1, tzinfo=UTC)
HIDDEN, DENIED, CONFLICT = "not found", "denied", "conflict"

PARTS: Mapping[str, Actor] = {
    "asking project: who asked, an owner of it": Actor(
        "person:asker", ActorKind.PERSON, project_roles(ASKERS, "owner")
    ),
    "asking project: another owner": Actor("person:a", ActorKind.PERSON, project_roles(ASKERS, "owner")),
    "asking project: contributor": Actor("person:b", ActorKind.PERSON, project_roles(ASKERS, "contributor")),
    "asking project: consumer": Actor("person:c", ActorKind.PERSON, project_roles(ASKERS, "consumer")),
    "asking project: steward": Actor("person:d", ActorKind.PERSON, project_roles(ASKERS, "steward")),
    "asset's project: owner": Actor("person:e", ActorKind.PERSON, project_roles(OWNERS, "owner")),
    "asset's project: steward": Actor("person:f", ActorKind.PERSON, project_roles(OWNERS, "steward")),
    "asset's project: owner who asked or amended": Actor(
        "person:asker", ActorKind.PERSON, project_roles(OWNERS, "owner") | project_roles(ASKERS, "owner")
    ),
    "asset's project: contributor, consumer": Actor(
        "person:g", ActorKind.PERSON, project_roles(OWNERS, "contributor", "consumer")
    ),
    "owner of the asset's unit": Actor("person:h", ActorKind.PERSON, frozenset({UNIT_OWNER})),
    "role with `catalog.manage`": Actor("person:i", ActorKind.PERSON, frozenset({"keeper"})),
    "anybody else": Actor("person:j", ActorKind.PERSON, frozenset({"everyone"})),
    "operator": Actor("operator:o", ActorKind.OPERATOR),
}
"""Everybody who can stand to a request in some way."""


def outcome(part: str, act: RequestAct, state: RequestState, *, is_listed: bool = True) -> str:
    """What somebody meets: `not found`, `denied`, `conflict`, or the state that the request is in then."""
    actor, request, asset = PARTS[part], _request(state), example_asset(is_listed=is_listed)
    if not _sees(part):
        return HIDDEN
    if not verdict(actor, act, request, asset, actions=_held(part)).allowed:
        return DENIED
    try:
        return state_after(state, act).value
    except RequestNotOpen:
        return CONFLICT


def may_ask(part: str) -> bool:
    """May they open a request for the asking project?"""
    return decide(PARTS[part], Action.ACCESS_ASK, asking_resource(ASKERS), actions=_held(part)).allowed


def may_revoke(part: str, *, is_listed: bool = True) -> str:
    """What they meet who revoke a live grant."""
    decision = decide(
        PARTS[part], Action.ACCESS_REVOKE, asset_resource(example_asset(is_listed=is_listed)), actions=_held(part)
    )
    return "revoked" if decision.allowed and _sees(part) else DENIED if _sees(part) else HIDDEN


def state_table() -> str:
    """Each state with where each act leads, as Markdown."""
    head = "| State | " + " | ".join(f"`{act}`" for act in RequestAct) + " |"
    rows = [
        f"| **{state}** | " + " | ".join(TRANSITIONS.get((state, act), "–") for act in RequestAct) + " |"
        for state in RequestState
    ]
    return "\n".join([head, "|---" * (len(RequestAct) + 1) + "|", *rows])


def state_chart() -> str:
    """The same as a chart, in Mermaid's words."""
    names = {state: state.value.replace("-", "_") for state in RequestState}
    begins = [f"    [*] --> {names[state]}" for state in RequestState if state in FIRST_STATES]
    steps = [f"    {names[state]} --> {names[after]}: {act}" for (state, act), after in TRANSITIONS.items()]
    ends = [f"    {names[s]} --> [*]" for s in RequestState if all(state is not s for state, _ in TRANSITIONS)]
    return "\n".join(["stateDiagram-v2", *begins, *steps, *ends])


def truth_table() -> str:
    """Part x act x state, as Markdown: one row for each part and act."""
    states = list(RequestState)
    head = "| Who | Act | " + " | ".join(states) + " |"
    rows = [
        f"| {part} | `{act}` | " + " | ".join(outcome(part, act, state) for state in states) + " |"
        for part in PARTS
        for act in RequestAct
    ]
    return "\n".join([head, "|---" * (len(states) + 2) + "|", *rows])


def other_rights() -> str:
    """Who sees, asks and revokes, as Markdown."""
    rows = [
        f"| {part} | {_yes(_sees(part))} | {_yes(may_ask(part))} | {may_revoke(part)} "
        f"| {may_revoke(part, is_listed=False)} |"
        for part in PARTS
    ]
    head = "| Who | sees requests and grants | asks for the project | revokes a grant | revokes, asset not listed |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "–"


def _sees(part: str) -> bool:
    owner = example_asset(is_listed=True).place
    return seen(PARTS[part], "request", "r", project=ASKERS, owner=owner, actions=_held(part)).allowed


def _held(part: str) -> frozenset[str]:
    return CATALOG_MANAGE if "keeper" in PARTS[part].roles else frozenset()


def _request(state: RequestState) -> AccessRequest:
    at = _ASSET_AT
    return AccessRequest(
        id="request_" + "0" * 32,
        asset_id="asset_" + "0" * 32,
        asset_name="heart_db.patients",
        asset_project=OWNERS,
        listing_version=1,
        project=ASKERS,
        requested_by="person:asker",
        requested_at=at,
        changed_at=at,
        state=state,
        round=1,
        shaped_by=frozenset({"person:asker"}),
        wish=Wish(reason="to learn"),
    )


def example_asset(*, is_listed: bool) -> Asset:
    place = Place(OWNERS, "clinic", "hospital", frozenset({"everyone"}), frozenset({UNIT_OWNER}))
    return Asset(
        id="asset_" + "0" * 32,
        kind=AssetKind.TABLE,
        name="heart_db.patients",
        place=place,
        working_version=1,
        published_version=1 if is_listed else None,
        published_at=None,
        published_by=None,
        withheld=False,
        retired_at=None,
        created_at=_ASSET_AT,
        data_changed_at=_ASSET_AT,
        changed_at=_ASSET_AT,
    )
