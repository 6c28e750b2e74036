"""Decide on a request: look at what it would give, approve, reject, send it back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pergamon.access import tables
from pergamon.access.events import RequestDecided
from pergamon.access.grant import issue, subscription_database, table_identifier
from pergamon.access.look import asset_at, visible_request
from pergamon.access.model import (
    AccessRequest,
    AlreadyApproved,
    Approval,
    BadRequest,
    ConditionsChanged,
    Narrowing,
    Note,
    Outlook,
    OwnRequest,
    RequestAct,
    SubscribedTable,
    checked,
    closed,
    state_after,
)
from pergamon.access.offer import Offer, conditions_of, listed_at, offer_of
from pergamon.access.request import remark
from pergamon.access.rules import NOBODY_DECIDES_ON_THEIR_OWN, verdict
from pergamon.access.shape import require_demands, shaped
from pergamon.catalog import Asset
from pergamon.identity import actions_of_roles, attributes_of
from pergamon.kernel import AccessDenied
from pergamon.policy import resolved_rights, united
from pergamon.store import UnitOfWork


def approve_request(
    uow: UnitOfWork,
    request_id: str,
    *,
    note: str,
    columns: Sequence[str] | None = None,
    rows: str | None = None,
    masks: Mapping[str, str] | None = None,
    days: int | None = None,
    own_masks: bool | None = None,
) -> AccessRequest:
    """Approve, giving what is asked or less. When as many people as the conditions demand have, the grant is issued.

    columns: only these of those asked for. rows: only those that pass this filter too. masks: column -> mask, on top of
    the conditions'. days: fewer. What several approvers take away is all taken away.

    Raises:
        UnknownRequest: there is none, or the actor may not see it.
        OwnRequest: the actor wrote or amended it. AccessDenied: the actor does not decide on the asset.
        RequestNotOpen: it is decided, or waits for changes. AlreadyApproved: by this actor.
        ConditionsChanged: the asset is listed with other conditions than were asked under.
        NotForAsking: it is not listed any more.
        WouldWiden: more would be given than was asked.
        BadRequest, UnfitMask, FilterNotUnderstood, FilterDoesNotFit, ConditionsDoNotFit, TooManyGrants: see there.
    """
    request, asset = _to_decide(uow, request_id, RequestAct.APPROVE)
    after = state_after(request.state, RequestAct.APPROVE)
    if any(approval.by == uow.actor.id for approval in request.approvals):
        raise AlreadyApproved("you have approved this request", hint="it needs other people too")
    offer = _same_offer(uow, request, asset)
    narrowing = _narrowing(columns, rows, masks, days, own_masks)
    approval = Approval(uow.actor.id, uow.now, _said(note), narrowing)
    approvals = (*request.approvals, approval)
    shaped(offer, request.wish, [one.narrowing for one in approvals])
    tables.insert_approval(uow, request, approval)
    is_last = len(approvals) >= offer.conditions.approvals
    decided = replace(request, approvals=approvals)
    if is_last:
        decided = closed(decided, after, by=uow.actor.id, at=uow.now)
        tables.save_request(uow, decided)
    _record(uow, decided, RequestAct.APPROVE, narrowing)
    if is_last:
        issue(uow, decided, offer, granted_by=tuple(one.by for one in approvals))
    return visible_request(uow, request_id)


def reject_request(uow: UnitOfWork, request_id: str, *, note: str) -> AccessRequest:
    """Say no for good, and why.

    Raises:
        UnknownRequest, OwnRequest, AccessDenied, RequestNotOpen: as `approve_request`.
        BadRequest: nothing is said.
    """
    return _turn_down(uow, request_id, RequestAct.REJECT, note)


def ask_for_changes(uow: UnitOfWork, request_id: str, *, note: str) -> AccessRequest:
    """Send a request back to be amended, and say what is to be changed.

    Raises:
        UnknownRequest, OwnRequest, AccessDenied, RequestNotOpen: as `approve_request`.
        BadRequest: nothing is said.
    """
    return _turn_down(uow, request_id, RequestAct.ASK_FOR_CHANGES, note)


def outlook_of(
    uow: UnitOfWork,
    request_id: str,
    *,
    columns: Sequence[str] | None = None,
    rows: str | None = None,
    masks: Mapping[str, str] | None = None,
    days: int | None = None,
    own_masks: bool | None = None,
) -> Outlook:
    """What approving now would give, with what this approver would take away. Nothing is changed.

    Raises:
        Whatever `approve_request` raises of the same: who may not approve is not told what it would give.
    """
    request, asset = _to_decide(uow, request_id, RequestAct.APPROVE)
    state_after(request.state, RequestAct.APPROVE)
    offer = _same_offer(uow, request, asset)
    narrowing = _narrowing(columns, rows, masks, days, own_masks)
    narrowings = [*(one.narrowing for one in request.approvals), narrowing]
    shape = shaped(offer, request.wish, narrowings)
    attributes = attributes_of(uow, request.requested_by)
    rights = resolved_rights(shape.rights, attributes)
    live = tables.live_grants_on(uow, request.project, asset.id, offer.table_key)
    others = [grant.rights for grant in live]
    return Outlook(
        request=request,
        rights=shape.rights,
        days=shape.days,
        column_names=offer.names,
        narrowed=_narrowed(narrowing),
        read_as=SubscribedTable(
            database=subscription_database(request.project),
            table=table_identifier(asset.name),
            asset_id=asset.id,
            lake_table=offer.lake_table,
            project=request.project,
            owner=request.asset_project,
            grants=(),
            rights=united([rights], isolated=offer.conditions.isolated),
            readers=frozenset(),
        ),
        before=united(others) if others else None,
        after=united([*others, shape.rights]),
    )


def _narrowing(
    columns: Sequence[str] | None,
    rows: str | None,
    masks: Mapping[str, str] | None,
    days: int | None,
    own_masks: bool | None,
) -> Narrowing:
    """What an approver says; raises BadRequest."""
    given = {"columns": columns, "rows": rows or "", "masks": masks or {}, "days": days, "own_masks": own_masks}
    return checked(Narrowing, given)


def _turn_down(uow: UnitOfWork, request_id: str, act: RequestAct, note: str) -> AccessRequest:
    request, _ = _to_decide(uow, request_id, act)
    after = state_after(request.state, act)
    said = _said(note)
    if act is RequestAct.REJECT:
        decided = closed(request, after, by=uow.actor.id, at=uow.now)
    else:
        decided = replace(request, state=after, changed_at=uow.now)
    tables.save_request(uow, decided)
    remark(uow, decided, act.value, said)
    _record(uow, decided, act, Narrowing())
    return visible_request(uow, request_id)


def _to_decide(uow: UnitOfWork, request_id: str, act: RequestAct) -> tuple[AccessRequest, Asset]:
    request = visible_request(uow, request_id, lock=True)
    asset = asset_at(uow, request.asset_id)
    held = actions_of_roles(uow, uow.actor.roles)
    decision = verdict(uow.actor, act, request, asset, actions=held)
    if decision.allowed:
        return request, asset
    if NOBODY_DECIDES_ON_THEIR_OWN in decision.decided_by:
        raise OwnRequest("nobody decides on a request that they wrote or amended", decision=decision)
    raise AccessDenied("the owners and stewards of the asset decide on it", decision=decision)


def _same_offer(uow: UnitOfWork, request: AccessRequest, asset: Asset) -> Offer:
    """The asset's offer, when it is what was asked under. Columns that are listed since then are not in it: nobody has
    asked for them, and who has approved has not seen them.

    Raises:
        NotForAsking: there is none. ConditionsChanged: it is another.
    """
    offer = offer_of(uow, asset)
    if offer.listing_version != request.listing_version:
        asked_under = conditions_of(uow, asset.id, request.listing_version)
        if asked_under != offer.conditions:
            hint = "ask for changes: who amends it accepts the conditions as they are now"
            raise ConditionsChanged("the asset's conditions have changed since this was asked", hint=hint)
        offer = replace(offer, listed=offer.listed & listed_at(uow, asset.id, request.listing_version))
    require_demands(offer.conditions, request.wish)
    return offer


def _said(note: str) -> str:
    """Raises BadRequest when nothing is said."""
    if not note.strip():
        raise BadRequest("say why: a decision without a reason helps nobody")
    return checked(Note, {"said": note}).said


def _record(uow: UnitOfWork, request: AccessRequest, act: RequestAct, narrowing: Narrowing) -> None:
    uow.record(
        RequestDecided(
            subject=request.subject,
            act=act.value,
            state=request.state.value,
            round=request.round,
            approvals=len(request.approvals),
            narrowed=_narrowed(narrowing),
        )
    )


def _narrowed(narrowing: Narrowing) -> list[str]:
    """Which parts an approver takes away of."""
    defaults = Narrowing()
    return [name for name in Narrowing.model_fields if getattr(narrowing, name) != getattr(defaults, name)]
