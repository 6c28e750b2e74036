"""What does a query read where it names a table? The SQL of the view that stands for the table in its process.

Whole tables are read as their metadata tells (`iceberg_scan`), or, when a few Parquet files are the whole table and
hold its columns as they are now, by themselves: DuckDB then plans as if somebody had named the files to it. Where only
a part is given, it must not: it would know what the largest value is, whoever's, and answer a condition beyond it at
once. Rows that were deleted are nobody's: a table that has some is read behind the barrier too (ADR 0027).
"""

import re
from collections.abc import Sequence
from typing import Any

from pergamon.policy import UnknownColumnType, is_nested, parsed_type
from pergamon.query import Column, GrantedTable, copies, duckdb_type, governed_view, identifier, text_literal

MEANS_OTHERS = re.compile(r"[*?\[]")
"""In a file's name: DuckDB reads `a[1].parquet` as a pattern, and finds `a1.parquet`."""


def view_of(table: GrantedTable) -> dict[str, Any]:  # Any: JSON
    """The job's entry for a table. alone: the files that may be read in place of the source, if each holds just these
    columns (name, field id, type)."""
    columns = [(column.name, column.field_id, _type(column)) for column in table.columns]
    alone = {"files": table.parquet_alone, "columns": columns} if _may_be_enough(table) else None
    return {"database": table.name.database, "table": table.name.table, "source": _source(table), "alone": alone}


def is_behind_barrier(table: GrantedTable) -> bool:
    return table.reading is not None or table.has_deleted_rows


def _source(table: GrantedTable) -> str:
    """What a view stands on: the whole table, or what grants leave of it."""
    if table.given_in is not None:
        columns = ", ".join(_as_its_type(column) for column in table.columns)
        return f"(SELECT {columns} FROM read_parquet({text_literal(table.given_in)}))"  # noqa: S608 - quoted
    reading = table.reading
    if reading is None:
        return _without_what_was_deleted(table, table.columns)
    if reading.rights.is_of_every_cell:
        return governed_view(_without_what_was_deleted(table, reading.columns), reading)
    return governed_view(_scan(table, reading.columns), reading, table.sought)


def _without_what_was_deleted(table: GrantedTable, columns: Sequence[Column]) -> str:
    scan = _scan(table, columns)
    return copies(scan, columns, sought=table.sought) if table.has_deleted_rows else scan


def _scan(table: GrantedTable, columns: Sequence[Column]) -> str:
    """A table that was never written has no snapshot to scan, only a schema."""
    if table.snapshot_id is not None:
        return f"iceberg_scan({text_literal(table.metadata)})"
    nulls = ", ".join(f"NULL::{_type(column)} AS {identifier(column.name)}" for column in columns)
    return f"(SELECT {nulls} WHERE false)"


def _may_be_enough(table: GrantedTable) -> bool:
    is_whole = table.reading is None and table.given_in is None
    if any(MEANS_OTHERS.search(path) for path in table.parquet_alone):
        return False
    return is_whole and bool(table.parquet_alone) and not any(is_nested(column.type) for column in table.columns)


def _as_its_type(column: Column) -> str:
    """Arrow has no type for a UUID that Parquet keeps; everything else comes back as it went."""
    name = identifier(column.name)
    return f"CAST({name} AS UUID) AS {name}" if column.type == "uuid" else name


def _type(column: Column) -> str:
    try:
        return duckdb_type(parsed_type(column.type))
    except UnknownColumnType:
        return "VARCHAR"
