"""An error as a page: what happened, what to do, and the code that a colleague can look up.

What a room says is English, and exact. What a page says above it is in the reader's language, by the error's code or,
where nobody has written more, by its status.
"""

from contextlib import suppress
from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from pergamon.web.errors import ErrorTold
from pergamon.web.pages.headers import PAGE_HEADERS
from pergamon.web.pages.page import Look, current_page
from pergamon.web.pages.words import Advice, advice_on

SIGN_IN = "/sign-in"


def error_page(scope: Scope, error: ErrorTold) -> Response:
    """The page of an error; who is not signed in is sent to where they can."""
    if error.status == 401 and scope["path"] != SIGN_IN and not _asks_for_part(scope):
        return RedirectResponse(_sign_in_path(scope), status_code=303, headers=PAGE_HEADERS)
    look = _look_of(scope)
    advice: Advice = advice_on(error.code, error.status)
    response = look.show("error.html", fragment="_error.html", status=error.status, error=error, advice=advice)
    response.headers.update({name: value for name, value in error.headers.items() if name != "WWW-Authenticate"})
    return response


def _look_of(scope: Scope) -> Look:
    """The page of whoever has signed in, with the navigation; where that cannot be had now, the page of everybody."""
    request, rt, actor = Request(scope), scope["app"].state.rt, scope.get("state", {}).get("actor")
    if actor is not None:
        with suppress(Exception):  # an error is told whatever else fails
            return current_page(request, rt, actor)
    return Look(request, rt)


def _sign_in_path(scope: Scope) -> str:
    """The sign-in page, which leads back to what was asked for; to what was to be changed, nothing leads back."""
    if scope["method"] != "GET" or scope["path"] == "/":
        return SIGN_IN
    query = scope["query_string"].decode("latin-1")
    return f"{SIGN_IN}?next={quote(scope['path'] + (f'?{query}' if query else ''), safe='/')}"


def _asks_for_part(scope: Scope) -> bool:
    return any(name == b"x-fragment" for name, _ in scope["headers"])
