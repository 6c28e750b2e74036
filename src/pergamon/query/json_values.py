"""How a value of a result stands in JSON: without loss, so what JSON cannot say exactly becomes text."""

import base64
import datetime
import math
from typing import Any

import pyarrow as pa

SAFE_INTEGER = 2**53
"""Beyond this many readers of JSON round (RFC 8259, section 6)."""


def as_json(value: Any) -> Any:  # Any: whatever Arrow can hold, as what JSON can hold
    """A long integer, a decimal, a time and bytes (base64) become text; the rest stays what it is."""
    match value:
        case dict():
            told: Any = {str(key): as_json(inner) for key, inner in value.items()}
        case list() | tuple():
            told = [as_json(inner) for inner in value]
        case datetime.datetime() | datetime.date() | datetime.time():
            told = value.isoformat()
        case bytes():
            told = base64.b64encode(value).decode()
        case None | bool() | str():
            told = value
        case int() if abs(value) <= SAFE_INTEGER:
            told = value
        case float() if math.isfinite(value):
            told = value
        case _:
            told = str(value)
    return told


def values_in(array: Any) -> int:  # Any: a pyarrow Array or ChunkedArray
    """How many values an array holds, those in lists, maps and structs counted one by one: what its JSON would cost.

    Bits and dictionaries are small in Arrow and large as JSON, so bytes say nothing. Text counts for 64 bytes a value.
    """
    if isinstance(array, pa.ChunkedArray):
        return sum(values_in(chunk) for chunk in array.chunks)
    kind = array.type
    if pa.types.is_dictionary(kind):
        longest = max((len(str(value)) for value in array.dictionary.to_pylist()), default=0)
        return len(array) * (1 + longest // 64)
    if pa.types.is_map(kind):
        return len(array) + values_in(array.keys) + values_in(array.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return len(array) + values_in(array.flatten())
    if pa.types.is_struct(kind):
        return len(array) + sum(values_in(child) for child in array.flatten())
    return len(array) + int(array.nbytes) // 64
