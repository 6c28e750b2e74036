"""Two masks together tell no more than either; a filter means the same as text, as JSON and to an Iceberg reader."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pergamon.policy import (
    MaskAction,
    Predicate,
    all_of,
    any_of,
    applies_to,
    as_iceberg,
    as_json,
    as_text,
    bind,
    from_json,
    parse_filter,
    strictest,
)
from tests.property.policy.random_rights import ALL_MASKS, COLUMNS, VALUES, predicates, rows
from tests.reference.plain_rights import Row, Secrets, either, holds, in_order, masked, strictest_of_two

NAMES = {column.field_id: column.name for column in COLUMNS}
SECRETS = Secrets(bytes(range(32)), bytes(16))


def test_the_strictest_of_two_masks_is_what_the_plain_twin_says() -> None:
    assert all(strictest(a, b) == strictest_of_two(a, b) for a in ALL_MASKS for b in ALL_MASKS)


@settings(max_examples=50)
@given(st.data())
def test_values_that_one_mask_makes_equal_stay_equal_under_both(data: st.DataObject) -> None:
    """So whoever has both grants can tell no two people apart that they could not tell apart by each alone."""
    column_type = data.draw(st.sampled_from(["string", "int", "date"]))
    fitting = [mask for mask in ALL_MASKS if applies_to(mask, column_type)]
    a, b = data.draw(st.sampled_from(fitting)), data.draw(st.sampled_from(fitting))
    both = strictest(a, b)
    assert applies_to(both, column_type)
    values = data.draw(st.lists(_values(column_type), min_size=2, max_size=30))
    for mask in (a, b):
        shown: dict[Any, Any] = {}
        for value in values:
            seen, told = (masked(m, value, column_type, SECRETS, anchor="p1") for m in (mask, both))
            assert shown.setdefault(seen, told) == told, (mask, both)


def _values(column_type: str) -> st.SearchStrategy[Any]:
    """Few and close, so that masks make some of them equal; no dates where shifting ends."""
    some: dict[str, st.SearchStrategy[Any]] = {
        "string": st.text("a1-", min_size=1, max_size=9),
        "int": st.integers(-50, 50),
        "date": VALUES["date"].filter(lambda day: 1000 < day.year < 9000),
    }
    return st.none() | some[column_type]


@settings(max_examples=50)
@given(predicates())
def test_a_filter_that_is_written_and_read_again_is_the_same(predicate: Predicate) -> None:
    assert from_json(as_json(predicate)) == predicate
    assert bind(parse_filter(as_text(predicate, NAMES)), COLUMNS) == predicate


@settings(max_examples=50)
@given(predicates(), rows(4), st.booleans())
def test_an_iceberg_reader_keeps_the_rows_where_the_filter_is_true(
    predicate: Predicate, table: list[Row], null_says: bool
) -> None:
    """Whatever such a reader makes of comparing a NULL, of which the protocol says nothing."""
    told = as_iceberg(predicate)
    assert [kept(told, row, null_says) for row in table] == [holds(predicate, row) is True for row in table]


@given(st.lists(predicates(), max_size=3), rows(2))
def test_joined_filters_are_true_where_all_or_one_of_them_are(parts: list[Predicate], table: list[Row]) -> None:
    for row in table:
        answers = [holds(part, row) for part in parts]
        assert holds(any_of(parts), row) == either(answers)
        assert (holds(all_of(parts), row) is True) == all(answer is True for answer in answers)


SIGNS = {
    "eq": lambda cell, value: cell == value,
    "not-eq": lambda cell, value: cell != value,
    "lt": lambda cell, value: cell < value,
    "lt-eq": lambda cell, value: cell <= value,
    "gt": lambda cell, value: cell > value,
    "gt-eq": lambda cell, value: cell >= value,
}


def kept(told: Mapping[str, Any], row: Row, null_says: bool) -> bool:
    """A reader with two values."""
    match told["type"]:
        case "true" | "false":
            return bool(told["type"] == "true")
        case "and":
            return kept(told["left"], row, null_says) and kept(told["right"], row, null_says)
        case "or":
            return kept(told["left"], row, null_says) or kept(told["right"], row, null_says)
        case "is-null" | "not-null":
            return bool((row[told["child"]["id"]] is None) == (told["type"] == "is-null"))
    field_id = told["left"]["id"]
    cell = row[field_id]
    return null_says if cell is None else asked(told, cell)


def asked(told: Mapping[str, Any], cell: Any) -> bool:
    match told["type"]:
        case "in" | "not-in":
            values = [in_order(_typed(value, cell)) for value in told["values"]]
            return bool((in_order(cell) in values) == (told["type"] == "in"))
        case "starts-with" | "not-starts-with":
            return bool(cell.startswith(told["right"]["value"]) == (told["type"] == "starts-with"))
        case sign:
            return bool(SIGNS[sign](in_order(cell), in_order(_typed(told["right"]["value"], cell))))


def _typed(value: Any, cell: Any) -> Any:
    """A value of the JSON, in the type of the cell that it is compared with."""
    kind = type(cell)
    return kind.fromisoformat(value) if hasattr(kind, "fromisoformat") else kind(value)


def test_every_mask_is_drawn_for_some_type() -> None:
    drawn = {mask.action for mask in ALL_MASKS for column in COLUMNS if applies_to(mask, column.type)}
    assert drawn == set(MaskAction)
