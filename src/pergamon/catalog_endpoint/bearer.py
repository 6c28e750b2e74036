"""Who may call at all: whoever holds this process's secret. Without it not even an unknown path is answered."""

import hmac

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class BearerOnly:
    """ASGI middleware: 401 unless the request carries the token; compared in constant time."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._is_known(scope)):
            await self._app(scope, receive, send)
            return
        body = {"error": {"message": "a bearer token is needed", "type": "NotAuthorizedException", "code": 401}}
        await JSONResponse(body, status_code=401)(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self._expected)
