"""The words of tus 1.0.0 (https://tus.io/protocols/resumable-upload): its headers, read and written."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon import objects
from pergamon.web.errors import NEVER_STORED, WebError, error_response
from pergamon.web.ranges import http_date

PATH = "/api/v1/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
CHECKSUMS = ("sha256", "sha1")
"""sha1 because the protocol demands it: it finds what the line broke, not what somebody forged."""
PIECE_TYPE = "application/offset+octet-stream"
METHOD_OVERRIDE = b"x-http-method-override"
METHODS = ("PATCH", "HEAD", "DELETE", "OPTIONS", "POST")
LARGEST_NUMBER = 2**63 - 1


class OtherTusVersion(WebError):
    """The request does not speak the version of tus that is spoken here."""

    code, status = "web.other_tus_version", 412
    headers = {"Tus-Version": VERSION}  # noqa: RUF012 - a ClassVar of the base


class BadTusHeader(WebError):
    """A header of tus is missing, or cannot be read."""

    code, status = "web.bad_tus_header", 400


class NotAPiece(WebError):
    """A piece of an upload has the content type application/offset+octet-stream."""

    code, status = "web.not_a_piece", 415


class BadMethodOverride(WebError):
    """X-HTTP-Method-Override is for a POST to an upload, and names a method of tus."""

    code, status = "web.bad_method_override", 400


class TusHeaders:
    """Says the version with every answer about uploads, errors too; and takes the method that the protocol says.

    `X-HTTP-Method-Override` is for clients whose surroundings know only GET and POST: the method that it names is the
    request's, before anybody asks who may do it. Only a POST can be another method: a GET never changes anything.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        if scope["type"] != "http" or not (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/")):
            await self._app(scope, receive, send)
            return
        try:
            meant = {**scope, "method": method_of(scope)}
        except BadMethodOverride as error:
            await error_response(error)(scope, receive, with_version)
            return
        await self._app(meant, receive, with_version)


def method_of(scope: Scope) -> str:
    """The method of a request about uploads.

    Raises:
        BadMethodOverride: the header names no method of tus, stands twice, or the request is no POST.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    written = [value.decode("latin-1").strip().upper() for name, value in headers if name == METHOD_OVERRIDE]
    method: str = scope["method"]
    if not written or written == [method]:
        return method
    if method != "POST" or len(written) != 1 or written[0] not in METHODS:
        raise BadMethodOverride(
            "X-HTTP-Method-Override cannot be taken", hint=f"send it with a POST, once, naming {', '.join(METHODS)}"
        )
    return written[0]


def require_version(request: Request) -> None:
    """Raises: OtherTusVersion."""
    if request.headers.get("tus-resumable") != VERSION:
        raise OtherTusVersion(f"tus {VERSION} is spoken here", hint=f"send the header Tus-Resumable: {VERSION}")


TusDep = Annotated[None, Depends(require_version)]


def number_in(request: Request, name: str) -> int:
    """A header that is a whole number, not negative.

    Raises:
        BadTusHeader: it is missing, or is none.
    """
    written = request.headers.get(name, "")
    if not re.fullmatch(r"[0-9]{1,19}", written) or int(written) > LARGEST_NUMBER:
        raise BadTusHeader(f"{name} is missing, or is no whole number of bytes")
    return int(written)


def metadata_in(request: Request) -> dict[str, str]:
    """Upload-Metadata: `name base64,name base64`; every value is text here.

    Raises:
        BadTusHeader: it is not of that form, or a name stands twice.
    """
    written = request.headers.get("upload-metadata", "").strip()
    pairs = [_pair(part) for part in written.split(",")] if written else []
    if len(dict(pairs)) != len(pairs):
        raise BadTusHeader("Upload-Metadata names something twice")
    return dict(pairs)


def tags_in(metadata: Mapping[str, str]) -> dict[str, str] | None:
    """The value `tags` of the metadata: `name=value&name=value`, percent-encoded; None when it is not named.

    Raises:
        BadTusHeader: it is not of that form, or a name stands twice.
    """
    written = metadata.get("tags")
    if written is None:
        return None
    try:
        pairs = parse_qsl(written, keep_blank_values=True, strict_parsing=bool(written), errors="strict")
    except ValueError:
        raise BadTusHeader("the tags cannot be read", hint="name=value&name=value, percent-encoded") from None
    if len(dict(pairs)) != len(pairs):
        raise BadTusHeader("a tag stands twice")
    return dict(pairs)


def checksum_in(request: Request) -> objects.PieceChecksum | None:
    """Upload-Checksum: `sha256 BASE64`.

    Raises:
        BadTusHeader: an algorithm that is not checked here, or no digest of it.
    """
    written = request.headers.get("upload-checksum")
    if written is None:
        return None
    algorithm, _, encoded = written.partition(" ")
    digest = _decoded(encoded)
    if algorithm not in CHECKSUMS or digest is None or len(digest) != hashlib.new(algorithm).digest_size:
        raise BadTusHeader("Upload-Checksum cannot be read", hint=f"one of {', '.join(CHECKSUMS)}, a blank, base64")
    return objects.PieceChecksum(algorithm, digest)


def require_piece(request: Request) -> None:
    """Raises: NotAPiece."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE_TYPE:
        raise NotAPiece(f"a piece has the content type {PIECE_TYPE}")


def headers_of(upload: objects.Upload) -> dict[str, str]:
    """What is said of an upload with every answer; the version once it is an object."""
    said = {"Upload-Offset": str(upload.offset_bytes), "Upload-Expires": http_date(upload.expires_at)}
    return NEVER_STORED | said | ({"X-Pergamon-Version": upload.version_id} if upload.version_id else {})


def metadata_of(upload: objects.Upload) -> str:
    """Upload-Metadata, as HEAD repeats it."""
    said = {"bucket": upload.bucket, "key": upload.key, "filetype": upload.content_type or ""}
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}".strip() for name, value in said.items())


def _pair(part: str) -> tuple[str, str]:
    name, _, encoded = part.strip().partition(" ")
    value = _decoded(encoded)
    try:
        text = value.decode() if value is not None else None
    except UnicodeDecodeError:
        text = None
    if not re.fullmatch(r"[\x21-\x2b\x2d-\x7e]{1,100}", name) or text is None:
        raise BadTusHeader("Upload-Metadata cannot be read", hint="name BASE64-OF-UTF-8, with commas between")
    return name, text


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
