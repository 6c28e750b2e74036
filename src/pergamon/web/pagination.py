"""One convention for long lists: `?limit=&after=`, and `"next"` in the answer, which is the next `after`, or null.

`next` is opaque: it holds a place in an order, and no right. What may be seen is decided anew for each page.

    @router.get("/api/v1/things")
    def things(rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None) -> dict[str, Any]:
        (name,) = place_in(after, str) or ("",)
        with rt.begin(actor) as uow:
            found = room.list_things(uow, after=name, limit=limit + 1)
        return page("things", [thing.as_json() for thing in found], limit, lambda last: cursor(last["name"]))
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from pergamon.web.errors import WebError

LARGEST_PAGE = 1000
LONGEST_CURSOR = 4096

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at most.")]
After = Annotated[str | None, Query(max_length=LONGEST_CURSOR, description="`next` of the page before.")]

Part = str | int


class BadCursor(WebError):
    """`after` is not what an answer's `next` said."""

    code, status = "web.bad_cursor", 400


def cursor(*parts: Part) -> str:
    """A place in an order, as text that is safe in an address."""
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_in(after: str | None, *types: type[str] | type[int]) -> tuple[Any, ...] | None:
    """The parts of a cursor, each of its type; None where the list begins.

    Raises:
        BadCursor: no cursor of this list.
    """
    if after is None:
        return None
    try:
        raw = base64.b64decode(after.encode("ascii") + b"=" * (-len(after) % 4), altchars=b"-_", validate=True)
        parts = json.loads(raw)
        "".join(part for part in parts if isinstance(part, str)).encode()  # lone surrogates are no text
    except (ValueError, TypeError, binascii.Error, RecursionError):
        parts = None
    fits = isinstance(parts, list) and len(parts) == len(types)
    if not fits or any(type(part) is not wanted for part, wanted in zip(parts, types, strict=True)):
        raise BadCursor("`after` is not a `next` of this list", hint="begin without `after`")
    if any("\x00" in part if isinstance(part, str) else abs(part) >= 2**63 for part in parts):
        raise BadCursor("`after` is not a `next` of this list", hint="begin without `after`")
    return tuple(parts)


def moment_in(after: str | None) -> tuple[datetime, str] | None:
    """The moment and the id of a list that is ordered by time; None where it begins.

    Raises:
        BadCursor: no cursor of such a list.
    """
    place = place_in(after, str, str)
    if place is None:
        return None
    try:
        moment = datetime.fromisoformat(place[0])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadCursor("`after` is not a `next` of this list", hint="begin without `after`")
    return moment, place[1]


def page(name: str, found: list[Any], limit: int, place: Callable[[Any], str]) -> dict[str, Any]:
    """The answer of a list that was asked for one more than `limit`: `{name: [...], "next": cursor | null}`."""
    shown = found[:limit]
    return {name: shown, "next": place(shown[-1]) if len(found) > limit else None}
