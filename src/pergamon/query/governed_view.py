"""What do grants leave of a table? The SQL of a view over its files: the granted columns and rows, masked (ADR 0023).

The row filter stands in a SELECT of its own, the barrier, and the masks in one around it; the user's text sees the
result alone. DuckDB runs functions that it believes never fail on rows that nobody asked for, and some of them do fail:
it moves conditions down to where rows are read, and computes once for every entry of a file's dictionary, whoever's it
is. Their errors would tell of hidden rows. The barrier ends in `OFFSET 0`, below which no condition moves, and copies
every value, which leaves the dictionaries behind. A list is more than its value: what COALESCE and CASE make of lists
keeps the elements of all rows behind those that are shown, and a cast of lists converts them all. So lists, and what
holds them, are taken out of a list, where each is written alone. Filters look at raw values first, masks are applied to
what passes (Iceberg REST, read-restrictions).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from pergamon.policy import ColumnRight, PolicyColumn, Predicate, TableRights, fields_of, is_nested, row_fields
from pergamon.query.governed_cell import CellRights, given_type, rows_sql
from pergamon.query.model import Column, Reading, Sought, TableNotReadable
from pergamon.query.sql_literals import identifier, text_literal

RAW = "raw"
"""The files' own columns are always named with it: an alias of the SELECT can never be taken for one of them."""

BARRIER = "OFFSET 0"
"""Costs nothing while the order of rows is left open (`preserve_insertion_order`), which the sandbox does."""
NEVER = "random() > 2"
"""What the engine cannot know beforehand."""
ALL = Sought()
SEVERAL = 2


def governed_view(base: str, reading: Reading, sought: Sought = ALL) -> str:
    """A SELECT in brackets over `base`, a source of all the table's columns.

    sought: what the statement looks for; other rows may stay behind the barrier.
    Raises:
        TableNotReadable: none of the granted columns is there any more.
    """
    raw = {number: sql for column in reading.columns for number, sql in _values_of(column).items()}
    rights = {right.field_id: right for right in reading.rights.columns}
    given = [column for column in reading.columns if _is_given(column, rights)]
    if not given:
        raise TableNotReadable("none of the columns that were granted is in the table any more", hint="ask anew")
    cells = CellRights(rights, raw, reading.secrets)
    shown = {column: cells.cell(raw[column.field_id], column.type, rights[column.field_id]) for column in given}
    if not reading.rights.is_of_every_cell:
        shown |= {column: _alone(cell) for column, cell in shown.items() if _holds_lists(column)}
    selected = ", ".join(f"{cell} AS {identifier(column.name)}" for column, cell in shown.items())
    return f"(SELECT {selected} FROM {_passing(base, reading, sought)} AS {RAW})"  # noqa: S608 - quoted


def given_columns(columns: Sequence[Column], rights: TableRights) -> tuple[Column, ...]:
    """The granted columns that are there, in the table's order, without what is in them and was not granted: what a
    person is told of it."""
    by_id = {right.field_id: right for right in rights.columns}
    given = (column for column in columns if _is_given(column, by_id))
    return tuple(replace(column, type=given_type(column.type, by_id) or column.type) for column in given)


def _is_given(column: Column, rights: Mapping[int, ColumnRight]) -> bool:
    return column.field_id in rights and given_type(column.type, rights) is not None


def copies(base: str, columns: Sequence[Column], given: Predicate | None = None, sought: Sought = ALL) -> str:
    """The rows of `base` that are given, behind the barrier: nothing can be told of the others.

    What a statement looks for is asked of given rows only, below a barrier of their own: how long that takes, too,
    tells nothing of the others. It cannot fail, so nothing need be copied for it (ADR 0031).
    """
    copied = ", ".join(f"{_copied(column)} AS {identifier(column.name)}" for column in columns)
    raw = {number: sql for column in columns for number, sql in _values_of(column).items()}
    passing = f"{base} AS {RAW} WHERE {_guessed(given, sought, raw)} {BARRIER}"
    if looked_for := _looked_for(sought, raw):
        passing = f"(SELECT * FROM {passing}) AS {RAW} WHERE {looked_for} {BARRIER}"  # noqa: S608 - quoted
    return f"(SELECT {copied} FROM {passing})"  # noqa: S608 - quoted


def _guessed(given: Predicate | None, sought: Sought, raw: Mapping[int, str]) -> str:
    """The rows that are given; twice, where a statement asks more of them than a scan would take over.

    The engine guesses how many rows each side of a join has by the conditions of its scan and by those that stay above
    it, and sees none of a statement's own through the barrier. A filter of several columns, in words that no scan takes
    over, makes it guess as it would without one.
    """
    where = rows_sql(given, raw)
    if given is None or not sought.and_more or len(fields_of(given)) < SEVERAL:
        return where
    return f"{where} AND NOT {where} IS NOT TRUE"


def _looked_for(sought: Sought, raw: Mapping[int, str]) -> str:
    pairs = [f"({raw[one]} {operator} {raw[other]})" for one, operator, other in sought.pairs]
    return " AND ".join(([] if sought.rows is None else [rows_sql(sought.rows, raw)]) + pairs)


def _passing(base: str, reading: Reading, sought: Sought) -> str:
    """The rows that are given, with every column. Where all cells are, there is nothing to keep apart."""
    if reading.rights.is_of_every_cell:
        return base
    return copies(base, reading.columns, reading.rights.rows, sought)


def _values_of(column: Column) -> dict[int, str]:
    """A column, and the fields of its structs, by field id: what filters look at, and what dates are shifted by."""
    fields = row_fields(PolicyColumn(column.field_id, column.name, column.type))
    return {column.field_id: _raw(column)} | {
        field.field_id: reduce(lambda sql, name: f"struct_extract({sql}, {text_literal(name)})", path, _raw(column))
        for field, path in fields
    }


def _raw(column: Column) -> str:
    return f"{RAW}.{identifier(column.name)}"


def _copied(column: Column) -> str:
    """A value in memory of its own: COALESCE writes each of its values anew, but only where a second may be needed."""
    raw = _raw(column)
    return _alone(raw) if _holds_lists(column) else f"COALESCE({raw}, CASE WHEN {NEVER} THEN {raw} END)"


def _alone(value: str) -> str:
    """A value without the elements of other rows' lists."""
    return f"list_extract([{value}], 1)"


def _holds_lists(column: Column) -> bool:
    """Has it lists at some depth? A map is one; of a type that is not understood it is not known."""
    return is_nested(column.type)
