"""What do grants leave of a table? The SQL of a view over its files: the granted columns and rows, masked (ADR 0023).

The row filter stands in a SELECT of its own, the barrier, and the masks in one around it; the user's text sees the
result alone. DuckDB runs functions that it believes never fail on rows that nobody asked for, and some of them do fail:
it moves conditions down to where rows are read, and computes once for every entry of a file's dictionary, whoever's it
is. Their errors would tell of hidden rows. The barrier ends in `OFFSET 0`, below which no condition moves, and copies
every value, which leaves the dictionaries behind. Filters look at raw values first, masks are applied to what passes
(Iceberg REST, read-restrictions).
"""

from collections.abc import Mapping, Sequence

from pergamon.policy import ColumnRight, Mask, Predicate, TableRights
from pergamon.query.filter_sql import filter_sql
from pergamon.query.mask_sql import mask_sql
from pergamon.query.model import Column, Reading, TableNotReadable
from pergamon.query.sql_literals import identifier

RAW = "raw"
"""The files' own columns are always named with it: an alias of the SELECT can never be taken for one of them."""

BARRIER = "OFFSET 0"
"""Costs nothing while the order of rows is left open (`preserve_insertion_order`), which the sandbox does."""
NEVER = "random() > 2"
"""What the engine cannot know beforehand."""


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
    return f"(SELECT {selected} FROM {_passing(base, reading)} AS {RAW})"  # noqa: S608 - quoted


def given_columns(columns: Sequence[Column], rights: TableRights) -> tuple[Column, ...]:
    """The granted columns that are there, in the table's order: what a person is told of it."""
    given = {right.field_id for right in rights.columns}
    return tuple(column for column in columns if column.field_id in given)


def _given(column: Column, right: ColumnRight, raw: Mapping[int, str], reading: Reading) -> str:
    """One column as it is given: masked, and NULL in rows that only grants without it give."""
    value = _masked(column, right.mask, raw, reading)
    if right.own is not None:
        own = _masked(column, right.own.mask, raw, reading)
        value = f"CASE WHEN {_rows(right.own.where, raw)} THEN {own} ELSE {value} END"
    return value if right.only_where is None else f"CASE WHEN {_rows(right.only_where, raw)} THEN {value} END"


def _masked(column: Column, mask: Mask | None, raw: Mapping[int, str], reading: Reading) -> str:
    value = raw[column.field_id]
    if mask is None:
        return value
    if mask.anchor is not None and mask.anchor not in raw:  # nothing says how far to shift any more
        return f"CASE WHEN FALSE THEN {value} END"
    anchor = raw[mask.anchor] if mask.anchor else None
    return mask_sql(mask, value, column.type, reading.secrets, anchor_sql=anchor)


def _passing(base: str, reading: Reading) -> str:
    """The rows that are given, with every column. Where all cells are, there is nothing to keep apart."""
    if reading.rights.is_of_every_cell:
        return base
    raw = {column.field_id: f"{RAW}.{identifier(column.name)}" for column in reading.columns}
    copied = ", ".join(f"{_copied(raw[column.field_id])} AS {identifier(column.name)}" for column in reading.columns)
    return f"(SELECT {copied} FROM {base} AS {RAW} WHERE {_rows(reading.rights.rows, raw)} {BARRIER})"  # noqa: S608 - quoted


def _copied(column: str) -> str:
    """A value in memory of its own: COALESCE writes each of its values anew, but only where a second may be needed."""
    return f"COALESCE({column}, CASE WHEN {NEVER} THEN {column} END)"


def _rows(predicate: Predicate | None, raw: Mapping[int, str]) -> str:
    return "TRUE" if predicate is None else filter_sql(predicate, raw)
