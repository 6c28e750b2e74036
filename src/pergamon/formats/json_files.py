"""JSON and NDJSON: an array of objects, one object, or an object a line; nested as deep as a table can be.

Every value is looked at before a type is chosen, so nothing is guessed: the file is read twice, a record at a time.
Numbers keep each digit (they are never floats on the way).
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Literal

import pyarrow as pa

from pergamon.formats.arrow_out import write_batches
from pergamon.formats.model import FilePart, Limits, Misfit, Unreadable, WrittenPart
from pergamon.formats.names import renamed_warning
from pergamon.formats.shapes import Shape, Value, batch_of
from pergamon.formats.text_file import decoded, encoding_of, head, unpacked
from pergamon.formats.work import Look, Writing

BATCH_ROWS = 8_192
ONLY_COLUMN = "value"
"""The column of records that are no objects."""


def inspect_json(look: Look, kind: Literal["json", "ndjson"]) -> FilePart:
    """The columns, from every record.

    Raises:
        Unreadable: not JSON (with the line where known), or beyond the limits.
    """
    encoding = encoding_of(
        head(look.path, look.compression, look.limits, 64 * 1024), look.hints.encoding, is_whole=False
    )
    shape, rows = Shape(), 0
    for record in _records(look, kind, encoding):
        shape.see(record, look.limits)
        rows += 1
        if len(shape.fields) > look.limits.columns:
            raise Unreadable(f"its records have more than {look.limits.columns} keys", hint="store them as rows")
    if not shape.fields:
        raise Unreadable("there is no record with a key in it", hint="an array of objects, or one object a line")
    fields = shape.columns()
    mixed = [
        f"column {place.lstrip('.')}: its values are of several kinds, kept as text" for place in shape.mixed()[:20]
    ]
    return FilePart(
        name=None,
        format=kind,
        compression=look.compression,
        schema=pa.schema(fields),
        rows=rows,
        in_place=False,
        dialect={
            "encoding": encoding,
            "hints": look.hints.model_dump(mode="json", exclude_defaults=True),
            "this_year": look.this_year,
        },
        warnings=(*renamed_warning([field.name for field in fields], list(shape.fields)), *mixed),
    )


def write_json(writing: Writing) -> WrittenPart:
    """The records with the target's columns.

    Raises:
        Unreadable: not JSON. Misfit: see `write_batches`.
    """
    return write_batches(writing, _batches(writing))


def _batches(writing: Writing) -> Iterator[pa.RecordBatch]:
    part = writing.part
    kind: Literal["json", "ndjson"] = "ndjson" if part.format == "ndjson" else "json"
    records = _records(writing.look(), kind, part.dialect["encoding"])
    while rows := list(islice(records, BATCH_ROWS)):
        try:
            yield batch_of(rows, part.schema)
        except (ValueError, TypeError, AttributeError, ArithmeticError, pa.ArrowException):
            raise Misfit("a record is not what it was when the file was inspected", part) from None


def _records(look: Look, kind: Literal["json", "ndjson"], encoding: str) -> Iterator[dict[str, Value]]:
    pieces = decoded(unpacked(look.path, look.compression, look.limits), encoding)
    found = _lines(pieces, look.limits) if kind == "ndjson" else _elements(pieces, look.limits)
    for record in found:
        yield record if isinstance(record, dict) else {ONLY_COLUMN: record}


def _lines(pieces: Iterator[str], limits: Limits) -> Iterator[Value]:
    """One value a line; blank lines are nothing."""
    rest, number = "", 0
    for piece in pieces:
        lines = (rest + piece).split("\n")
        rest = lines.pop()
        for line in lines:
            number += 1
            if line.strip("\ufeff \t\r"):
                yield _parsed(line, number, limits)
        if len(rest) > limits.line_bytes:
            raise _too_long(limits, number + 1)
    if rest.strip("\ufeff \t\r"):
        yield _parsed(rest, number + 1, limits)


def _parsed(line: str, number: int, limits: Limits) -> Value:
    if len(line) > limits.line_bytes:
        raise _too_long(limits, number)
    try:
        return _DECODER.decode(line.strip("\ufeff \t\r\n"))
    except (ValueError, RecursionError) as error:
        raise _not_json(number, error) from None


def _elements(pieces: Iterator[str], limits: Limits) -> Iterator[Value]:
    """The elements of a top-level array one by one, or the one value that the file is."""
    text = _Window(pieces, limits)
    first = text.peek()
    if first != "[":
        yield text.value()
        if text.peek():
            raise Unreadable(f"something follows the end of its JSON, near line {text.line}", line=text.line)
        return
    text.skip(1)
    while (sign := text.peek()) != "]":
        if not sign:
            raise Unreadable(f"its JSON is cut off at line {text.line}", hint="upload it again", line=text.line)
        yield text.value()
        sign = text.peek()
        if sign == ",":
            text.skip(1)
            if text.peek() == "]":
                raise Unreadable(f"a comma without an element, near line {text.line}", line=text.line)
        elif sign != "]":
            raise Unreadable(f"its JSON is cut off or damaged near line {text.line}", line=text.line)
    text.skip(1)
    if text.peek():
        raise Unreadable(f"something follows the end of its JSON, near line {text.line}", line=text.line)


class _Window:
    """The part of a long text in which the next value is looked for."""

    def __init__(self, pieces: Iterator[str], limits: Limits) -> None:
        self._pieces, self._limits = pieces, limits
        self._text, self._at, self.line = "", 0, 1

    def peek(self) -> str:
        """The next letter that is no blank; nothing at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n\ufeff":
                self._step(1)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self, letters: int) -> None:
        self._step(letters)

    def value(self) -> Value:
        """The next value.

        Raises:
            Unreadable: there is none, or it is longer than the limits allow.
        """
        wanted = 0
        while True:
            try:
                if len(self._text) - self._at >= wanted:
                    found, end = _DECODER.raw_decode(self._text, self._at)
                    if end < len(self._text) or not self._more():
                        self._step(end - self._at)
                        return found
                    continue
            except (ValueError, RecursionError) as error:
                if self._is_final(error) or not self._more():
                    raise _not_json(self.line, error) from None
                wanted = 2 * (len(self._text) - self._at)
                continue
            if not self._more():
                wanted = 0

    def _is_final(self, error: Exception) -> bool:
        """More text could not help: the fault lies before the end of what was read."""
        if not isinstance(error, json.JSONDecodeError):
            return True
        return not error.msg.startswith("Unterminated string") and error.pos < len(self._text) - 16

    def _step(self, letters: int) -> None:
        self.line += self._text.count("\n", self._at, self._at + letters)
        self._at += letters

    def _more(self) -> bool:
        """Another piece from the file, what was read before let go."""
        piece = next(self._pieces, None)
        while piece == "":
            piece = next(self._pieces, None)
        if piece is None:
            return False
        self._text, self._at = self._text[self._at :] + piece, 0
        if len(self._text) > self._limits.line_bytes + 2 * len(piece):
            raise _too_long(self._limits, self.line)
        return True


class DoubledKey(ValueError):
    """An object has two values for one key, or a number that JSON does not have."""


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DoubledKey
    return found


def _no_number(word: str) -> None:
    """`NaN` is written by programs where there is no value; the infinities have no meaning in a table."""
    if word != "NaN":
        raise DoubledKey


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_unique)


def _not_json(line: int, error: Exception) -> Unreadable:
    if isinstance(error, RecursionError):
        return Unreadable(f"it is nested too deeply near line {line}", hint="flatten it", line=line)
    if isinstance(error, DoubledKey):
        return Unreadable(f"near line {line} an object has one key twice, or a number is infinite", line=line)
    place = line + error.lineno - 1 if isinstance(error, json.JSONDecodeError) else line
    return Unreadable(
        f"it is not JSON near line {place}, or it is cut off", hint="check it with a JSON tool", line=place
    )


def _too_long(limits: Limits, line: int) -> Unreadable:
    return Unreadable(
        f"the record at line {line} is longer than {limits.line_bytes} letters",
        hint="an array of records, or one record a line; or raise line_bytes",
        line=line,
    )
