"""Did a page of ours send this form, to the person who sees it? Asked before any handler that changes something.

Two things, each of which is enough (defence in depth): the browser says that the request comes from this very host
(`Origin`, RFC 6454), and the form carries a text that only who knows the session's secret can make. That secret is in
a cookie that scripts cannot read; the text is an HMAC of it, masked anew on each page, so that no two are the same.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse
from starlette.types import Scope

from pergamon.kernel import Kind
from pergamon.web.authentication import bearer_token, has_bearer
from pergamon.web.body_limit import LARGEST_BODY_BYTES, bound_of
from pergamon.web.errors import WebError
from pergamon.web.pages.cookies import VISIT, cookie, session_token

TOKEN_FIELD = "form_token"  # noqa: S105 - the name of a field
TOKEN_HEADER = "x-form-token"  # noqa: S105 - the name of a header
FILE_FORM = "multipart/form-data"
FORM_WITH_FILE = ("POST", "/publish")
"""The one form with a file in it. Its route reads the token itself, before anything of the file."""
PIECES = "/uploads"
"""Where a script of ours sends files in pieces: its token is in a header, which no page of another site may set."""
MOST_FIELDS = 20_000
_PURPOSE = b"pergamon form token 1"
_SIZE = hashlib.sha256().digest_size


class FormNotGenuine(WebError):
    """A form was sent by another site, or from a page of an earlier session."""

    code, kind, status = "web.form_not_genuine", Kind.DENIED, 403


class FormNotReadable(WebError):
    """What was sent is not the fields of a form."""

    code, status = "web.form_not_readable", 400


def page_router() -> APIRouter:
    """The router of a file of pages: whatever changes something through it has been asked whether it is genuine."""
    return APIRouter(
        default_response_class=HTMLResponse, include_in_schema=False, dependencies=[Depends(require_genuine)]
    )


async def require_genuine(request: Request) -> None:
    """Leaves the fields of the form in the request's state.

    Raises:
        FormNotGenuine: another site sent it, or its token is not of this session.
        FormNotReadable: it is no form.
    """
    if request.method in ("GET", "HEAD"):
        return
    if not is_from_here(request):
        raise _not_genuine()
    path, kind = request.url.path, request.headers.get("content-type", "").partition(";")[0].strip().lower()
    request.state.fields = []
    if path == PIECES or path.startswith(f"{PIECES}/"):
        require_token(request, request.headers.getlist(TOKEN_HEADER))
    elif (request.method, path) != FORM_WITH_FILE or kind != FILE_FORM:
        fields = fields_in(await _bounded_body(request), request.headers.get("content-type", ""))
        request.state.fields = genuine_fields(request, fields)


def genuine_fields(request: Request, fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields without the token, which is of this session.

    Raises:
        FormNotGenuine: it is not.
    """
    require_token(request, [value for name, value in fields if name == TOKEN_FIELD])
    return [(name, value) for name, value in fields if name != TOKEN_FIELD]


def require_token(request: Request, tokens: list[str]) -> None:
    """
    Raises:
        FormNotGenuine: there is not exactly one, or it is not of this session.
    """
    secret = secret_of(request.scope)
    if len(tokens) != 1 or secret is None or not fits(tokens[0], secret):
        raise _not_genuine()


async def _bounded_body(request: Request) -> bytes:
    """The body; of a route that streams, no more than any form may have."""
    if bound_of(request.method, request.url.path) is not None:
        return await request.body()
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY_BYTES:
            raise FormNotReadable("only a file may be so large here")
    return body


def _not_genuine() -> FormNotGenuine:
    return FormNotGenuine(
        "this form does not come from a page of this session", hint="open the page anew, then send it again"
    )


def is_from_here(request: Request) -> bool:
    """Does the browser say that a page of this host sent it? Every browser says so of what it posts."""
    origins = request.headers.getlist("origin")
    return len(origins) == 1 and urlsplit(origins[0]).netloc == request.headers.get("host", "")


def fields_in(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The names and values of a form, line ends as we write them.

    Raises:
        FormNotReadable: it is none, or has a zero byte, which no database keeps.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise FormNotReadable("only the fields of a form are understood here")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise FormNotReadable("the fields of the form cannot be read") from None
    if any("\x00" in text for pair in pairs for text in pair):
        raise FormNotReadable("the fields of the form cannot be read")
    return [(name, value.replace("\r\n", "\n")) for name, value in pairs]


def secret_of(scope: Scope) -> str | None:
    """What a form is bound to: the session, and for who is not in yet, the visit."""
    if has_bearer(scope):
        return bearer_token(scope)
    return session_token(scope) or cookie(scope, VISIT)


def form_token(secret: str) -> str:
    """The text that a form carries, made anew for each page."""
    mask = secrets.token_bytes(_SIZE)
    return base64.urlsafe_b64encode(mask + _mixed(mask, _mac(secret))).decode()


def fits(token: str, secret: str) -> bool:
    """Is this a token of that secret? Takes as long whatever the answer."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except (ValueError, binascii.Error):
        return False
    return len(raw) == 2 * _SIZE and hmac.compare_digest(_mixed(raw[:_SIZE], raw[_SIZE:]), _mac(secret))


def _mac(secret: str) -> bytes:
    return hmac.digest(secret.encode(), _PURPOSE, "sha256")


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
