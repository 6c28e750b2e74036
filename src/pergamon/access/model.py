"""Requests and grants: their states, what leads from one to the other, and the errors that a caller may meet.

A request says who asks for which asset, for which project, why, and what of it. Its conditions are those of the listing
that was looked at. A grant is what an approved request gave; whether it still gives it, the clock decides and nothing
else: no sweep has to come by first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from pergamon.catalog import MOST_DAYS, ColumnName, FieldName, FormValue, Line, Slug, Strict, Text
from pergamon.kernel import AccessDenied, Conflict, Invalid, NotFound
from pergamon.policy import GrantRights, TableRights

SpecT = TypeVar("SpecT", bound=Strict)
MOST_COLUMNS = 10_000
MOST_LIVE_GRANTS = 50
"""Of one project on one asset: a decision looks at all of them."""


class UnknownRequest(NotFound):
    code = "access.unknown_request"
    usual_hint = "`pergamon request ls` lists what you may see"


class UnknownGrant(NotFound):
    code = "access.unknown_grant"
    usual_hint = "`pergamon grant ls` lists what you may see"


class OwnRequest(AccessDenied):
    """Nobody decides on a request that they wrote or amended."""

    code = "access.own_request"
    usual_hint = "another owner or steward of the asset decides on it"


class BadRequest(Invalid):
    """What is asked for does not fit the asset or its conditions; the message says where."""

    code = "access.bad_request"


class WouldWiden(Invalid):
    """Who approves may give less than was asked, and never more."""

    code = "access.would_widen"
    usual_hint = "approve at most what was asked for, or send it back for changes"


class RequestNotOpen(Conflict):
    """The request's state does not let this be done any more, or not yet."""

    code = "access.request_not_open"


class AlreadyAsked(Conflict):
    """The project has a request for this asset that is not decided."""

    code = "access.already_asked"


class AlreadyApproved(Conflict):
    """The same person has approved this request; it needs others too."""

    code = "access.already_approved"


class ConditionsChanged(Conflict):
    """The asset's conditions are not those that were asked under any more."""

    code = "access.conditions_changed"


class ConditionsDoNotFit(Conflict):
    """The asset's own conditions name a mask or a filter that its table cannot have, so nothing is given."""

    code = "access.conditions_do_not_fit"


class NotForAsking(Conflict):
    """The asset cannot be asked for: it has no listing, its table is gone, or it bundles others."""

    code = "access.not_for_asking"
    usual_hint = "`pergamon search` finds what can be asked for"


class TooManyGrants(Conflict):
    """The project has as many live grants on the asset as one may have."""

    code = "access.too_many_grants"


class GrantNotActive(Conflict):
    """The grant has ended; it can be neither revoked nor renewed."""

    code = "access.grant_not_active"
    usual_hint = "it gives nothing any more; there is nothing to do"


class RequestState(StrEnum):
    OPEN = "open"
    CHANGES_ASKED = "changes-asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class RequestAct(StrEnum):
    AMEND = "amend"
    ASK_FOR_CHANGES = "ask-for-changes"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


class GrantState(StrEnum):
    """Derived from the clock, never kept."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


TRANSITIONS: Mapping[tuple[RequestState, RequestAct], RequestState] = {
    (RequestState.OPEN, RequestAct.AMEND): RequestState.OPEN,
    (RequestState.OPEN, RequestAct.ASK_FOR_CHANGES): RequestState.CHANGES_ASKED,
    (RequestState.OPEN, RequestAct.APPROVE): RequestState.APPROVED,
    (RequestState.OPEN, RequestAct.REJECT): RequestState.REJECTED,
    (RequestState.OPEN, RequestAct.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.CHANGES_ASKED, RequestAct.AMEND): RequestState.OPEN,
    (RequestState.CHANGES_ASKED, RequestAct.REJECT): RequestState.REJECTED,
    (RequestState.CHANGES_ASKED, RequestAct.WITHDRAW): RequestState.WITHDRAWN,
}
"""All that can happen to a request. Where several people must approve, it stays open until the last of them does."""

UNDECIDED = frozenset(state for state, _ in TRANSITIONS)
"""States from which something leads on."""
FIRST_STATES = frozenset({RequestState.OPEN, RequestState.APPROVED})
"""How a request begins: open, or approved at once where the conditions say so."""


def state_after(state: RequestState, act: RequestAct) -> RequestState:
    """Where an act leads.

    Raises:
        RequestNotOpen: it leads nowhere from this state.
    """
    after = TRANSITIONS.get((state, act))
    if after is None:
        raise RequestNotOpen(f"the request is {state}, so there is no {act}", hint=_what_to_do(state))
    return after


def _what_to_do(state: RequestState) -> str:
    return "it waits for an amendment" if state is RequestState.CHANGES_ASKED else "open a new request"


Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
Columns = Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=MOST_COLUMNS)]
Said = Annotated[Text, StringConstraints(min_length=1, pattern=r"\S")]
"""Text that may not be left out."""


class Wish(Strict):
    """What is asked for. columns: of the table; None: all that there are when it is granted. rows: a filter; empty:
    all. days: how long; None: as long as the conditions allow. accepted: SHA-256 of the conditions' text."""

    reason: Said
    purpose: Slug | None = None
    columns: Columns | None = None
    rows: Text = ""
    days: Days | None = None
    accepted: str | None = None
    forms: Annotated[dict[Slug, dict[FieldName, FormValue]], Field(max_length=50)] = Field(default={})
    renews: str | None = None


class Narrowing(Strict):
    """What an approver takes away: only these columns, only these rows, these masks too, fewer days.

    own_masks: whether the grant's masks hold in its own rows, whatever other grants say; None: as the conditions say.
    """

    columns: Columns | None = None
    rows: Text = ""
    masks: Annotated[dict[ColumnName, Line], Field(max_length=MOST_COLUMNS)] = Field(default={})
    days: Days | None = None
    own_masks: bool | None = None


class Note(Strict):
    """What somebody says with an act."""

    said: Said


def checked(spec: type[SpecT], given: Mapping[str, Any]) -> SpecT:  # Any: what a caller gave
    """A spec of what was given.

    Raises:
        BadRequest: it is none; the fields are named, and never what stood in them.
    """
    try:
        return spec.model_validate(given)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        told = "; ".join(f"{fault['loc'][0] if fault['loc'] else 'it'}: {fault['msg']}" for fault in faults[:10])
        raise BadRequest(told) from None


@dataclass(frozen=True)
class Approval:
    """One person's yes, in the request's round."""

    by: str
    at: datetime
    note: str
    narrowing: Narrowing

    def as_json(self) -> dict[str, Any]:
        return {"by": self.by, "at": moment(self.at), "note": self.note} | self.narrowing.model_dump(mode="json")


@dataclass(frozen=True)
class Comment:
    """What somebody said on a request. act: `comment`, or the act that it explains."""

    id: str
    by: str
    at: datetime
    act: str
    text: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "by": self.by, "at": moment(self.at), "act": self.act, "text": self.text}


@dataclass(frozen=True)
class AccessRequest:
    """A request with all that was said and decided on it. round: one more with each change of it."""

    id: str
    asset_id: str
    asset_name: str
    asset_project: str
    listing_version: int
    project: str
    requested_by: str
    requested_at: datetime
    changed_at: datetime
    state: RequestState
    round: int
    shaped_by: frozenset[str]
    wish: Wish
    decided_at: datetime | None = None
    decided_by: str | None = None
    grant_id: str | None = None
    approvals: tuple[Approval, ...] = ()
    """Of this round. Those of earlier rounds are kept, and count no more."""
    comments: tuple[Comment, ...] = field(default=(), compare=False)

    @property
    def subject(self) -> str:
        return f"request:{self.id}"

    def summary(self) -> dict[str, Any]:
        """One line of a list, as JSON."""
        return {
            "id": self.id,
            "asset_id": self.asset_id,
            "asset": self.asset_name,
            "asset_project": self.asset_project,
            "listing_version": self.listing_version,
            "project": self.project,
            "requested_by": self.requested_by,
            "requested_at": moment(self.requested_at),
            "changed_at": moment(self.changed_at),
            "state": self.state.value,
            "purpose": self.wish.purpose,
            "days": self.wish.days,
            "renews": self.wish.renews,
            "grant_id": self.grant_id,
        }

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return (
            self.summary()
            | self.wish.model_dump(mode="json")
            | {
                "round": self.round,
                "shaped_by": sorted(self.shaped_by),
                "decided_at": moment(self.decided_at),
                "decided_by": self.decided_by,
                "approvals": [approval.as_json() for approval in self.approvals],
                "comments": [comment.as_json() for comment in self.comments],
            }
        )


@dataclass(frozen=True)
class Grant:
    """What an approved request gave. table: as it is called in the project's database."""

    id: str
    request_id: str
    asset_id: str
    asset_project: str
    lake_table: str
    table_key: str
    project: str
    database: str
    table: str
    rights: GrantRights
    column_names: Mapping[int, str]
    isolated: bool
    granted_at: datetime
    granted_by: tuple[str, ...]
    valid_until: datetime | None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoked_why: str | None = None

    @property
    def subject(self) -> str:
        return f"grant:{self.id}"

    def state(self, now: datetime) -> GrantState:
        """What it is at a moment: it is over from the very second of `valid_until`."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return GrantState.REVOKED
        return GrantState.EXPIRED if self.valid_until is not None and self.valid_until <= now else GrantState.ACTIVE


@dataclass(frozen=True)
class Subscription:
    """A table in a project's database that live grants give something of. readers: the team's roles."""

    database: str
    table: str
    asset_id: str
    project: str
    readers: frozenset[str]


@dataclass(frozen=True)
class SubscribedTable:
    """A table as a project's grants give it to one person: attributes are resolved.

    owner: the project whose asset it is. readers: the roles of the project that it is given to.
    """

    database: str
    table: str
    asset_id: str
    lake_table: str
    project: str
    owner: str
    grants: tuple[str, ...]
    rights: TableRights
    readers: frozenset[str]


@dataclass(frozen=True)
class Outlook:
    """What approving a request would give. read_as: the table as whoever asked would have it then, attributes resolved.

    narrowed: what the approver would take away of. before: as the project has the table now, by live grants; None: it
    has none. after: as it would have it with this one too.
    """

    request: AccessRequest
    rights: GrantRights
    days: int | None
    column_names: Mapping[int, str]
    narrowed: Sequence[str]
    read_as: SubscribedTable
    before: TableRights | None
    after: TableRights


def closed(request: AccessRequest, state: RequestState, *, by: str, at: datetime) -> AccessRequest:
    """The request in its last state."""
    return replace(request, state=state, changed_at=at, decided_at=at, decided_by=by)


def moment(at: datetime | None) -> str | None:
    """A time as JSON."""
    return at.isoformat(timespec="seconds") if at else None
