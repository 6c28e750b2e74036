# ruff: noqa: E501 - an attack reads best on one line
"""By hand: every trick that we know to reach what is not given, each with what comes of it.

The tables are those of `granted_world`: `study_sub.patients`, `visits`, `labs`, of which grants give a part. `ok` and
`mark` of visits and `withdrawn` of patients are not given; in hidden rows stand a secret word, and values at which most
functions fail. An attack is refused by its code, or gives exactly what it gives on a copy without any of this.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog

from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.kernel import Invalid, NotFound, PergamonError
from pergamon.policy import GrantRights, Mask, MaskAction, PolicyColumn, bind, parse_filter, united
from pergamon.query import (
    Column,
    GrantedTable,
    QueryJob,
    QueryLimits,
    Reading,
    TableName,
    governed_view,
    judge,
    mask_secrets,
)
from pergamon.query.exact import require_exact
from tests.property.query.test_only_what_is_given_shows import answer, same
from tests.reference.granted_world import KEY, SALT, SCHEMA, SECRET, WAYS, granted_parts, opened
from tests.reference.sql_grammar import Statements

REFUSED, SYNTAX, MISSING = "query.refused", "query.syntax_error", "query.no_such_table"
INVALID = "the engine finds no such thing"
GIVEN = "what is given"

ATTACKS = [
    # files, and functions that read them
    ("SELECT * FROM 'visits.raw.parquet'", MISSING),
    ("SELECT * FROM study_sub.visits UNION ALL BY NAME SELECT * FROM read_parquet('visits.raw.parquet')", REFUSED),
    ("SELECT * FROM parquet_scan(['visits.raw.parquet'])", REFUSED),
    ("SELECT * FROM iceberg_scan('visits', allow_moved_paths => true)", REFUSED),
    ("SELECT * FROM iceberg_metadata('visits')", REFUSED),
    ("SELECT * FROM iceberg_column_stats('visits')", REFUSED),
    ("SELECT stats_min FROM parquet_metadata('visits.raw.parquet')", REFUSED),
    ("SELECT * FROM parquet_bloom_probe('visits.raw.parquet', 'code', 'x')", REFUSED),
    ("SELECT * FROM parquet_schema('visits.raw.parquet')", REFUSED),
    ("SELECT * FROM read_blob('/proc/self/environ')", REFUSED),
    ("SELECT * FROM glob('**')", REFUSED),
    ("SELECT (SELECT content FROM read_text('/proc/self/maps'))", REFUSED),
    ("SELECT * FROM study_sub.visits v, LATERAL read_text(v.code)", REFUSED),
    ("SELECT * FROM study_sub.visits WHERE code IN (FROM read_csv('x'))", REFUSED),
    # the catalog, the settings, the statistics
    ("SELECT sql FROM duckdb_views()", REFUSED),
    ("SELECT sql FROM duckdb_views", MISSING),
    ("SELECT * FROM pg_catalog.pg_views", MISSING),
    ("SELECT view_definition FROM information_schema.views", MISSING),
    ("SELECT * FROM sqlite_master", MISSING),
    ("SELECT stats(amount) FROM study_sub.visits", REFUSED),
    ("SELECT * FROM pragma_storage_info('study_sub.visits')", REFUSED),
    ("SELECT * FROM duckdb_settings()", REFUSED),
    ("SELECT current_setting('allowed_paths')", REFUSED),
    ("SELECT * FROM duckdb_logs", MISSING),
    ("SELECT * FROM duckdb_external_file_cache()", REFUSED),
    ("SELECT * FROM duckdb_memory()", REFUSED),
    ("SELECT current_schemas(true), current_query(), txid_current()", REFUSED),
    ("SELECT getvariable('x')", REFUSED),
    ("SELECT pg_get_viewdef(0)", REFUSED),
    ("SELECT 'study_sub.visits'::regclass", REFUSED),
    ("SELECT in_search_path('study_sub', 'x')", REFUSED),
    ("SELECT pg_typeof(t) FROM study_sub.visits t", REFUSED),
    # statements in texts
    ("SELECT * FROM query('SELECT * FROM study_sub.visits')", REFUSED),
    ("SELECT * FROM query_table('study_sub.visits')", REFUSED),
    ("SELECT json_serialize_sql('SELECT 1')", REFUSED),
    ("SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM study_sub.visits'))", REFUSED),
    ("PRAGMA json_execute_serialized_sql('{}')", REFUSED),
    ("SELECT json_serialize_plan('FROM study_sub.visits')", REFUSED),
    ("EXECUTE p('study_sub.visits')", REFUSED),
    ("SELECT list_aggregate([1], 'read_text')", REFUSED),
    ("SELECT * FROM (VALUES ('study_sub.visits')) t(name), LATERAL query_table(name)", REFUSED),
    # what is not a SELECT
    ("COPY study_sub.visits TO 'x.parquet'", REFUSED),
    ("COPY (FROM study_sub.visits) TO '/dev/stdout'", REFUSED),
    ("ATTACH ':memory:' AS m", REFUSED),
    ("INSTALL spatial", REFUSED),
    ("LOAD '/tmp/x.duckdb_extension'", REFUSED),
    ("SET lock_configuration = false", REFUSED),
    ("SET VARIABLE x = (SELECT max(amount) FROM study_sub.visits)", REFUSED),
    ("PRAGMA enable_profiling", REFUSED),
    ("EXPLAIN FROM study_sub.visits", REFUSED),
    ("EXPLAIN ANALYZE FROM study_sub.visits", REFUSED),
    ("DESCRIBE study_sub.visits", REFUSED),
    ("SUMMARIZE study_sub.visits", REFUSED),
    ("SELECT * FROM (SUMMARIZE study_sub.visits)", REFUSED),
    ("FROM (DESCRIBE FROM study_sub.visits)", REFUSED),
    ("CREATE OR REPLACE VIEW study_sub.visits AS SELECT 1", REFUSED),
    ("CREATE MACRO raw() AS TABLE FROM study_sub.visits", REFUSED),
    ("SELECT 1; FROM study_sub.visits", REFUSED),
    ("PIVOT study_sub.visits ON code USING count(*)", REFUSED),
    # names that shadow
    ("WITH visits AS (SELECT 1 AS mark) SELECT * FROM study_sub.visits", GIVEN),
    ("WITH raw AS (SELECT 9 AS ok, 'yes' AS mark) SELECT count(*) FROM study_sub.visits, raw", GIVEN),
    ("WITH raw AS (SELECT * FROM study_sub.visits) SELECT raw.code FROM raw", GIVEN),
    ("WITH study_sub AS (SELECT 1 AS visits) SELECT visits FROM study_sub", GIVEN),
    ("SELECT raw.ok FROM study_sub.visits raw", INVALID),
    ("SELECT raw.code FROM study_sub.visits AS raw", GIVEN),
    ("SELECT raw.ok FROM study_sub.visits", INVALID),
    ("SELECT (SELECT raw.ok) FROM study_sub.visits", INVALID),
    ("SELECT x.* FROM study_sub.visits v, LATERAL (SELECT v.ok) x", INVALID),
    ("SELECT * FROM raw", MISSING),
    ("WITH random AS (SELECT 3) SELECT count(*) FROM study_sub.visits", GIVEN),
    ("SELECT ok FROM study_sub.visits WINDOW w AS (ORDER BY ok)", INVALID),
    ("SELECT 1 AS ok FROM study_sub.visits WHERE ok = 1", GIVEN),
    ("WITH study_sub.visits AS (SELECT 1) SELECT 1", SYNTAX),
    ("SELECT * FROM memory.study_sub.visits", MISSING),
    ("SELECT * FROM system.study_sub.visits", MISSING),
    ("SELECT * FROM main.raw", MISSING),
    # columns that are not given, by all their ways
    ("SELECT ok FROM study_sub.visits", INVALID),
    ("SELECT mark FROM study_sub.visits", INVALID),
    ('SELECT "OK" FROM study_sub.visits', INVALID),
    ("SELECT withdrawn FROM study_sub.patients", INVALID),
    ("SELECT study_sub.visits.ok FROM study_sub.visits", INVALID),
    ("SELECT #14 FROM study_sub.visits", INVALID),
    ("SELECT #13, #1 FROM study_sub.visits", GIVEN),
    ("SELECT code FROM study_sub.visits ORDER BY 14", INVALID),
    ("SELECT code FROM study_sub.visits GROUP BY ALL ORDER BY ok", INVALID),
    ("SELECT COLUMNS('ok|mark') FROM study_sub.visits", INVALID),
    ("SELECT COLUMNS(c -> c = 'mark') FROM study_sub.visits", INVALID),
    ("SELECT COLUMNS(* EXCLUDE (code)) FROM study_sub.visits", GIVEN),
    ("SELECT COLUMNS(['code', 'mark']) FROM study_sub.visits", INVALID),
    ("SELECT *COLUMNS('.*') FROM study_sub.visits", INVALID),
    ("SELECT * LIKE '%a%' FROM study_sub.visits", GIVEN),
    ("SELECT * REPLACE (mark AS code) FROM study_sub.visits", INVALID),
    ("SELECT * RENAME (mark AS m) FROM study_sub.visits", GIVEN),
    ("SELECT * RENAME (code AS mark) FROM study_sub.visits", GIVEN),
    ("SELECT * EXCLUDE (mark) FROM study_sub.visits", INVALID),
    ("SELECT v FROM study_sub.visits v", GIVEN),
    ("SELECT v.mark FROM (SELECT v FROM study_sub.visits v)", INVALID),
    ("SELECT struct_extract(v, 'mark') FROM study_sub.visits v", INVALID),
    ("SELECT struct_keys(v) FROM study_sub.visits v", GIVEN),
    ("SELECT to_json(v), row_to_json(v) FROM study_sub.visits v", GIVEN),
    ("SELECT v::VARCHAR FROM study_sub.visits v", GIVEN),
    ("SELECT unnest(v) FROM study_sub.visits v", GIVEN),
    ("SELECT max(v), count(DISTINCT v) FROM study_sub.visits v", GIVEN),
    ("SELECT * FROM study_sub.visits v(a, b, c, d, e, f, g, h, i, j, k, l, m, n)", INVALID),
    ("SELECT a, m FROM study_sub.visits v(a, b, c, d, e, f, g, h, i, j, k, l, m)", GIVEN),
    ("SELECT * FROM study_sub.visits NATURAL JOIN (SELECT 'yes' AS mark)", INVALID),
    ("SELECT * FROM study_sub.visits JOIN (SELECT 1 AS ok) USING (ok)", INVALID),
    ("SELECT * FROM study_sub.visits POSITIONAL JOIN study_sub.patients", GIVEN),
    ("SELECT UNPACK(COLUMNS(*)) FROM study_sub.visits", INVALID),
    # columns that a reader of files adds by itself
    ("SELECT rowid FROM study_sub.visits", INVALID),
    ("SELECT filename FROM study_sub.visits", INVALID),
    ("SELECT file_row_number, file_index FROM study_sub.visits", INVALID),
    ("SELECT _row_id, _last_updated_sequence_number FROM study_sub.visits", INVALID),
    ("SELECT _file, _pos FROM study_sub.visits", INVALID),
    ("SELECT COLUMNS('^(file|row|_).*') FROM study_sub.visits", INVALID),
    ("SELECT tableoid, ctid, xmin FROM study_sub.visits", INVALID),
    # letters that look alike, and quotes
    ('SELECT * FROM "study_sub"."visits"', GIVEN),
    ('SELECT * FROM "study_sub.visits"', MISSING),
    ('SELECT * FROM study_sub."visits"" UNION SELECT"', "not granted"),
    ("SELECT * FROM study_sub.vi\u017fits", "not granted"),
    ("SELECT * FROM study_\u200bsub.visits", SYNTAX),
    ("SELECT m\u0430rk FROM study_sub.visits", INVALID),
    ("SELECT U&'\\006D' FROM study_sub.visits", SYNTAX),
    ("SELECT E'\\x6d\\x61\\x72\\x6b' FROM study_sub.visits", GIVEN),
    ("SELECT $$mark$$ FROM study_sub.visits", GIVEN),
    ("SELECT code/**/FROM/**/study_sub.visits--", GIVEN),
    # names put together
    ("SELECT ('ma' || 'rk') FROM study_sub.visits", GIVEN),
    ("SELECT v['ma' || 'rk'] FROM study_sub.visits v", INVALID),
    ("SELECT COLUMNS('ma' || 'rk') FROM study_sub.visits", INVALID),
    ("SELECT json_extract(to_json(v), '$.' || 'mark') FROM study_sub.visits v", GIVEN),
    # hidden rows: what an aggregate, a join or an error could say of them
    ("SELECT count(*), min(amount), max(amount), sum(small) FROM study_sub.visits", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE amount > 100", GIVEN),
    ("SELECT max(code) FROM study_sub.visits", GIVEN),
    ("SELECT code FROM study_sub.visits ORDER BY code DESC LIMIT 1", GIVEN),
    ("SELECT CAST(code AS INTEGER) FROM study_sub.visits", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE CAST(code AS INTEGER) = 1", GIVEN),
    ("SELECT count(*) FROM study_sub.visits v JOIN range(20) r ON CAST(v.code AS INTEGER) = r.range", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE CASE WHEN amount > 20 THEN CAST('x' AS INTEGER) = 1 ELSE true END", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE chr(CASE WHEN small = -1 THEN -1 ELSE 65 END) = 'A'", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE repeat('x', amount) <> ''", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE '1' SIMILAR TO pattern", GIVEN),
    ("SELECT count(CAST(tags AS INTEGER[])) FROM study_sub.visits", GIVEN),
    ("SELECT count(*) FROM study_sub.visits WHERE to_base(amount, 2) <> ''", GIVEN),
    ("SELECT TRY(CAST(code AS INTEGER)) FROM study_sub.visits", GIVEN),
    ("SELECT * FROM study_sub.patients WHERE chr(CASE WHEN site = 'north' THEN 65 ELSE -1 END) = 'A'", GIVEN),
    ("SELECT code FROM study_sub.labs WHERE CAST(code AS INTEGER) >= 0", GIVEN),
    ("SELECT error('x') FROM study_sub.visits", REFUSED),
    ("SELECT CASE WHEN amount > 20 THEN error('found') END FROM study_sub.visits", REFUSED),
    ("SELECT CASE WHEN amount > 20 THEN sleep_ms(1000) END FROM study_sub.visits", REFUSED),
    # raw values under a mask
    ("SELECT count(*) FROM study_sub.patients WHERE name = 'Änne Müller'", GIVEN),
    ("SELECT count(*) FROM study_sub.patients WHERE born BETWEEN DATE '1950-03-02' AND DATE '1950-03-31'", GIVEN),
    ("SELECT min(age), max(age), sum(age % 10) FROM study_sub.patients", GIVEN),
    ("SELECT count(*) FROM study_sub.patients WHERE pseudonym IN (SELECT sha256('0001'))", GIVEN),
    ("SELECT p.pseudonym FROM study_sub.patients p JOIN (SELECT sha256('0003') AS h) ON p.pseudonym = h", GIVEN),
    ("SELECT name FROM study_sub.patients ORDER BY nothing, name", GIVEN),
    # chance
    ("SELECT * FROM study_sub.visits TABLESAMPLE 10%", REFUSED),
    ("SELECT * FROM study_sub.visits USING SAMPLE 5 ROWS", REFUSED),
    ("SELECT * FROM (SELECT * FROM study_sub.visits USING SAMPLE reservoir(5 ROWS) REPEATABLE (1))", REFUSED),
    ("WITH x AS (FROM study_sub.visits TABLESAMPLE system(10%)) SELECT count(*) FROM x", REFUSED),
    ("SELECT approx_count_distinct(code) FROM study_sub.visits", REFUSED),
    ("SELECT approx_quantile(amount, 0.5), approx_top_k(code, 3) FROM study_sub.visits", REFUSED),
    ("SELECT reservoir_quantile(amount, 0.5, 10) FROM study_sub.visits", REFUSED),
    ("SELECT approx_quantile(amount, 0.5) OVER () FROM study_sub.visits", REFUSED),
    ("SELECT * FROM study_sub.visits WHERE random() < 0.5", REFUSED),
    ("SELECT * FROM study_sub.visits WHERE RANDOM() < 0.5", REFUSED),
    # tables of others
    ("SELECT * FROM heart_db.patients", "not granted"),
    ("SELECT * FROM study_sub.other", "not granted"),
    ("SELECT * FROM study_sub.visits, LATERAL (FROM heart_db.patients)", "not granted"),
    ("SELECT * FROM study_sub.visits AT (VERSION => 1)", REFUSED),
]  # fmt: skip


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacked")


@pytest.fixture(scope="module")
def copy(directory: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(directory, None) as connection:
        yield connection


@pytest.fixture(scope="module", params=[WAYS[0], WAYS[3]])
def governed(request: pytest.FixtureRequest, directory: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(directory, request.param) as connection:
        yield connection


def parsed(text: str) -> str:
    with duckdb.connect() as connection:
        return str(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])


def admitted(sql: str) -> str | None:
    """The code of the refusal; None when the text reaches the engine."""
    granted = {str(table.name): table for table in tables_of_paper()}
    try:
        judged = judge(sql, parsed)
        named = {str(table) for table in judged.tables}
        if not named <= granted.keys():
            return "not granted"
        require_exact(judged, [granted[name] for name in named])
    except (Invalid, NotFound) as refused:
        return refused.code
    return None


def tables_of_paper() -> list[GrantedTable]:
    """The three tables without their files."""
    return [
        GrantedTable(TableName(SCHEMA, part.name), 1, "", (), part.reading.columns, part.reading)
        for part in granted_parts()
    ]


@pytest.mark.parametrize(("sql", "outcome"), ATTACKS, ids=[sql[:70] for sql, _ in ATTACKS])
def test_an_attack_is_refused_or_gives_what_is_given(
    sql: str, outcome: str, copy: duckdb.DuckDBPyConnection, governed: duckdb.DuckDBPyConnection
) -> None:
    code = admitted(sql)
    if outcome not in {GIVEN, INVALID}:
        assert code == outcome
        return
    assert code is None
    expected, found = answer(copy, sql), answer(governed, sql)
    assert same(expected, found)
    assert (found[0] == "ok") == (outcome == GIVEN), found[0]
    assert SECRET not in str(found)


ODD = ['a" FROM x --', "raw", "ok", "ﬁle'; DROP", "{0}", "SELECT", "ok ", "Ok2", "raw.secret", "%s\\"]
"""How the columns of an uploaded file may be called. The third decides on rows; the fourth is masked."""


def test_however_columns_are_called_the_view_gives_what_is_given(tmp_path: Path) -> None:
    rows = [dict.fromkeys(ODD, f"{SECRET} {n}" if n % 2 else f"fine {n}") | {"ok": str(n % 2)} for n in range(6)]
    rows = [row | {"raw": {"ok": "0", "secret": row["raw"]}} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "odd.parquet")
    columns = [
        PolicyColumn(
            n, name, "struct<21: ok: optional string, 22: secret: optional string>" if name == "raw" else "string"
        )
        for n, name in enumerate(ODD, 1)
    ]
    masks = {n: None for n in (*range(1, len(ODD) + 1), 21, 22) if n != 3} | {4: Mask(MaskAction.MASK_ALPHANUM)}
    rights = united([GrantRights(masks, bind(parse_filter("ok = '0'"), columns))])
    reading = Reading(tuple(Column(c.name, c.type, c.field_id) for c in columns), rights, mask_secrets(KEY, SALT))
    with duckdb.connect() as connection:
        view = governed_view(f"read_parquet('{tmp_path / 'odd.parquet'}')", reading)
        found = connection.execute(f"SELECT * FROM {view}").to_arrow_table()
    assert found.column_names == [name for name in ODD if name != "ok"]
    shown = found.to_pylist()
    assert [row[ODD[0]] for row in shown] == ["fine 0", "fine 2", "fine 4"]
    assert [row[ODD[3]] for row in shown] == ["xxxxxn"] * 3
    assert SECRET not in str(shown)


# --- the same through the processes that users meet ---

LIMITS = QueryLimits(timeout_s=20, memory_mb=256, max_rows=2000)


@pytest.fixture(scope="module")
def iceberg(tmp_path_factory: pytest.TempPathFactory) -> dict[str, GrantedTable]:
    """The three tables as Iceberg tables, and under `copy_sub` what is given of them."""
    place = tmp_path_factory.mktemp("lake")
    catalog = InMemoryCatalog("lake", warehouse=f"file://{place}")
    found: dict[str, GrantedTable] = {}
    for part in granted_parts(WAYS[3]):
        for database, rows in ((SCHEMA, part.raw_arrow()), ("copy_sub", part.given_arrow())):
            catalog.create_namespace_if_not_exists(database)
            table = catalog.create_table(f"{database}.{part.name}", rows.schema)
            table.append(rows)
            snapshot = table.current_snapshot()
            assert snapshot is not None
            files = tuple(
                str(path) for path in Path(table.location().removeprefix("file://")).rglob("*") if path.is_file()
            )
            columns = tuple(
                Column(field.name, str(field.field_type), field.field_id) for field in table.schema().fields
            )
            reading = replace(part.reading, columns=columns) if database == SCHEMA else None
            name = TableName(SCHEMA, part.name)
            metadata = table.metadata_location.removeprefix("file://")
            found[f"{database}.{part.name}"] = GrantedTable(
                name, snapshot.snapshot_id, metadata, files, columns, reading
            )
    catalog.close()
    return found


@pytest.fixture(scope="module")
def sandbox(iceberg: dict[str, GrantedTable], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBSandbox]:
    place = Path(iceberg[f"{SCHEMA}.visits"].metadata).parents[3]
    made = DuckDBSandbox(place, tmp_path_factory.mktemp("log") / "engine.log")
    yield made
    made.close()


def run(
    sandbox: DuckDBSandbox, iceberg: dict[str, GrantedTable], database: str, sql: str, limits: QueryLimits = LIMITS
) -> tuple[str, list[Any]]:
    try:
        judged = judge(sql, sandbox.parse)
        tables = tuple(iceberg[f"{database}.{name.table}"] for name in sorted(judged.tables))
        rows, _more = sandbox.run(QueryJob("query_1", sql, tables, limits))
    except PergamonError as error:
        return error.code, []
    return "ok", [tuple(row.values()) for row in rows.to_pylist()]


def test_generated_statements_through_the_sandbox_tell_nothing_either(
    sandbox: DuckDBSandbox, iceberg: dict[str, GrantedTable]
) -> None:
    statements = Statements(77)
    for _ in range(8):
        sql = statements.statement()
        expected, found = (run(sandbox, iceberg, database, sql) for database in ("copy_sub", SCHEMA))
        assert same(expected, found), sql


def test_the_memory_under_the_nulls_of_a_result_tells_nothing(sandbox: DuckDBSandbox) -> None:
    """Of two rows of three x is not given; DuckDB leaves under their NULLs what it had read before."""
    hidden = int.from_bytes(b"SECRET\0\0", "little")
    rows = pa.table({"k": [n % 3 for n in range(60_000)], "x": [n if n % 3 == 0 else hidden for n in range(60_000)]})
    catalog = InMemoryCatalog("lake", warehouse=f"file://{sandbox.lake}")
    catalog.create_namespace("memory")
    table = catalog.create_table("memory.rows", rows.schema)
    table.append(rows)
    columns = tuple(Column(field.name, str(field.field_type), field.field_id) for field in table.schema().fields)
    some = bind(parse_filter("k = 0"), [PolicyColumn(1, "k", "long")])
    rights = united([GrantRights({1: None, 2: None}, some), GrantRights({1: None})])
    place, snapshot = Path(table.location().removeprefix("file://")), table.current_snapshot()
    assert snapshot is not None
    files = tuple(str(path) for path in place.rglob("*") if path.is_file())
    metadata = table.metadata_location.removeprefix("file://")
    reading = Reading(columns, rights, mask_secrets(KEY, SALT))
    granted = GrantedTable(TableName(SCHEMA, "rows"), snapshot.snapshot_id, metadata, files, columns, reading)
    catalog.close()
    sql = f"SELECT k, x, lag(x) OVER (ORDER BY k) AS before, [x, x + 1] AS several FROM {SCHEMA}.rows"
    found, _ = sandbox.run(QueryJob("query_1", sql, (granted,), LIMITS.model_copy(update={"max_rows": 60_000})))
    assert found.column("x").null_count == 40_000
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    assert b"SECRET" not in sink.getvalue().to_pybytes()


BOMBS = [
    ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r", {"query.timed_out", "query.out_of_memory"}),
    ("SELECT count(*) FROM study_sub.visits a, study_sub.visits b, range(1000000000) WHERE hash(a.code || b.code) = range", {"query.timed_out"}),
    ("SELECT list(repeat(code, 1000000)) FROM study_sub.visits, range(1000)", {"query.out_of_memory"}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "codes"), BOMBS, ids=["recursion", "time", "memory"])
def test_a_bomb_ends_by_its_limit(
    sql: str, codes: set[str], sandbox: DuckDBSandbox, iceberg: dict[str, GrantedTable]
) -> None:
    limits = QueryLimits(timeout_s=2, memory_mb=256)
    assert run(sandbox, iceberg, SCHEMA, sql, limits)[0] in codes


def test_an_error_says_the_same_whatever_the_value_was(
    sandbox: DuckDBSandbox, iceberg: dict[str, GrantedTable]
) -> None:
    """Of an error in what is given, the words are ours and hold no value."""
    table = iceberg[f"{SCHEMA}.visits"]
    told = set()
    for sql in (
        "SELECT CAST(document AS INTEGER) FROM study_sub.visits",
        "SELECT CAST(hexes AS DATE) FROM study_sub.visits",
    ):
        with pytest.raises(PergamonError) as failed:
            sandbox.run(QueryJob("query_1", sql, (table,), LIMITS))
        told.add(str(failed.value))
    assert len(told) == 1


def test_of_a_table_that_is_given_whole_a_sample_may_be_taken() -> None:
    whole = [replace(table, reading=None) for table in tables_of_paper()]
    require_exact(judge("SELECT approx_quantile(amount, 0.5) FROM study_sub.visits TABLESAMPLE 10%", parsed), whole)
