"""How long is a client waited for? A request that never ends would hold its connection, and a thread, for ever.

A body may be silent for `SILENCE_S`, and may take `GRACE_S` and what its bytes take at `SLOWEST_BYTES_PER_S`. The head
of a request is the server's matter: `server.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon.web.errors import WebError, error_response

SILENCE_S = 20.0
GRACE_S = 30.0
SLOWEST_BYTES_PER_S = 4096


class RequestTooSlow(WebError):
    """A request's body came too slowly, or not at all."""

    code, status = "web.request_too_slow", 408
    headers = {"Connection": "close"}  # noqa: RUF012 - a ClassVar of the base


@dataclass
class _Waiting:
    """What is left of the patience with one body."""

    receive: Receive
    silence_s: float
    grace_s: float
    clock: Callable[[], float] = anyio.current_time
    begun: float | None = None
    bytes_seen: int = field(default=0)
    whole: bool = False

    async def message(self) -> Message:
        """The next message; once the body is whole, `receive` as it is: it then tells that the client went away.

        Raises:
            RequestTooSlow: nothing came in time.
        """
        if self.whole:
            return await self.receive()
        self.begun = self.clock() if self.begun is None else self.begun
        left = self.begun + self.grace_s + self.bytes_seen / SLOWEST_BYTES_PER_S - self.clock()
        try:
            with anyio.fail_after(max(0.0, min(self.silence_s, left))):
                message = await self.receive()
        except TimeoutError:
            raise RequestTooSlow(
                "the request's body did not come in time", hint="send it anew, or resume the upload"
            ) from None
        self.bytes_seen += len(message.get("body", b""))
        self.whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


class Patience:
    """Gives up on a body that does not come; a route that streams meets `RequestTooSlow` where it reads."""

    def __init__(self, app: ASGIApp, silence_s: float = SILENCE_S, grace_s: float = GRACE_S) -> None:
        self._app = app
        self._silence_s = silence_s
        self._grace_s = grace_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        waiting = _Waiting(receive, self._silence_s, self._grace_s)
        try:
            await self._app(scope, waiting.message, watched)
        except RequestTooSlow as slow:
            if not begun:
                await error_response(slow)(scope, receive, send)
