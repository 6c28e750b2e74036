"""Below `/iceberg`, an error also has the form of the Iceberg REST specification, beside the one form of all errors.

One place for all of them: what the routes raise, and what is answered before a route is reached.
"""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon.catalog_endpoint import error_model
from pergamon.web.errors import WebError

PREFIX = "/iceberg/"
NO_ROUTE = ("web.no_such_route", "web.method_not_allowed")


class NotOffered(WebError):
    """The Iceberg REST catalog is asked for a call that it does not have."""

    code, status = "web.not_offered", 406


NOT_OFFERED = NotOffered(
    "this catalog does not offer this call",
    hint="databases are declared by configuration; tables are not renamed or registered; there is no prefix",
)


class IcebergErrors:
    """ASGI middleware: adds the specification's `error` to every JSON error below `/iceberg`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                held.append(message)
            elif held and message["type"] == "http.response.body":
                await _send_told(send, scope, held, message)
            else:
                await send(message)

        await self._app(scope, receive, told)


async def _send_told(send: Send, scope: Scope, held: list[Message], body: Message) -> None:
    """Errors are short, so they come whole: one start, one body."""
    start = held.pop()
    status, content = start["status"], body.get("body", b"")
    if content and scope["method"] != "HEAD":
        said = json.loads(content)
        if said["code"] in NO_ROUTE:
            status = NotOffered.status
            said = {"code": NotOffered.code, "message": NOT_OFFERED.message, "hint": NOT_OFFERED.hint}
        said["error"] = error_model(status, said["code"], said["message"], said["hint"])
        content = json.dumps(said).encode()
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    if content:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({**start, "status": status, "headers": headers})
    await send({**body, "body": content})
