"""`/api/v1/requests` and `/grants`: ask for access, decide on it, see what was granted, take it back."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import access, query
from pergamon.access import GrantState, RequestState
from pergamon.catalog import MOST_DAYS, ColumnName, FormValue, Line, Text
from pergamon.store import UnitOfWork
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED
from pergamon.web.idempotency import OnceDep
from pergamon.web.pagination import After, Limit, cursor, page, place_in

router = APIRouter()

IdPath = Annotated[str, Path(min_length=1, max_length=100)]
AssetQuery = Annotated[str | None, Query(min_length=1, max_length=300, description="An asset's id, or its name.")]
AssetPath = Annotated[str, Path(min_length=1, max_length=300, description="An asset's id, or its name.")]
Weeks = Annotated[int, Query(ge=1, le=520)]
ProjectQuery = Annotated[str | None, Query(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Columns = tuple[ColumnName, ...]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
Forms = dict[Name, dict[Name, FormValue]]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RequestRequest(_Asked):
    """What is asked for: of which asset, for which project, why. What is left out of columns, rows and days: all of it,
    as far as the asset's conditions go. `accept`: the conditions' text as it is shown now."""

    asset: Name
    project: Name
    reason: Text
    purpose: Name | None = None
    columns: Columns | None = None
    rows: Text | None = None
    days: Days | None = None
    accept: bool = False
    forms: Forms | None = None
    renews: Name | None = None


class AmendRequest(_Asked):
    """What to ask for instead. What is not named stays; `clear` names what to ask for no more."""

    reason: Text | None = None
    purpose: Name | None = None
    columns: Columns | None = None
    rows: Text | None = None
    days: Days | None = None
    accept: bool = False
    forms: Forms | None = None
    clear: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    note: Text = ""


class NoteRequest(_Asked):
    """What to say with it."""

    note: Text = ""


class CommentRequest(_Asked):
    """What to say."""

    text: Text


class DecideRequest(_Asked):
    """Why it is so decided."""

    note: Text


class PreviewRequest(_Asked):
    """What an approver would take away: only these columns, only these rows, these masks too, fewer days. `own_masks`:
    whether the grant keeps its own masks in its own rows, beside the project's other grants."""

    columns: Columns | None = None
    rows: Text | None = None
    masks: dict[ColumnName, Line] | None = None
    days: Days | None = None
    own_masks: bool | None = None


class ApproveRequest(PreviewRequest):
    """Why, and what is taken away."""

    note: Text


class RevokeRequest(_Asked):
    """Why it is taken back."""

    reason: Text


@router.post("/api/v1/requests", status_code=201)
def request(asked: RequestRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Ask for access; where the asset's conditions say so, it is granted at once."""

    def ask(uow: UnitOfWork) -> dict[str, Any]:
        made = access.request_access(uow, **dict(asked))
        return access.request_as_told(made, uow)

    return once.answer(rt, actor, ask)


@router.get("/api/v1/requests")
def requests(
    *,
    rt: RuntimeDep,
    actor: ActorDep,
    project: ProjectQuery = None,
    asset: AssetQuery = None,
    state: RequestState | None = None,
    waiting_for_me: bool = False,
    limit: Limit = 100,
    after: After = None,
) -> dict[str, Any]:
    """The requests that one may see, oldest first: those of one's projects, and those on which one may decide."""
    (last_id,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = access.list_requests(
            uow,
            project=project,
            asset=asset,
            state=state,
            waiting_for_me=waiting_for_me,
            after=last_id,
            limit=limit + 1,
        )
        told = access.requests_as_lines(found, uow)
    return page("requests", told, limit, lambda last: cursor(last["id"]))


@router.get("/api/v1/requests/{request_id}")
def one_request(request_id: IdPath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One request with what was said and decided on it, and the grant that it became."""
    with rt.begin(actor) as uow:
        return access.request_as_told(access.read_request(uow, request_id), uow)


@router.post("/api/v1/requests/{request_id}/amend")
def amend(request_id: IdPath, asked: AmendRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Change what is asked for, under the conditions as they are now. Approvals are lost."""
    return once.answer(
        rt,
        actor,
        lambda uow: access.request_as_told(access.amend_request(uow, request_id, **dict(asked)), uow),
        status=200,
    )


@router.post("/api/v1/requests/{request_id}/withdraw")
def withdraw(
    request_id: IdPath, rt: RuntimeDep, actor: ActorDep, once: OnceDep, asked: NoteRequest | None = None
) -> JSONResponse:
    """Take a request back that is not decided."""
    note = asked.note if asked else ""
    return once.answer(
        rt,
        actor,
        lambda uow: access.request_as_told(access.withdraw_request(uow, request_id, note=note), uow),
        status=200,
    )


@router.post("/api/v1/requests/{request_id}/comment", status_code=201)
def comment(request_id: IdPath, asked: CommentRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Say something on a request."""
    return once.answer(rt, actor, lambda uow: access.comment_on(uow, request_id, asked.text).as_json())


@router.post("/api/v1/requests/{request_id}/ask-for-changes")
def ask_for_changes(
    request_id: IdPath, asked: DecideRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep
) -> JSONResponse:
    """Send a request back to be amended, and say what is to be changed."""
    return once.answer(
        rt,
        actor,
        lambda uow: access.request_as_told(access.ask_for_changes(uow, request_id, note=asked.note), uow),
        status=200,
    )


@router.post("/api/v1/requests/{request_id}/approve")
def approve(request_id: IdPath, asked: ApproveRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Give what is asked, or less. The grant is issued when as many people as the conditions demand have approved."""
    return once.answer(
        rt,
        actor,
        lambda uow: access.request_as_told(access.approve_request(uow, request_id, **dict(asked)), uow),
        status=200,
    )


@router.post("/api/v1/requests/{request_id}/reject")
def reject(request_id: IdPath, asked: DecideRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Say no for good, and why."""
    return once.answer(
        rt,
        actor,
        lambda uow: access.request_as_told(access.reject_request(uow, request_id, note=asked.note), uow),
        status=200,
    )


@router.post("/api/v1/requests/{request_id}/preview")
def preview(request_id: IdPath, rt: RuntimeDep, actor: ActorDep, asked: PreviewRequest | None = None) -> JSONResponse:
    """What approving now would give, rows counted; for who may approve. Changes nothing, and is recorded."""
    narrowing = dict(asked) if asked else {}
    return JSONResponse(rt.preview_request(actor, request_id, **narrowing).as_json(), headers=NEVER_STORED)


@router.get("/api/v1/grants")
def grants(
    *,
    rt: RuntimeDep,
    actor: ActorDep,
    project: ProjectQuery = None,
    asset: AssetQuery = None,
    state: GrantState | None = None,
    limit: Limit = 100,
    after: After = None,
) -> dict[str, Any]:
    """The grants that one may see, oldest first: those of one's projects, and those on assets that one decides on."""
    (last_id,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = access.list_grants(uow, project=project, asset=asset, state=state, after=last_id, limit=limit + 1)
        told = access.grants_as_told(found, uow)
    return page("grants", told, limit, lambda last: cursor(last["id"]))


@router.get("/api/v1/grants/{grant_id}")
def one_grant(grant_id: IdPath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One grant: what it gives, under which table's name, until when."""
    with rt.begin(actor) as uow:
        return access.grant_as_told(access.read_grant(uow, grant_id), uow)


@router.get("/api/v1/assets/{asset}/uses")
def uses(asset: AssetPath, rt: RuntimeDep, actor: ActorDep, weeks: Weeks = query.WEEKS) -> dict[str, Any]:
    """How much an asset is queried under whatever name, by week, for who gives it: counts of queries and of people."""
    with rt.begin(actor) as uow:
        return {"weeks": [one.as_json() for one in query.uses_of(uow, asset, weeks=weeks)]}


@router.post("/api/v1/grants/{grant_id}/revoke")
def revoke(grant_id: IdPath, asked: RevokeRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Take a grant back: it gives nothing from now on, and queries that run on it end."""
    return once.answer(
        rt,
        actor,
        lambda uow: access.grant_as_told(access.revoke_grant(uow, grant_id, asked.reason), uow),
        status=200,
    )
