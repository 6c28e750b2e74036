"""`POST /api/v1/query`: run one governed query. And the history: one's own, and a workgroup's for its admins."""

import base64
import datetime
import math
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from pergamon import query
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED

router = APIRouter()

ARROW = "application/vnd.apache.arrow.stream"
SAFE_INTEGER = 2**53


class QueryRequest(BaseModel):
    """What is run, and in which workgroup."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    sql: str = Field(min_length=1, max_length=65_536)
    workgroup: str = Field(default=query.DEFAULT_WORKGROUP, min_length=1, max_length=100)


@router.post("/api/v1/query")
def run(
    asked: QueryRequest, rt: RuntimeDep, actor: ActorDep, accept: Annotated[str, Header()] = "application/json"
) -> Response:
    """Rows as JSON, or as an Arrow stream when `Accept` names it."""
    result = rt.run_query(actor, asked.sql, workgroup=asked.workgroup)
    if ARROW in accept:
        return _arrow(result)
    return JSONResponse(_json(result), headers=NEVER_STORED)


@router.get("/api/v1/queries")
def own(rt: RuntimeDep, actor: ActorDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
    """One's own queries, newest first."""
    with rt.begin(actor) as uow:
        return {"queries": [entry.as_json() for entry in query.own_queries(uow, limit=limit)]}


@router.get("/api/v1/queries/{query_id}")
def one(query_id: str, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One query with its text; for who ran it and for auditors, whose reading is recorded."""
    with rt.begin(actor) as uow:
        return query.query_text(uow, query_id).as_json()


@router.get("/api/v1/workgroups/{workgroup}/queries")
def of_workgroup(
    workgroup: str, rt: RuntimeDep, actor: ActorDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> dict[str, Any]:
    """A workgroup's queries without their texts; for its admins."""
    with rt.begin(actor) as uow:
        return {"queries": [entry.as_json() for entry in query.workgroup_queries(uow, workgroup, limit=limit)]}


def _json(result: query.QueryResult) -> dict[str, Any]:
    columns = [result.table.column(number).to_pylist() for number in range(result.table.num_columns)]
    return {
        "query_id": result.id,
        "columns": [{"name": field.name, "type": str(field.type)} for field in result.table.schema],
        "rows": [[as_json(value) for value in row] for row in zip(*columns, strict=True)],
        "row_count": result.table.num_rows,
        "truncated": result.truncated,
        "duration_ms": result.duration_ms,
        "snapshots": {name: str(snapshot) for name, snapshot in result.snapshots.items()},
    }


def as_json(value: Any) -> Any:  # Any: whatever Arrow can hold, as what JSON can hold
    """Without loss: what JSON cannot say exactly (a long integer, a decimal, a time, bytes) becomes text."""
    match value:
        case dict():
            told: Any = {str(key): as_json(inner) for key, inner in value.items()}
        case list() | tuple():
            told = [as_json(inner) for inner in value]
        case datetime.datetime() | datetime.date() | datetime.time():
            told = value.isoformat()
        case bytes():
            told = base64.b64encode(value).decode()
        case None | bool() | str():
            told = value
        case int() if abs(value) <= SAFE_INTEGER:
            told = value
        case float() if math.isfinite(value):
            told = value
        case _:
            told = str(value)
    return told


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
