"""Do an owner's conditions fit the asset's table? Asked when they are written.

What the table has become since is asked again whenever something is granted.
"""

from collections.abc import Sequence
from contextlib import suppress

from pergamon.catalog.content import listed
from pergamon.catalog.model import AccessConditions, BadContent, Column
from pergamon.policy import (
    Mask,
    MaskAction,
    PolicyColumn,
    UnfitMask,
    UnknownColumnType,
    bind,
    bind_mask,
    inner_columns,
    may_mask_identifiers,
    parse_filter,
    parse_mask,
    with_row_fields,
)

PLAIN_MASKS = tuple(action.value for action in MaskAction if action not in (MaskAction.AGE_BAND, MaskAction.SHIFT_DATE))
"""Those that take no arguments."""


def require_conditions(before: AccessConditions, after: AccessConditions, columns: Sequence[Column]) -> None:
    """Raises when new conditions name a column, a mask or a filter that the table cannot have.

    Raises:
        BadContent: there is no such column. One that stood there before and is gone may stand on.
        UnfitMask, FilterNotUnderstood, FilterDoesNotFit: see there.
    """
    every = as_policy_columns(columns)
    there = {column.name: column for column in (*_inside(every), *every)}
    named = {*after.masks, *after.identifiers} - {*before.masks, *before.identifiers}
    unknown = sorted(named - there.keys())
    if unknown:
        raise BadContent(
            f"the asset has no column {listed(unknown)}", hint="names are spelled as the table spells them"
        )
    for name, text in after.masks.items():
        if name in there:
            bound_mask(text, there[name], with_row_fields(every), identifiers=after.identifiers)
    if after.rows.strip():
        bind(parse_filter(after.rows), with_row_fields(every))


def require_written(conditions: AccessConditions) -> None:
    """Are masks and filter written as they can be, whatever the table?

    Raises:
        UnfitMask, FilterNotUnderstood: they are not.
    """
    for text in conditions.masks.values():
        parse_mask(text)
    if conditions.rows.strip():
        parse_filter(conditions.rows)


def bound_mask(text: str, column: PolicyColumn, columns: Sequence[PolicyColumn], *, identifiers: Sequence[str]) -> Mask:
    """A mask as it is written, for this column.

    Raises:
        UnfitMask: it does not apply, or leads back to the value of a column that identifies a person.
    """
    mask = bind_mask(parse_mask(text), column, columns)
    if column.name in identifiers and not may_mask_identifiers(mask):
        raise UnfitMask(
            f"{mask.action} does not hide column {column.name}, which identifies a person",
            hint="use hmac-sha-256, mask-alphanum or a fixed value",
        )
    return mask


def fitting_masks(columns: Sequence[Column]) -> dict[str, tuple[str, ...]]:
    """Of each column the masks without arguments that can be taken of it, as they are written."""
    every = as_policy_columns(columns)
    return {column.name: tuple(text for text in PLAIN_MASKS if _fits(text, column, every)) for column in every}


def _fits(text: str, column: PolicyColumn, columns: Sequence[PolicyColumn]) -> bool:
    try:
        bind_mask(parse_mask(text), column, columns)
    except (UnfitMask, UnknownColumnType):
        return False
    return True


def _inside(columns: Sequence[PolicyColumn]) -> list[PolicyColumn]:
    """The fields of the structs in columns, as far as they are understood."""
    found: list[PolicyColumn] = []
    for column in columns:
        with suppress(UnknownColumnType):
            found += inner_columns(column)
    return found


def as_policy_columns(columns: Sequence[Column]) -> list[PolicyColumn]:
    """An asset's columns, numbered by their place: to see whether something fits, not to be kept."""
    return [
        PolicyColumn(number, column.name, column.type, column.required)
        for number, column in enumerate(columns, start=1)
    ]
