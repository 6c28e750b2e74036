"""What do several grants together give on one table? A cell is given only where one grant gives both its row and its
column, and under the strictest mask of all that give the column; a grant that says so keeps its own masks in its own
rows (ADR 0022). Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pergamon.kernel import canonical_bytes, sha256_hex
from pergamon.policy.masks import Mask, mask_as_json, mask_from_json, mask_text, strictest
from pergamon.policy.row_filter import NOTHING, Predicate, any_of, as_json, from_json, resolved

ROWS = "rows"
MASK = "mask:"
WHERE = "where:"
ISOLATED = "isolated"
NOT_GIVEN = "not-given"
OWN = "own-"
AS_IT_IS = "as-it-is"


@dataclass(frozen=True)
class GrantRights:
    """What one grant gives: columns by field id, each with its mask (None: as it is); rows (None: all).

    The fields of structs are columns of their own: of a struct only those are given that stand here too.

    own_masks: its masks hold in its rows, whatever other grants say, and in no others.
    """

    columns: Mapping[int, Mask | None]
    rows: Predicate | None = None
    own_masks: bool = False


@dataclass(frozen=True)
class OwnForm:
    """How a column is shown in some rows, which grants with masks of their own give."""

    mask: Mask | None
    where: Predicate


@dataclass(frozen=True)
class ColumnRight:
    """One column that is given. only_where: in the other rows that are given, its cell is NULL (None: in all).

    own: in these rows it is shown so, and not under `mask`.
    """

    field_id: int
    mask: Mask | None = None
    only_where: Predicate | None = None
    own: OwnForm | None = None


@dataclass(frozen=True)
class TableRights:
    """All that is given of one table: its columns in the order of their field ids, and the rows (None: all).

    isolated: the process that sees a user's SQL may open no raw file of this table.
    """

    columns: tuple[ColumnRight, ...]
    rows: Predicate | None = None
    isolated: bool = False

    @property
    def is_of_every_cell(self) -> bool:
        """Is each given column given in all rows of the table, in one form?"""
        return self.rows is None and all(right.only_where is None and right.own is None for right in self.columns)


def united(grants: Sequence[GrantRights], *, isolated: bool = False) -> TableRights:
    """What live grants on one table give together; nothing when there are none.

    Rows are those that any grant gives. A column is given in the rows of the grants that give it, and elsewhere NULL.
    """
    rows = _rows_of(grants)
    field_ids = sorted({field_id for grant in grants for field_id in grant.columns})
    columns = tuple(_column(field_id, grants, rows) for field_id in field_ids)
    return TableRights(columns=columns, rows=rows, isolated=isolated)


def resolved_rights(rights: GrantRights, attributes: Mapping[str, str]) -> GrantRights:
    """A grant's rights for one person: attributes are constants, and one that is missing gives no row."""
    rows = None if rights.rows is None else resolved(rights.rows, attributes)
    return replace(rights, rows=rows)


def obligations(rights: TableRights, names: Mapping[int, str]) -> Mapping[str, str]:
    """What a decision that rests on these rights demands of its caller. names: ALL columns of the table, by field id.

    `rows` and `where:<column>`: the SHA-256 of a predicate; `mask:<column>`: the mask, or that it is not given at all;
    `own-where:<column>` and `own-mask:<column>`: the rows that show it in another form, and which; `isolated`.
    Empty only when everything of the table is given as it is.
    """
    found: dict[str, str] = {}
    if rights.isolated:
        found[ISOLATED] = "yes"
    if rights.rows is not None:
        found[ROWS] = predicate_sha256(rights.rows)
    given = {column.field_id: column for column in rights.columns}
    for field_id, name in names.items():
        column = given.get(field_id)
        if column is None:
            found[MASK + name] = NOT_GIVEN
            continue
        if column.mask is not None:
            found[MASK + name] = mask_text(column.mask, names)
        if column.only_where is not None:
            found[WHERE + name] = predicate_sha256(column.only_where)
        if column.own is not None:
            found[OWN + WHERE + name] = predicate_sha256(column.own.where)
            found[OWN + MASK + name] = mask_text(column.own.mask, names) if column.own.mask else AS_IT_IS
    return found


def predicate_sha256(predicate: Predicate) -> str:
    """The name of a predicate in the trail, which holds no values of a filter."""
    return sha256_hex(canonical_bytes(as_json(predicate)))


def grant_as_json(rights: GrantRights) -> dict[str, Any]:  # Any: JSON
    """What a grant gives, as it is kept."""
    columns = {
        str(field_id): None if mask is None else mask_as_json(mask) for field_id, mask in sorted(rights.columns.items())
    }
    rows = None if rights.rows is None else as_json(rights.rows)
    return {"columns": columns, "rows": rows, "own_masks": rights.own_masks}


def grant_from_json(kept: Mapping[str, Any]) -> GrantRights:
    """Read kept rights back.

    Raises:
        UnfitMask, FilterNotUnderstood: what was kept is not what this version writes.
    """
    columns = {
        int(field_id): None if mask is None else mask_from_json(mask) for field_id, mask in kept["columns"].items()
    }
    rows = None if kept["rows"] is None else from_json(kept["rows"])
    return GrantRights(columns=columns, rows=rows, own_masks=kept["own_masks"] is True)


def _rows_of(grants: Sequence[GrantRights]) -> Predicate | None:
    """The rows that any of these grants gives; None: all."""
    filters = [grant.rows for grant in grants]
    if not filters:
        return NOTHING
    return None if None in filters else any_of([rows for rows in filters if rows is not None])


def _column(field_id: int, grants: Sequence[GrantRights], rows: Predicate | None) -> ColumnRight:
    giving = [grant for grant in grants if field_id in grant.columns]
    own, shared = [grant for grant in giving if grant.own_masks], [grant for grant in giving if not grant.own_masks]
    where = _rows_of(giving)
    mask = _strictest_of([grant.columns[field_id] for grant in shared or own])
    own_mask, own_rows = _strictest_of([grant.columns[field_id] for grant in own]), _rows_of(own)
    if own and own_rows is None:
        mask = own_mask
    is_one_form = own_rows is None or not own or own_mask == mask
    return ColumnRight(
        field_id=field_id,
        mask=mask,
        only_where=None if where == rows else where,
        own=None if is_one_form or own_rows is None else OwnForm(own_mask, own_rows),
    )


def _strictest_of(masks: Sequence[Mask | None]) -> Mask | None:
    found: Mask | None = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else strictest(found, mask)
    return found
