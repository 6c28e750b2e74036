"""What JSON cannot be given is a clear refusal, never a fault of the process that serves everybody."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon.query import QueryResult, QueryResultTooLarge, QueryTypeError, pieces_of
from pergamon.query.json_values import values_in
from pergamon.query.results import begun


def result(array: pa.Array) -> QueryResult:
    return QueryResult("query_1", pa.table([array], names=["found"]), False, 1, {})


NOT_HELD = [
    pa.array([10_000_000], pa.date32()),
    pa.array([-800_000], pa.date32()),
    pa.array([2**62], pa.timestamp("us")),
    pa.array([-(2**62)], pa.timestamp("us", tz="UTC")),
    pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["", ""]),
]


@pytest.mark.parametrize("array", NOT_HELD)
def test_what_python_cannot_hold_is_refused_by_its_column(array: pa.Array) -> None:
    with pytest.raises(QueryTypeError, match="column 1"):
        result(array).as_json()


@pytest.mark.parametrize("array", NOT_HELD)
def test_and_as_csv_before_anything_was_sent(tmp_path: Path, array: pa.Array) -> None:
    pq.write_table(result(array).table, tmp_path / "kept.parquet")
    with pytest.raises(QueryTypeError, match="CSV"):
        begun(pieces_of(tmp_path / "kept.parquet", "csv"))


def test_bits_that_would_be_gigabytes_of_json_are_refused() -> None:
    bits = pa.ListArray.from_arrays(pa.array([0, 6_000_000]), pa.repeat(pa.scalar(True), 6_000_000))
    assert bits.nbytes < 2_000_000
    with pytest.raises(QueryResultTooLarge, match="values"):
        result(bits).as_json()


def test_a_long_text_told_once_and_repeated_counts_each_time() -> None:
    words = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), 10_000), pa.array(["x" * 64_000]))
    assert words.nbytes < 100_000
    with pytest.raises(QueryResultTooLarge):
        result(words).as_json()


def test_an_ordinary_result_of_the_largest_number_of_rows_is_told() -> None:
    table = pa.table({f"c{number}": pa.array(range(10_000)) for number in range(50)})
    assert sum(values_in(column) for column in table.columns) < 1_500_000
    assert len(QueryResult("query_1", table, False, 1, {}).as_json()["rows"]) == 10_000


def test_values_are_counted_inside_lists_maps_and_structs() -> None:
    assert values_in(pa.array([[1, 2], [3]])) == 2 + 3
    assert values_in(pa.array([{"a": 1, "b": None}])) == 1 + 2
    assert values_in(pa.array([[(1, 2)]], pa.map_(pa.int8(), pa.int8()))) == 1 + 1 + 1
