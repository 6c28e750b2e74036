"""How large may a request's body be? Counted as it comes, whatever its header claims. Each route has its bound.

A body is read whole before its route runs, so that a route in a thread never waits for a client. Routes that stream
read theirs themselves, after they have asked the policy, and count for themselves.
"""

import hashlib

import anyio.to_thread
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon.web.errors import WebError, answer, told

LARGEST_BODY_BYTES = 128 * 1024
"""Of a route that is not named below."""

LARGER_BODIES = {
    ("POST", "/api/v1/assets/edits"): 8 * 1024 * 1024,
    ("POST", "/api/v1/assets/{asset}/edit"): 2 * 1024 * 1024,
    ("POST", "/api/v1/projects/{project}/products"): 1024 * 1024,
    ("POST", "/api/v1/lineage"): 1024 * 1024,
    ("POST", "/assets/{asset}/edit"): 2 * 1024 * 1024,
    ("POST", "/query"): 512 * 1024,
    ("POST", "/saved-queries"): 512 * 1024,
    ("POST", "/iceberg/v1/namespaces/{namespace}/tables"): 1024 * 1024,
    ("POST", "/iceberg/v1/namespaces/{namespace}/tables/{table}"): 1024 * 1024,
    ("POST", "/iceberg/v1/namespaces/{namespace}/tables/{table}/metrics"): 1024 * 1024,
    ("POST", "/iceberg/v1/transactions/commit"): 4 * 1024 * 1024,
}
"""Routes whose documents are longer, as (method, path as it is routed): bytes."""

STREAMED = (
    ("PUT", "/api/v1/buckets/{bucket}/objects/{key:path}"),
    ("POST", "/api/v1/uploads"),
    ("PATCH", "/api/v1/uploads/{upload_id}"),
    ("POST", "/publish"),
    ("POST", "/uploads"),
    ("PATCH", "/uploads/{upload_id}"),
)
"""Routes that read their body themselves, piece by piece."""

_BOUNDS = [
    (method, compile_path(path)[0], bound)
    for method, path, bound in [
        *((method, path, size) for (method, path), size in LARGER_BODIES.items()),
        *((method, path, None) for method, path in STREAMED),
    ]
]


class BodyTooLarge(WebError):
    """A request's body is larger than its route needs."""

    code, status = "web.body_too_large", 413


def bound_of(method: str, path: str) -> int | None:
    """How many bytes a request's body may have; None: its route streams."""
    for its_method, pattern, bound in _BOUNDS:
        if its_method == method and pattern.match(path):
            return bound
    return LARGEST_BODY_BYTES


class BodyLimit:
    """Reads the whole body before the route does, and answers a body that is too large by itself.

    Leaves its SHA-256 in the request's state, for `idempotency.py`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bound = bound_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if bound is None:
            await self._app(scope, receive, send)
            return
        messages = await _whole_body(receive, bound) if claimed_size(scope) <= bound else None
        if messages is None:
            refusal = BodyTooLarge(f"a request's body may have {bound} bytes here", hint="send less at once")
            response = await anyio.to_thread.run_sync(answer, scope, told(refusal))
            await response(scope, receive, send)
            return
        digest = hashlib.sha256(b"".join(message.get("body", b"") for message in messages)).hexdigest()
        scope.setdefault("state", {})["body_sha256"] = digest

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)


async def _whole_body(receive: Receive, bound: int) -> list[Message] | None:
    """The messages of a body; None as soon as it is larger than the bound."""
    messages: list[Message] = []
    size, more = 0, True
    while more:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
        if size > bound:
            return None
    return messages


def claimed_size(scope: Scope) -> int:
    """What Content-Length says; 0 where it says nothing that can be a number."""
    claims = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(claims[0]) if claims and claims[0].isdigit() else 0
