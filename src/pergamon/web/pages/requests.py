"""Asking for access, following what becomes of it, and deciding on what others ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from pergamon import access
from pergamon import catalog as assets_room
from pergamon.access import AccessRequest, RequestAct, RequestState
from pergamon.catalog import MOST_DAYS, AssetView, FormSpec, FormValue, UnknownAsset
from pergamon.kernel import Kind, PergamonError
from pergamon.store import UnitOfWork
from pergamon.web.pages.forms import FormNotValid
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.mask_fields import COLUMN, LIMITS, OF_MASK, NotFitting, Rows, mask_written, numbered, offered
from pergamon.web.pages.metadata_forms import SAYS, typed
from pergamon.web.pages.page import Form, Page, PageDep
from pergamon.web.pages.timeline import timeline
from pergamon.web.pagination import After, cursor, place_in

router = page_router()

AssetPath = Annotated[str, Path(min_length=1, max_length=300)]
IdPath = Annotated[str, Path(min_length=1, max_length=100)]
Words = Annotated[str, Field(max_length=4_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
Columns = Annotated[list[Annotated[str, Field(max_length=1_024)]], Field(max_length=10_000)]
SHOWN = 25
COLUMNS_MASKED = 100
"""More are masked by the API."""
MENDABLE = frozenset({Kind.INVALID, Kind.CONFLICT})
"""Errors that whoever filled in the form can mend: they are told at the form, which keeps what was written."""

TABS = {
    "": marked("Not decided"),
    "waiting": marked("Waiting for me"),
    "approved": marked("Approved"),
    "rejected": marked("Rejected"),
    "withdrawn": marked("Withdrawn"),
}
"""What a list of requests can be narrowed to."""


class AskForm(Form):
    """What is asked for. columns: those that are ticked; all of them is the same as none."""

    project: Name | None = None
    reason: Words = ""
    purpose: Name | None = None
    columns: Columns = Field(default=[])
    rows: Words = ""
    days: Days | None = None
    accept: bool = False


class NoteForm(Form):
    """What is said with an act."""

    note: Words = ""


class PreviewForm(Form):
    """What an approver takes away, and why the rest is given."""

    note: Words = ""
    columns: Columns = Field(default=[])
    rows: Words = ""
    days: Days | None = None


@dataclass(frozen=True)
class Decision:
    """What an approver has written: the form, and by the columns' numbers the masks that are put on what is given."""

    form: PreviewForm = field(default_factory=PreviewForm)
    columns: Rows = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What stands in the form: at first nothing, then what was written, or what the request says now."""

    project: str = ""
    reason: str = ""
    purpose: str = ""
    columns: frozenset[str] | None = None
    rows: str = ""
    days: int | None = None
    says: Mapping[str, Mapping[str, FormValue]] = field(default_factory=dict)


@router.get("/assets/{asset}/request")
def ask_page(asset: AssetPath, page: PageDep) -> Response:
    """The form that asks."""
    return _asking(page, asset, Wanted())


@router.post("/assets/{asset}/request")
def ask(asset: AssetPath, page: PageDep) -> Response:
    """Ask; where the conditions say so, it is granted at once."""
    try:
        asked, says = page.form(AskForm, beside=SAYS), page.says(SAYS)
    except FormNotValid as fault:
        return _asking(page, asset, Wanted(), failure=fault)
    wanted = Wanted(
        asked.project or "", asked.reason, asked.purpose or "", _ticked(asked), asked.rows, asked.days, says
    )
    try:
        with page.begin() as uow:
            view = assets_room.read_asset(uow, asset, listing=True)
            made = access.request_access(
                uow,
                view.asset.id,
                project=asked.project or _only(access.asking_projects(uow)),
                reason=asked.reason,
                accept=asked.accept,
                **_what(uow, view, wanted),
            )
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _asking(page, asset, wanted, failure=error)
    return page.go(f"/requests/{made.id}", said="request-granted" if made.grant_id else "request-sent")


@router.get("/requests")
def requests(
    page: PageDep,
    tab: Annotated[str, Query(pattern="^(waiting|approved|rejected|withdrawn|)$")] = "",
    after: After = None,
) -> Response:
    """The requests that one may see."""
    (last_id,) = place_in(after, str) or ("",)
    with page.begin() as uow:
        if tab == "":
            found = [
                one
                for state in (RequestState.OPEN, RequestState.CHANGES_ASKED)
                for one in access.list_requests(uow, state=state, after=last_id, limit=SHOWN + 1)
            ]
            found = sorted(found, key=lambda one: one.id)[: SHOWN + 1]
        else:
            state = RequestState(tab) if tab != "waiting" else None
            found = access.list_requests(
                uow, state=state, waiting_for_me=tab == "waiting", after=last_id, limit=SHOWN + 1
            )
        shown = access.requests_as_lines(found[:SHOWN], uow)
    more = cursor(shown[-1]["id"]) if len(found) > SHOWN else None
    return page.show("requests/list.html", requests=shown, tab=tab, tabs=TABS, more=more, after=after)


@router.get("/requests/{request_id}")
def one_request(request_id: IdPath, page: PageDep) -> Response:
    """One request: what is asked, what happened, what there is to do."""
    return _shown(page, request_id)


@router.post("/requests/{request_id}/preview")
def preview(request_id: IdPath, page: PageDep) -> Response:
    """What approving would give, counted. Changes nothing, and is recorded."""
    decision = _decision(page)
    try:
        with page.begin() as uow:
            taken = _taken_away(uow, request_id, decision)
        outlook = page.rt.preview_request(page.actor, request_id, **taken).as_json()
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _shown(page, request_id, decision=decision, failure=error)
    return _shown(page, request_id, decision=decision, outlook=outlook)


@router.post("/requests/{request_id}/approve")
def approve(request_id: IdPath, page: PageDep) -> Response:
    """Give what is asked, or less."""
    decision = _decision(page)
    try:
        with page.begin() as uow:
            taken = _taken_away(uow, request_id, decision)
            access.approve_request(uow, request_id, note=decision.form.note, **taken)
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _shown(page, request_id, decision=decision, failure=error)
    return page.go(f"/requests/{request_id}", said="request-approved")


@router.post("/requests/{request_id}/reject")
def reject(request_id: IdPath, page: PageDep) -> Response:
    """Say no for good, and why."""
    return _act(page, request_id, "request-rejected", access.reject_request)


@router.post("/requests/{request_id}/ask-for-changes")
def ask_for_changes(request_id: IdPath, page: PageDep) -> Response:
    """Send it back, and say what is to be changed."""
    return _act(page, request_id, "changes-asked", access.ask_for_changes)


@router.post("/requests/{request_id}/withdraw")
def withdraw(request_id: IdPath, page: PageDep) -> Response:
    """Take it back."""
    return _act(page, request_id, "request-withdrawn", access.withdraw_request)


@router.post("/requests/{request_id}/comment")
def comment(request_id: IdPath, page: PageDep) -> Response:
    """Say something on it."""
    return _act(page, request_id, "comment-made", _comment)


@router.get("/requests/{request_id}/amend")
def amend_page(request_id: IdPath, page: PageDep) -> Response:
    """The form that asked, with what it says now."""
    return _amending(page, request_id)


@router.post("/requests/{request_id}/amend")
def amend(request_id: IdPath, page: PageDep) -> Response:
    """Ask for something else, under the conditions as they are now."""
    try:
        asked, says = page.form(AskForm, beside=SAYS), page.says(SAYS)
    except FormNotValid as fault:
        return _amending(page, request_id, failure=fault)
    wanted = Wanted("", asked.reason, asked.purpose or "", _ticked(asked), asked.rows, asked.days, says)
    try:
        with page.begin() as uow:
            request = access.read_request(uow, request_id)
            view = assets_room.read_asset(uow, request.asset_id, listing=True)
            what = _what(uow, view, wanted)
            clear = [name for name in ("purpose", "columns", "rows", "days") if what[name] is None]
            access.amend_request(uow, request_id, reason=asked.reason, accept=asked.accept, clear=clear, **what)
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _amending(page, request_id, wanted=wanted, failure=error)
    return page.go(f"/requests/{request_id}", said="request-amended")


def _asking(page: Page, asset: str, wanted: Wanted, *, failure: PergamonError | None = None) -> Response:
    with page.begin() as uow:
        view = assets_room.read_asset(uow, asset, listing=True)
        projects = [name for name in access.asking_projects(uow) if name != view.asset.place.project]
        forms = _forms_of(uow, view)
    return page.show(
        "requests/ask.html",
        status=422 if failure else 200,
        asset=view.as_json(),
        projects=projects,
        forms=forms,
        wanted=wanted,
        failure=failure,
        request=None,
    )


def _amending(
    page: Page, request_id: str, *, wanted: Wanted | None = None, failure: PergamonError | None = None
) -> Response:
    with page.begin() as uow:
        request = access.read_request(uow, request_id)
        view = assets_room.read_asset(uow, request.asset_id, listing=True)
        forms = _forms_of(uow, view)
    return page.show(
        "requests/ask.html",
        status=422 if failure else 200,
        asset=view.as_json(),
        projects=[request.project],
        forms=forms,
        wanted=wanted or _as_it_is(request),
        failure=failure,
        request=request.summary(),
    )


def _shown(
    page: Page,
    request_id: str,
    *,
    decision: Decision | None = None,
    outlook: dict[str, Any] | None = None,
    failure: PergamonError | None = None,
) -> Response:
    with page.begin() as uow:
        request = access.read_request(uow, request_id)
        told = access.request_as_told(request, uow)
        acts = access.open_acts(uow, request)
        view = _listing(uow, request.asset_id)
        grant = access.read_grant(uow, request.grant_id) if request.grant_id else None
        revocable = grant is not None and access.may_revoke(uow, grant)
    askable = _askable(request, view)
    masks = assets_room.fitting_masks(view.version.content.columns) if view else {}
    decision = decision or Decision()
    return page.show(
        "requests/one.html",
        status=422 if failure else 200,
        request=told,
        moments=timeline(told),
        acts={act.value for act in acts},
        decides=RequestAct.APPROVE in acts,
        asset=view.as_json() if view else None,
        askable=askable,
        maskable=[
            (number, name, offered(masks[name], decision.columns.get(number, {}).get("mask", "")))
            for number, name in enumerate(askable[:COLUMNS_MASKED])
        ],
        anchors=assets_room.anchors(view.version.content.columns) if view else [],
        mask_limits=LIMITS,
        beside=failure.beside if isinstance(failure, NotFitting) else {},
        decision=decision.form,
        masked=decision.columns,
        outlook=outlook,
        failure=failure,
        revocable=revocable,
    )


def _act(page: Page, request_id: str, said: str, verb: Any) -> Response:  # Any: a verb of `access`
    asked = page.form(NoteForm)
    try:
        with page.begin() as uow:
            verb(uow, request_id, note=asked.note)
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _shown(page, request_id, failure=error)
    return page.go(f"/requests/{request_id}", said=said)


def _comment(uow: UnitOfWork, request_id: str, *, note: str) -> None:
    access.comment_on(uow, request_id, note)


def _listing(uow: UnitOfWork, asset_id: str) -> AssetView | None:
    """The listing that a request is about, while there is one that the actor may find."""
    try:
        return assets_room.read_asset(uow, asset_id, listing=True)
    except UnknownAsset:
        return None


def _what(uow: UnitOfWork, view: AssetView, wanted: Wanted) -> dict[str, Any]:  # Any: the arguments of a verb
    """The wish in the words of the verb: all columns is the same as no choice of columns."""
    every = {column.name for column in view.version.content.columns}
    chosen = wanted.columns if wanted.columns and wanted.columns != every else None
    return {
        "purpose": wanted.purpose or None,
        "columns": sorted(chosen) if chosen else None,
        "rows": wanted.rows or None,
        "days": wanted.days,
        "forms": typed(_forms_of(uow, view), wanted.says) or None,
    }


def _decision(page: Page) -> Decision:
    """
    Raises:
        FormNotValid: a field is missing, wrong, or none of this form.
    """
    form = page.form(PreviewForm, beside=COLUMN)
    return Decision(form, numbered(page.says(COLUMN), OF_MASK))


def _taken_away(uow: UnitOfWork, request_id: str, decision: Decision) -> dict[str, Any]:  # Any: as `_what`
    """What the approver takes away, in the words of the verb.

    Raises:
        NotFitting: a mask does not fit its column.
    """
    request = access.read_request(uow, request_id)
    view = _listing(uow, request.asset_id)
    every, asked = _askable(request, view), decision.form
    chosen = set(asked.columns) or set(every)
    written = {
        number: (name, mask_written(decision.columns.get(number, {})))
        for number, name in enumerate(every[:COLUMNS_MASKED])
        if name in chosen
    }
    masks = {name: mask for name, mask in written.values() if mask}
    content = view.version.content if view else None
    faults = assets_room.mask_faults(content.columns, masks, content.conditions.identifiers) if content else {}
    if faults:
        raise NotFitting({f"{COLUMN}{n}.mask": faults[name] for n, (name, _) in written.items() if name in faults})
    return {
        "columns": sorted(chosen) if chosen != set(every) else None,
        "rows": asked.rows or None,
        "masks": masks or None,
        "days": asked.days,
    }


def _askable(request: AccessRequest, view: AssetView | None) -> list[str]:
    """The columns of the listing that the request asks for, in their order."""
    columns = [column.name for column in view.version.content.columns] if view else []
    return [name for name in columns if request.wish.columns is None or name in request.wish.columns]


def _as_it_is(request: AccessRequest) -> Wanted:
    wish = request.wish
    columns = frozenset(wish.columns) if wish.columns else None
    return Wanted(request.project, wish.reason, wish.purpose or "", columns, wish.rows, wish.days, wish.forms)


def _ticked(asked: AskForm) -> frozenset[str] | None:
    return frozenset(asked.columns) or None


def _only(projects: list[str]) -> str:
    """The project of who has one; of who has several, none was chosen."""
    return projects[0] if len(projects) == 1 else ""


def _forms_of(uow: UnitOfWork, view: AssetView) -> dict[str, FormSpec]:
    """The metadata forms that a request for this asset has to fill in."""
    demanded = assets_room.forms_demanded(uow, view.asset, "request")
    if not demanded:
        return {}
    known = assets_room.read_forms(uow)
    return {name: known[name] for name in demanded if name in known}
