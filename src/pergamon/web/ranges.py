"""Which part of a content is asked for, and is it still the content that the caller knows? (RFC 9110, 13 and 14)

One range at a time: several, or what cannot be read, are answered with the whole, as the standard allows.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from pergamon import objects
from pergamon.web.errors import WebError

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.IGNORECASE)


class RangeNotSatisfiable(WebError):
    """No byte of the content lies in the range that was asked for."""

    code, status = "web.range_not_satisfiable", 416

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"the content has {size_bytes} bytes; the range lies outside")
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}  # type: ignore[misc]  # one answer's own


class PreconditionFailed(WebError):
    """The content is not, or no longer, the one that the request is about."""

    code, status = "web.precondition_failed", 412


@dataclass(frozen=True)
class ByteRange:
    """A part of a content: `size_bytes` from `first` on."""

    first: int
    size_bytes: int

    def content_range(self, whole_bytes: int) -> str:
        return f"bytes {self.first}-{self.first + self.size_bytes - 1}/{whole_bytes}"


@dataclass(frozen=True)
class Conditions:
    """The headers of a GET or HEAD that speak of the content as the caller knows it."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    if_range: str | None = None
    range: str | None = None

    def is_known(self, etag: str, modified: datetime) -> bool:
        """Does the caller have this very content, so that 304 is the answer?

        Raises:
            PreconditionFailed: it asks for another one.
            objects.BadCondition: a condition cannot be read.
        """
        if self.if_match is not None and not objects.matches(etag, self.if_match, strong=True):
            raise PreconditionFailed("the object is another one by now", hint="read it without If-Match")
        unmodified_since = read_date(self.if_unmodified_since) if self.if_match is None else None
        if unmodified_since is not None and whole_second(modified) > unmodified_since:
            raise PreconditionFailed("the object is a newer one", hint="read it without If-Unmodified-Since")
        if self.if_none_match is not None:
            return objects.matches(etag, self.if_none_match, strong=False)
        modified_since = read_date(self.if_modified_since)
        return modified_since is not None and whole_second(modified) <= modified_since

    def part(self, etag: str, modified: datetime, size_bytes: int) -> ByteRange | None:
        """The part that is asked for; None for the whole.

        Raises:
            RangeNotSatisfiable: the content has no such part.
        """
        if self.range is None or not self._range_counts(etag, modified):
            return None
        return read_range(self.range, size_bytes)

    def _range_counts(self, etag: str, modified: datetime) -> bool:
        """If-Range: a part only of the very content that the caller has a part of; a weak etag never is."""
        if self.if_range is None:
            return True
        written = self.if_range.strip()
        return written == f'"{etag}"' if '"' in written else read_date(written) == whole_second(modified)


def read_range(header: str, size_bytes: int) -> ByteRange | None:
    """The one range of a header; None when it is several, or cannot be read.

    Raises:
        RangeNotSatisfiable: the content has no byte of it.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        wanted = min(int(match[2]), size_bytes)
        if wanted == 0:
            raise RangeNotSatisfiable(size_bytes)
        return ByteRange(size_bytes - wanted, wanted)
    first, last = int(match[1]), min(int(match[2] or size_bytes), size_bytes - 1)
    if match[2] != "" and int(match[2]) < first:
        return None
    if first >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return ByteRange(first, last - first + 1)


def http_date(at: datetime) -> str:
    """As HTTP writes it, in whole seconds: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return format_datetime(at.astimezone(UTC), usegmt=True)


def read_date(header: str | None) -> datetime | None:
    """A date of HTTP; None for what is none: the standard says to ignore it."""
    try:
        read = parsedate_to_datetime(header) if header else None
    except (ValueError, OverflowError):
        return None
    return read.replace(tzinfo=UTC) if read is not None and read.tzinfo is None else read


def whole_second(at: datetime) -> datetime:
    """What Last-Modified can say."""
    return at.replace(microsecond=0)
