"""`/api/v1/statements`: submit a query, ask where it is, fetch its rows. `/api/v1/saved-queries`: texts by name."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from pergamon import query
from pergamon.web.api.queries import QueryRequest
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED
from pergamon.web.idempotency import OnceDep
from pergamon.web.pagination import After, Limit, cursor, page, place_in

router = APIRouter()

QueryId = Annotated[str, Path(min_length=1, max_length=100)]
SavedName = Annotated[str, Path(min_length=1, max_length=100)]
Form = Literal["json", "arrow", "parquet", "csv"]


class SaveRequest(BaseModel):
    """A text to keep, and whose members may read it, too."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    sql: str = Field(min_length=1, max_length=65_536)
    project: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00]+$")


@router.post("/api/v1/statements", status_code=202)
def submit(asked: QueryRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Put a statement into the queue of its workgroup. It is decided now, and anew when its turn comes."""
    answer = once.answer(
        rt,
        actor,
        lambda uow: rt.submit_statement(uow, asked.sql, workgroup=asked.workgroup).as_json(),
        status=202,
    )
    rt.statement_bell.ring_here()
    return answer


@router.get("/api/v1/statements/{query_id}")
def state(query_id: QueryId, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:  # Any: JSON
    """Where a statement of one's own is: queued, running, done, failed, cancelled or abandoned."""
    with rt.begin(actor) as uow:
        return query.own_statement(uow, query_id).as_json()


@router.post("/api/v1/statements/{query_id}/cancel", status_code=202)
def cancel(query_id: QueryId, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """End a statement of one's own: at once while it waits, within a second while it runs."""
    with rt.begin(actor) as uow:
        query.cancel_query(uow, query_id)
        told = query.own_statement(uow, query_id).as_json()
    rt.statement_bell.ring_here()
    return told


@router.get(
    "/api/v1/statements/{query_id}/results",
    response_class=JSONResponse,
    responses={200: {"content": {kind.partition(";")[0]: {} for kind in query.MEDIA_TYPES.values()}}},
)
def results(  # noqa: PLR0917 - FastAPI gives them by name
    query_id: QueryId,
    rt: RuntimeDep,
    actor: ActorDep,
    limit: Limit = 1000,
    after: After = None,
    form: Annotated[Form | None, Query(alias="format", description="Goes before `Accept`.")] = None,
    accept: Annotated[str, Header()] = "application/json",
) -> Response:
    """The rows of a statement of one's own: in pages as JSON, or all as a file. The right to them is decided anew."""
    wanted = form or _form_of(accept)
    if wanted != "json":
        name = f'attachment; filename="{query_id}.{wanted}"'
        pieces = rt.result_file(actor, query_id, wanted)
        return StreamingResponse(
            pieces, media_type=query.MEDIA_TYPES[wanted], headers=NEVER_STORED | {"Content-Disposition": name}
        )
    (first_row,) = place_in(after, int) or (0,)
    found = rt.result_page(actor, query_id, first_row=max(0, first_row), limit=limit)
    behind = found.first_row + limit
    told = found.rows.as_json()
    body = {name: told[name] for name in ("query_id", "columns", "rows", "truncated")}
    body |= {"row_count": found.total, "next": cursor(behind) if behind < found.total else None}
    return JSONResponse(body, headers=NEVER_STORED)


@router.get("/api/v1/saved-queries")
def saved(rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None) -> dict[str, Any]:
    """One's own saved queries, and those shared with one's projects, by owner and name."""
    place = place_in(after, str, str) or ("", "")
    with rt.begin(actor) as uow:
        found = query.saved_queries(uow, after=(place[0], place[1]), limit=limit + 1)
    told = [one.as_json() for one in found]
    return page("saved_queries", told, limit, lambda last: cursor(last["owner"], last["name"]))


@router.get("/api/v1/saved-queries/{name}")
def one_saved(
    name: SavedName,
    rt: RuntimeDep,
    actor: ActorDep,
    owner: Annotated[str | None, Query(max_length=200, description="Whose; without it, one's own.")] = None,
) -> dict[str, Any]:
    """One saved query with its text. To run it, send the text: every table is decided on for who runs it."""
    with rt.begin(actor) as uow:
        return query.saved_query(uow, name, owner=owner).as_json()


@router.put("/api/v1/saved-queries/{name}")
def save(name: SavedName, asked: SaveRequest, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """Keep a text under a name of one's own, or write it anew. Nothing is run."""
    with rt.begin(actor) as uow:
        return query.save_query(uow, name, asked.sql, project=asked.project).as_json()


@router.delete("/api/v1/saved-queries/{name}")
def remove(name: SavedName, rt: RuntimeDep, actor: ActorDep) -> dict[str, str]:
    """Remove a saved query of one's own."""
    with rt.begin(actor) as uow:
        query.remove_saved_query(uow, name)
    return {"name": name}


def _form_of(accept: str) -> str:
    named = (form for form, kind in query.MEDIA_TYPES.items() if kind.partition(";")[0] in accept)
    return next(named, "json")
