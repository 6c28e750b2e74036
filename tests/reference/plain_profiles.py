"""A `ProfileEngine` without walls, over tables in memory: for tests of what is measured, not of how it is confined."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from pergamon.lake import TableId
from pergamon.quality import Limits, MeasuredTable, TableColumn


class PlainProfiles:
    """Runs statements over Arrow tables, by full name."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self.tables = dict(tables)
        self.statements: list[str] = []

    def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
        self.statements.append(sql)
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        for table in tables:
            connection.register("rows_", self.tables[str(table.id)])
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.id.database}"')
            connection.execute(f'CREATE TABLE "{table.id.database}"."{table.id.name}" AS SELECT * FROM rows_')
            connection.unregister("rows_")
        return connection.execute(sql).to_arrow_table()

    def measured(self, name: str, *, about_rows: int | None = None) -> MeasuredTable:
        rows = self.tables[name]
        columns = tuple(TableColumn(field.name, iceberg_name(field.type)) for field in rows.schema)
        about = rows.num_rows if about_rows is None else about_rows
        return MeasuredTable(TableId.parse(name), 1, "", (), columns, about)


def iceberg_name(kind: pa.DataType) -> str:
    """The Iceberg word for an Arrow type."""
    words = {
        pa.int64(): "long",
        pa.int32(): "int",
        pa.float64(): "double",
        pa.string(): "string",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
        pa.timestamp("us", "UTC"): "timestamptz",
        pa.binary(): "binary",
    }
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return words.get(kind, "list<string>")
