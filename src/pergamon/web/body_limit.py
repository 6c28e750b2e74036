"""How large may a request's body be? Counted as it comes, whatever its header claims."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon.kernel import Invalid
from pergamon.web.errors import error_response

LARGEST_BODY_BYTES = 128 * 1024


class BodyTooLarge(Invalid):
    """A request's body is larger than any that this API needs."""

    code = "web.body_too_large"


class BodyLimit:
    """Reads the whole body before the route does, and answers a body that is too large by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > LARGEST_BODY_BYTES:
                refusal = BodyTooLarge(
                    f"a request's body may have {LARGEST_BODY_BYTES} bytes", hint="shorten the query"
                )
                await error_response(refusal, status=413)(scope, receive, send)
                return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)
