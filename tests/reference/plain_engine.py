"""The query engine without its walls: DuckDB in this process, as plainly as it can be written.

It passes the same contract suite as the sandbox, so what a query answers owes nothing to how it is confined; and a test
that is about something else may use it.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg
import pyarrow as pa

from pergamon.kernel import PergamonError
from pergamon.query import (
    GrantedTable,
    QueryEngineFailed,
    QueryInvalid,
    QueryJob,
    QueryOutOfMemory,
    QueryResultTooLarge,
    QueryTimedOut,
    QueryTypeError,
)

OF_THE_TEXT = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.NotImplementedException,
)
OF_A_VALUE = (
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.InvalidInputException,
    duckdb.TypeMismatchException,
    duckdb.InvalidTypeException,
)
TYPES: Mapping[str, str] = {"int": "INTEGER", "long": "BIGINT", "string": "VARCHAR", "timestamptz": "TIMESTAMPTZ"}


def connected(**config: str) -> duckdb.DuckDBPyConnection:
    """A database of its own, with the extensions of the wheels loaded by path."""
    no_others = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(":memory:", config=no_others | config)
    for package, name in ((duckdb_extension_avro, "avro"), (duckdb_extension_iceberg, "iceberg")):
        directory = Path(package.__file__).parent / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{directory}/{name}.duckdb_extension'")
    return connection


class PlainEngine:
    """A `QueryEngine`."""

    def run(self, job: QueryJob, watch: Callable[[], None] | None = None) -> tuple[pa.Table, bool]:
        limits = job.limits
        with connected() as connection:
            files = [path for table in job.tables for path in table.files]
            connection.execute(f"SET memory_limit = '{limits.memory_mb}MiB'")
            connection.execute("SET TimeZone = 'UTC'; SET temp_directory = ''")
            connection.execute(f"SET allowed_paths = {files}")
            connection.execute("SET enable_external_access = false")
            for table in job.tables:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.name.database}")
                connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM {_source(table)}")
            too_late = threading.Event()

            def end() -> None:
                too_late.set()
                connection.interrupt()

            clock = threading.Timer(limits.timeout_s, end)
            clock.start()
            watching = _Watch(connection, watch)
            watching.start()
            try:
                rows = _read(connection, job)
            except Exception as error:
                raise watching.said or _told(error, too_late.is_set()) from None
            finally:
                clock.cancel()
                watching.over.set()
        return rows.slice(0, limits.max_rows), rows.num_rows > limits.max_rows

    def parse(self, sql: str) -> str:
        with duckdb.connect() as connection:
            tree = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
        return str(tree[0][0])

    def prewarm(self) -> None:
        """It is ready."""

    def close(self) -> None:
        """It holds nothing."""


class _Watch(threading.Thread):
    """Asks from time to time; what it raises ends the query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, watch: Callable[[], None] | None) -> None:
        super().__init__(daemon=True)
        self.connection, self.watch = connection, watch
        self.over, self.said = threading.Event(), cast(Exception | None, None)

    def run(self) -> None:
        while self.watch is not None and not self.over.wait(0.25):
            try:
                self.watch()
            except Exception as error:
                self.said = error
                self.connection.interrupt()
                return


def _read(connection: duckdb.DuckDBPyConnection, job: QueryJob) -> pa.Table:
    reader = connection.execute(job.sql).to_arrow_reader(8192)
    batches: list[pa.RecordBatch] = []
    for batch in reader:
        batches.append(batch)
        if sum(each.nbytes for each in batches) > job.limits.max_result_mb * 1024**2:
            raise QueryResultTooLarge("the result is too large")
        if sum(each.num_rows for each in batches) > job.limits.max_rows:
            break
    rows = pa.Table.from_batches(batches, reader.schema)
    rows.validate(full=True)
    return rows


def _told(error: Exception, too_late: bool) -> PergamonError:
    if isinstance(error, PergamonError):
        return error
    if too_late:
        return QueryTimedOut("the query took too long")
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        return QueryOutOfMemory("the query needs too much memory")
    if isinstance(error, OF_THE_TEXT):
        return QueryInvalid("the query does not fit its tables")
    if isinstance(error, (*OF_A_VALUE, pa.ArrowInvalid)):
        return QueryTypeError("a value could not be converted, or is out of range")
    return QueryEngineFailed("the engine failed")


def _source(table: GrantedTable) -> str:
    if table.snapshot_id is not None:
        return f"iceberg_scan('{table.metadata}')"
    columns = ", ".join(f"NULL::{TYPES.get(column.type, column.type)} AS {column.name}" for column in table.columns)
    return f"(SELECT {columns} WHERE false)"
