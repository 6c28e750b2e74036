"""Arrow schemas as plain JSON, in Iceberg's spelling of types, and back: only the types that every engine reads.

Also the answer to *which types come out of this room*: what is not in this file never leaves it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

PLAIN_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "string": pa.string(),
    "binary": pa.binary(),
}
_NAMES = {kind: name for name, kind in PLAIN_TYPES.items()}
_LARGE = {pa.large_string(): "string", pa.large_binary(): "binary"}
"""Arrow's own matter: in a file they are the same."""
_DECIMAL = re.compile(r"decimal\((\d{1,2}), (\d{1,2})\)")
DEEPEST = 64


def schema_as_json(schema: pa.Schema) -> list[dict[str, Any]]:
    """One object per column: name, type, and the field's metadata as text.

    Raises:
        TypeError: a type that does not leave this room.
    """
    return [_field_as_json(field) for field in schema]


def schema_from_json(fields: Sequence[Mapping[str, Any]]) -> pa.Schema:
    """What `schema_as_json` made. Every field is nullable.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    return pa.schema([_field_from_json(field, DEEPEST) for field in fields])


def type_as_json(kind: pa.DataType) -> Any:  # Any: a text, or an object for nested types
    """`long`, `decimal(18, 2)`, or `{"list": …}`, `{"struct": […]}`, `{"map": [key, value]}`.

    Raises:
        TypeError: a type that does not leave this room.
    """
    if kind in _NAMES:
        return _NAMES[kind]
    if kind in _LARGE:
        return _LARGE[kind]
    if pa.types.is_decimal128(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return {"list": type_as_json(kind.value_type)}
    if pa.types.is_struct(kind):
        return {"struct": [_field_as_json(field) for field in kind]}
    if pa.types.is_map(kind):
        return {"map": [type_as_json(kind.key_type), type_as_json(kind.item_type)]}
    raise TypeError(f"{kind} is not a type that every engine reads")


def type_from_json(said: Any, depth: int = DEEPEST) -> pa.DataType:  # Any: it came out of JSON
    """Raises: ValueError, KeyError or TypeError: not what `type_as_json` makes."""
    if depth <= 0:
        raise ValueError("nested too deeply")
    if isinstance(said, str):
        found = _DECIMAL.fullmatch(said)
        return pa.decimal128(int(found[1]), int(found[2])) if found else PLAIN_TYPES[said]
    ((kind, inner),) = said.items()
    if kind == "list":
        return pa.list_(pa.field("element", type_from_json(inner, depth - 1)))
    if kind == "struct":
        return pa.struct([_field_from_json(field, depth - 1) for field in inner])
    if kind == "map":
        key, value = inner
        return pa.map_(type_from_json(key, depth - 1), type_from_json(value, depth - 1))
    raise ValueError("an unknown nested type")


def _field_as_json(field: pa.Field) -> dict[str, Any]:
    told: dict[str, Any] = {"name": field.name, "type": type_as_json(field.type)}
    if field.metadata:
        told["metadata"] = {
            key.decode(errors="replace"): _text_as_json(value.decode(errors="replace"))
            for key, value in field.metadata.items()
        }
    return told


def _field_from_json(said: Mapping[str, Any], depth: int) -> pa.Field:
    metadata = {str(key): _text_from_json(value) for key, value in said.get("metadata", {}).items()}
    return pa.field(str(said["name"]), type_from_json(said["type"], depth), metadata=metadata or None)


def _text_as_json(text: str) -> str | list[str]:
    """A text; one with zero bytes as its pieces between them, for PostgreSQL's JSON holds none."""
    return text.split("\x00") if "\x00" in text else text


def _text_from_json(said: Any) -> str:  # Any: it came out of JSON
    return "\x00".join(map(str, said)) if isinstance(said, list) else str(said)
