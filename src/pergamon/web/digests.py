"""Digests of what is sent and of what is kept: `Content-Digest`, `Repr-Digest` (RFC 9530), SHA-256."""

import base64
import binascii
import re

from pergamon.web.errors import WebError

_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*")


class BadDigest(WebError):
    """A digest header that cannot be read, or names no algorithm that is checked here."""

    code, status = "web.bad_digest", 400
    headers = {"Want-Content-Digest": "sha-256=10"}  # noqa: RUF012 - a ClassVar of the base


def digest_header(sha256_hex: str) -> str:
    """`sha-256=:…:`"""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256_hex)).decode()}:"


def expected_sha256(*headers: str | None) -> str | None:
    """The SHA-256 that the headers agree on, in hexadecimal; None when none is there.

    Raises:
        BadDigest: one cannot be read, has no sha-256, or two differ. A digest that is not checked would be a lie.
    """
    found = {_sha256(header) for header in headers if header is not None}
    if len(found) > 1:
        raise BadDigest("Content-Digest and Repr-Digest differ", hint="without a content coding they are the same")
    return found.pop() if found else None


def _sha256(header: str) -> str:
    members = [_MEMBER.fullmatch(part) for part in header.split(",")]
    by_name = {member[1]: member[2] for member in members if member}
    try:
        digest = base64.b64decode(by_name["sha-256"], validate=True) if all(members) else b""
    except (KeyError, binascii.Error):
        digest = b""
    if len(digest) != 32:
        raise BadDigest("the digest cannot be read, or is not a SHA-256", hint="send sha-256=:BASE64:")
    return digest.hex()
