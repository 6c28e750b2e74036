"""Arrow's types in the engine's spelling, and the field ids that a table wants in its files."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.types as is_

from pergamon.formats.engine import identifier

FIELD_ID = b"PARQUET:field_id"
PLAIN: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
}


def sql_type(kind: pa.DataType) -> str:
    """Raises: KeyError for a type that does not leave this room."""
    if is_.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if is_.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if is_.is_struct(kind):
        return f"STRUCT({', '.join(f'{identifier(field.name)} {sql_type(field.type)}' for field in kind)})"
    if is_.is_map(kind):
        return f"MAP({sql_type(kind.key_type)}, {sql_type(kind.item_type)})"
    return PLAIN[kind]


def field_ids(fields: Iterable[pa.Field]) -> str | None:
    """The engine's FIELD_IDS option, when every column has an id; None when not."""
    told = [_field_id(field) for field in fields]
    return None if not told or None in told else "{" + ", ".join(part for part in told if part) + "}"


def _field_id(field: pa.Field) -> str | None:
    number = (field.metadata or {}).get(FIELD_ID)
    if number is None:
        return None
    own, name = int(number), identifier(field.name)
    inner = _inner_ids(field.type)
    return f"{name}: {own}" if not inner else f"{name}: {{__duckdb_field_id: {own}, {inner}}}"


def _inner_ids(kind: pa.DataType) -> str:
    if is_.is_struct(kind):
        parts = [_field_id(field) for field in kind]
    elif is_.is_list(kind):
        parts = [_field_id(kind.value_field.with_name("element"))]
    elif is_.is_map(kind):
        parts = [_field_id(kind.key_field.with_name("key")), _field_id(kind.item_field.with_name("value"))]
    else:
        parts = []
    return ", ".join(part for part in parts if part)
