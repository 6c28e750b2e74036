"""Rows in a real DuckDB, column `f<field id>` each, and expressions over them as plain Python values again."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

from pergamon.policy import ColumnType, PolicyColumn, parsed_type
from tests.reference.plain_rights import Row

_ARROW = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "string": pa.string(),
    "uuid": pa.string(),
    "binary": pa.binary(),
    "fixed": pa.binary(),
}


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One for all; its time zone is far from UTC, so that whatever leans on the session's is seen."""
    found = duckdb.connect(":memory:", config={"threads": "1"})
    found.execute("SET TimeZone = 'Pacific/Kiritimati'")
    return found


def evaluated(
    expressions: Sequence[str], rows: Sequence[Row], columns: Sequence[PolicyColumn], where: str = "TRUE"
) -> list[tuple[Any, ...]]:
    """The expressions over the rows, in their order; each column is `f<field id>` there."""
    fields = [
        pa.field(f"f{column.field_id}", arrow_type(parsed_type(column.type)), nullable=True) for column in columns
    ]
    plain = [{f"f{field_id}": _for_arrow(value) for field_id, value in row.items()} for row in rows]
    table = pa.Table.from_pylist(plain, schema=pa.schema([*fields]))
    casts = ", ".join(
        f"CAST(f{column.field_id} AS UUID) AS f{column.field_id}" for column in columns if column.type == "uuid"
    )
    source = f"SELECT * REPLACE ({casts}) FROM given" if casts else "FROM given"
    connection().register("given", table)
    shown = ", ".join(f"{expression} AS e{place}" for place, expression in enumerate(expressions))
    found = connection().execute(f"SELECT {shown} FROM ({source}) WHERE {where}").to_arrow_table()
    return list(zip(*(_from_arrow(column) for column in found.columns), strict=True))


def arrow_type(kind: ColumnType) -> pa.DataType:
    match kind.kind:
        case "decimal":
            return pa.decimal128(kind.precision, kind.scale)
        case "list":
            return pa.list_(arrow_type(kind.parts["element"]))
        case "map":
            return pa.map_(arrow_type(kind.parts["key"]), arrow_type(kind.parts["value"]))
        case "struct":
            return pa.struct([(name, arrow_type(part)) for name, part in kind.parts.items()])
        case plain:
            return _ARROW[plain]


def _for_arrow(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _from_arrow(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp("us", tz="UTC"))
    values = column.to_pylist()
    return [dict(value) for value in values] if pa.types.is_map(column.type) and None not in values else values


def same_value(found: Any, expected: Any) -> bool:
    """Exactly the same: NaN is NaN, zero keeps its sign, a number its type."""
    if isinstance(expected, UUID):
        return str(found) == str(expected)
    if isinstance(expected, float):
        return isinstance(found, float) and (repr(found) == repr(expected))
    if isinstance(expected, Mapping):
        pairs = dict(found) if found is not None else {}
        return pairs.keys() == expected.keys() and all(same_value(pairs[key], expected[key]) for key in expected)
    return type(found) is type(expected) and bool(found == expected)
