"""Which Arrow and Iceberg type a PostgreSQL column becomes, and how its values get there. One table for both ways in:
the full load (binary, read by ADBC) and change capture (text, read by our own pgoutput reader).

Rules that hold everywhere (docs/reference/types.md is generated from this file):
- nothing is rounded: a number without a declared scale, or with more than 38 digits, stays text;
- a type that Spark SQL cannot name (uuid, inet, interval, time, an enum, a domain, ...) stays PostgreSQL's own text;
- a date outside the years 0001 to 9999, `infinity`, `NaN` in a decimal, and an array of more than one dimension are
  errors that name the table and the column. Nothing is replaced in silence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pergamon.kernel import Invalid


class ValueNotRepresentable(Invalid):
    """A column holds a value that its type in the lake cannot hold."""

    code = "replicate.value_not_representable"


@dataclass(frozen=True)
class ColumnType:
    """How one column travels.

    pg_type: as PostgreSQL writes it, with its modifier: `numeric(10,2)`.
    arrow: the type in the landing file; iceberg: its name in the lake's table.
    selected_as: the expression of the full load, `{c}` being the quoted column.
    """

    pg_type: str
    arrow: pa.DataType
    iceberg: str
    selected_as: str = "{c}"

    @property
    def is_list(self) -> bool:
        return bool(pa.types.is_list(self.arrow))


@dataclass(frozen=True)
class TypeRule:
    """One line of the table of types."""

    oid: int
    name: str
    arrow: pa.DataType
    iceberg: str
    array_oid: int
    selected_as: str = "{c}"
    note: str = ""


TIMESTAMPTZ = pa.timestamp("us", tz="UTC")
TIMESTAMP = pa.timestamp("us")
LONGEST_DECIMAL = 38

TYPE_RULES: tuple[TypeRule, ...] = (
    TypeRule(16, "boolean", pa.bool_(), "boolean", 1000),
    TypeRule(21, "smallint", pa.int32(), "int", 1005, note="Iceberg knows no shorter integer"),
    TypeRule(23, "integer", pa.int32(), "int", 1007),
    TypeRule(20, "bigint", pa.int64(), "long", 1016),
    TypeRule(700, "real", pa.float32(), "float", 1021),
    TypeRule(701, "double precision", pa.float64(), "double", 1022),
    TypeRule(25, "text", pa.string(), "string", 1009),
    TypeRule(1043, "character varying", pa.string(), "string", 1015),
    TypeRule(1042, "character", pa.string(), "string", 1014, note="padded with blanks, as PostgreSQL sends it"),
    TypeRule(17, "bytea", pa.binary(), "binary", 1001),
    TypeRule(1082, "date", pa.date32(), "date", 1182, note="years 0001 to 9999, else an error"),
    TypeRule(
        1114, "timestamp without time zone", TIMESTAMP, "timestamp", 1115, note="years 0001 to 9999, else an error"
    ),
    TypeRule(
        1184,
        "timestamp with time zone",
        TIMESTAMPTZ,
        "timestamptz",
        1185,
        note="in UTC; years 0001 to 9999, else an error",
    ),
    TypeRule(2950, "uuid", pa.string(), "string", 2951, "{c}::text", "Spark SQL cannot name Iceberg's uuid"),
    TypeRule(3802, "jsonb", pa.string(), "string", 3807, "{c}::text", "PostgreSQL's text of the value"),
    TypeRule(114, "json", pa.string(), "string", 199, "{c}::text", "the text as it was stored"),
)
_BY_OID = {rule.oid: rule for rule in TYPE_RULES}
_BY_ARRAY_OID = {rule.array_oid: rule for rule in TYPE_RULES}
NUMERIC_OID, NUMERIC_ARRAY_OID = 1700, 1231

_TEXT_NAMES = {
    18: '"char"', 19: "name", 26: "oid", 142: "xml", 650: "cidr", 790: "money", 829: "macaddr", 869: "inet",
    1083: "time without time zone", 1186: "interval", 1266: "time with time zone", 1560: "bit", 1562: "bit varying",
    3614: "tsvector", 3904: "int4range", 3906: "numrange", 3908: "tsrange", 3910: "tstzrange", 3912: "daterange",
    3926: "int8range", 600: "point", 603: "box",
    1041: "inet[]", 1183: "time without time zone[]", 1187: "interval[]",
}  # fmt: skip


def column_type(type_oid: int, typmod: int, type_name: str = "") -> ColumnType:
    """The type of a column by PostgreSQL's type number and modifier, as the catalog and a Relation message say it.

    type_name: what to call a type that is not built in (an enum, a domain, an extension's); such types travel as text.
    """
    if type_oid == NUMERIC_OID:
        return _numeric(typmod)
    if type_oid == NUMERIC_ARRAY_OID:
        element = _numeric(typmod)
        return ColumnType(f"{element.pg_type}[]", pa.list_(element.arrow), f"list<{element.iceberg}>", "{c}[:]::text[]")
    if rule := _BY_OID.get(type_oid):
        return ColumnType(_with_length(rule, typmod), rule.arrow, rule.iceberg, rule.selected_as)
    if rule := _BY_ARRAY_OID.get(type_oid):
        as_text = rule.selected_as != "{c}"
        return ColumnType(
            f"{_with_length(rule, typmod)}[]",
            pa.list_(rule.arrow),
            f"list<{rule.iceberg}>",
            "{c}[:]::text[]" if as_text else "{c}[:]",  # a slice begins at 1, whatever the stored bounds
        )
    return ColumnType(_TEXT_NAMES.get(type_oid) or type_name or f"type {type_oid}", pa.string(), "string", "{c}::text")


def _numeric(typmod: int) -> ColumnType:
    if typmod < 4:
        return ColumnType("numeric", pa.string(), "string", "{c}::text")
    precision, scale = ((typmod - 4) >> 16) & 0xFFFF, (((typmod - 4) & 0x7FF) ^ 1024) - 1024
    name = f"numeric({precision},{scale})"
    if precision > LONGEST_DECIMAL or not 0 <= scale <= precision:
        return ColumnType(name, pa.string(), "string", "{c}::text")
    return ColumnType(name, pa.decimal128(precision, scale), f"decimal({precision}, {scale})", "{c}::text")


def _with_length(rule: TypeRule, typmod: int) -> str:
    return f"{rule.name}({typmod - 4})" if rule.name.startswith("character") and typmod >= 4 else rule.name


# --- values ---

_EARLIEST, _LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def array_from_text(values: Sequence[bytes | None], wanted: ColumnType, column: str) -> pa.Array:
    """Read PostgreSQL's text output, one value per row, as the column's Arrow type.

    The session that wrote it has `DateStyle=ISO`, `TimeZone=UTC`, `bytea_output=hex`, `IntervalStyle=iso_8601`.

    Raises:
        ValueNotRepresentable: see the rules in this file's head.
    """
    if wanted.is_list:
        return _list_from_text(values, wanted, column)
    return _plain_from_text(values, wanted.arrow, wanted.pg_type, column)


def _plain_from_text(values: Sequence[bytes | None], arrow: pa.DataType, pg_type: str, column: str) -> pa.Array:
    if pa.types.is_binary(arrow):
        return pa.array([None if value is None else bytes.fromhex(value[2:].decode()) for value in values], arrow)
    try:
        text = pa.array(values, pa.binary()).cast(pa.string())
        if pa.types.is_string(arrow):
            return text
        if pa.types.is_boolean(arrow):
            return pc.equal(text, "t")
        return refuse_dates_out_of_range(text.cast(arrow), pg_type, column)
    except pa.ArrowInvalid:
        raise _not_representable(column, pg_type) from None  # Arrow's message holds the value


def cast_loaded(loaded: pa.Array, wanted: ColumnType, column: str) -> pa.Array:
    """Bring a full load's array, read by ADBC under `selected_as`, to the column's Arrow type.

    Raises:
        ValueNotRepresentable: see the rules in this file's head.
    """
    plain = loaded.storage if isinstance(loaded, pa.ExtensionArray) else loaded
    try:
        cast = plain if plain.type == wanted.arrow else plain.cast(wanted.arrow)
    except pa.ArrowInvalid:
        raise _not_representable(column, wanted.pg_type) from None
    return refuse_dates_out_of_range(cast, wanted.pg_type, column)


def refuse_dates_out_of_range(values: pa.Array, pg_type: str, column: str) -> pa.Array:
    """Return the values when every date in them lies in the years 0001 to 9999.

    Raises:
        ValueNotRepresentable: `infinity` or a year that the lake's engines cannot hold.
    """
    checked = values.flatten() if pa.types.is_list(values.type) else values
    if pa.types.is_date(checked.type):
        limits: tuple[Any, Any] = (date.min, date.max)
    elif pa.types.is_timestamp(checked.type):
        zone = UTC if checked.type.tz else None
        limits = (_EARLIEST.replace(tzinfo=zone), _LATEST.replace(tzinfo=zone))
    else:
        return values
    found = pc.min_max(checked)
    lowest, highest = (pa.scalar(limit, checked.type) for limit in limits)
    if found["min"].is_valid and (pc.less(found["min"], lowest).as_py() or pc.greater(found["max"], highest).as_py()):
        raise _not_representable(column, pg_type)
    return values


def refuse_many_dimensions(dimensions: pa.Array, wanted: ColumnType, column: str) -> None:
    """dimensions: `array_ndims` of each row.

    Raises:
        ValueNotRepresentable: an array of more than one dimension.
    """
    deepest = pc.max(dimensions).as_py()
    if deepest is not None and deepest > 1:
        raise _not_representable(column, wanted.pg_type)


def _not_representable(column: str, pg_type: str) -> ValueNotRepresentable:
    return ValueNotRepresentable(
        f"column {column} of type {pg_type} holds a value that the lake cannot hold",
        hint="infinity, a year outside 0001 to 9999, NaN in a decimal, or an array of several dimensions: "
        "correct the value in the source, or leave the column out with a remove-column rule",
    )


_ELEMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^,{}"]+)')
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def elements_of(text: bytes) -> list[bytes | None] | None:
    r"""Split PostgreSQL's text of an array: `{a,"b c",NULL}`. None when it has more than one dimension."""
    if text.startswith(b"["):
        text = text[text.index(b"=") + 1 :]
    body = text[1:-1]
    if body.startswith(b"{"):
        return None
    return [
        None if plain == b"NULL" else plain if plain else _ESCAPED.sub(rb"\1", quoted)
        for quoted, plain in _ELEMENT.findall(body)
    ]


def _list_from_text(values: Sequence[bytes | None], wanted: ColumnType, column: str) -> pa.Array:
    flat: list[bytes | None] = []
    offsets: list[int | None] = []
    for value in values:
        offsets.append(None if value is None else len(flat))
        if value is not None:
            elements = elements_of(value)
            if elements is None:
                raise _not_representable(column, wanted.pg_type)
            flat.extend(elements)
    offsets.append(len(flat))
    items = _plain_from_text(flat, wanted.arrow.value_type, wanted.pg_type, column)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items).cast(wanted.arrow)


# --- the documentation's table ---


def types_document() -> str:
    """The reference page of types, in Markdown."""
    lines = [
        "# Types: PostgreSQL to Arrow to Iceberg",
        "",
        "Generated from `src/pergamon/replicate/types.py`; a test compares the two.",
        "",
        "| PostgreSQL | Landing file (Arrow) | Lake (Iceberg) | Note |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{rule.name}` | `{rule.arrow}` | `{rule.iceberg}` | {rule.note} |" for rule in TYPE_RULES]
    examples = (((10, 2), ""), ((38, 0), ""), ((40, 2), "more than 38 digits: text, nothing is rounded"))
    for (precision, scale), note in examples:
        known = _numeric(((precision << 16) | scale) + 4)
        lines.append(f"| `{known.pg_type}` | `{known.arrow}` | `{known.iceberg}` | {note} |")
    lines += [
        "| `numeric` | `string` | `string` | no declared scale: text, nothing is rounded |",
        "| an array of any type above | `list<...>` | `list<...>` | one dimension, else an error |",
        "| every other type | `string` | `string` | PostgreSQL's own text: "
        + ", ".join(f"`{name}`" for name in sorted(_TEXT_NAMES.values()))
        + ", enums, domains, composites, extensions' types |",
        "",
        "An interval is written as ISO 8601 (`P1DT2H`), money as the source's locale writes it.",
        "",
        "## Values that stop a table",
        "",
        "`infinity` and years outside 0001 to 9999 in dates and timestamps, `NaN` in a `numeric(p,s)`, and arrays of",
        "more than one dimension are an error that names the column. Correct the value in the source, or leave the",
        "column out with a `remove-column` rule.",
        "",
    ]
    return "\n".join(lines)
