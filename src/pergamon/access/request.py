"""Ask for access, change what is asked, take it back, say something on it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pergamon import catalog
from pergamon.access import tables
from pergamon.access.events import CommentMade, RequestAmended, RequestMade, RequestWithdrawn
from pergamon.access.grant import issue
from pergamon.access.look import asset_at, visible_grant, visible_request
from pergamon.access.model import (
    AccessRequest,
    AlreadyAsked,
    BadRequest,
    Comment,
    GrantNotActive,
    GrantState,
    Note,
    RequestAct,
    RequestState,
    Wish,
    checked,
    closed,
    moment,
    state_after,
)
from pergamon.access.offer import Offer, conditions_of, offer_of
from pergamon.access.rules import asking_resource, verdict
from pergamon.access.shape import accepted_text, require_demands, require_no_question, shaped
from pergamon.catalog import Asset, FormValue
from pergamon.identity import actions_of_roles
from pergamon.kernel import AccessDenied, new_id
from pergamon.policy import Action, decide
from pergamon.store import UnitOfWork

AUTOMATIC = "automatic"
"""Who granted what the conditions grant by themselves."""
MOST_COMMENTS = 1_000

Forms = Mapping[str, Mapping[str, FormValue]]


def request_access(
    uow: UnitOfWork,
    asset: str,
    *,
    project: str,
    reason: str,
    purpose: str | None = None,
    columns: Sequence[str] | None = None,
    rows: str | None = None,
    days: int | None = None,
    accept: bool = False,
    forms: Forms | None = None,
    renews: str | None = None,
) -> AccessRequest:
    """Ask, for a project, for access to a listed asset. Where its conditions say so, it is granted at once.

    accept: the conditions' text, as the listing shows it now. renews: a live grant that this goes on from.

    Raises:
        UnknownAsset, AmbiguousName: see `catalog.read_asset`; UnknownProject: the actor may not see the project.
        AccessDenied: the actor may not ask for the project.
        NotForAsking: the asset has no listing, or is a product.
        BadRequest: it does not fit the asset, its conditions, or a form is not filled in.
        UnfitMask, FilterNotUnderstood, FilterDoesNotFit: what is asked cannot be had of the table.
        AlreadyAsked: the project has a request for this asset that is not decided.
        UnknownGrant, GrantNotActive: there is nothing to renew.
        TooManyGrants: the project has as many live grants on the asset as one may have.
    """
    _require_asker(uow, project)
    offer = offer_of(uow, catalog.find_asset(uow, asset))
    given = {"reason": reason, "purpose": purpose, "columns": columns, "rows": rows or "", "days": days}
    wish = checked(Wish, given | {"accepted": _accepted(offer, accept=accept), "forms": forms or {}, "renews": renews})
    _require_fit(uow, offer, project, wish)
    is_granted = offer.conditions.approval == AUTOMATIC
    if is_granted:
        require_no_question(offer, wish)
        _require_none_undecided(uow, offer, project)
    request = AccessRequest(
        id=new_id("request"),
        asset_id=offer.asset.id,
        asset_name=offer.asset.name,
        asset_project=offer.asset.place.project,
        listing_version=offer.listing_version,
        project=project,
        requested_by=uow.actor.id,
        requested_at=uow.now,
        changed_at=uow.now,
        state=RequestState.APPROVED if is_granted else RequestState.OPEN,
        round=1,
        shaped_by=frozenset({uow.actor.id}),
        wish=wish,
        decided_at=uow.now if is_granted else None,
        decided_by=AUTOMATIC if is_granted else None,
    )
    if not tables.insert_request(uow, request):
        raise _already_asked(project)
    uow.record(_made(request))
    if not is_granted:
        return request
    grant = issue(uow, request, offer, granted_by=(AUTOMATIC,))
    return replace(request, grant_id=grant.id)


def amend_request(
    uow: UnitOfWork,
    request_id: str,
    *,
    reason: str | None = None,
    purpose: str | None = None,
    columns: Sequence[str] | None = None,
    rows: str | None = None,
    days: int | None = None,
    accept: bool = False,
    forms: Forms | None = None,
    clear: Sequence[str] = (),
    note: str = "",
) -> AccessRequest:
    """Change what is asked for, under the conditions as they are now; what is not named stays. Approvals are lost,
    unless all stays as it was: then they were given to this very thing.

    clear: of `purpose`, `columns`, `rows`, `days`, those to ask for no more. Acceptance is kept while the text is.

    Raises:
        UnknownRequest: there is none, or the actor may not see it.
        AccessDenied: the actor may not ask for the project.
        RequestNotOpen: it is decided. And whatever `request_access` raises of what is asked.
    """
    request, asset = _to_act_on(uow, request_id, RequestAct.AMEND)
    after = state_after(request.state, RequestAct.AMEND)
    offer = offer_of(uow, asset)
    named = {"reason": reason, "purpose": purpose, "columns": columns, "rows": rows, "days": days, "forms": forms}
    unknown = sorted(set(clear) - {"purpose", "columns", "rows", "days"})
    if unknown:
        raise BadRequest("only purpose, columns, rows and days can be cleared")
    changes = {name: value for name, value in named.items() if value is not None}
    cleared = {name: "" if name == "rows" else None for name in clear}
    accepted = _accepted(offer, accept=accept or request.wish.accepted == accepted_text(offer.conditions))
    wish = checked(Wish, {**dict(request.wish), **changes, **cleared, "accepted": accepted})
    _require_fit(uow, offer, request.project, wish)
    amended = replace(request, changed_at=uow.now, state=after)
    if wish != request.wish or offer.conditions != conditions_of(uow, asset.id, request.listing_version):
        amended = replace(
            amended,
            listing_version=offer.listing_version,
            round=request.round + 1,
            shaped_by=request.shaped_by | {uow.actor.id},
            wish=wish,
            approvals=(),
        )
    tables.save_request(uow, amended)
    remark(uow, amended, RequestAct.AMEND.value, note)
    uow.record(
        RequestAmended(
            subject=amended.subject,
            round=amended.round,
            listing_version=amended.listing_version,
            purpose=wish.purpose,
            columns=list(wish.columns) if wish.columns else None,
            has_row_filter=bool(wish.rows),
            days=wish.days,
            approvals_lost=len(request.approvals) - len(amended.approvals),
        )
    )
    return visible_request(uow, request_id)


def withdraw_request(uow: UnitOfWork, request_id: str, *, note: str = "") -> AccessRequest:
    """Take a request back that is not decided.

    Raises:
        UnknownRequest: there is none, or the actor may not see it.
        AccessDenied: the actor may not ask for the project.
        RequestNotOpen: it is decided.
    """
    request, _ = _to_act_on(uow, request_id, RequestAct.WITHDRAW)
    state = state_after(request.state, RequestAct.WITHDRAW)
    tables.save_request(uow, closed(request, state, by=uow.actor.id, at=uow.now))
    remark(uow, request, RequestAct.WITHDRAW.value, note)
    uow.record(RequestWithdrawn(subject=request.subject, project=request.project))
    return visible_request(uow, request_id)


def comment_on(uow: UnitOfWork, request_id: str, text: str) -> Comment:
    """Say something on a request that the actor may see, whatever its state.

    Raises:
        UnknownRequest: there is none, or the actor may not see it.
        BadRequest: nothing is said, too much, or there are 1,000 comments.
    """
    request = visible_request(uow, request_id, lock=True)
    comment = remark(uow, request, "comment", text)
    if comment is None:
        raise BadRequest("a comment says something")
    uow.record(CommentMade(subject=request.subject, comment=comment.id))
    return comment


def remark(uow: UnitOfWork, request: AccessRequest, act: str, text: str) -> Comment | None:
    """Keep what is said with an act; None when nothing is.

    Raises:
        BadRequest: it is too long, holds a control character, or there are 1,000 of them.
    """
    if not text.strip():
        return None
    said = checked(Note, {"said": text}).said
    if tables.count_comments(uow, request.id) >= MOST_COMMENTS:
        raise BadRequest(f"a request has at most {MOST_COMMENTS} comments")
    comment = Comment(new_id("comment"), uow.actor.id, uow.now, act, said)
    tables.insert_comment(uow, request.id, comment)
    return comment


def _require_asker(uow: UnitOfWork, project: str) -> None:
    """Raises UnknownProject or AccessDenied."""
    place = catalog.visible_project(uow, project)[1]
    held = actions_of_roles(uow, uow.actor.roles)
    decision = decide(uow.actor, Action.ACCESS_ASK, asking_resource(place.project), actions=held)
    if not decision.allowed:
        raise AccessDenied(f"owners and contributors of {project} ask for it", decision=decision)


def _to_act_on(uow: UnitOfWork, request_id: str, act: RequestAct) -> tuple[AccessRequest, Asset]:
    request = visible_request(uow, request_id, lock=True)
    asset = asset_at(uow, request.asset_id)
    held = actions_of_roles(uow, uow.actor.roles)
    decision = verdict(uow.actor, act, request, asset, actions=held)
    if not decision.allowed:
        raise AccessDenied(f"owners and contributors of {request.project} ask for it", decision=decision)
    return request, asset


def _accepted(offer: Offer, *, accept: bool) -> str | None:
    return accepted_text(offer.conditions) if accept else None


def _require_fit(uow: UnitOfWork, offer: Offer, project: str, wish: Wish) -> None:
    """Raises what `request_access` says of a wish that cannot be."""
    require_demands(offer.conditions, wish)
    shaped(offer, wish)
    faults = catalog.lacks_for_requesting(uow, offer.asset, wish.forms)
    if faults:
        raise BadRequest(f"before it is asked for, this is to be said: {', '.join(faults)}", hint="fill in the forms")
    if wish.renews is not None:
        _require_renewable(uow, offer, project, wish.renews)


def _require_renewable(uow: UnitOfWork, offer: Offer, project: str, grant_id: str) -> None:
    grant = visible_grant(uow, grant_id)
    if (grant.project, grant.asset_id) != (project, offer.asset.id):
        raise BadRequest("that grant is of another project or asset, so it is not what this renews")
    if grant.state(uow.now) is not GrantState.ACTIVE:
        raise GrantNotActive("a grant that has ended is not renewed", hint="ask anew, without renewing")
    if grant.valid_until is None:
        raise BadRequest("that grant has no end, so there is nothing to renew")
    earlier = tables.request(uow, grant.request_id)
    before = tables.grant(uow, earlier.wish.renews) if earlier is not None and earlier.wish.renews else None
    if before is not None and before.state(uow.now) is GrantState.ACTIVE:  # else no number of days were a bound
        told = "that grant renews another that is live: its own time has not begun"
        raise BadRequest(told, hint=f"renew it after {moment(before.valid_until)}")


def _require_none_undecided(uow: UnitOfWork, offer: Offer, project: str) -> None:
    """Raises AlreadyAsked: what is granted at once is not kept as undecided, so nothing else would refuse it."""
    if tables.has_undecided(uow, project, offer.asset.id):
        raise _already_asked(project)


def _already_asked(project: str) -> AlreadyAsked:
    hint = "amend it, or withdraw it and ask anew"
    return AlreadyAsked(f"the project {project} has asked for this asset, and it is not decided", hint=hint)


def _made(request: AccessRequest) -> RequestMade:
    wish = request.wish
    return RequestMade(
        subject=request.subject,
        asset=request.asset_id,
        listing_version=request.listing_version,
        project=request.project,
        purpose=wish.purpose,
        columns=list(wish.columns) if wish.columns else None,
        has_row_filter=bool(wish.rows),
        days=wish.days,
        renews=wish.renews,
        forms=sorted(wish.forms),
    )
