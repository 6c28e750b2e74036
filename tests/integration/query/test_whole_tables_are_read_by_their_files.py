"""Where a few Parquet files are a whole table, they are read by themselves: values are as the metadata tells them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.adapters.duckdb_source import view_of
from pergamon.kernel import PergamonError
from pergamon.query import Column, GrantedTable, QueryJob, QueryLimits, TableName

LIMITS = QueryLimits(timeout_s=20, memory_mb=256)
TYPES = [
    BooleanType(), IntegerType(), LongType(), FloatType(), DoubleType(), DecimalType(12, 3), DateType(), TimeType(),
    TimestampType(), TimestamptzType(), StringType(), UUIDType(), BinaryType(), FixedType(3),
]  # fmt: skip
VALUES: list[Any] = [
    True, -1, 2**40, 0.5, 1e300, Decimal("123456789.125"), date(1850, 2, 28), time(23, 59, 59, 999_999),
    datetime.fromisoformat("1999-12-31T23:59"), datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "Änne \'; --",
    UUID("8b2ff1a2-3b0c-4f43-9a1f-0c7d1b1f5b3e").bytes, b"\x00\xff", b"abc",
]  # fmt: skip


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[InMemoryCatalog]:
    made = InMemoryCatalog("lake", warehouse=f"file://{tmp_path}/day=3")
    made.create_namespace("raw_db")
    yield made
    made.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[DuckDBSandbox]:
    made = DuckDBSandbox(tmp_path, tmp_path / "engine.log")
    yield made
    made.close()


def granted(table: Table) -> GrantedTable:
    """Its data files are said to be enough, whatever is in them."""
    snapshot = table.current_snapshot()
    assert snapshot is not None
    place = Path(table.location().removeprefix("file://"))
    tasks = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
    files = {str(path) for path in place.rglob("*") if path.is_file()} | set(tasks)
    columns = tuple(Column(field.name, str(field.field_type), field.field_id) for field in table.schema().fields)
    name = TableName("raw_db", table.name()[-1])
    metadata = table.metadata_location.removeprefix("file://")
    return GrantedTable(name, snapshot.snapshot_id, metadata, tuple(sorted(files)), columns, parquet_alone=tuple(tasks))


def both_ways(sandbox: DuckDBSandbox, table: GrantedTable, sql: str) -> tuple[pa.Table, pa.Table]:
    """By the files alone, and as the metadata tells."""
    assert view_of(table)["alone"] is not None
    tables = (table, replace(table, parquet_alone=()))
    alone, told = (sandbox.run(QueryJob("query_1", sql, (each,), LIMITS))[0] for each in tables)
    return alone, told


def test_each_type_reads_the_same(catalog: InMemoryCatalog, sandbox: DuckDBSandbox) -> None:
    schema = Schema(*(NestedField(n, f"c{n}", kind, required=False) for n, kind in enumerate(TYPES, 1)))
    table = catalog.create_table("raw_db.types", schema)
    arrow = schema.as_arrow()
    columns = [pa.array([value, None], field.type) for value, field in zip(VALUES, arrow, strict=True)]
    table.append(pa.Table.from_arrays(columns, schema=arrow))
    alone, told = both_ways(sandbox, granted(table), "SELECT * FROM raw_db.types ORDER BY c1")
    assert alone.schema == told.schema
    assert alone.to_pylist() == told.to_pylist()
    assert alone.num_rows == 2


def test_a_table_whose_columns_have_changed_reads_as_it_is_now(
    catalog: InMemoryCatalog, sandbox: DuckDBSandbox
) -> None:
    first = pa.schema([("id", pa.int32()), ("name", pa.string()), ("gone", pa.string()), ("cost", pa.float32())])
    table = catalog.create_table("raw_db.evolved", first)
    table.append(pa.table([[1], ["before"], ["old"], [0.5]], schema=first))
    with table.update_schema() as update:
        update.update_column("id", LongType()).update_column("cost", DoubleType())
        update.rename_column("name", 'the "name"').delete_column("gone")
    with table.update_schema() as update:
        update.add_column("gone", IntegerType()).move_first("cost")
    now = table.schema().as_arrow()
    table.append(pa.Table.from_pylist([{"cost": 1e300, "id": 2**40, 'the "name"': "after", "gone": 7}], schema=now))
    alone, told = both_ways(sandbox, granted(table), "SELECT * FROM raw_db.evolved ORDER BY id")
    assert alone.to_pylist() == told.to_pylist() == [
        {"cost": 0.5, "id": 1, 'the "name"': "before", "gone": None},
        {"cost": 1e300, "id": 2**40, 'the "name"': "after", "gone": 7},
    ]  # fmt: skip


def test_files_without_field_ids_are_read_as_the_metadata_tells(
    catalog: InMemoryCatalog, sandbox: DuckDBSandbox, tmp_path: Path
) -> None:
    """By name they could be another table's."""
    rows = pa.table({"id": [1, 2], "name": ["a", None]})
    pq.write_table(rows, tmp_path / "plain.parquet")
    table = catalog.create_table("raw_db.added", rows.schema)
    table.add_files([f"file://{tmp_path}/plain.parquet"])
    alone, told = both_ways(sandbox, granted(table), "SELECT * FROM raw_db.added ORDER BY id")
    assert alone.to_pylist() == told.to_pylist() == rows.to_pylist()


def test_only_the_tables_own_columns_are_there(catalog: InMemoryCatalog, sandbox: DuckDBSandbox) -> None:
    """Neither what the folders are called (`day=3`), nor where a row lies."""
    rows = pa.table({"id": [1]})
    table = catalog.create_table("raw_db.people", rows.schema)
    table.append(rows)
    for column in ("day", "filename", "file_row_number", "file_index", "rowid"):
        with pytest.raises(PergamonError):
            sandbox.run(QueryJob("query_1", f"SELECT {column} FROM raw_db.people", (granted(table),), LIMITS))


def test_a_file_whose_name_is_a_pattern_is_read_as_the_metadata_tells(catalog: InMemoryCatalog) -> None:
    """DuckDB would read `a1.parquet` for `a[1].parquet`."""
    table = catalog.create_table("raw_db.patterns", pa.schema([("id", pa.int64())]))
    table.append(pa.table({"id": [1]}))
    plain = granted(table)
    assert view_of(plain)["alone"] is not None
    for name in ("a[1].parquet", "*.parquet", "a?.parquet"):
        assert view_of(replace(plain, parquet_alone=(*plain.parquet_alone, f"/lake/{name}")))["alone"] is None
