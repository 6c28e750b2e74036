"""`/api/v1/trail`: the trail, for auditors: its newest entries, and whether the chain holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import JSONResponse

from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED

router = APIRouter()

Word = Annotated[str | None, Query(max_length=2_000, pattern=r"^[^\x00]+$")]


@router.get("/api/v1/trail")
def entries(
    rt: RuntimeDep,
    actor: ActorDep,
    *,
    subject: Word = None,
    code: Word = None,
    by: Word = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
) -> JSONResponse:
    """The newest entries, newest first; by subject, kind, actor and time where given. Reading is itself recorded."""
    found = rt.read_trail(actor, subject=subject, code=code, by=by, since=since, until=until, limit=limit)
    return JSONResponse({"entries": [entry.as_json() for entry in found]}, headers=NEVER_STORED)


@router.get("/api/v1/trail/verification")
def verification(rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:  # Any: JSON
    """Recompute the whole chain and hold it against the signed heads; takes longer as the trail grows."""
    return rt.verify_trail(actor).as_json(rt.head_file.public_key_hex())
