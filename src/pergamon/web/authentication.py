"""Who asks? A bearer token (RFC 6750), looked at before anything else of the request: not its path, not its body."""

from typing import Annotated

import anyio.to_thread
from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from pergamon.identity import Unauthenticated
from pergamon.kernel import Actor, PergamonError
from pergamon.runtime import Runtime
from pergamon.web.errors import error_response
from pergamon.web.permissions import is_public

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
        if not is_public(scope["method"], scope["path"]):
            try:
                token = bearer_token(scope)
                actor = await anyio.to_thread.run_sync(self._rt.authenticate, token)
            except PergamonError as error:
                await error_response(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["actor"] = actor
        await self._app(scope, receive, send)


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
