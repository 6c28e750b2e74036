"""Where a page ends, so that the next begins there, whatever has been added or removed before it meanwhile."""

import base64
import binascii
import json
from dataclasses import dataclass

from pergamon.kernel import canonical_bytes, sha256_hex
from pergamon.search.model import SearchRequest, WrongCursor


@dataclass(frozen=True)
class Cursor:
    """The last hit of a page: its key in the order, its tie, and how many hits came up to it."""

    key: float | int | str
    tie: int
    seen: int


def cursor_text(cursor: Cursor, request: SearchRequest) -> str:
    """A cursor as it is handed out; it belongs to this search and no other."""
    told = [_search(request), cursor.key, cursor.tie, cursor.seen]
    return base64.urlsafe_b64encode(json.dumps(told, ensure_ascii=False).encode()).decode().rstrip("=")


def cursor_of(request: SearchRequest) -> Cursor | None:
    """The cursor that a request brings; None for the first page.

    Raises:
        WrongCursor: it is not one of ours, or belongs to another search.
    """
    if request.after is None:
        return None
    try:
        padded = request.after + "=" * (-len(request.after) % 4)
        told = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        search, key, tie, seen = told
        str(key).encode()  # half a character is no text
        is_ours = isinstance(key, float | int | str) and type(tie) is type(seen) is int and seen >= 0
    except (ValueError, TypeError, RecursionError, binascii.Error):
        is_ours = False
    if not is_ours or search != _search(request):
        raise WrongCursor("this cursor does not belong to this search", hint="begin again without `after`") from None
    return Cursor(key, tie, seen)


def _search(request: SearchRequest) -> str:
    """What makes two requests the same search, whatever their page."""
    facets = {facet.value: sorted(values) for facet, values in request.facets.items() if values}
    return sha256_hex(canonical_bytes({"text": request.text, "facets": facets, "sort": request.sort.value}))[:16]
