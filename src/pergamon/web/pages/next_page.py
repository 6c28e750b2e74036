"""Where may a page send somebody on? To another page of ours, and nowhere else: an address that a stranger gave is read
as a path of this host, or not at all."""

import re
from urllib.parse import urlsplit

LONGEST = 2_000
_PATH = re.compile(r"/(?![/\\])[\x21\x23-\x5b\x5d-\x7e]*")
"""One slash first, then visible ASCII without quotes and backslashes: browsers read `/\\host` as another host."""


def local_path(given: str | None, *, otherwise: str = "/") -> str:
    """The path and query that were given, if they lead to a page here; else `otherwise`."""
    if not given or len(given) > LONGEST or _PATH.fullmatch(given) is None:
        return otherwise
    parts = urlsplit(given)
    return given if not parts.scheme and not parts.netloc else otherwise
