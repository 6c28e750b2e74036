"""When do two schemas make one table? Columns by name, types only widened so that every value keeps its meaning.

The types form a lattice, so the order of files does not matter (property test):

    int < long < decimal < double      date < timestamp      each of them, and nested types, < string

`decimal(p, s)` joins to the larger whole part and the larger scale; past 38 digits it becomes `double`. Whether each
*value* survives `long` or `decimal` to `double` is checked when it is written (`Misfit` otherwise), as text gives the
last word. `string` is a last way that the caller must ask for by name, except where one of the two is text already.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.types as is_

from pergamon.formats.model import NO_VALUES

WIDEST_DECIMAL = 38
DIGITS = {pa.int32(): 10, pa.int64(): 19}


@dataclass(frozen=True)
class Merged:
    """One schema for both. `widened` and `added` are changes to `a`; `missing` are columns of `a` that `b` lacks.

    became_text: columns of either that only text can hold. beyond_iceberg: widened columns that Iceberg cannot change
    in place (it knows int to long, float to double, a wider decimal of the same scale): the table is written anew.
    """

    schema: pa.Schema
    widened: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    became_text: tuple[str, ...] = ()
    beyond_iceberg: tuple[str, ...] = ()


@dataclass(frozen=True)
class Incompatible:
    """No one table holds both; the reason names columns and types."""

    reason: str


def merge_schemas(a: pa.Schema, b: pa.Schema, *, text_as_last_way: bool = False) -> Merged | Incompatible:
    """One schema that both fit: `a`'s columns in their order, then `b`'s new ones.

    Names are told apart as engines do, whatever their case; `a`'s spelling stays.
    """
    theirs = {field.name.casefold(): field for field in b}
    fields, widened, text, beyond = [], [], [], []
    for field in a:
        other = theirs.pop(field.name.casefold(), None)
        kind = field.type if other is None else _widest(field, other)
        if other is not None and kind is None and text_as_last_way and not _holds_binary(field.type, other.type):
            kind = pa.string()
        if kind is None:
            return Incompatible(f"column {field.name} is {field.type} here and {other.type if other else ''} there")
        if other is not None and kind == pa.string() and pa.string() not in (field.type, other.type):
            text.append(field.name)
        if kind != field.type:
            widened.append(field.name)
            if not iceberg_widens(field.type, kind):
                beyond.append(field.name)
        fields.append(_merged_field(field, other, kind))
    added = [field for field in b if field.name.casefold() in theirs]
    there = {field.name.casefold() for field in b}
    return Merged(
        schema=pa.schema([*fields, *added], metadata=a.metadata),
        widened=tuple(widened),
        added=tuple(field.name for field in added),
        missing=tuple(field.name for field in a if field.name.casefold() not in there),
        became_text=tuple(text),
        beyond_iceberg=tuple(beyond),
    )


def merge_all(schemas: list[pa.Schema], *, text_as_last_way: bool = False) -> Merged | Incompatible:
    """One schema for many, `merge_schemas` from left to right; what is told is told against the first."""
    first, merged = schemas[0], Merged(schemas[0])
    for schema in schemas[1:]:
        step = merge_schemas(merged.schema, schema, text_as_last_way=text_as_last_way)
        if isinstance(step, Incompatible):
            return step
        merged = step
    return merge_schemas(first, merged.schema, text_as_last_way=True)


def _merged_field(a: pa.Field, b: pa.Field | None, kind: pa.DataType) -> pa.Field:
    field = a.with_type(kind).with_nullable(True)
    if not is_without_values(a) or b is None or is_without_values(b):
        return field
    kept = {key: value for key, value in (a.metadata or {}).items() if key != NO_VALUES}
    return field.with_metadata(kept or None)


def _widest(a: pa.Field, b: pa.Field) -> pa.DataType | None:
    """A column without any value fits every type."""
    if is_without_values(a):
        return b.type
    return a.type if is_without_values(b) else widest_type(a.type, b.type)


def is_without_values(field: pa.Field) -> bool:
    """Was no value found in this column of a file?"""
    return NO_VALUES in (field.metadata or {})


def without_values(schema: pa.Schema) -> pa.Schema:
    """The same columns as if no value had been found in any: they take the types that come."""
    return pa.schema([field.with_metadata({**(field.metadata or {}), NO_VALUES: b"true"}) for field in schema])


def widest_type(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:  # noqa: PLR0911 - a rule a line
    """The narrowest type that holds both; None when that is only text, or nothing."""
    if a == b:
        return a
    if pa.string() in (a, b):
        return None if _holds_binary(a, b) else pa.string()
    if _is_number(a) and _is_number(b):
        return _widest_number(a, b)
    if {a, b} == {pa.date32(), pa.timestamp("us")}:
        return pa.timestamp("us")
    if is_.is_list(a) and is_.is_list(b):
        element = widest_type(a.value_type, b.value_type)
        return None if element is None else pa.list_(pa.field("element", element))
    if is_.is_struct(a) and is_.is_struct(b):
        return _widest_struct(a, b)
    if is_.is_map(a) and is_.is_map(b):
        key, value = widest_type(a.key_type, b.key_type), widest_type(a.item_type, b.item_type)
        return None if key is None or value is None else pa.map_(key, value)
    return None


def _widest_number(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    if is_.is_floating(a) or is_.is_floating(b):
        return pa.float64()
    if is_.is_integer(a) and is_.is_integer(b):
        return pa.int64()
    whole = max(_whole_digits(a), _whole_digits(b))
    scale = max(_scale(a), _scale(b))
    return pa.float64() if whole + scale > WIDEST_DECIMAL else pa.decimal128(whole + scale, scale)


def _widest_struct(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    merged = merge_schemas(pa.schema(list(a)), pa.schema(list(b)))
    return None if isinstance(merged, Incompatible) else pa.struct(list(merged.schema))


def iceberg_widens(a: pa.DataType, b: pa.DataType) -> bool:
    """Can an Iceberg column of type `a` become one of type `b` where it stands?"""
    if is_.is_decimal(a) and is_.is_decimal(b):
        return bool(a.scale == b.scale and b.precision >= a.precision)
    return (a, b) in {(pa.int32(), pa.int64()), (pa.float32(), pa.float64())}


def _is_number(kind: pa.DataType) -> bool:
    return bool(is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind))


def _whole_digits(kind: pa.DataType) -> int:
    return int(kind.precision - kind.scale) if is_.is_decimal(kind) else DIGITS[kind]


def _scale(kind: pa.DataType) -> int:
    return int(kind.scale) if is_.is_decimal(kind) else 0


def _holds_binary(*kinds: pa.DataType) -> bool:
    """Bytes have no text of their own; which letters they would become is nobody's to guess."""
    return any(
        is_.is_binary(kind)
        or (is_.is_list(kind) and _holds_binary(kind.value_type))
        or (is_.is_map(kind) and _holds_binary(kind.key_type, kind.item_type))
        or (is_.is_struct(kind) and _holds_binary(*(field.type for field in kind)))
        for kind in kinds
    )
