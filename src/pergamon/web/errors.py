"""What an error looks like to a caller: `{code, message, hint, incident?}`, and a status from its kind.

A person with a browser who asked for a page gets the same as a page: `pages/error_page.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon.identity import LoginBusy, TooManyAttempts, Unauthenticated
from pergamon.kernel import Kind, PergamonError, keep_incident
from pergamon.web.permissions import is_page

STATUS_OF_KIND = {
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.INVALID: 400,
    Kind.UNAVAILABLE: 503,
}
"""One table; a test holds it to every kind."""

STATUS_OF_CODE = {
    "identity.unauthenticated": 401,
    "identity.too_many_attempts": 429,
    "objects.condition_failed": 412,
    "objects.content_too_large": 413,
    "objects.piece_mismatch": 460,
    "objects.storage_full": 507,
    "objects.upload_locked": 423,
}
"""Where HTTP (RFC 9110, RFC 6585) or tus has a word of its own for an error; a test holds each to a real code."""

FAULT_MEANS = {
    "extra_forbidden": "this is not known here; is it misspelled?",
    "missing": "it is needed",
    "string_too_short": "it is empty, or too short",
    "model_attributes_type": "send a JSON object, with Content-Type: application/json",
    "json_invalid": "it is no JSON",
    "timezone_aware": "a time needs its zone: 2026-01-31T00:00:00Z",
}
"""What pydantic's word for a fault means to who made it; its other words say enough."""


class WebError(PergamonError):
    """An error of the protocol itself; it names its own status."""

    code, kind = "web.error", Kind.INVALID
    status: ClassVar[int] = 400
    headers: ClassVar[dict[str, str]] = {}


NEVER_STORED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class ErrorTold:
    """An error as it is told, whatever it is told as."""

    status: int
    code: str
    message: str
    hint: str | None = None
    incident: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> JSONResponse:
        body = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.incident is not None:
            body |= {"incident": self.incident, "hint": "tell the operator the incident's number"}
        return JSONResponse(body, status_code=self.status, headers=NEVER_STORED | dict(self.headers))


ErrorPage = Callable[[Scope, ErrorTold], Response]
"""How an error becomes a page; the application brings it in `state.error_page`."""


def told(error: PergamonError, *, status: int | None = None) -> ErrorTold:
    """An error of ours as it is told."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyAttempts | LoginBusy):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, WebError):
        headers |= error.headers
    return ErrorTold(status or status_of(error), error.code, error.message, error.hint, headers=headers)


def error_response(error: PergamonError, *, status: int | None = None) -> JSONResponse:
    """An error of ours as a response to a program."""
    return told(error, status=status).as_json()


def answer(scope: Scope, error: ErrorTold) -> Response:
    """An error as a response to whoever asked: a page where a browser asked for one."""
    page: ErrorPage | None = getattr(scope["app"].state, "error_page", None)
    return page(scope, error) if page is not None and wants_page(scope) else error.as_json()


def wants_page(scope: Scope) -> bool:
    """Does a browser ask for a page? Programs do not say that they read HTML."""
    accepts = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return is_page(scope["path"]) and b"text/html" in accepts


def status_of(error: PergamonError) -> int:
    """The HTTP status of an error: its own, that of its code, or that of its kind."""
    if isinstance(error, WebError):
        return error.status
    return STATUS_OF_CODE.get(error.code, STATUS_OF_KIND[error.kind])


def add_error_handlers(app: FastAPI) -> None:
    """Teach the application our errors, FastAPI's and Starlette's; anything else is an incident."""

    @app.exception_handler(PergamonError)
    def ours(request: Request, error: PergamonError) -> Response:
        return answer(request.scope, told(error))

    @app.exception_handler(RequestValidationError)
    def not_valid(request: Request, error: RequestValidationError) -> Response:
        """Says where and what kind of fault, never what was sent: that may be somebody's data."""
        faults = "; ".join([_fault(fault) for fault in error.errors()][:10])
        return answer(
            request.scope,
            ErrorTold(422, "web.request_not_valid", "the request is not as this route needs it", faults),
        )

    @app.exception_handler(HTTPException)
    def plain(request: Request, error: HTTPException) -> Response:
        code = {404: "web.no_such_route", 405: "web.method_not_allowed"}.get(error.status_code, "web.refused")
        return answer(request.scope, ErrorTold(error.status_code, code, "there is nothing to answer this request"))


def _fault(fault: Mapping[str, Any]) -> str:  # Any: as pydantic tells them
    """`path.bucket: string_pattern_mismatch (it is to match ^[a-z]+$)`: where, what, and mostly what would do."""
    where = ".".join(str(part) for part in fault["loc"])[:100]
    pattern = fault.get("ctx", {}).get("pattern")
    means = f"it is to match {pattern}" if pattern else FAULT_MEANS.get(fault["type"])
    return f"{where}: {fault['type']}" + (f" ({means})" if means else "")


class Incidents:
    """The last line of defence: a bug answers a number; its traceback, which may hold values, goes to a 0600 log."""

    def __init__(self, app: ASGIApp, logs: Path) -> None:
        self._app = app
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as bug:
            incident = await anyio.to_thread.run_sync(keep_incident, self._logs, bug)
            if scope["type"] == "http" and not begun:
                bug_told = ErrorTold(500, "pergamon.bug", "something went wrong here", incident=incident)
                response = await anyio.to_thread.run_sync(_as_well_as_can_be, scope, bug_told)
                await response(scope, receive, send)


def _as_well_as_can_be(scope: Scope, error: ErrorTold) -> Response:
    """The page of a bug; a bug in showing it is told plainly."""
    try:
        return answer(scope, error)
    except Exception:
        return error.as_json()
