"""Which of Arrow's types become which of ours: those that Sail, DuckDB and PyIceberg all read, and no value changed.

What has no such type becomes text (times of day, durations) or a wider number. A batch is fitted to a table's columns
here, each value checked; text is the ISO or JSON form.
"""

import base64
import datetime
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from pergamon.formats.names import named_field, safe_names

SMALL_INTEGERS = {pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16()}
UTC = pa.timestamp("us", tz="UTC")


class NotCarried(Exception):
    """A type that has no place in a table. The message names it."""


class DoesNotFit(Exception):
    """A value is not exactly one of the wanted type."""


def carried_type(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911 - a rule a line
    """Our type for one of Arrow's.

    Raises:
        NotCarried: there is none.
    """
    if kind in SMALL_INTEGERS:
        return pa.int32()
    if kind in {pa.uint32(), pa.int64()}:
        return pa.int64()
    if kind == pa.uint64():
        return pa.decimal128(20, 0)
    if is_.is_floating(kind):
        return pa.float64() if kind == pa.float64() else pa.float32()
    if is_.is_decimal(kind):
        fits = kind.precision <= 38 and 0 <= kind.scale <= kind.precision
        return pa.decimal128(kind.precision, kind.scale) if fits else pa.string()
    if is_.is_boolean(kind):
        return kind
    if is_.is_date(kind):
        return pa.date32()
    if is_.is_timestamp(kind):
        return pa.timestamp("us") if kind.tz is None else UTC
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_time(kind) or is_.is_null(kind):
        return pa.string()
    if is_.is_duration(kind):
        return pa.string()
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind):
        return pa.binary()
    if is_.is_dictionary(kind):
        return carried_type(kind.value_type)
    return _carried_nested(kind)


def _carried_nested(kind: pa.DataType) -> pa.DataType:
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return pa.list_(pa.field("element", carried_type(kind.value_type)))
    if is_.is_struct(kind):
        return pa.struct(carried_fields(list(kind))) if kind.num_fields else pa.string()
    if is_.is_map(kind):
        key = carried_type(kind.key_type)
        return pa.map_(key, carried_type(kind.item_type)) if not is_.is_nested(key) else pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return carried_type(kind.storage_type) if str(kind) != "extension<arrow.uuid>" else pa.string()
    raise NotCarried(str(kind))


def carried_fields(fields: list[pa.Field]) -> list[pa.Field]:
    """Our fields for Arrow's, with names that every engine carries.

    Raises:
        NotCarried: a field's type has no place in a table; the message names the field.
    """
    originals = [field.name for field in fields]
    made = []
    for field, name in zip(fields, safe_names(originals), strict=True):
        try:
            made.append(named_field(name, field.name, carried_type(field.type)))
        except NotCarried as error:
            raise NotCarried(f"{name}: {error}") from None
    return made


def fitted(array: pa.Array, kind: pa.DataType) -> pa.Array:  # noqa: PLR0911 - a rule a line
    """The same values in another type; struct fields by position.

    Raises:
        DoesNotFit: a value would change.
    """
    if isinstance(array, pa.ExtensionArray):
        array = _plain_uuid(array) if str(array.type) == "extension<arrow.uuid>" else array.storage
    if is_.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type == kind:
        return array
    if is_.is_null(array.type):
        return pa.nulls(len(array), kind)
    if kind == pa.string():
        return _as_text(array)
    if is_.is_struct(kind) and is_.is_struct(array.type):
        return _fitted_struct(array, kind)
    if is_.is_list(kind) and (is_.is_list(array.type) or is_.is_large_list(array.type)):
        return _fitted_list(array, kind)
    if is_.is_map(kind) and is_.is_map(array.type):
        parts = fitted(array.keys, kind.key_type), fitted(array.items, kind.item_type)
        return pa.MapArray.from_arrays(_offsets(array), *parts, type=kind, mask=_null_mask(array))
    if is_.is_decimal(array.type) and is_.is_floating(kind):
        return _decimal_as_double(array, kind)
    try:
        return array.cast(kind, safe=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowException):
        raise DoesNotFit from None


def _fitted_struct(array: pa.StructArray, kind: pa.StructType) -> pa.Array:
    """Fields by name where they have the same; a struct that lacks a field has nulls there."""
    own = {array.type.field(place).name.casefold(): place for place in range(array.type.num_fields)}
    if array.type.num_fields == kind.num_fields and set(own) != {field.name.casefold() for field in kind}:
        own = {kind.field(place).name.casefold(): place for place in range(kind.num_fields)}
    if not set(own) <= {field.name.casefold() for field in kind}:
        raise DoesNotFit
    flat = array.flatten() if array.null_count else [array.field(place) for place in range(array.type.num_fields)]
    children = [
        fitted(flat[own[field.name.casefold()]], field.type)
        if field.name.casefold() in own
        else pa.nulls(len(array), field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=_null_mask(array))


def _fitted_list(array: pa.Array, kind: pa.DataType) -> pa.Array:
    plain = array.cast(pa.list_(array.type.value_type)) if is_.is_large_list(array.type) else array
    values = fitted(plain.flatten(), kind.value_type)
    lengths = pc.fill_null(pc.list_value_length(plain), 0)
    offsets = (
        pa.array([0], pa.int32())
        if not len(plain)
        else pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    )
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=_null_mask(plain))


def _offsets(array: pa.MapArray) -> pa.Array:
    first = array.offsets[0].as_py() if len(array.offsets) else 0
    return pc.subtract(array.offsets, pa.scalar(first, pa.int32())) if first else array.offsets


def _null_mask(array: pa.Array) -> pa.Array | None:
    return array.is_null() if array.null_count else None


def _decimal_as_double(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Exact when the double, printed, is the same number."""
    doubles = array.cast(pa.float64())
    for exact, double in zip(array, doubles, strict=True):
        if exact.is_valid and Decimal(repr(double.as_py())) != exact.as_py():
            raise DoesNotFit
    return doubles.cast(kind)


def _plain_uuid(array: pa.ExtensionArray) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())


def _as_text(array: pa.Array) -> pa.Array:
    kind = array.type
    if is_.is_large_string(kind) or is_.is_integer(kind) or is_.is_time(kind):
        return array.cast(pa.string())
    if is_.is_boolean(kind):
        return array.cast(pa.string())
    if is_.is_timestamp(kind):
        plain = array.cast(pa.timestamp(kind.unit)).cast(pa.string())
        plain = pc.replace_substring(plain, " ", "T", max_replacements=1)
        return plain if kind.tz is None else pc.binary_join_element_wise(plain, "Z", "")
    return pa.array([None if value is None else text_of(value) for value in array.to_pylist()], pa.string())


def text_of(value: Any) -> str:  # noqa: PLR0911 - Any: whatever a file can hold; a rule a line
    """A value as text: ISO for times, JSON for what is nested, the shortest exact digits for numbers."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case datetime.datetime():
            return value.isoformat(sep="T").replace("+00:00", "Z")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return f"PT{value / datetime.timedelta(seconds=1):.6f}".rstrip("0").rstrip(".") + "S"
        case Decimal():
            return format(value, "f")
        case bytes():
            return base64.b64encode(value).decode()
        case dict() | list() | tuple():
            return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
        case _:
            return str(value)


def _plain(value: Any) -> Any:  # Any: what JSON can hold, and what becomes its text
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return float(value) if isinstance(value, Decimal) and Decimal(repr(float(value))) == value else text_of(value)
