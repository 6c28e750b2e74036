"""Over random tables: a profile's figures are those of a slow loop in Python, and what must not be told is not told."""

import datetime as dt
import json
import math
import random
from typing import Any

import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pergamon.quality.disclosure import FEWEST_ROWS, MOST_CODES
from pergamon.quality.measure import Asking, Measurement, measure
from pergamon.quality.ports import Limits
from tests.reference.plain_profiles import PlainProfiles
from tests.reference.slow_profile import SlowColumn, slow_profile

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=6) | st.sampled_from(
    ["", "ä", "é", "𝒳", "NULL", "'; --", '"']
)
FLOATS = st.floats(width=64) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, -1e308, 5e-324])
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)),
    "small": (pa.int32(), st.integers(0, 3)),
    "number": (pa.float64(), FLOATS),
    "text": (pa.string(), TEXT),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "moment": (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    "list": (pa.list_(pa.string()), st.lists(TEXT, max_size=2)),
}


@st.composite
def tables(draw: st.DrawFn, fewest: int = 0, most: int = 60) -> pa.Table:
    """Rows with nulls; columns from few values, so that codes occur, or from many."""
    rows = draw(st.integers(fewest, most))
    chance, arrays = random.Random(draw(st.integers(0, 2**32))), {}  # noqa: S311 - rows, not secrets
    for name, (kind, values) in COLUMNS.items():
        drawn = draw(st.lists(st.none() | values, min_size=1, max_size=draw(st.sampled_from([2, 4, 14]))))
        arrays[name] = pa.array([chance.choice(drawn) for _ in range(rows)], kind)
    return pa.table(arrays)


def measured(rows: pa.Table) -> Measurement:
    engine = PlainProfiles({"raw_db.t": rows})
    return measure(Asking(engine, Limits()), engine.measured("raw_db.t"))


@settings(max_examples=25, deadline=None)
@given(tables())
def test_counts_are_those_of_a_loop(rows: pa.Table) -> None:
    found, slow = measured(rows), slow_profile(rows)
    assert found.rows == rows.num_rows
    for column in found.columns:
        by_hand = slow[column.name]
        assert (column.nulls, column.empty, column.not_finite, column.distinct) == (
            by_hand.nulls,
            by_hand.empty,
            by_hand.not_finite,
            by_hand.distinct,
        ), column.name
        assert column.distinct_is_exact


@settings(max_examples=25, deadline=None)
@given(tables(fewest=40, most=300))
def test_values_are_told_as_the_rules_of_disclosure_say(rows: pa.Table) -> None:
    found, slow = measured(rows), slow_profile(rows)
    for column in found.columns:
        _check_values(column.values, slow[column.name], rows.column(column.name).type)


def _check_values(values: Any, slow: SlowColumn, kind: pa.DataType) -> None:
    codable = not pa.types.is_nested(kind) and not pa.types.is_timestamp(kind)
    may_be_told = slow.counts and len(slow.counts) <= MOST_CODES and min(slow.counts.values()) >= FEWEST_ROWS
    assert ("codes" in values) == bool(codable and may_be_told)
    if "codes" in values:
        assert sorted(code["rows"] for code in values["codes"]) == sorted(slow.counts.values())
        if pa.types.is_string(kind):
            assert {code["value"]: code["rows"] for code in values["codes"]} == dict(slow.counts)
    if "length" in values:
        low, high = slow.lengths or (0, 0)
        assert values["length"]["at_least"] <= low
        assert values["length"]["at_most"] >= high
    if "histogram" in values:
        _check_histogram(
            values["histogram"], slow, is_time=not pa.types.is_floating(kind) and not pa.types.is_integer(kind)
        )
    if isinstance(values.get("mean"), float) and all(abs(number) < 1e100 for number in slow.numbers):
        spread = max(slow.numbers) - min(slow.numbers)
        assert math.isclose(values["mean"], slow.mean or 0.0, rel_tol=0.01, abs_tol=0.3 * spread + 1e-280)


def _check_histogram(buckets: list[dict[str, Any]], slow: SlowColumn, *, is_time: bool) -> None:
    assert sum(bucket["rows"] for bucket in buckets) == len(slow.numbers)
    assert all(bucket["rows"] >= FEWEST_ROWS for bucket in buckets)
    assert (buckets[0]["from"], buckets[-1]["to"]) == (None, None)
    for bucket in buckets if not is_time else ():
        low = -math.inf if bucket["from"] is None else bucket["from"]
        high = math.inf if bucket["to"] is None else bucket["to"]
        assert bucket["rows"] == sum(low <= number < high for number in slow.numbers)


@settings(max_examples=25, deadline=None)
@given(tables(fewest=1, most=FEWEST_ROWS - 1))
def test_of_a_few_rows_nothing_but_counts_is_told(rows: pa.Table) -> None:
    """No value of a row stands in the profile of a table of nine rows; whatever the values are."""
    assume(rows.num_rows < FEWEST_ROWS)
    for column in measured(rows).columns:
        assert column.values == {}
        assert column.withheld


@settings(max_examples=25, deadline=None)
@given(tables(fewest=10, most=120), st.uuids())
def test_a_value_of_fewer_than_ten_rows_is_never_told(rows: pa.Table, secret: Any) -> None:
    """A word and a number that stand in nine rows are put into every table, and found in no profile."""
    names = ["text", "whole", "day"]
    odd = {"text": str(secret), "whole": 7_212_345_678_901_234, "day": dt.date(1923, 7, 11)}
    extra = pa.table(
        {name: pa.array([odd.get(name)] * 9, COLUMNS[name][0]) for name in rows.column_names}, schema=rows.schema
    )
    both = pa.concat_tables([rows, extra])
    told = json.dumps([dict(c.values) for c in measured(both).columns if c.name in names])
    assert str(secret) not in told
    assert "7212345678901234" not in told
    assert "1923-07-11" not in told


def test_estimates_of_a_large_table_are_near_and_said_to_be_estimates() -> None:
    rows = pa.table({"n": list(range(50_000)), "s": [f"v{n % 7}" for n in range(50_000)]})
    engine = PlainProfiles({"raw_db.t": rows})
    found = measure(Asking(engine, Limits()), engine.measured("raw_db.t", about_rows=200_000))
    number, text = found.columns
    assert not number.distinct_is_exact
    assert abs((number.distinct or 0) - 50_000) < 5_000
    assert (text.distinct, text.distinct_is_exact) == (7, True)


def test_a_sampled_table_has_its_rows_counted_and_says_on_how_many_the_rest_stands() -> None:
    rows = pa.table({"n": list(range(100_000))})
    engine = PlainProfiles({"raw_db.t": rows})
    found = measure(Asking(engine, Limits()), engine.measured("raw_db.t", about_rows=40_000_000))
    assert found.rows == 100_000
    assert found.sampled_rows is not None
    assert 23_000 < found.sampled_rows < 27_000


def test_more_columns_than_one_statement_takes_are_all_measured() -> None:
    rows = pa.table({f"c{n}": [n] * 20 for n in range(230)})
    found = measured(rows)
    assert [column.values["codes"][0]["value"] for column in found.columns] == [str(n) for n in range(230)]


def test_a_column_of_few_values_in_few_rows_each_has_a_shape_instead_of_codes() -> None:
    (column,) = measured(pa.table({"weight": [50 + n % 36 for n in range(180)]})).columns
    assert column.distinct == 36
    assert "codes" not in column.values
    assert sum(bucket["rows"] for bucket in column.values["histogram"]) == 180
    assert len(column.values["histogram"]) > 5


def test_a_column_is_read_twice_at_most_and_a_name_is_never_in_a_statement() -> None:
    evil = 'a"; DROP TABLE x; --'
    engine = PlainProfiles({"raw_db.t": pa.table({evil: list(range(100)), "B": ["x", "y"] * 50})})
    measure(Asking(engine, Limits()), engine.measured("raw_db.t"))
    assert len(engine.statements) == 3
    assert not any("DROP" in statement for statement in engine.statements)
