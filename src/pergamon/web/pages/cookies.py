"""Which cookies does the portal set, and how? One for the session, one for who is not in yet, and three that say how
pages look. None of them is for other sites, or for scripts."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

SESSION = "pergamon-session"
"""The token of a login (`identity.log_in`): 256 random bits, good for eight hours at most."""
VISIT = "pergamon-visit"
"""256 random bits for who has not signed in: the sign-in form is bound to them."""
LANGUAGE = "pergamon-language"
THEME = "pergamon-theme"
SAID = "pergamon-said"
"""The name of what the page after this one says once: `said.py`."""

A_YEAR_S = 31_536_000
LONGEST_SESSION = 200
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def session_token(scope: Scope) -> str | None:
    """The token that a browser came with; None when it has none that could be one."""
    token = cookie(scope, SESSION)
    return token if token and token.isascii() and len(token) <= LONGEST_SESSION else None


def cookie(scope: Scope, name: str) -> str | None:
    """A cookie's value. Where cookies are secure, only that of the guarded name: no other host can have set it."""
    value: str | None = HTTPConnection(scope).cookies.get(_name(scope, name))
    return value


def set_cookie(response: Response, scope: Scope, name: str, value: str, *, max_age_s: int | None = None) -> None:
    """Set a cookie; without an age it ends with the browser."""
    response.set_cookie(_name(scope, name), value, max_age=max_age_s, **_rules(scope))


def end_cookie(response: Response, scope: Scope, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(_name(scope, name), **_rules(scope))


def is_secure(scope: Scope) -> bool:
    """May cookies demand a way that nobody listens on? Over https, and on this very machine."""
    return scope.get("scheme") == "https" or _host(scope) in LOOPBACK


def _name(scope: Scope, name: str) -> str:
    return f"__Host-{name}" if is_secure(scope) else name


def _rules(scope: Scope) -> Mapping[str, Any]:  # Any: as Starlette takes them
    return {"path": "/", "secure": is_secure(scope), "httponly": True, "samesite": "lax"}


def _host(scope: Scope) -> str:
    """The host's name that was asked, without its port."""
    asked = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    if asked.startswith("["):
        return asked[1:].partition("]")[0]
    return asked.partition(":")[0].lower()
