"""Masks, row filters and the union of grants on plain Python rows: slow, obvious, and written without their code.

A row is a mapping of field id to value. A predicate is the tree of `policy.row_filter`; nothing else of it is used.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isnan, lcm
from typing import Any
from uuid import UUID

from pergamon.policy import GrantRights, Mask, MaskAction, PolicyColumn, Predicate, parsed_type
from pergamon.policy.column_types import ColumnType
from pergamon.policy.row_filter import Among, And, Compare, Constant, IsNull, Not, Operator, Or, StartsWith

Row = Mapping[int, Any]
A = MaskAction

FIXED: dict[str, Any] = {
    "boolean": False,
    "int": 999999999,
    "long": 999999999,
    "float": 0.0,
    "double": 0.0,
    "decimal": Decimal(0),
    "string": "XXXXXXXX",
    "date": date(9999, 12, 31),
    "time": time(0),
    "timestamp": datetime(9999, 12, 31),  # noqa: DTZ001 - a timestamp has no zone
    "timestamptz": datetime(9999, 12, 31, tzinfo=UTC),
    "uuid": UUID(int=0),
    "binary": b"",
    "list": [],
    "map": {},
}


@dataclass(frozen=True)
class Secrets:
    key: bytes
    salt: bytes


def masked(  # noqa: PLR0911, PLR0912 - one return for each mask
    mask: Mask | None, value: Any, column_type: str, secrets: Secrets, anchor: Any = None
) -> Any:
    """What is shown of a value."""
    if mask is None or value is None:
        return value
    kind = parsed_type(column_type)
    match mask.action:
        case A.REPLACE_WITH_NULL:
            return None
        case A.MASK_TO_FIXED_VALUE:
            return fixed_value(kind)
        case A.MASK_ALPHANUM:
            return alphanum(value)
        case A.SHOW_FIRST_4:
            return value[:4] + alphanum(value[4:])
        case A.SHOW_LAST_4:
            return value if len(value) <= 4 else alphanum(value[:-4]) + value[-4:]
        case A.TRUNCATE_TO_YEAR:
            return first_day(value, value.year, 1)
        case A.TRUNCATE_TO_MONTH:
            return first_day(value, value.year, value.month)
        case A.AGE_BAND:
            return band(mask.width or 0, value, kind)
        case A.SHIFT_DATE:
            return shifted(mask.days or 0, value, anchor, secrets)
        case A.SHA_256_GLOBAL:
            return digest_as(hashlib.sha256(bytes_of(value, kind)).digest(), kind)
        case A.SHA_256_QUERY_LOCAL:
            return digest_as(hashlib.sha256(secrets.salt + bytes_of(value, kind)).digest(), kind)
        case A.HMAC_SHA_256:
            return digest_as(hmac.digest(secrets.key, bytes_of(value, kind), "sha256"), kind)


def fixed_value(kind: ColumnType) -> Any:
    if kind.kind == "fixed":
        return bytes(kind.size)
    if kind.kind == "struct":
        return {name: fixed_value(part) for name, part in kind.parts.items()}
    return FIXED[kind.kind]


def alphanum(text: str) -> str:
    shown = ""
    for character in text:
        shown += "n" if character in "0123456789" else character if character in "(),.-@" else "x"
    return shown


def first_day(value: date, year: int, month: int) -> date:
    if isinstance(value, datetime):
        return datetime(year, month, 1, tzinfo=value.tzinfo)
    return date(year, month, 1)


def band(width: int, value: Any, kind: ColumnType) -> Any:
    if isinstance(value, int):
        least = -(2**31) if kind.kind == "int" else -(2**63)
        return max(least, value // width * width)
    return first_day(value, max(1, value.year // width * width), 1)


def shifted(days: int, value: Any, anchor: Any, secrets: Secrets) -> Any:
    if anchor is None:
        return None
    drawn = hmac.digest(secrets.key, b"\xffshift-date\xff" + str(anchor).encode(), "sha256")
    by = int.from_bytes(drawn[:8], "big") % (2 * days + 1) - days
    try:
        return value + timedelta(days=by)
    except OverflowError:
        end = datetime.max if by > 0 else datetime.min  # noqa: DTZ901 - the zone is the value's
        return end.replace(tzinfo=value.tzinfo) if isinstance(value, datetime) else end.date()


def bytes_of(value: Any, kind: ColumnType) -> bytes:
    if kind.kind in {"int", "long"}:
        return int(value).to_bytes(4 if kind.kind == "int" else 8, "little", signed=True)
    return value.encode() if isinstance(value, str) else bytes(value)


def digest_as(digest: bytes, kind: ColumnType) -> Any:
    match kind.kind:
        case "int":
            return int.from_bytes(digest[:4], "little", signed=True)
        case "long":
            return int.from_bytes(digest[:8], "little", signed=True)
        case "binary":
            return digest
        case _:
            return digest.hex()


def holds(predicate: Predicate, row: Row) -> bool | None:  # noqa: PLR0911 - one return for each kind
    """TRUE, FALSE, or None for SQL's NULL."""
    match predicate:
        case Constant():
            return predicate.value
        case IsNull():
            return row[predicate.field_id] is None
        case Compare():
            return compared(row[predicate.field_id], predicate.operator, predicate.value)
        case Among():
            return either([compared(row[predicate.field_id], Operator.EQUAL, value) for value in predicate.values])
        case StartsWith():
            cell = row[predicate.field_id]
            return None if cell is None else cell[: len(str(predicate.prefix))] == predicate.prefix
        case Not():
            part = holds(predicate.part, row)
            return None if part is None else not part
        case Or():
            return either([holds(part, row) for part in predicate.parts])
        case And():
            opposite = either([holds(Not(part), row) for part in predicate.parts])
            return None if opposite is None else not opposite


def either(answers: Sequence[bool | None]) -> bool | None:
    if True in answers:
        return True
    return None if None in answers else False


def compared(cell: Any, operator: Operator, value: Any) -> bool | None:  # noqa: PLR0911 - one for each sign
    if cell is None:
        return None
    cell, value = in_order(cell), in_order(value)
    match operator:
        case Operator.EQUAL:
            return bool(cell == value)
        case Operator.NOT_EQUAL:
            return bool(cell != value)
        case Operator.LESS:
            return bool(cell < value)
        case Operator.AT_MOST:
            return bool(cell <= value)
        case Operator.MORE:
            return bool(cell > value)
        case Operator.AT_LEAST:
            return bool(cell >= value)


def in_order(value: Any) -> Any:
    """NaN after every number; texts by code points."""
    if isinstance(value, float):
        return (isnan(value), 0.0 if isnan(value) else value)
    return value


CHAINS = (
    (A.REPLACE_WITH_NULL, A.MASK_TO_FIXED_VALUE, A.MASK_ALPHANUM, A.SHOW_FIRST_4),
    (A.REPLACE_WITH_NULL, A.MASK_TO_FIXED_VALUE, A.MASK_ALPHANUM, A.SHOW_LAST_4),
    (A.REPLACE_WITH_NULL, A.MASK_TO_FIXED_VALUE, A.SHA_256_QUERY_LOCAL, A.HMAC_SHA_256, A.SHA_256_GLOBAL),
    (A.REPLACE_WITH_NULL, A.MASK_TO_FIXED_VALUE, A.AGE_BAND, A.TRUNCATE_TO_YEAR, A.TRUNCATE_TO_MONTH),
    (A.REPLACE_WITH_NULL, A.MASK_TO_FIXED_VALUE, A.SHIFT_DATE),
)
"""From what tells nothing to what tells most."""


def strictest_of_two(a: Mask, b: Mask) -> Mask:
    """The last mask that stands on the way to both."""
    shared: list[Mask] = []
    for way_a in CHAINS:
        for way_b in CHAINS:
            if a.action in way_a and b.action in way_b:
                to_a, to_b = way_a[: way_a.index(a.action) + 1], way_b[: way_b.index(b.action) + 1]
                both = [step for step, other in zip(to_a, to_b, strict=False) if step is other]
                shared = max(shared, [Mask(step) for step in both], key=len)
    last = shared[-1].action
    if last is A.AGE_BAND:
        width = lcm(*(mask.width for mask in (a, b) if mask.width))
        return Mask(A.AGE_BAND, width=width) if width <= 1000 else Mask(A.MASK_TO_FIXED_VALUE)
    if last is A.SHIFT_DATE:
        days = max(a.days or 0, b.days or 0)
        return Mask(last, days=days, anchor=a.anchor) if a.anchor == b.anchor else Mask(A.MASK_TO_FIXED_VALUE)
    return Mask(last)


def given_rows(
    grants: Sequence[GrantRights], columns: Sequence[PolicyColumn], rows: Sequence[Row], secrets: Secrets
) -> list[dict[int, Any]]:
    """What these grants together give: cell by cell, each from a grant that gives both its row and its column."""
    types = {column.field_id: column.type for column in columns}
    shown = sorted({field_id for grant in grants for field_id in grant.columns})
    found = []
    for row in rows:
        giving = [grant for grant in grants if grant.rows is None or holds(grant.rows, row) is True]
        if giving:
            found.append({field_id: _cell(field_id, grants, giving, row, types, secrets) for field_id in shown})
    return found


def _cell(  # noqa: PLR0917
    field_id: int,
    grants: Sequence[GrantRights],
    giving: Sequence[GrantRights],
    row: Row,
    types: Mapping[int, str],
    secrets: Secrets,
) -> Any:
    if not any(field_id in grant.columns for grant in giving):
        return None
    own_here = any(grant.own_masks and field_id in grant.columns for grant in giving)
    strictest: Mask | None = None
    for grant in grants:
        mask = grant.columns.get(field_id) if grant.own_masks is own_here else None
        if mask is not None:
            strictest = mask if strictest is None else strictest_of_two(strictest, mask)
    anchor = row[strictest.anchor] if strictest is not None and strictest.anchor is not None else None
    return masked(strictest, row[field_id], types[field_id], secrets, anchor)
