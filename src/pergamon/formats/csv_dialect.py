"""How is this text cut into fields? The delimiter under which the first lines have the same number of fields.

Pure. Quotes are doubled inside quotes (RFC 4180). What is guessed here is checked on every line when the file is read.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from pergamon.formats.infer import LONGEST_VALUE
from pergamon.formats.model import FormatHints, Limits, Unreadable

DELIMITERS = (",", ";", "\t", "|")
HEAD_RECORDS = 200
VALUE = re.compile(
    r"\s*([-+]?[.,]*\d[\d.,]*([eE][-+]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?|true|false)\s*", re.I
)


@dataclass(frozen=True)
class Dialect:
    """names: of the header, or None where there is none. skip: lines before the first record."""

    delimiter: str
    quote: str
    columns: int
    names: tuple[str, ...] | None
    skip: int


def dialect_of(text: str, hints: FormatHints, limits: Limits, *, is_whole: bool) -> Dialect:
    """The dialect of a text, from its beginning.

    Raises:
        Unreadable: nothing in it, or a first line beyond the limits.
    """
    skip = len(text) - len(text.lstrip("\r\n"))
    skipped = text[:skip]
    body = text[skip:]
    if not body.strip():
        raise Unreadable("there is no text in it", hint="nothing was loaded; upload the file again if it has rows")
    longest = max((len(line) for line in body.splitlines()), default=0)
    if longest > limits.line_bytes:
        raise Unreadable(f"a line is longer than {limits.line_bytes} bytes", hint="is it text in lines?", line=1)
    quote = '"' if hints.quote is None else hints.quote
    delimiter = hints.delimiter or _best_delimiter(body, quote, is_whole)
    records = _records(body, delimiter, quote, is_whole)
    if not records:
        raise Unreadable("its first line does not end", hint="a quote that is not closed?", line=1)
    columns = len(records[0])
    if columns > limits.columns:
        raise Unreadable(
            f"it has {columns} columns; {limits.columns} is the limit", hint="store it as rows, not columns"
        )
    has_header = hints.header if hints.header is not None else _has_header(records)
    names = tuple(records[0]) if has_header else None
    return Dialect(delimiter, quote, columns, names, skipped.count("\n") or skipped.count("\r"))


def _best_delimiter(body: str, quote: str, is_whole: bool) -> str:
    scored = []
    for place, delimiter in enumerate(DELIMITERS):
        records = _records(body, delimiter, quote, is_whole)
        if not records:
            continue
        widths = Counter(len(record) for record in records)
        width, often = widths.most_common(1)[0]
        same = often / len(records)
        scored.append((width > 1, len(records[0]) == width, round(same, 2), width, -place, delimiter))
    return max(scored)[-1] if scored and max(scored)[0] else ","


def _records(body: str, delimiter: str, quote: str, is_whole: bool) -> list[list[str]]:
    """The first records, whole ones only."""
    csv.field_size_limit(2**31 - 1)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    reader = csv.reader(StringIO(body, newline=""), delimiter=delimiter, quotechar=quote or None, quoting=quoting)
    records: list[list[str]] = []
    try:
        for record in reader:
            if record:
                records.append(record)
            if len(records) > HEAD_RECORDS:
                return records[:-1]
    except csv.Error:
        return records
    return records if is_whole or len(records) == 1 else records[:-1]


def _has_header(records: list[list[str]]) -> bool:
    """Is the first record names? Not when it looks like the values below it."""
    first, rest = records[0], records[1:]
    votes = 0
    for place, cell in enumerate(first):
        below = [record[place] for record in rest if len(record) > place and record[place].strip()]
        if below and all(map(_is_value, below)):
            votes += -1 if _is_value(cell) else (1 if cell.strip() else 0)
    if votes:
        return votes > 0
    return not any(map(_is_value, first))


def _is_value(cell: str) -> bool:
    """Does it look like a number, a date or a truth value? A long one would cost time by the square of its length."""
    return len(cell) <= LONGEST_VALUE and VALUE.fullmatch(cell) is not None
