"""What an independent writer wrote is what we read: no row lost, no value changed, whatever stands in it."""

# ruff: noqa: DTZ001, E501 - times without a zone are a type of their own

import csv
import datetime
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import orc

from pergamon.formats import FilePart, FormatHints, Limits, Misfit, inspect_file, write_part
from tests.reference.meaning import means

NASTY = ["007", "1,5", 'say "hi"', "two\nlines", "tab\there", "émile", "😀", " ", "NA", "NULL", "-", "'", "a;b", "1e5",
         "1.5", "0x1F", "1_000", "+5", "true", "13/3/39", "3/13/39", "2020-02-30", "24:00:00", "inf", "-0", "00:00"]  # fmt: skip
LETTERS = st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=("Cs",))
TEXTS = st.sampled_from(NASTY) | st.text(LETTERS, max_size=8)
INTEGERS = st.integers(-(10**20), 10**20).map(str) | st.integers(-1000, 1000).map(str)
DECIMALS = st.decimals(-(10**12), 10**12, places=2).map(lambda n: format(n, "f")) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=9
).map(lambda n: format(n, "f"))
COMMAS = st.decimals(-(10**6), 10**6, places=2).map(lambda n: f"{n:,}".translate(str.maketrans(",.", ".,")))
DOUBLES = st.floats(allow_nan=False, allow_infinity=False).map(repr)
DATES = st.dates()
DATE_TEXTS = [
    DATES.map(str),
    DATES.map(lambda d: f"{d.day}/{d.month}/{d.year % 100:02}"),
    DATES.map(lambda d: f"{d.month:02}/{d.day:02}/{d.year:04}"),
    DATES.map(lambda d: f"{d.day}.{d.month}.{d.year:04}"),
    st.datetimes().map(lambda t: t.isoformat(sep=" ")),
    st.datetimes().map(lambda t: f"{t.day:02}/{t.month:02}/{t.year:04} {t:%H:%M}"),
    st.datetimes(timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=5.5))])).map(str),
]
POOLS = [TEXTS, INTEGERS, DECIMALS, COMMAS, DOUBLES, st.sampled_from(["true", "FALSE", "False"]), *DATE_TEXTS]


@st.composite
def columns_of_texts(draw: st.DrawFn) -> list[list[str]]:
    """Rows of texts; each column mostly of one kind, with values of no kind and now and then a stranger."""
    pools = draw(st.lists(st.sampled_from(POOLS), min_size=1, max_size=4))
    cells = [st.one_of(pool, pool, pool, st.sampled_from(["", "NA"])) for pool in pools]
    rows: list[list[str]] = [list(row) for row in draw(st.lists(st.tuples(*cells), min_size=1, max_size=12))]
    if draw(st.booleans()):
        row, place = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(pools) - 1))
        rows[row][place] = draw(TEXTS)
    return rows


def read_back(path: Path, name: str, hints: FormatHints, limits: Limits) -> list[tuple[FilePart, pa.Table]]:
    """Each part, written with the schema that was found; once more where the guess did not hold."""
    found = []
    for part in inspect_file(path, name, hints, limits, this_year=2026):
        told = FilePart.from_json(json.loads(json.dumps(part.as_json())))
        assert told == part
        out = path.with_suffix(".out")
        try:
            written = write_part(path, told, told.schema, out, limits=limits)
        except Misfit as misfit:
            told = misfit.part
            written = write_part(path, told, told.schema, out, limits=limits)
        table = pq.read_table(out)
        assert written.rows == table.num_rows
        assert part.rows in (None, table.num_rows)
        assert table.schema.names == told.schema.names
        found.append((told, table))
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns_of_texts(), st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]), st.booleans())
def test_each_field_of_a_csv_file_means_what_it_says(
    tmp_path: Path, rows: list[list[str]], delimiter: str, encoding: str, small_sample: bool
) -> None:
    path = tmp_path / "file"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([f"name {place}" for place in range(len(rows[0]))])
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    hints = FormatHints(delimiter=delimiter, header=True)
    ((part, table),) = read_back(path, "x.csv", hints, Limits(sample_rows=2 if small_sample else 1000, threads=1))
    got = [list(row.values()) for row in table.to_pylist()]
    assert len(got) == len(rows)
    for row, expected in zip(got, rows, strict=True):
        for value, cell, field in zip(row, expected, part.schema, strict=True):
            assert means(cell, value), (field.type, cell, value)


def arrow_values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values that a column of this type can hold in every format."""
    texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)
    table: dict[str, st.SearchStrategy[Any]] = {
        "string": texts,
        "int64": st.integers(-(2**63), 2**63 - 1),
        "int32": st.integers(-(2**31), 2**31 - 1),
        "double": st.floats(allow_nan=False),
        "bool": st.booleans(),
        "date32[day]": st.dates(datetime.date(1600, 1, 1), datetime.date(9000, 1, 1)),
        "timestamp[us]": st.datetimes(datetime.datetime(1680, 1, 1), datetime.datetime(2260, 1, 1)),
        "timestamp[us, tz=UTC]": st.datetimes(
            datetime.datetime(1680, 1, 1), datetime.datetime(2260, 1, 1), timezones=st.just(datetime.UTC)
        ),
        "decimal128(18, 2)": st.decimals(-(10**15), 10**15, places=2),
        "binary": st.binary(max_size=6),
    }
    return table[str(kind)]


KINDS = [pa.string(), pa.int64(), pa.int32(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us"),
         pa.timestamp("us", tz="UTC"), pa.decimal128(18, 2), pa.binary()]  # fmt: skip


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    """Up to four columns of any type we carry, plain, in lists or in structs, with nulls."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    count = draw(st.integers(1, 6))
    arrays = []
    for plain in kinds:
        kind = plain
        shape = draw(st.sampled_from(["plain", "plain", "list", "struct"]))
        value = st.none() | arrow_values(kind)
        if shape == "list":
            value, kind = st.none() | st.lists(value, max_size=3), pa.list_(kind)
        elif shape == "struct":
            value, kind = st.none() | st.fixed_dictionaries({"inner": value}), pa.struct([("inner", kind)])
        arrays.append(pa.array(draw(st.lists(value, min_size=count, max_size=count)), kind))
    return pa.table(arrays, names=[f"c{place}" for place in range(len(kinds))])


def _parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path)


def _orc(table: pa.Table, path: Path) -> None:
    orc.write_table(table, path)


@pytest.mark.parametrize(("name", "write"), [("x.parquet", _parquet), ("x.orc", _orc)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=arrow_tables())
def test_a_typed_file_is_read_back(
    tmp_path: Path, name: str, write: Callable[[pa.Table, Path], None], table: pa.Table
) -> None:
    path = tmp_path / "file"
    write(table, path)
    ((_part, got),) = read_back(path, name, FormatHints(), Limits(threads=1))
    assert got.to_pylist() == table.to_pylist()


AVRO: dict[str, Any] = {
    "string": "string", "int64": "long", "int32": "int", "double": "double", "bool": "boolean", "binary": "bytes",
    "date32[day]": {"type": "int", "logicalType": "date"},
    "timestamp[us]": {"type": "long", "logicalType": "local-timestamp-micros"},
    "timestamp[us, tz=UTC]": {"type": "long", "logicalType": "timestamp-micros"},
    "decimal128(18, 2)": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2},
}  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=arrow_tables())
def test_an_avro_file_is_read_back(tmp_path: Path, table: pa.Table) -> None:
    def avro(kind: pa.DataType, name: str) -> Any:
        if pa.types.is_list(kind):
            return ["null", {"type": "array", "items": avro(kind.value_type, name)}]
        if pa.types.is_struct(kind):
            fields = [{"name": "inner", "type": avro(kind.field(0).type, name)}]
            return ["null", {"type": "record", "name": name, "fields": fields}]
        return ["null", AVRO[str(kind)]]

    fields = [{"name": field.name, "type": avro(field.type, f"r{place}")} for place, field in enumerate(table.schema)]
    path = tmp_path / "file"
    with path.open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "Row", "fields": fields}, table.to_pylist(), codec="deflate")
    ((_part, got),) = read_back(path, "x.avro", FormatHints(), Limits(threads=1))
    assert got.to_pylist() == table.to_pylist()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS | st.floats(allow_nan=False, allow_infinity=False)
    | st.dates().map(str) | st.datetimes().map(lambda t: f"{t.isoformat()}Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


def same(said: Any, got: Any) -> bool:
    """Is what was read what JSON said? Text may hold anything; a struct has all keys."""
    if isinstance(got, str) and not isinstance(said, str):
        return said is not None and same_json(said, got)
    if isinstance(said, dict) and isinstance(got, dict):
        return set(said) <= set(got) and all(same(said.get(key), value) for key, value in got.items())
    if isinstance(said, list) and isinstance(got, list):
        return len(said) == len(got) and all(map(same, said, got))
    if isinstance(said, str):
        return got is not None and means(said, got)
    if isinstance(said, bool) or said is None or isinstance(got, bool):
        return said is got
    return Decimal(repr(said)) == Decimal(repr(got) if isinstance(got, float) else got)


def same_json(said: Any, got: str) -> bool:
    """Kept as text: the JSON of it, or the number's digits."""
    if isinstance(said, bool):
        return got == str(said).lower()
    again = json.loads(got, parse_float=Decimal)
    return again == said or same(said, again)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), JSON_VALUES, max_size=3), min_size=1, max_size=5),
       st.booleans())  # fmt: skip
def test_json_records_are_read_back(tmp_path: Path, records: list[dict[str, Any]], lines: bool) -> None:
    if not any(records):
        records = [*records, {"x": 1}]
    path = tmp_path / "file"
    path.write_text("\n".join(map(json.dumps, records)) if lines else json.dumps(records, indent=1), encoding="utf-8")
    hints = FormatHints(format="ndjson" if lines else "json")
    ((_part, got),) = read_back(path, "x.json", hints, Limits(threads=1))
    rows = got.to_pylist()
    assert len(rows) == len(records)
    for said, row in zip(records, rows, strict=True):
        assert set(said) <= set(row)
        assert all(same(said.get(key), value) for key, value in row.items()), (said, row)


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.floats(-1e9, 1e9), st.just("007"),
    st.dates(datetime.date(1950, 1, 1), datetime.date(2100, 1, 1)),
    st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0)),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn", "Zs", "Zl", "Zp")), min_size=1, max_size=6),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3).filter(lambda row: any(c is not None for c in row)),
                min_size=1, max_size=6))  # fmt: skip
def test_a_workbook_is_read_back(tmp_path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["first", "second", "third"])
    for row in rows:
        sheet.append([f"'{cell}" if isinstance(cell, str) and cell.startswith("=") else cell for cell in row])
    path = tmp_path / "file"
    book.save(path)
    ((_part, got),) = read_back(path, "x.xlsx", FormatHints(header=True), Limits(threads=1))
    assert got.num_rows == len(rows)
    for row, values in zip(rows, (list(one.values()) for one in got.to_pylist()), strict=True):
        for cell, value in zip(row, values, strict=True):
            assert (cell is None) == (value is None), (cell, value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert value == pytest.approx(cell, rel=1e-14)
            elif type(value) is datetime.date:
                assert str(value) == str(cell)[:10]
