"""Do an owner's conditions fit the asset's table? Asked when they are written.

What the table has become since is asked again whenever something is granted.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from pergamon.catalog.content import listed
from pergamon.catalog.model import AccessConditions, BadContent, Column
from pergamon.policy import (
    ANCHORS,
    Mask,
    MaskAction,
    PolicyColumn,
    UnfitMask,
    UnknownColumnType,
    applies_to,
    bind,
    bind_mask,
    inner_columns,
    may_mask_identifiers,
    parse_filter,
    parse_mask,
    parsed_type,
    with_row_fields,
)


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


def mask_faults(
    columns: Sequence[Column], masks: Mapping[str, str], identifiers: Sequence[str]
) -> dict[str, UnfitMask]:
    """What is wrong with masks as they are written, by column; of a column that is not there, nothing is said."""
    every = as_policy_columns(columns)
    nameable = with_row_fields(every)
    faults = {}
    for column in every:
        try:
            if column.name in masks:
                bound_mask(masks[column.name], column, nameable, identifiers=identifiers)
        except UnfitMask as fault:
            faults[column.name] = fault
    return faults


def fitting_masks(columns: Sequence[Column]) -> dict[str, tuple[MaskAction, ...]]:
    """Of each column the masks that can be taken of it; those that take arguments, with the right ones."""
    can_be_shifted = bool(anchors(columns))
    return {
        column.name: tuple(
            action
            for action in MaskAction
            if _fits(action, column) and (can_be_shifted or action is not MaskAction.SHIFT_DATE)
        )
        for column in as_policy_columns(columns)
    }


def anchors(columns: Sequence[Column]) -> list[str]:
    """The columns that can say whose date it is."""
    return [column.name for column in as_policy_columns(columns) if _kind(column) in ANCHORS]


def _fits(action: MaskAction, column: PolicyColumn) -> bool:
    is_never_null = column.required and action is MaskAction.REPLACE_WITH_NULL
    return bool(_kind(column)) and not is_never_null and applies_to(Mask(action), column.type)


def _kind(column: PolicyColumn) -> str:
    """The type's name; empty when it is none that is known."""
    with suppress(UnknownColumnType):
        return parsed_type(column.type).kind
    return ""


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
