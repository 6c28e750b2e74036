"""What do grants leave of a table? The SQL of a view over its files: the granted columns and rows, masked (ADR 0023).

The row filter and the masks stand in one SELECT over the raw columns; the user's text sees its result alone. Filters
look at raw values first, masks are applied to what passes (Iceberg REST, read-restrictions).
"""

from collections.abc import Mapping, Sequence

from pergamon.policy import ColumnRight, Predicate, TableRights
from pergamon.query.filter_sql import filter_sql
from pergamon.query.mask_sql import mask_sql
from pergamon.query.model import Column, Reading, TableNotReadable
from pergamon.query.sql_literals import identifier

RAW = "raw"
"""The files' own columns are always named with it: an alias of the SELECT can never be taken for one of them."""


def governed_view(base: str, reading: Reading) -> str:
    """A SELECT in brackets over `base`, a source of all the table's columns.

    Raises:
        TableNotReadable: none of the granted columns is there any more.
    """
    raw = {column.field_id: f"{RAW}.{identifier(column.name)}" for column in reading.columns}
    given = given_columns(reading.columns, reading.rights)
    if not given:
        raise TableNotReadable("none of the columns that were granted is in the table any more", hint="ask anew")
    rights = {right.field_id: right for right in reading.rights.columns}
    selected = ", ".join(
        f"{_given(column, rights[column.field_id], raw, reading)} AS {identifier(column.name)}" for column in given
    )
    where = _rows(reading.rights.rows, raw)
    return f"(SELECT {selected} FROM {base} AS {RAW} WHERE {where})"  # noqa: S608 - names and values are quoted


def given_columns(columns: Sequence[Column], rights: TableRights) -> tuple[Column, ...]:
    """The granted columns that are there, in the table's order: what a person is told of it."""
    given = {right.field_id for right in rights.columns}
    return tuple(column for column in columns if column.field_id in given)


def _given(column: Column, right: ColumnRight, raw: Mapping[int, str], reading: Reading) -> str:
    """One column as it is given: masked, and NULL in rows that only grants without it give."""
    value = raw[right.field_id]
    if right.mask is not None:
        anchor = right.mask.anchor
        if anchor is not None and anchor not in raw:  # nothing says how far to shift any more
            return f"CASE WHEN FALSE THEN {value} END"
        value = mask_sql(right.mask, value, column.type, reading.secrets, anchor_sql=raw[anchor] if anchor else None)
    return value if right.only_where is None else f"CASE WHEN {_rows(right.only_where, raw)} THEN {value} END"


def _rows(predicate: Predicate | None, raw: Mapping[int, str]) -> str:
    return "TRUE" if predicate is None else filter_sql(predicate, raw)
