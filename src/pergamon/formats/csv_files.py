"""CSV and TSV: cut into fields, typed by every value, written as Parquet in one pass that checks what it converts.

The types are guessed from the first rows. The pass that writes checks each value against its type; when one does not
fit, all rows are asked, and the file is written again with the types that hold for all (ADR 0014).
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon.formats.csv_dialect import Dialect, dialect_of
from pergamon.formats.engine import MISFIT, Connection, EngineError, Trouble, engine, identifier, literal, said
from pergamon.formats.infer import GLANCE_ROWS, Found, infer, null_words, settled
from pergamon.formats.model import (
    NO_VALUES,
    Constant,
    FilePart,
    FormatHints,
    Limits,
    Misfit,
    Unreadable,
    WrittenPart,
)
from pergamon.formats.names import named_field, renamed_warning, safe_names
from pergamon.formats.readings import ARROW_TYPES, TEXT, Reading, checked, means_no_value, reading_from_text, value
from pergamon.formats.sql_types import field_ids, sql_type
from pergamon.formats.text_file import (
    HEAD_BYTES,
    PlainText,
    encoding_of,
    guessed_encoding,
    head,
    plain_text,
    refuse_long_lines,
    with_plain_newlines,
)
from pergamon.formats.work import Look, Writing

SAMPLE_CELLS = 4_000_000
BUFFER_BYTES = 32 * 1024**2
ROW_GROUP_ROWS = 122_880


@dataclass(frozen=True)
class _Text:
    """A text ready for the engine, and how it is cut."""

    text: PlainText
    dialect: Dialect
    hints: FormatHints
    plain_newlines: bool

    def relation(self, limits: Limits) -> str:
        """SQL: the rows, each field a text, columns c0, c1, …"""
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(self.dialect.columns))
        words = [literal(word) for word in ("", *(self.hints.null_words or ()))]
        quote = literal(self.dialect.quote)
        options = [
            "auto_detect=false, strict_mode=true, allow_quoted_nulls=false",
            f"header={str(self.dialect.names is not None).lower()}",
            f"skip={self.dialect.skip}",
            f"delim={literal(self.dialect.delimiter)}, quote={quote}, escape={quote}",
            f"columns={{{columns}}}, nullstr=[{', '.join(words)}]",
            f"max_line_size={limits.line_bytes}, buffer_size={max(BUFFER_BYTES, 2 * limits.line_bytes)}",
        ]
        if self.hints.ragged == "null-pad":
            options.append("null_padding=true, parallel=false")
        return f"read_csv({literal(str(self.text.path))}, {', '.join(options)})"


def inspect_csv(look: Look) -> FilePart:
    """What the columns are, from the first rows; from all rows where those leave it open.

    Raises:
        Unreadable: it cannot be read whole, with the line where known.
    """
    with engine(look.limits) as connection:
        return _inspected(connection, look, exact=False)


def write_csv(writing: Writing) -> WrittenPart:
    """The rows as Parquet with the target's columns, every value checked.

    Raises:
        Unreadable: it cannot be read whole. Misfit: the target does not hold every value; nothing was written.
    """
    with engine(writing.limits) as connection:
        try:
            return _written(connection, writing)
        except _AskAllRows:
            exact = _inspected(connection, writing.look(), exact=True)
        try:
            return _written(connection, replace(writing, part=exact))
        except _AskAllRows as misfit:
            raise Misfit(f"column {misfit.name} holds values that the table's type does not", exact) from None


class _AskAllRows(Exception):
    """A value does not fit the type guessed for its column, or the bytes do not fit the encoding guessed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _inspected(connection: Connection, look: Look, *, exact: bool) -> FilePart:
    text = _opened(look)
    while True:
        try:
            return _described(connection, text, look, exact=exact)
        except EngineError as error:
            text = _helped(text, said(error), look)


def _opened(look: Look) -> _Text:
    sample = head(look.path, look.compression, look.limits)
    encoding = encoding_of(sample, look.hints.encoding, is_whole=len(sample) < HEAD_BYTES)
    return _cut(look, encoding)


def _cut(look: Look, encoding: str) -> _Text:
    text = plain_text(look.path, look.compression, encoding, look.scratch, look.limits)
    refuse_long_lines(text.path, look.limits.line_bytes)
    first = _first_text(text.path, look.limits)
    is_whole = text.path.stat().st_size <= len(first.encode()) + 8
    dialect = dialect_of(first, look.hints, look.limits, is_whole=is_whole)
    ready = _Text(text, dialect, look.hints, plain_newlines=False)
    styles = first.count("\r\n"), first.count("\n") - first.count("\r\n"), first.count("\r") - first.count("\r\n")
    return _plain_lines(ready, look.scratch) if sum(1 for count in styles if count) > 1 else ready


def _first_text(path: Path, limits: Limits) -> str:
    """The beginning of a UTF-8 file: enough for the header and some rows."""
    with path.open("rb") as file:
        sample = file.read(256 * 1024)
        while b"\n" not in sample and b"\r" not in sample and (more := file.read(1 << 20)):
            sample += more
            if len(sample) > limits.line_bytes:
                raise Unreadable(f"a line is longer than {limits.line_bytes} bytes", hint="is it text?", line=1)
    return sample.decode("utf-8-sig", errors="replace")


def _plain_lines(text: _Text, scratch: Path) -> _Text:
    return replace(text, text=with_plain_newlines(text.text, text.dialect.quote, scratch), plain_newlines=True)


def _helped(text: _Text, trouble: Trouble, look: Look) -> _Text:
    """The text prepared better, once for each kind of trouble; the trouble as an error when that cannot help.

    Raises:
        Unreadable: what is wrong and where.
    """
    if trouble.kind == "newlines" and not text.plain_newlines:
        return _plain_lines(text, look.scratch)
    if trouble.kind == "encoding" and text.hints.encoding is None and text.text.encoding.startswith("utf-8"):
        return _cut(look, guessed_encoding(_beyond_ascii(look.path)))
    raise _unreadable(text, trouble, look.limits)


def _beyond_ascii(path: Path) -> bytes:
    """Lines that hold bytes beyond ASCII, from the whole file."""
    found = bytearray()
    with path.open("rb") as file:
        while (piece := file.read(1 << 20)) and len(found) < 64 * 1024:
            if not piece.isascii():
                found += b"\n".join(line for line in piece.split(b"\n") if not line.isascii())
    return bytes(found[: 64 * 1024])


def _described(connection: Connection, text: _Text, look: Look, *, exact: bool) -> FilePart:
    relation = text.relation(look.limits)
    columns = range(text.dialect.columns)
    sample_rows = min(look.limits.sample_rows, max(GLANCE_ROWS + 1, SAMPLE_CELLS // len(columns)))
    first = f"SELECT * FROM {relation} LIMIT {sample_rows}"  # noqa: S608 - quoted
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sample AS {first}")
    (rows,) = connection.execute("SELECT count(*) FROM sample").fetchone() or (0,)
    is_whole = rows < sample_rows
    found = {} if exact and not is_whole else infer(connection, "sample", columns, text.hints, look.this_year)
    guessed = settled(found, text.dialect.delimiter)
    still_open = [place for place in columns if place not in guessed or guessed[place].is_open]
    if still_open and not is_whole:
        found |= infer(connection, relation, still_open, text.hints, look.this_year)
    found = settled(found, text.dialect.delimiter)
    connection.execute("DROP TABLE sample")
    return _part(text, look, [found[place] for place in columns], rows if is_whole else None)


def _part(text: _Text, look: Look, found: list[Found], rows: int | None) -> FilePart:
    originals = text.dialect.names or tuple(f"column_{place}" for place in range(1, len(found) + 1))
    names = safe_names(originals)
    fields = [
        _marked(named_field(name, original, one.reading.type), one)
        for name, original, one in zip(names, originals, found, strict=True)
    ]
    notes = [f"column {name}: {one.note}" for name, one in zip(names, found, strict=True) if one.note]
    if not text.text.encoding.startswith("utf-") and text.hints.encoding is None:
        notes.append(f"read as {text.text.encoding}, which is a guess; hint: encoding")
    if text.dialect.names is None and text.hints.header is None:
        notes.append("no header was found: its columns are numbered; hint: header")
    return FilePart(
        name=None,
        format="csv",
        compression=look.compression,
        schema=pa.schema(fields),
        rows=rows,
        in_place=False,
        dialect={
            "delimiter": text.dialect.delimiter,
            "quote": text.dialect.quote,
            "columns": text.dialect.columns,
            "has_header": text.dialect.names is not None,
            "skip": text.dialect.skip,
            "encoding": text.text.encoding,
            "plain_newlines": text.plain_newlines,
            "readings": [one.reading.as_text() for one in found],
            "hints": text.hints.model_dump(mode="json", exclude_defaults=True),
            "this_year": look.this_year,
        },
        warnings=(*renamed_warning(names, originals), *notes),
    )


def _marked(field: pa.Field, one: Found) -> pa.Field:
    return field.with_metadata({**(field.metadata or {}), NO_VALUES: b"true"}) if one.is_empty else field


def _written(connection: Connection, writing: Writing) -> WrittenPart:
    out, part = writing.out, writing.part
    text = _prepared(writing)
    query = _query(text, writing)
    options = [f"FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"]
    ids = field_ids(writing.target)
    if ids is not None:
        options.append(f"FIELD_IDS {ids}")
    try:
        answer = connection.execute(f"COPY ({query}) TO {literal(str(out))} ({', '.join(options)})").fetchone()
    except EngineError as error:
        out.unlink(missing_ok=True)
        trouble = said(error)
        if trouble.kind == "misfit" and trouble.column is not None:
            raise _AskAllRows(part.schema.field(trouble.column).name) from None
        if trouble.kind in {"encoding", "newlines"}:
            raise _AskAllRows("") from None
        raise _unreadable(text, trouble, writing.limits) from None
    rows = int(answer[0]) if answer else 0
    if pq.read_metadata(out).num_rows != rows:
        raise Unreadable("rows were lost while it was written", hint="tell the operator: this should not happen")
    writing.progress(rows)
    return WrittenPart(out, rows, out.stat().st_size)


def _prepared(writing: Writing) -> _Text:
    part, said = writing.part, writing.part.dialect
    text = plain_text(writing.path, part.compression, said["encoding"], writing.scratch, writing.limits)
    refuse_long_lines(text.path, writing.limits.line_bytes)
    hints = FormatHints.model_validate(said["hints"])
    names = tuple(part.schema.names) if said["has_header"] else None
    dialect = Dialect(said["delimiter"], said["quote"], said["columns"], names, said["skip"])
    ready = _Text(text, dialect, hints, plain_newlines=False)
    return _plain_lines(ready, writing.scratch) if said["plain_newlines"] else ready


def _query(text: _Text, writing: Writing) -> str:
    """SQL: the target's columns from the texts, each value checked.

    The values are made in an inner query, so that the check and the result share them.
    """
    part, target, constants = writing.part, writing.target, writing.constants
    places = {field.name.casefold(): place for place, field in enumerate(part.schema)}
    lost = [field.name for field in part.schema if field.name.casefold() not in {f.name.casefold() for f in target}]
    if lost:
        raise Misfit(f"the table has no column for {', '.join(lost[:10])}", part)
    words = null_words(text.hints)
    inner, outer = [], []
    for field in target:
        place = places.get(field.name.casefold())
        if place is None:
            constant = constants.get(field.name)
            outer.append(f"{_constant(constant)}::{sql_type(field.type)} AS {identifier(field.name)}")
            continue
        c, v, misfit = f"c{place}", f"v{place}", f"error('{MISFIT}{place}')"
        reading = _reading_for(part, place, field.type)
        inner.append(c)
        if reading is None:
            is_nothing = f"{c} IS NULL OR {means_no_value(c, words)}"
            sql = f"CASE WHEN {is_nothing} THEN NULL ELSE {misfit} END::{sql_type(field.type)}"
        else:
            if reading != TEXT:
                inner.append(f"{value(reading, c)} AS {v}")
            sql = checked(reading, c, v, words, misfit)
        outer.append(f"{sql} AS {identifier(field.name)}")
    relation = text.relation(writing.limits)
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner) or '1'} FROM {relation})"  # noqa: S608 - quoted


def _reading_for(part: FilePart, place: int, kind: pa.DataType) -> Reading | None:
    """How the texts of a column become values of a type; None where only *no value* can.

    Raises:
        _AskAllRows: they cannot.
    """
    own = reading_from_text(part.dialect["readings"][place])
    field = part.schema.field(place)
    if kind == pa.string():
        return TEXT
    if own.type == kind:
        return own
    is_empty = NO_VALUES in (field.metadata or {})
    name = "decimal" if pa.types.is_decimal(kind) else next((n for n, t in ARROW_TYPES.items() if t == kind), None)
    precision, scale = (kind.precision, kind.scale) if name == "decimal" else (0, 0)
    if is_empty:
        return None
    widens = {"long": {"decimal", "double"}, "decimal": {"decimal", "double"}, "date": {"timestamp"}}
    if name in widens.get(own.kind, ()):
        return replace(own, kind=str(name), precision=precision, scale=scale)
    raise _AskAllRows(field.name)


def _constant(constant: Constant) -> str:
    if constant is None:
        return "NULL"
    return literal(str(constant).lower() if isinstance(constant, bool) else str(constant))


def _unreadable(text: _Text, trouble: Trouble, limits: Limits) -> Unreadable:
    """The trouble in our own words, with the line in the file."""
    if trouble.kind == "ragged" and trouble.expected is None:
        return Unreadable("null-pad does not go with line ends in quotes", hint="repair the rows, or drop the hint")
    found = _first_bad_record(text) if trouble.kind in {"ragged", "quote", "other", "newlines"} else None
    if found is not None:
        return found
    where = f"record {trouble.record}" if trouble.record else "a record"
    reasons = {
        "ragged": (f"{where} has {trouble.found} fields; {trouble.expected} are expected", "hint: delimiter, quote"),
        "quote": (f"{where} has a quote that is not closed", "repair it, or hint: quote"),
        "line": (f"a record is longer than {limits.line_bytes} bytes", "an unclosed quote? or raise line_bytes"),
        "encoding": (f"{where} has bytes that are not {text.text.encoding}", "hint: encoding"),
        "memory": ("reading it takes more memory than allowed", "split it, or raise memory_bytes"),
    }
    other = ("it cannot be cut into records and fields", "save it as plain CSV (RFC 4180)")
    message, hint = reasons.get(trouble.kind, other)
    return Unreadable(message, hint=hint, line=trouble.record)


def _first_bad_record(text: _Text) -> Unreadable | None:
    """Where the first record of the wrong width begins, told by a slower reader that counts lines."""
    quote = text.dialect.quote
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    with text.text.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(
            file, delimiter=text.dialect.delimiter, quotechar=quote or None, quoting=quoting, strict=bool(quote)
        )
        line = 1
        try:
            for record in reader:
                if record and len(record) != text.dialect.columns:
                    counts = f"{len(record)} fields; {text.dialect.columns} are expected"
                    return Unreadable(
                        f"the record at line {line} has {counts}",
                        hint="repair it, or hint: delimiter, quote",
                        line=line,
                    )
                line = reader.line_num + 1
        except csv.Error:
            return Unreadable(
                f"the record at line {line} has a quote out of place, or one that is not closed",
                hint="repair it, or hint: quote",
                line=line,
            )
    return None
