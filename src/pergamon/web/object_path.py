"""Which object does an address name? Read from the address as it was sent, not as a router already decoded it.

A router decodes leniently: bytes that are no text become a replacement character, so two addresses would mean one key.
Here each octet is decoded once (RFC 3986, section 2.1), and what is not UTF-8 is refused. `%2F` is a slash of the key,
as it is in the key itself; what a key may hold, the room `objects` says.
"""

import re
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Path, Request

from pergamon.web.errors import WebError

BUCKET_NAME = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
BucketName = Annotated[str, Path(pattern=BUCKET_NAME, description="3 to 63 of a-z, 0-9 and dash.")]


class BadPath(WebError):
    """An address that cannot be decoded to a key without guessing."""

    code, status = "web.bad_path", 400


def object_key(
    request: Request,
    bucket: BucketName,
    key: Annotated[str, Path(min_length=1, description="The key, each octet that is not unreserved percent-encoded.")],
) -> str:
    """The key in `/api/v1/buckets/{bucket}/<what>/{key}`.

    Raises:
        BadPath: a percent sign without two digits, octets that are not UTF-8, or an encoded slash before the key.
    """
    raw: bytes = request.scope["raw_path"]
    parts = raw.split(b"/", 6)
    if len(parts) != 7 or parts[4] != bucket.encode():
        raise BadPath("the address names no object", hint="/api/v1/buckets/BUCKET/objects/KEY")
    return decoded(parts[6])


def decoded(raw: bytes) -> str:
    """Percent-decode, strictly.

    Raises:
        BadPath: it cannot be done without guessing.
    """
    if re.search(rb"%(?![0-9A-Fa-f]{2})", raw):
        raise BadPath("a percent sign in the address is not followed by two digits", hint="write a percent sign as %25")
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadPath("the address is not UTF-8", hint="percent-encode the UTF-8 octets of the key") from None


KeyDep = Annotated[str, Depends(object_key)]
