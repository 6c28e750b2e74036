"""Avro: the file tells its types; records are read one by one, and each must be what the schema says."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import fastavro
import pyarrow as pa

from pergamon.formats.arrow_out import write_batches
from pergamon.formats.blame import blame
from pergamon.formats.model import FilePart, Unreadable, WrittenPart
from pergamon.formats.names import named_field, renamed_warning, safe_names
from pergamon.formats.shapes import batch_of
from pergamon.formats.work import Look, Writing

BATCH_ROWS = 8_192
PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "fixed": pa.binary(),
    "enum": pa.string(),
    "null": pa.string(),
}
LOGICAL: dict[str, pa.DataType] = {
    "date": pa.date32(),
    "time-millis": pa.string(),
    "time-micros": pa.string(),
    "timestamp-millis": pa.timestamp("us", tz="UTC"),
    "timestamp-micros": pa.timestamp("us", tz="UTC"),
    "local-timestamp-millis": pa.timestamp("us"),
    "local-timestamp-micros": pa.timestamp("us"),
    "uuid": pa.string(),
}
Said = Any  # Any: a part of an Avro schema, which is JSON
DAMAGED = (
    EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, StopIteration,
    OverflowError, ArithmeticError, struct.error, zlib.error, RecursionError,
)  # fmt: skip
"""What the library raises over bytes that are no Avro; it has no error of its own."""


def inspect_avro(look: Look) -> FilePart:
    """The columns as the file's schema tells them, and its records counted block by block.

    Raises:
        Unreadable: damaged, cut off, packed in a way we cannot unpack, or its records are no records.
    """
    with look.path.open("rb") as file:
        try:
            blocks = fastavro.block_reader(file)
            schema = blocks.writer_schema
            rows = sum(block.num_records for block in blocks)
        except DAMAGED as error:
            raise _unreadable(error) from None
    if not isinstance(schema, Mapping) or schema.get("type") != "record" or not schema.get("fields"):
        raise Unreadable("its records have no fields", hint="a file of records makes a table")
    if len(schema["fields"]) > look.limits.columns:
        raise Unreadable(f"it has {len(schema['fields'])} columns; {look.limits.columns} is the limit")
    text: list[str] = []
    fields = _fields(schema, {}, look.limits.depth, text, "")
    return FilePart(
        name=None,
        format="avro",
        compression="none",
        schema=pa.schema(fields),
        rows=rows,
        in_place=False,
        dialect={"hints": look.hints.model_dump(mode="json", exclude_defaults=True), "this_year": look.this_year},
        warnings=(
            *renamed_warning([field.name for field in fields], [str(one["name"]) for one in schema["fields"]]),
            *(f"column {place}: its values are of several kinds, kept as text" for place in text),
        ),
    )


def write_avro(writing: Writing) -> WrittenPart:
    """The records with the target's columns.

    Raises:
        Unreadable: damaged. Misfit: see `write_batches`.
    """
    return write_batches(writing, _batches(writing))


def _batches(writing: Writing) -> Iterator[pa.RecordBatch]:
    with writing.path.open("rb") as file:
        try:
            records = iter(fastavro.reader(file))
            while rows := list(islice(records, BATCH_ROWS)):
                yield batch_of(rows, writing.part.schema)
        except (*DAMAGED, pa.ArrowException) as error:
            raise blame(error, _unreadable(error)) from None


def _unreadable(error: Exception) -> Unreadable:
    if "codec" in str(error) or "library" in str(error):
        return Unreadable("its blocks are packed in a way that we cannot unpack", hint="use deflate, bzip2 or xz")
    return Unreadable("it is Avro, but damaged or cut off", hint="make the file again, or upload it again")


def _fields(record: Said, known: dict[str, Said], depth: int, text: list[str], place: str) -> list[pa.Field]:
    originals = [str(one["name"]) for one in record["fields"]]
    return [
        named_field(name, original, _type(one["type"], known, depth - 1, text, f"{place}{name}"))
        for name, original, one in zip(safe_names(originals), originals, record["fields"], strict=True)
    ]


def _type(said: Said, known: dict[str, Said], depth: int, text: list[str], place: str) -> pa.DataType:  # noqa: PLR0911
    """Our type for one of Avro's; what has none is kept as text, which `text` then names."""
    if depth < 0:
        raise Unreadable("it is nested too deeply, or within itself", hint="flatten it")
    if isinstance(said, list):
        branches = [branch for branch in said if branch != "null"]
        if len(branches) == 1:
            return _type(branches[0], known, depth, text, place)
        if set(map(str, branches)) == {"int", "long"}:
            return pa.int64()
        text.append(place)
        return pa.string()
    if isinstance(said, str):
        return PLAIN[said] if said in PLAIN else _type(known[said], known, depth - 1, text, place)
    kind = said["type"]
    if isinstance(kind, Mapping | list):
        return _type(kind, known, depth - 1, text, place)
    if "name" in said:
        known[str(said["name"])] = said
    if kind == "array":
        return pa.list_(pa.field("element", _type(said["items"], known, depth - 1, text, f"{place}[]")))
    if kind == "map":
        return pa.map_(pa.string(), _type(said["values"], known, depth - 1, text, f"{place}{{}}"))
    if kind == "record":
        return pa.struct(_fields(said, known, depth - 1, text, f"{place}.")) if said["fields"] else pa.string()
    logical = said.get("logicalType")
    if logical == "decimal" and said.get("precision", 39) <= 38:
        return pa.decimal128(int(said["precision"]), int(said.get("scale", 0)))
    if logical == "decimal":
        return pa.string()
    return LOGICAL.get(str(logical)) or PLAIN.get(str(kind)) or _type(str(kind), known, depth - 1, text, place)
