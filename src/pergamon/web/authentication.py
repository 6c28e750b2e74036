"""Who asks? A bearer token (RFC 6750), looked at before anything else of the request, or, for a page, the session's.

A cookie opens no route of the API: browsers send it along with whatever another site has them ask.
"""

from typing import Annotated

import anyio.to_thread
from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from pergamon.identity import Unauthenticated
from pergamon.kernel import Actor, PergamonError
from pergamon.runtime import Runtime
from pergamon.web.errors import answer, told
from pergamon.web.pages.cookies import session_token
from pergamon.web.pages.static_files import static_paths
from pergamon.web.permissions import is_page, is_public

LONGEST_TOKEN = 200


class Authentication:
    """Lets a request with a live token through, with its actor; and what `permissions.py` calls public."""

    def __init__(self, app: ASGIApp, rt: Runtime) -> None:
        self._app = app
        self._rt = rt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)  # the server's own word that it begins and ends; nobody's request
            return
        if scope["type"] != "http":
            return  # no other protocol is spoken here
        if not is_open(scope["method"], scope["path"]):
            try:
                token = token_of(scope)
                actor = await anyio.to_thread.run_sync(self._rt.authenticate, token)
            except PergamonError as error:
                await answer(scope, told(error))(scope, receive, send)
                return
            scope.setdefault("state", {})["actor"] = actor
        await self._app(scope, receive, send)


def is_open(method: str, path: str) -> bool:
    """Is this answered to everybody? Exact paths alone: those of the table, and those of the styles and scripts."""
    return is_public(method, path) or (method == "GET" and path in static_paths())


def token_of(scope: Scope) -> str:
    """The token that a request came with: of its header, or for a page without one, of its session.

    Raises:
        Unauthenticated: there is none.
    """
    session = session_token(scope) if is_page(scope["path"]) and not has_bearer(scope) else None
    return session or bearer_token(scope)


def has_bearer(scope: Scope) -> bool:
    """Does it come with an Authorization header? Browsers send none by themselves."""
    return any(name == b"authorization" for name, _ in scope["headers"])


def bearer_token(scope: Scope) -> str:
    """The token of the one Authorization header.

    Raises:
        Unauthenticated: there is none, or it is not a bearer token.
    """
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = values[0].decode("latin-1").partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise Unauthenticated("a token is needed", hint="send the header `Authorization: Bearer <token>`")
    return token


def current_actor(request: Request) -> Actor:
    """The actor that `Authentication` found."""
    actor: Actor = request.state.actor
    return actor


def current_runtime(request: Request) -> Runtime:
    """The installation that this application serves."""
    rt: Runtime = request.app.state.rt
    return rt


ActorDep = Annotated[Actor, Depends(current_actor)]
RuntimeDep = Annotated[Runtime, Depends(current_runtime)]
