"""What DuckDB makes of masks and filters is, cell by cell, what the plain twins make of them."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pergamon.policy import EVERYTHING, ColumnRight, GrantRights, Mask, Predicate, applies_to, united
from pergamon.query.filter_sql import filter_sql
from pergamon.query.mask_sql import mask_secrets, mask_sql
from tests.property.policy.random_rights import (
    ALL_MASKS,
    ANCHORS,
    COLUMNS,
    EDGES,
    TYPES,
    grants,
    masks_for,
    predicates,
    rows,
)
from tests.reference.duckdb_rights import evaluated, same_value
from tests.reference.plain_rights import Row, Secrets, given_rows, holds, masked

PLAIN = Secrets(key=bytes(range(32)), salt=bytes(range(100, 116)))
SECRETS = mask_secrets(PLAIN.key, PLAIN.salt)
NAMES = {column.field_id: f"f{column.field_id}" for column in COLUMNS}


@pytest.mark.parametrize("column_type", list(EDGES))
def test_every_mask_shows_the_same_at_the_edges_of_its_type(column_type: str) -> None:
    column = next(column for column in COLUMNS if column.type == column_type)
    whose = {field_id: [None, *EDGES.get(TYPES[field_id], [UUID(int=1)])] for field_id in ANCHORS}
    values = [None, *EDGES[column_type]]
    table = [
        dict.fromkeys(NAMES) | {i: some[place % len(some)] for i, some in whose.items()} | {column.field_id: value}
        for place, value in enumerate(values * 2)
    ]
    fitting = [mask for mask in ALL_MASKS if applies_to(mask, column_type)]
    sql = [mask_sql(mask, NAMES[column.field_id], column_type, SECRETS, f"f{mask.anchor}") for mask in fitting]
    for row, found in zip(table, evaluated(sql, table, COLUMNS), strict=True):
        for mask, shown in zip(fitting, found, strict=True):
            expected = masked(mask, row[column.field_id], column_type, PLAIN, row.get(mask.anchor or 0))
            assert same_value(shown, expected), (mask, row[column.field_id], shown, expected)


@settings(max_examples=25)
@given(rows(), st.tuples(*(masks_for(column.type) for column in COLUMNS)))
def test_a_mask_shows_the_same_in_sql(table: list[Row], chosen: tuple[Mask, ...]) -> None:
    """Every type in every example; the type of the column stays, whatever the session's time zone."""
    pairs = list(zip(COLUMNS, chosen, strict=True))
    sql = [mask_sql(mask, f"f{c.field_id}", c.type, SECRETS, f"f{mask.anchor}") for c, mask in pairs]
    types = [f"typeof({expression}) = typeof(f{c.field_id})" for c, expression in zip(COLUMNS, sql, strict=True)]
    for row, found in zip(table, evaluated(sql + types, table, COLUMNS), strict=True):
        for place, (column, mask) in enumerate(pairs):
            anchor = row[mask.anchor] if mask.anchor else None
            expected = masked(mask, row[column.field_id], column.type, PLAIN, anchor)
            assert same_value(found[place], expected), (column.type, mask, found[place], expected)
            assert found[len(pairs) + place], column.type


@settings(max_examples=50)
@given(rows(4), st.lists(predicates(), min_size=1, max_size=6))
def test_a_filter_answers_the_same_in_sql(table: list[Row], asked: list[Predicate]) -> None:
    """TRUE, FALSE and NULL alike."""
    found = evaluated([filter_sql(predicate, NAMES) for predicate in asked], table, COLUMNS)
    assert found == [tuple(holds(predicate, row) for predicate in asked) for row in table]


@settings(max_examples=40)
@given(rows(), st.lists(grants(), max_size=3))
def test_grants_together_give_the_cells_that_one_of_them_gives(table: list[Row], live: list[GrantRights]) -> None:
    """Row by row and cell by cell against a twin that knows nothing of predicates being joined."""
    rights = united(live)
    where = EVERYTHING if rights.rows is None else rights.rows
    found = evaluated([cell(column) for column in rights.columns] or ["1"], table, COLUMNS, filter_sql(where, NAMES))
    expected = given_rows(live, COLUMNS, table, PLAIN)
    assert len(found) == len(expected)
    for shown, row in zip(found, expected, strict=True):
        for value, column in zip(shown, rights.columns, strict=False):
            assert same_value(value, row[column.field_id]), (column, value, row[column.field_id])


def cell(column: ColumnRight) -> str:
    """One column of a view, as the rights say."""
    shown = _form(column, column.mask)
    if column.own is not None:
        own = _form(column, column.own.mask)
        shown = f"CASE WHEN {filter_sql(column.own.where, NAMES)} THEN {own} ELSE {shown} END"
    return shown if column.only_where is None else f"CASE WHEN {filter_sql(column.only_where, NAMES)} THEN {shown} END"


def _form(column: ColumnRight, mask: Mask | None) -> str:
    raw = NAMES[column.field_id]
    return raw if mask is None else mask_sql(mask, raw, TYPES[column.field_id], SECRETS, f"f{mask.anchor}")
