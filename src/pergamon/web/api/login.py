"""`POST /api/v1/login`: a name and a password for a token of eight hours. `POST /api/v1/logout`: revokes that token."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import identity
from pergamon.web.authentication import LONGEST_TOKEN, ActorDep, RuntimeDep, bearer_token
from pergamon.web.errors import NEVER_STORED

router = APIRouter()


class LoginRequest(BaseModel):
    """Who, with which password; and a token of an earlier login, so that others' failures do not count for them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    person: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    password: Annotated[str, Field(min_length=1, max_length=identity.LONGEST_PASSWORD, repr=False)]
    previous_token: Annotated[str | None, Field(max_length=LONGEST_TOKEN, repr=False)] = None


@router.post("/api/v1/login")
def log_in(asked: LoginRequest, rt: RuntimeDep) -> JSONResponse:
    """The token is in this answer and nowhere else."""
    login = rt.log_in(asked.person, asked.password, previous_token=asked.previous_token)
    told = {
        "token": login.token,
        "valid_until": login.valid_until.astimezone(UTC).isoformat(timespec="seconds"),
        "person": login.person,
    }
    return JSONResponse(told, headers=NEVER_STORED)


@router.post("/api/v1/logout")
def log_out(request: Request, rt: RuntimeDep, actor: ActorDep) -> JSONResponse:
    """The token that this request came with is refused from now on."""
    with rt.begin(actor) as uow:
        identity.log_out(uow, bearer_token(request.scope))
    return JSONResponse({"revoked": True}, headers=NEVER_STORED)
