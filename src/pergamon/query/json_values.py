"""How a value of a result stands in JSON: without loss, so what JSON cannot say exactly becomes text."""

import base64
import datetime
import math
from typing import Any

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
