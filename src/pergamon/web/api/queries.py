"""`POST /api/v1/query`: run one governed query. And the history: one's own, and a workgroup's for its admins."""

from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from pergamon import query
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED
from pergamon.web.pagination import After, Limit, cursor, moment_in, page

router = APIRouter()

TextQuery = Annotated[
    str, Query(max_length=query.LONGEST_TEXT, pattern=r"^[^\x00]*$", description="What stands in it.")
]
ARROW = "application/vnd.apache.arrow.stream"


class QueryRequest(BaseModel):
    """What is run, and in which workgroup."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    sql: str = Field(min_length=1, max_length=65_536)
    workgroup: str | None = Field(default=None, min_length=1, max_length=100)


@router.post("/api/v1/query")
def run(
    asked: QueryRequest, rt: RuntimeDep, actor: ActorDep, accept: Annotated[str, Header()] = "application/json"
) -> Response:
    """Rows as JSON, or as an Arrow stream when `Accept` names it."""
    result = rt.run_query(actor, asked.sql, workgroup=asked.workgroup)
    if ARROW in accept:
        return _arrow(result)
    return JSONResponse(result.as_json(), headers=NEVER_STORED)


@router.get("/api/v1/queries")
def own(
    rt: RuntimeDep, actor: ActorDep, *, text: TextQuery = "", limit: Limit = 50, after: After = None
) -> dict[str, Any]:
    """One's own queries, newest first; with `text`, those in whose text it stands, in letters of either case."""
    with rt.begin(actor) as uow:
        found = query.own_queries(uow, text=text, before=moment_in(after), limit=limit + 1)
    last = {entry.id: cursor(entry.submitted_at.isoformat(), entry.id) for entry in found}
    return page("queries", [entry.as_json() for entry in found], limit, lambda one: last[one["id"]])


@router.get("/api/v1/queries/{query_id}")
def one(query_id: str, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One query with its text; for who ran it and for auditors, whose reading is recorded."""
    with rt.begin(actor) as uow:
        return query.query_text(uow, query_id).as_json()


@router.post("/api/v1/queries/{query_id}/cancel", status_code=202)
def cancel(query_id: str, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """End a query of one's own, as `/statements/{query_id}/cancel` does: within a second when it runs."""
    with rt.begin(actor) as uow:
        query.cancel_query(uow, query_id)
        told = query.own_statement(uow, query_id).as_json()
    rt.statement_bell.ring_here()
    return told


@router.get("/api/v1/workgroups/{workgroup}/queries")
def of_workgroup(
    workgroup: str, rt: RuntimeDep, actor: ActorDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> dict[str, Any]:
    """A workgroup's queries without their texts; for its admins."""
    with rt.begin(actor) as uow:
        return {"queries": [entry.as_json() for entry in query.workgroup_queries(uow, workgroup, limit=limit)]}


def _arrow(result: query.QueryResult) -> Response:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, result.table.schema) as writer:
        writer.write_table(result.table)
    headers = NEVER_STORED | {
        "X-Pergamon-Query": result.id,
        "X-Pergamon-Truncated": str(result.truncated).lower(),
        "X-Pergamon-Duration-Ms": str(result.duration_ms),
    }
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=headers)
