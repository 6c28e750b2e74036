"""Which constant does a written value stand for, in a column of this type? One text for one value, both ways.

Nothing is rounded in silence but a float: what a column cannot hold exactly is not a value of it.
"""

import re
import struct
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from uuid import UUID

from pergamon.policy.column_types import ColumnType

Value = bool | int | float | Decimal | str | date | datetime | time | UUID
"""A constant, in the Python type of its column's type; a timestamptz is in UTC."""

COMPARED = frozenset("boolean int long float double decimal string date time timestamp timestamptz uuid".split())  # noqa: SIM905
"""Types that a value can be written for."""
ORDERED = COMPARED - {"boolean", "uuid"}
"""Types that have a less and a more; engines do not agree on the order of the others."""
NUMBERS = frozenset({"int", "long", "float", "double", "decimal"})

_BITS = {"int": 31, "long": 63}
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,4})?")
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
_DATE = re.compile(_DAY)
_TIME = re.compile(_CLOCK)
_TIMESTAMP = re.compile(rf"{_DAY}(?:[T ]{_CLOCK})?")
_TIMESTAMPTZ = re.compile(rf"{_DAY}(?:[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}}))?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def typed_value(text: str, column_type: ColumnType) -> Value | None:
    """The value that a text stands for in a column of this type; None: there is none."""
    try:
        return _typed(text, column_type)
    except (ValueError, OverflowError, InvalidOperation):
        return None


def value_text(value: Value) -> str:
    """The one text of a value; `typed_value` reads it back."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def is_plain_text(text: str) -> bool:
    """May this stand in a text literal of an engine: no NUL, nothing that is not a character?"""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _typed(text: str, column_type: ColumnType) -> Value | None:  # noqa: PLR0911 - one return for each kind
    kind = column_type.kind
    match kind:
        case "boolean":
            return {"true": True, "false": False}.get(text)
        case "int" | "long":
            return _whole(text, _BITS[kind])
        case "float" | "double":
            return _floating(text, kind)
        case "decimal":
            return _decimal(text, column_type)
        case "string":
            return text if is_plain_text(text) else None
        case "uuid":
            return UUID(text) if _UUID.fullmatch(text) else None
        case "date":
            return date.fromisoformat(text) if _DATE.fullmatch(text) else None
        case "time":
            return time.fromisoformat(_six_digits(text)) if _TIME.fullmatch(text) else None
        case "timestamp":
            return datetime.fromisoformat(_six_digits(text)) if _TIMESTAMP.fullmatch(text) else None
        case "timestamptz":
            return _instant(text) if _TIMESTAMPTZ.fullmatch(text) else None
        case _:
            return None


def _whole(text: str, bits: int) -> int | None:
    value = int(text) if _INTEGER.fullmatch(text) else None
    return value if value is not None and -(2**bits) <= value < 2**bits else None


def _floating(text: str, kind: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if kind == "float":
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return value + 0.0 if abs(value) != float("inf") else None  # no negative zero


def _decimal(text: str, column_type: ColumnType) -> Decimal | None:
    if not _NUMBER.fullmatch(text):
        return None
    exact = Context(prec=column_type.precision, traps=[InvalidOperation])
    written = Decimal(text)
    value = written.quantize(Decimal(1).scaleb(-column_type.scale), context=exact)
    return abs(value) if value == written == 0 else value if value == written else None


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(_six_digits(text))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _six_digits(text: str) -> str:
    """Fractions of a second at microseconds."""
    return re.sub(r"\.([0-9]{1,6})", lambda found: f".{found[1]:0<6}", text)
