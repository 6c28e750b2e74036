"""What `query.ports.QueryEngine` promises, kept by the sandbox in both of its modes and by the engine without walls."""

import datetime as dt
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog

from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.adapters.network_namespace import refusal_of_namespaces
from pergamon.kernel import PergamonError
from pergamon.query import (
    Column,
    GrantedTable,
    QueryBusy,
    QueryEngine,
    QueryJob,
    QueryLimits,
    QueryTypeError,
    TableName,
)
from tests.reference.plain_engine import PlainEngine

LIMITS = QueryLimits(timeout_s=30, memory_mb=256, max_rows=2000, max_result_mb=4)
AT = dt.datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=dt.UTC)
PATIENTS = pa.table(
    {
        "id": [1, 2, 3],
        "name": ["Änne", "Bo", None],
        "seen": pa.array([AT, None, AT], pa.timestamp("us", "UTC")),
        "dose": pa.array([Decimal("1.50"), None, Decimal("-0.25")], pa.decimal128(8, 2)),
    }
)
STAYS = pa.table({"patient": [1, 1, 3], "room": ["a", "b", "c"]})
SECRET = pa.table({"diagnosis": ["only for admins"]})


class Closeable(QueryEngine, Protocol):
    def close(self) -> None: ...


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module", params=["namespaces and Landlock", "Landlock alone", "no walls"])
def engine(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closeable]:
    log = tmp_path_factory.mktemp("log") / "engine.log"
    made: Closeable
    match request.param:
        case "namespaces and Landlock":
            if refusal_of_namespaces() is not None:
                pytest.skip("this host forbids namespaces")
            sandbox = made = DuckDBSandbox(root, log)
            assert sandbox.mode == "namespaces+landlock+seccomp"
        case "Landlock alone":
            sandbox = made = DuckDBSandbox(root, log, namespaces=False)
            assert sandbox.mode == "landlock+seccomp"
        case _:
            made = PlainEngine()
    yield made
    made.close()


@pytest.fixture(scope="module")
def tables(root: Path) -> dict[str, GrantedTable]:
    """patients, stays, secret with their rows; empty, which was never written."""
    catalog = InMemoryCatalog("lake", warehouse=f"file://{root}")
    found = {}
    for name, rows in {"patients": PATIENTS, "stays": STAYS, "secret": SECRET, "empty": PATIENTS}.items():
        database = "curated_db" if name == "stays" else "raw_db"
        catalog.create_namespace_if_not_exists(database)
        table = catalog.create_table(f"{database}.{name}", rows.schema)
        if name != "empty":
            table.append(rows)
        snapshot = table.current_snapshot()
        columns = tuple(Column(field.name, str(field.field_type)) for field in table.schema().fields)
        place = Path(table.location().removeprefix("file://"))
        files = tuple(str(path) for path in sorted(place.rglob("*")) if path.is_file())
        metadata = table.metadata_location.removeprefix("file://")
        found[name] = GrantedTable(
            TableName(database, name), snapshot.snapshot_id if snapshot else None, metadata, files, columns
        )
    catalog.close()
    return found


def job(sql: str, *tables: GrantedTable, limits: QueryLimits = LIMITS) -> QueryJob:
    return QueryJob("query_1", sql, tables, limits)


def test_the_rows_of_a_granted_table_come_as_they_are(engine: QueryEngine, tables: dict[str, GrantedTable]) -> None:
    rows, more = engine.run(job("SELECT * FROM raw_db.patients ORDER BY id", tables["patients"]))
    assert rows.to_pylist() == PATIENTS.to_pylist()
    assert not more


def test_tables_of_several_databases_are_joined(engine: QueryEngine, tables: dict[str, GrantedTable]) -> None:
    sql = """
        SELECT p.name, count(room) AS rooms FROM raw_db.patients p LEFT JOIN curated_db.stays s ON s.patient = p.id
        GROUP BY p.id, p.name ORDER BY p.id
    """
    rows, _ = engine.run(job(sql, tables["patients"], tables["stays"]))
    assert [tuple(row.values()) for row in rows.to_pylist()] == [("Änne", 2), ("Bo", 0), (None, 1)]


def test_a_table_that_was_never_written_has_columns_and_no_rows(
    engine: QueryEngine, tables: dict[str, GrantedTable]
) -> None:
    rows, more = engine.run(job("SELECT * FROM raw_db.empty", tables["empty"]))
    assert (rows.schema, rows.num_rows, more) == (PATIENTS.schema, 0, False)


@pytest.mark.parametrize(("there", "given", "more"), [(1999, 1999, False), (2000, 2000, False), (2001, 2000, True)])
def test_no_more_rows_than_the_limit_and_whether_there_were_more(
    engine: QueryEngine, there: int, given: int, more: bool
) -> None:
    rows, told = engine.run(job(f"SELECT * FROM range({there})"))
    assert (rows.num_rows, told) == (given, more)


BAD_RUNS = [
    ("SELECT name::INTEGER FROM raw_db.patients", "query.type_error"),
    ("SELECT CAST('x' AS DATE)", "query.type_error"),
    ("SELECT nam FROM raw_db.patients", "query.invalid"),
    ("SELECT sum(name) FROM raw_db.patients", "query.invalid"),
    ("SELECT id, count(*) FROM raw_db.patients", "query.invalid"),
    ("SELECT * FROM raw_db.secret", "query.invalid"),
    ("SELECT * FROM (SELECT * FROM range(50000000)) ORDER BY hash(range)", "query.out_of_memory"),
    ("SELECT repeat('a', 3000000) FROM range(3)", "query.result_too_large"),
    ("SELECT count(*) FROM range(1000000000000) a, range(1000000) b WHERE a.range * b.range = -1", "query.timed_out"),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r", "query.timed_out"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "code"), BAD_RUNS)
def test_what_runs_badly_has_its_code_and_words_of_our_own_and_the_next_query_is_answered(
    engine: QueryEngine, tables: dict[str, GrantedTable], root: Path, sql: str, code: str
) -> None:
    limits = LIMITS.model_copy(update={"timeout_s": 1 if code == "query.timed_out" else 30})
    with pytest.raises(PergamonError) as failed:
        engine.run(job(sql, tables["patients"], limits=limits))
    assert failed.value.code == code
    assert not any(word in str(failed.value) for word in ("Änne", "Error:", "LINE 1", str(root)))
    assert engine.run(job("SELECT 1 AS one"))[0].to_pylist() == [{"one": 1}]


@pytest.mark.parametrize(
    "sql", ["SELECT TIME '24:00:00'", "SELECT [TIME '24:00:00']", "SELECT {'at': TIME_NS '24:00:00'}"]
)
def test_the_time_that_no_day_has_is_an_error_of_the_value_that_says_what_to_write(
    engine: QueryEngine, sql: str
) -> None:
    """DuckDB knows 24:00:00; Arrow, and most who would read it, end the day before it."""
    with pytest.raises(QueryTypeError):
        engine.run(job(sql))
    assert engine.run(job("SELECT CAST(TIME '24:00:00' AS VARCHAR) AS t"))[0].to_pylist() == [{"t": "24:00:00"}]


def test_a_file_that_the_job_does_not_name_is_not_read(engine: QueryEngine, tables: dict[str, GrantedTable]) -> None:
    (secret,) = [path for path in tables["secret"].files if path.endswith(".parquet")]
    for path in (secret, "/etc/hostname"):
        with pytest.raises(PergamonError) as refused:
            engine.run(job(f"SELECT * FROM read_blob('{path}')", tables["patients"]))
        assert refused.value.code == "query.engine_failed"


@pytest.mark.parametrize(
    "sql", ["SELECT a FROM b.c", "WITH x AS (SELECT 'Änne') SELECT * FROM x", "SELEC", "SELECT (", ""]
)
def test_a_text_is_parsed_as_duckdb_parses_it(engine: QueryEngine, sql: str) -> None:
    with duckdb.connect() as connection:
        expected = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0]
    assert engine.parse(sql) == expected


def test_getting_ready_returns_at_once(engine: QueryEngine) -> None:
    started = time.monotonic()
    engine.prewarm()
    engine.prewarm()
    assert time.monotonic() - started < 1
    assert engine.run(job("SELECT 1 AS one"))[0].to_pylist() == [{"one": 1}]


def test_queries_run_beside_each_other(engine: QueryEngine, tables: dict[str, GrantedTable]) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(engine.run, job(f"SELECT {n} AS n FROM raw_db.patients", tables["patients"])) for n in range(6)
        ]
        answers = [future.result()[0].to_pylist() for future in asked]
    assert answers == [[{"n": n}] * 3 for n in range(6)]


def test_whoever_watches_ends_a_query_at_once(engine: QueryEngine) -> None:
    asked: list[float] = []

    def watch() -> None:
        asked.append(time.monotonic())
        if len(asked) == 2:
            raise QueryBusy("no longer")

    long = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range + b.range) % 7 = 3"
    started = time.monotonic()
    with pytest.raises(QueryBusy, match="no longer"):
        engine.run(job(long), watch)
    assert len(asked) == 2
    assert asked[1] - started < 30
    assert engine.run(job("SELECT 1 AS one"))[0].to_pylist() == [{"one": 1}]


def test_a_process_outlives_the_thread_that_started_it(engine: QueryEngine) -> None:
    """A confined process dies with the thread that made it: threads that serve requests end while queries run."""
    answered, end = threading.Event(), threading.Event()

    def serve() -> None:
        engine.run(job("SELECT 1 AS one"))  # and starts the process that waits for the next query
        answered.set()
        end.wait(60)

    first = threading.Thread(target=serve)
    first.start()
    assert answered.wait(60)
    slow = "SELECT count(*) AS n FROM range(6000) a, range(30000) b WHERE (a.range * b.range) % 7 = 3"
    assert engine.run(job(slow), end.set)[0].num_rows == 1
    end.set()
    first.join()
