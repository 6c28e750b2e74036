"""Every answer says so when this host does untrusted work without all that should confine it (ADR 0006)."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon.client.confinement import HEADER
from pergamon.runtime import Runtime


class WeakConfinement:
    """Middleware: the header of `pergamon.client.confinement`, on pages and errors too."""

    def __init__(self, app: ASGIApp, rt: Runtime) -> None:
        self._app, self._rt = app, rt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self._rt.weak_confinement

        async def saying_so(message: Message) -> None:
            if left is not None and message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = left
            await send(message)

        await self._app(scope, receive, saying_so)
