"""Which Parquet files join a table as they are. Beside each: why not."""

# ruff: noqa: E501 - one case a line

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon.formats import inspect_file, write_part

NOON = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
ZONED = pa.timestamp("us", "UTC")
ID = {b"PARQUET:field_id": b"5"}
CASES: dict[str, tuple[pa.Table, dict[str, Any], bool]] = {
    "plain": (pa.table({"a": [1], "b": ["x"], "c": pa.array([NOON], ZONED)}), {}, True),
    "dictionaries and large texts": (
        pa.table({"a": pa.array(["x"]).dictionary_encode(), "b": pa.array(["x"], pa.large_string())}), {}, True),
    "names with blanks and signs": (pa.table({"a b": [1], "é😀": [2], "x/y%#?": [3], "A-B:c;d,e(f)": [4]}), {}, True),
    "nested": (pa.table({"l": [[1]], "s": [{"a": ["x"]}], "m": pa.array([[("k", 1)]], pa.map_("string", "int64"))}), {}, True),
    "no rows": (pa.table({"a": pa.array([], pa.int64())}), {}, True),
    "nanoseconds": (pa.table({"a": pa.array([NOON], pa.timestamp("ns"))}), {}, False),
    "milliseconds": (pa.table({"a": pa.array([NOON], pa.timestamp("ms"))}), {}, False),
    "INT96": (pa.table({"a": pa.array([NOON], pa.timestamp("us"))}), {"use_deprecated_int96_timestamps": True}, False),
    "another zone": (pa.table({"a": pa.array([NOON], pa.timestamp("us", "Europe/Berlin"))}), {}, False),
    "unsigned": (pa.table({"a": pa.array([1], pa.uint32())}), {}, False),
    "small integers": (pa.table({"a": pa.array([1], pa.int8())}), {}, False),
    "times of day": (pa.table({"a": pa.array([1], pa.time64("us"))}), {}, False),
    "names that differ in case": (pa.table([[1], [2]], names=["a", "A"]), {}, False),
    "no name": (pa.table([[1]], names=[""]), {}, False),
    "a dot in a name": (pa.table({"a.b": [1]}), {}, False),
    "field ids of another table": (pa.table([[1]], schema=pa.schema([pa.field("a", pa.int64(), metadata=ID)])), {}, False),
    "lists laid out otherwise": (pa.table({"l": [[1]]}), {"use_compliant_nested_type": False}, False),
    "an empty struct in a list": (pa.table({"l": pa.array([None], pa.list_(pa.null()))}), {}, False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_joins_as_it_is_only_where_every_engine_reads_it_so(tmp_path: Path, case: str) -> None:
    table, options, in_place = CASES[case]
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, **options)
    (part,) = inspect_file(path, path.name)
    assert part.in_place is in_place
    write_part(path, part, part.schema, tmp_path / "out")
    again = pq.read_table(tmp_path / "out")
    assert again.num_rows == part.rows == table.num_rows
    (rewritten,) = inspect_file(tmp_path / "out", "out.parquet")
    assert rewritten.in_place, "what we write ourselves joins as it is"
