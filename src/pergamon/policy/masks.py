"""What may be shown of a cell that is not shown as it is? A closed list of masks, each kept by field id (ADR 0022).

Nine are those of the Iceberg REST protocol's read-restrictions (apache/iceberg #13879), with the same names and
results; `hmac-sha-256`, `age-band` and `shift-date` stand beside them. Every mask keeps NULL as NULL and the type as it
is, and is taken of the raw value after the rows were filtered. How a mask is computed in an engine's words is
`query.mask_sql`; what it means on plain values is written once more, slowly, in the tests.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pergamon.kernel import Invalid
from pergamon.policy.column_types import PolicyColumn, parsed_type


class MaskAction(StrEnum):
    """What is done to a value. A name here stands in grants and in the trail, and is never reused."""

    MASK_ALPHANUM = "mask-alphanum"
    """Digits become `n`, `( ) , . - @` stay, every other code point becomes `x`."""
    MASK_TO_FIXED_VALUE = "mask-to-fixed-value"
    """The same value for all: 999999999, `XXXXXXXX`, 9999-12-31, an empty list, …"""
    REPLACE_WITH_NULL = "replace-with-null"
    SHOW_FIRST_4 = "show-first-4"
    """The first four code points as they are, the others as `mask-alphanum`."""
    SHOW_LAST_4 = "show-last-4"
    TRUNCATE_TO_YEAR = "truncate-to-year"
    TRUNCATE_TO_MONTH = "truncate-to-month"
    SHA_256_GLOBAL = "sha-256-global"
    """Without a key: whoever can list the possible values can turn it back."""
    SHA_256_QUERY_LOCAL = "sha-256-query-local"
    """With a salt that lives for one query: equal values are equal in its result, and nowhere else."""
    HMAC_SHA_256 = "hmac-sha-256"
    """Under a key of the project: equal values are equal in all its tables, and in no other project's."""
    AGE_BAND = "age-band"
    """A number rounded down to a multiple of `width`; a date to the first day of such a year."""
    SHIFT_DATE = "shift-date"
    """Moved by a keyed number of whole days in [-days, days], the same for equal values of the anchor."""


@dataclass(frozen=True)
class Mask:
    """A mask of one column. width: of age bands. days, anchor: of shifted dates; anchor is a field id."""

    action: MaskAction
    width: int | None = None
    days: int | None = None
    anchor: int | None = None


@dataclass(frozen=True)
class NamedMask:
    """A mask as people write it: its anchor is still a name."""

    action: MaskAction
    width: int | None = None
    days: int | None = None
    anchor: str | None = None


class UnfitMask(Invalid):
    """A mask that does not exist, or that cannot be taken of this column."""

    code = "policy.unfit_mask"


WIDTHS = range(2, 101)
DAYS = range(1, 3651)
WIDEST_BAND = 1000
"""Bands that are wider, which only several grants together can make, become the fixed value."""

TEXT = frozenset({"string"})
DATES = frozenset({"date", "timestamp", "timestamptz"})
HASHED = frozenset({"string", "int", "long", "binary"})
EVERY_TYPE = None
ANCHORS = frozenset({"string", "int", "long", "uuid"})
"""Types of a column that says whose date it is: those with one spelling."""

TYPES_OF: dict[MaskAction, frozenset[str] | None] = {
    MaskAction.MASK_ALPHANUM: TEXT,
    MaskAction.MASK_TO_FIXED_VALUE: EVERY_TYPE,
    MaskAction.REPLACE_WITH_NULL: EVERY_TYPE,
    MaskAction.SHOW_FIRST_4: TEXT,
    MaskAction.SHOW_LAST_4: TEXT,
    MaskAction.TRUNCATE_TO_YEAR: DATES,
    MaskAction.TRUNCATE_TO_MONTH: DATES,
    MaskAction.SHA_256_GLOBAL: HASHED,
    MaskAction.SHA_256_QUERY_LOCAL: HASHED,
    MaskAction.HMAC_SHA_256: HASHED,
    MaskAction.AGE_BAND: DATES | {"int", "long"},
    MaskAction.SHIFT_DATE: DATES,
}
"""The types that a mask may be taken of; None: all."""

NOT_FOR_IDENTIFIERS = frozenset({MaskAction.SHA_256_GLOBAL, MaskAction.SHOW_FIRST_4, MaskAction.SHOW_LAST_4})
"""Masks that a column which identifies a person may not have: they can be turned back, or show short values whole."""

_WRITTEN = re.compile(r"\s*([a-z0-9-]+)\s*(?:\((.*)\)\s*)?", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,6}")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
LONGEST_TEXT = 400


def parse_mask(text: str) -> NamedMask:
    """Read a mask as people write it: `show-last-4`, `age-band(10)`, `shift-date(30, patient_id)`.

    Raises:
        UnfitMask: no such mask, or not its arguments.
    """
    written = _WRITTEN.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if written is None or written[1] not in set(MaskAction):
        known = ", ".join(action.value for action in MaskAction)
        raise UnfitMask(f"there is no mask `{text[:60]}`", hint=f"the masks are {known}")
    action, inside = MaskAction(written[1]), written[2]
    match action:
        case MaskAction.AGE_BAND:
            return NamedMask(action, width=_number(inside, WIDTHS, "age-band(10): a width of 2 to 100"))
        case MaskAction.SHIFT_DATE:
            how = "shift-date(30, patient_id): 1 to 3650 days, and the column that says whose date it is"
            days, comma, anchor = (inside or "").partition(",")
            name = _column_name(anchor.strip())
            if not comma or not name:
                raise UnfitMask("shift-date needs a number of days and a column", hint=how)
            return NamedMask(action, days=_number(days, DAYS, how), anchor=name)
    if inside is not None:
        raise UnfitMask(f"{action} takes no arguments", hint=f"write {action}")
    return NamedMask(action)


def bind_mask(named: NamedMask, column: PolicyColumn, columns: Sequence[PolicyColumn]) -> Mask:
    """Bind a mask to the column that it is for and the table's columns.

    Raises:
        UnfitMask: it does not apply to the column's type, the column must not be NULL, or the anchor does not exist.
    """
    anchor = None
    if named.anchor is not None:
        found = column_named(named.anchor, columns)
        if found is None or parsed_type(found.type).kind not in ANCHORS:
            raise UnfitMask(
                f"the mask of column {column.name} needs a column that says whose date it is",
                hint="name a column of type string, int, long or uuid",
            )
        anchor = found.field_id
    mask = Mask(named.action, width=named.width, days=named.days, anchor=anchor)
    if not applies_to(mask, column.type):
        raise UnfitMask(f"{mask.action} does not apply to column {column.name} of type {column.type}")
    if mask.action is MaskAction.REPLACE_WITH_NULL and column.required:
        raise UnfitMask(
            f"column {column.name} is never NULL, so replace-with-null does not apply",
            hint="use mask-to-fixed-value",
        )
    return mask


def column_named(name: str, columns: Sequence[PolicyColumn]) -> PolicyColumn | None:
    """The column of exactly this name; else the only one that differs in case alone; else None."""
    exact = [column for column in columns if column.name == name]
    alike = exact or [column for column in columns if column.name.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def applies_to(mask: Mask, column_type: str) -> bool:
    """May this mask be taken of a column of this type?

    Raises:
        UnknownColumnType: the type is none that is known.
    """
    types = TYPES_OF[mask.action]
    kind = parsed_type(column_type).kind
    return types is EVERY_TYPE or kind in types


def may_mask_identifiers(mask: Mask) -> bool:
    """May a column that identifies a person be given with this mask?"""
    return mask.action not in NOT_FOR_IDENTIFIERS


def strictest(a: Mask, b: Mask) -> Mask:
    """The mask that reveals only what both reveal: `b` when all that `b` tells is told by `a` too, and so on.

    Masks of which neither tells a part of the other have `mask-to-fixed-value` in common; it applies to every type.
    Commutative, associative and idempotent, so several grants may be joined in any order.
    """
    if a == b:
        return a
    if MaskAction.AGE_BAND in {a.action, b.action} and _band(a) and _band(b):
        return _common_band(_band(a), _band(b))
    if a.action is b.action is MaskAction.SHIFT_DATE:
        return max(a, b, key=lambda mask: mask.days or 0) if a.anchor == b.anchor else FIXED
    shared = _TELLS[a.action] & _TELLS[b.action]
    return next((mask for mask in (a, b) if _TELLS[mask.action] == shared), _MASK_TELLING.get(shared, FIXED))


def mask_text(mask: Mask, names: Mapping[int, str]) -> str:
    """A mask as people write it; `names`: the columns' names by field id."""
    match mask.action:
        case MaskAction.AGE_BAND:
            return f"{mask.action}({mask.width})"
        case MaskAction.SHIFT_DATE:
            return f"{mask.action}({mask.days}, {written_name(names.get(mask.anchor or 0, '(gone)'))})"
        case _:
            return mask.action.value


def mask_as_json(mask: Mask) -> dict[str, Any]:  # Any: JSON
    """A mask as it is kept."""
    kept = {"width": mask.width, "days": mask.days, "anchor": mask.anchor}
    return {"action": mask.action.value} | {name: value for name, value in kept.items() if value is not None}


def mask_from_json(kept: Mapping[str, Any]) -> Mask:
    """Read a kept mask back.

    Raises:
        UnfitMask: it is none, or a part of it is missing.
    """
    if kept.get("action") not in set(MaskAction) or not kept.keys() <= {"action", "width", "days", "anchor"}:
        raise UnfitMask("a kept mask is none that is known here", hint="a newer version may have written it")
    mask = Mask(MaskAction(kept["action"]), kept.get("width"), kept.get("days"), kept.get("anchor"))
    has = (type(mask.width) is int, type(mask.days) is int, type(mask.anchor) is int)
    if has != (mask.action is MaskAction.AGE_BAND, *(mask.action is MaskAction.SHIFT_DATE,) * 2):
        raise UnfitMask("a kept mask lacks a part, or has one too many", hint="a newer version may have written it")
    return mask


FIXED = Mask(MaskAction.MASK_TO_FIXED_VALUE)

_IS_NULL = "whether it is NULL"
_TELLS: dict[MaskAction, frozenset[str]] = {
    MaskAction.REPLACE_WITH_NULL: frozenset(),
    MaskAction.MASK_TO_FIXED_VALUE: frozenset({_IS_NULL}),
    MaskAction.MASK_ALPHANUM: frozenset({_IS_NULL, "shape"}),
    MaskAction.SHOW_FIRST_4: frozenset({_IS_NULL, "shape", "beginning"}),
    MaskAction.SHOW_LAST_4: frozenset({_IS_NULL, "shape", "end"}),
    MaskAction.AGE_BAND: frozenset({_IS_NULL, "band"}),
    MaskAction.TRUNCATE_TO_YEAR: frozenset({_IS_NULL, "band", "year"}),
    MaskAction.TRUNCATE_TO_MONTH: frozenset({_IS_NULL, "band", "year", "month"}),
    MaskAction.SHA_256_QUERY_LOCAL: frozenset({_IS_NULL, "equal in a query"}),
    MaskAction.HMAC_SHA_256: frozenset({_IS_NULL, "equal in a query", "equal in a project"}),
    MaskAction.SHA_256_GLOBAL: frozenset({_IS_NULL, "equal in a query", "equal in a project", "equal everywhere"}),
    MaskAction.SHIFT_DATE: frozenset({_IS_NULL, "intervals"}),
}
"""What each mask tells of a value. Bands of different width, and shifts, are compared in `strictest` itself."""

_MASK_TELLING = {
    tells: Mask(action)
    for action, tells in _TELLS.items()
    if action not in {MaskAction.AGE_BAND, MaskAction.SHIFT_DATE}
}


def _band(mask: Mask) -> int:
    """The width of a mask's bands, a year being a band of one; 0: it has none."""
    if mask.action in {MaskAction.TRUNCATE_TO_YEAR, MaskAction.TRUNCATE_TO_MONTH}:
        return 1
    return mask.width or 0


def _common_band(a: int, b: int) -> Mask:
    width = math.lcm(a, b)
    return Mask(MaskAction.AGE_BAND, width=width) if width <= WIDEST_BAND else FIXED


def _number(text: str | None, among: range, how: str) -> int:
    written = (text or "").strip()
    if not _NUMBER.fullmatch(written) or int(written) not in among:
        raise UnfitMask("a mask's number is missing or out of its range", hint=how)
    return int(written)


def _column_name(text: str) -> str:
    if quoted := _QUOTED.fullmatch(text):
        return quoted[1].replace('""', '"')
    return text if text and not any(c in '"(),' for c in text) else ""


def written_name(name: str) -> str:
    """A column's name as it stands in a mask's arguments."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
    return name if plain else '"' + name.replace('"', '""') + '"'
