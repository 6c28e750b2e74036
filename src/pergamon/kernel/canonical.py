"""One way to write a value as bytes, so that a hash means the same on every machine (RFC 8785 in spirit)."""

import hashlib
import json
from typing import Any


def canonical_bytes(value: Any) -> bytes:  # Any: whatever JSON can hold
    """Write JSON with sorted keys, no spaces, UTF-8. Floats are refused: their text differs between writers.

    Raises:
        TypeError: a value that JSON does not know, or a float.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical text; use an integer with its unit, or a string")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
