# ruff: noqa: E501 - a query reads best on one line
"""The gate as two tables: what is refused, with the code that a caller gets; what is let through, with its tables."""

import re
from pathlib import Path

import duckdb
import pytest

from pergamon.kernel import PergamonError
from pergamon.query import JudgedQuery, functions
from pergamon.query import judge as judge_with
from pergamon.query.gate import LONGEST_SQL

REFUSED, SYNTAX, MISSING = "query.refused", "query.syntax_error", "query.no_such_table"


def judge(sql: str) -> JudgedQuery:
    """The gate with DuckDB's parser in this process: none of these texts is large."""

    def serialize(text: str) -> str:
        with duckdb.connect() as connection:
            return str(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])

    return judge_with(sql, serialize)


@pytest.mark.parametrize("sql", ["DESCRIBE raw_db.patients", "SHOW TABLES", "SELECT * FROM (SUMMARIZE raw_db.t)"])
def test_who_wants_a_description_is_told_the_command(sql: str) -> None:
    with pytest.raises(PergamonError, match="DESCRIBE, SHOW and SUMMARIZE are not run here") as refused:
        judge(sql)
    assert "pergamon tables DATABASE.TABLE" in str(refused.value.hint)


def test_the_hint_of_a_function_names_a_page_that_lists_the_others() -> None:
    with pytest.raises(PergamonError) as refused:
        judge("SELECT * FROM read_csv('x')")
    page = Path(__file__).parents[3] / str(refused.value.hint).split()[0]
    listed = set(re.findall(r"`([^`]+)`", page.read_text()))
    assert listed >= functions.CALLABLE | functions.WINDOWS | functions.TABLE_FUNCTIONS


HOSTILE = [
    # not one SELECT
    ("", REFUSED),
    ("-- nothing", REFUSED),
    ("SELECT 1; SELECT 2", REFUSED),
    ("SELECT 1; DROP TABLE raw_db.t", REFUSED),
    ("INSERT INTO raw_db.t VALUES (1)", REFUSED),
    ("UPDATE raw_db.t SET a = 1", REFUSED),
    ("DELETE FROM raw_db.t", REFUSED),
    ("CREATE TABLE x AS SELECT * FROM raw_db.t", REFUSED),
    ("CREATE MACRO f(a) AS a", REFUSED),
    ("CREATE OR REPLACE VIEW raw_db.t AS SELECT 1", REFUSED),
    ("DROP VIEW raw_db.t", REFUSED),
    ("COPY raw_db.t TO '/tmp/x.csv'", REFUSED),
    ("COPY (SELECT 1) TO '/tmp/x.parquet'", REFUSED),
    ("EXPORT DATABASE '/tmp/x'", REFUSED),
    ("IMPORT DATABASE '/tmp/x'", REFUSED),
    ("ATTACH '/tmp/x.db'", REFUSED),
    ("ATTACH ':memory:' AS m", REFUSED),
    ("DETACH memory", REFUSED),
    ("USE memory", REFUSED),
    ("INSTALL httpfs", REFUSED),
    ("LOAD httpfs", REFUSED),
    ("SET memory_limit = '1TB'", REFUSED),
    ("RESET memory_limit", REFUSED),
    ("SET VARIABLE x = (SELECT 1)", REFUSED),
    ("PRAGMA database_list", REFUSED),
    ("PRAGMA show_tables", REFUSED),
    ("CALL duckdb_tables()", REFUSED),
    ("CHECKPOINT", REFUSED),
    ("VACUUM", REFUSED),
    ("BEGIN", REFUSED),
    ("PREPARE p AS SELECT 1", REFUSED),
    ("EXECUTE p", REFUSED),
    ("EXPLAIN SELECT * FROM raw_db.t", REFUSED),
    ("EXPLAIN ANALYZE SELECT * FROM raw_db.t", REFUSED),
    ("DESCRIBE raw_db.t", REFUSED),
    ("DESCRIBE SELECT * FROM raw_db.t", REFUSED),
    ("SUMMARIZE raw_db.t", REFUSED),
    ("SHOW TABLES", REFUSED),
    ("SHOW ALL TABLES", REFUSED),
    ("PIVOT raw_db.t ON a USING sum(b)", REFUSED),
    ("SELECT * FROM (PIVOT raw_db.t ON a IN ('x') USING sum(b))", REFUSED),
    ("UNPIVOT raw_db.t ON a, b", REFUSED),
    ("SELECT * FROM (DESCRIBE raw_db.t)", REFUSED),
    ("SELECT * FROM (SHOW ALL TABLES)", REFUSED),
    ("WITH x AS (INSERT INTO raw_db.t VALUES (1) RETURNING *) SELECT * FROM x", SYNTAX),
    ("SELECT 1 INTO x", SYNTAX),
    ("SELEC 1", SYNTAX),
    ("SELECT 'open", SYNTAX),
    ("SELECT 1 \x00", SYNTAX),
    ("SELECT '\ud800'", SYNTAX),
    ("SELECT $1", REFUSED),
    ("SELECT ?", REFUSED),
    ("SELECT * FROM (SELECT $name)", REFUSED),
    # functions that reach what a query should not
    ("SELECT * FROM query('SELECT 1')", REFUSED),
    ("SELECT * FROM query_table('raw_db.t')", REFUSED),
    ("SELECT * FROM query_table(['raw_db.t'])", REFUSED),
    ("SELECT * FROM json_execute_serialized_sql('{}')", REFUSED),
    ("SELECT json_serialize_sql('SELECT 1')", REFUSED),
    ("SELECT * FROM read_csv('/etc/passwd')", REFUSED),
    ("SELECT * FROM read_csv_auto('/etc/passwd')", REFUSED),
    ("SELECT * FROM read_text('/etc/passwd')", REFUSED),
    ("SELECT * FROM read_blob('/etc/passwd')", REFUSED),
    ("SELECT * FROM read_json('/etc/passwd')", REFUSED),
    ("SELECT * FROM read_parquet('/x.parquet')", REFUSED),
    ("SELECT * FROM parquet_scan('/x.parquet')", REFUSED),
    ("SELECT * FROM parquet_metadata('/x.parquet')", REFUSED),
    ("SELECT * FROM sniff_csv('/etc/passwd')", REFUSED),
    ("SELECT * FROM iceberg_scan('/x/metadata.json')", REFUSED),
    ("SELECT * FROM iceberg_snapshots('/x/metadata.json')", REFUSED),
    ("SELECT * FROM iceberg_metadata('/x/metadata.json')", REFUSED),
    ("SELECT * FROM glob('/*')", REFUSED),
    ("SELECT * FROM main.read_text('/etc/passwd')", REFUSED),
    ("SELECT * FROM system.main.read_text('/etc/passwd')", REFUSED),
    ("SELECT * FROM \"read_text\"('/etc/passwd')", REFUSED),
    ("SELECT * FROM READ_TEXT('/etc/passwd')", REFUSED),
    ("FROM read_text('/etc/passwd')", REFUSED),
    ("SELECT (SELECT content FROM read_text('/etc/passwd'))", REFUSED),
    ("SELECT 1 WHERE EXISTS (FROM read_text('/etc/passwd'))", REFUSED),
    ("SELECT 1 ORDER BY (SELECT count(*) FROM read_text('/etc/passwd'))", REFUSED),
    ("SELECT 1 LIMIT (SELECT count(*) FROM glob('/*'))", REFUSED),
    ("SELECT * FROM generate_series(1, (SELECT count(*) FROM glob('/*')))", REFUSED),
    ("SELECT sum(a) FILTER (WHERE (SELECT true FROM glob('/*'))) FROM raw_db.t", REFUSED),
    ("SELECT sum(a) OVER (ORDER BY getenv('HOME')) FROM raw_db.t", REFUSED),
    ("SELECT list_transform([1], x -> current_setting('threads'))", REFUSED),
    ("SELECT [getenv(x) FOR x IN ['HOME']]", REFUSED),
    ("SELECT * REPLACE (getenv('HOME') AS a) FROM raw_db.t", REFUSED),
    ("SELECT COLUMNS(c -> getvariable(c)) FROM raw_db.t", REFUSED),
    ("VALUES (getenv('HOME'))", REFUSED),
    ("SELECT * FROM duckdb_tables()", REFUSED),
    ("SELECT * FROM duckdb_views()", REFUSED),
    ("SELECT * FROM duckdb_settings()", REFUSED),
    ("SELECT * FROM duckdb_secrets()", REFUSED),
    ("SELECT * FROM duckdb_columns()", REFUSED),
    ("SELECT * FROM duckdb_logs()", REFUSED),
    ("SELECT * FROM pragma_storage_info('raw_db.t')", REFUSED),
    ("SELECT * FROM pragma_table_info('raw_db.t')", REFUSED),
    ("SELECT * FROM which_secret('s3://x', 's3')", REFUSED),
    ("SELECT getenv('HOME')", REFUSED),
    ("SELECT current_setting('temp_directory')", REFUSED),
    ("SELECT current_query()", REFUSED),
    ("SELECT getvariable('x')", REFUSED),
    ("SELECT stats(a) FROM raw_db.t", REFUSED),
    ("SELECT nextval('s')", REFUSED),
    ("SELECT write_log('x')", REFUSED),
    ("SELECT sleep_ms(1000)", REFUSED),
    ("SELECT pg_sleep(1000)", REFUSED),
    ("SELECT list_aggregate([1], 'sum')", REFUSED),
    ("SELECT ('x').getenv()", REFUSED),
    ("SELECT main.getenv('HOME')", REFUSED),
    ("SELECT 'raw_db.t'::regclass", REFUSED),
    ("SELECT * FROM seq_scan('raw_db.t')", REFUSED),
    ("SELECT * FROM arrow_scan(1, 2, 3)", REFUSED),
    ("SELECT * FROM python_map_function()", REFUSED),
    # names that are not tables of a database
    ("SELECT * FROM '/etc/passwd'", MISSING),
    ("SELECT * FROM 'x.parquet'", MISSING),
    ('SELECT * FROM "/etc/passwd"', MISSING),
    ("SELECT * FROM 's3://bucket/x.parquet'", MISSING),
    ("SELECT * FROM t", MISSING),
    ("SELECT * FROM duckdb_tables", MISSING),
    ("SELECT * FROM sqlite_master", MISSING),
    ("SELECT * FROM pg_class", MISSING),
    ("SELECT * FROM information_schema.tables", MISSING),
    ("SELECT * FROM INFORMATION_SCHEMA.TABLES", MISSING),
    ('SELECT * FROM "information_schema"."columns"', MISSING),
    ("SELECT * FROM pg_catalog.pg_class", MISSING),
    ("SELECT * FROM system.information_schema.tables", MISSING),
    ("SELECT * FROM main.duckdb_views", MISSING),
    ("SELECT * FROM memory.raw_db.t", MISSING),
    ("SELECT * FROM temp.t", MISSING),
    ("SELECT * FROM raw_db.t UNION ALL SELECT * FROM pg_class", MISSING),
    ("SELECT * FROM raw_db.t, LATERAL (SELECT * FROM sqlite_master) x", MISSING),
    # the scope of WITH
    ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a", MISSING),
    ("WITH t AS (SELECT * FROM t) SELECT * FROM t", MISSING),
    ("SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x), x", MISSING),
    ("WITH x AS (WITH y AS (SELECT 1) SELECT * FROM y) SELECT * FROM y", MISSING),
    ("WITH pg_class AS (SELECT 1) SELECT * FROM pg_class", REFUSED),
    ("WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables", REFUSED),
    ("WITH \u017f AS (SELECT 1) SELECT * FROM s", MISSING),
    ("WITH \u212a AS (SELECT 1) SELECT * FROM k", MISSING),  # the sign for kelvin is not a k
    # time travel would open files of another snapshot
    ("SELECT * FROM raw_db.t AT (VERSION => 3)", REFUSED),
    ("SELECT * FROM raw_db.t AT (TIMESTAMP => now())", REFUSED),
    # bombs against the gate itself
    ("SELECT " + "abs(" * 900 + "1" + ")" * 900, REFUSED),
    ("SELECT " + "+".join(["1"] * 5000), SYNTAX),
    ("SELECT " + "[" * 900 + "1" + "]" * 900, REFUSED),
    ("SELECT " + "NOT " * 900 + "true", REFUSED),
    ("SELECT * FROM " + "(SELECT * FROM " * 5000 + "raw_db.t" + ")" * 5000, REFUSED),
    ("SELECT '" + "x" * LONGEST_SQL + "'", REFUSED),
]


@pytest.mark.parametrize(("sql", "code"), HOSTILE, ids=[sql[:60] for sql, _ in HOSTILE])
def test_what_is_not_a_plain_select_over_named_tables_is_refused(sql: str, code: str) -> None:
    with pytest.raises(PergamonError) as refused:
        judge(sql)
    assert refused.value.code == code


GOOD = [
    ("SELECT 1", set()),
    ("select * from raw_db.t", {"raw_db.t"}),
    ("SELECT * FROM Raw_DB.T AS x WHERE x.a > 1 ORDER BY 1 DESC NULLS LAST LIMIT 5 OFFSET 2", {"raw_db.t"}),
    ("FROM raw_db.t", {"raw_db.t"}),
    ("TABLE raw_db.t", {"raw_db.t"}),
    ("VALUES (1, 'a'), (2, 'b')", set()),
    ('SELECT * FROM "raw_db"."t"', {"raw_db.t"}),
    ("WITH x AS (SELECT * FROM raw_db.t) SELECT count(*) FROM x JOIN curated_db.v USING (id)", {"raw_db.t", "curated_db.v"}),
    ("WITH T AS MATERIALIZED (SELECT 1 AS a), u AS (SELECT * FROM t) SELECT * FROM U, t", set()),
    ("WITH t AS (SELECT 1) SELECT * FROM raw_db.t", {"raw_db.t"}),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r", set()),
    ("SELECT (SELECT max(a) FROM raw_db.u WHERE u.id = t.id) FROM raw_db.t", {"raw_db.t", "raw_db.u"}),
    ("SELECT * FROM raw_db.t WHERE a IN (SELECT b FROM raw_db.u) AND NOT EXISTS (FROM raw_db.v)", {"raw_db.t", "raw_db.u", "raw_db.v"}),
    ("SELECT * FROM raw_db.t UNION SELECT * FROM raw_db.u EXCEPT SELECT * FROM raw_db.v", {"raw_db.t", "raw_db.u", "raw_db.v"}),
    ("SELECT a, count(*) FILTER (WHERE b > 1), sum(DISTINCT c) FROM raw_db.t GROUP BY ROLLUP (a) HAVING count(*) > 1", {"raw_db.t"}),
    ("SELECT row_number() OVER (PARTITION BY a ORDER BY b) AS n FROM raw_db.t QUALIFY n = 1", {"raw_db.t"}),
    ("SELECT lag(a, 1, 0) OVER w FROM raw_db.t WINDOW w AS (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", {"raw_db.t"}),
    ("SELECT CASE WHEN a IS NULL THEN 'x' ELSE upper(b) || '!' END, coalesce(a, b), nullif(a, 1) FROM raw_db.t", {"raw_db.t"}),
    ("SELECT date_trunc('month', d), extract(year FROM d), d + INTERVAL 1 DAY, current_date FROM raw_db.t", {"raw_db.t"}),
    ("SELECT a::DECIMAL(10,2), TRY_CAST(b AS INTEGER), c::JSON, CAST(d AS STRUCT(x INT)[]) FROM raw_db.t", {"raw_db.t"}),
    ("SELECT list_transform(l, x -> x + 1), [y * 2 FOR y IN l IF y > 1], l[1], s.f, s['f'], m['k'] FROM raw_db.t", {"raw_db.t"}),
    ("SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) FROM raw_db.t", {"raw_db.t"}),
    ("SELECT COLUMNS('v.*') FROM raw_db.t", {"raw_db.t"}),
    ("SELECT * FROM raw_db.t LEFT JOIN LATERAL (SELECT * FROM raw_db.u WHERE u.id = t.id) x ON true", {"raw_db.t", "raw_db.u"}),
    ("SELECT * FROM raw_db.t ASOF JOIN raw_db.u ON t.at >= u.at", {"raw_db.t", "raw_db.u"}),
    ("SELECT * FROM range(10) r(n), unnest([1, 2]) u(m), generate_series(1, 3)", set()),
    ("SELECT quantile_cont(a, 0.5), mode(b), string_agg(c, ',' ORDER BY c), percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM raw_db.t", {"raw_db.t"}),
    ("SELECT a LIKE 'x%', a ILIKE 'y', a ~ 'z', a SIMILAR TO 'w', a BETWEEN 1 AND 2, a IS DISTINCT FROM b FROM raw_db.t", {"raw_db.t"}),
    ("SELECT * FROM raw_db.t TABLESAMPLE 10%", {"raw_db.t"}),
    ("SELECT DISTINCT ON (a) a, b FROM raw_db.t ORDER BY a, b", {"raw_db.t"}),
    ("SELECT j->>'$.a', json_extract_string(j, '$.b') FROM raw_db.t", {"raw_db.t"}),
    ("SELECT * FROM raw_db.t;", {"raw_db.t"}),
    ("/* why */ SELECT 1 -- so", set()),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "tables"), GOOD, ids=[sql[:60] for sql, _ in GOOD])
def test_a_plain_select_is_let_through_with_exactly_its_tables(sql: str, tables: set[str]) -> None:
    assert {str(table) for table in judge(sql).tables} == tables


def test_every_allowed_function_exists_in_the_engine() -> None:
    """A name that the engine does not have is a mistake in the list, or will mean something else one day."""
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()").fetchall()
    known = {row[0] for row in rows}
    made_by_the_parser = {"coalesce", "if", "ifnull", "percentile_cont", "percentile_disc", "->"}
    allowed = functions.CALLABLE | functions.WINDOWS | functions.TABLE_FUNCTIONS
    assert allowed - known - made_by_the_parser == set()


@pytest.mark.parametrize("sql", ["SELEC secret_value", "SELECT 'secret_value' FROM", "COPY x TO 'secret_value'"])
def test_a_refusal_never_repeats_the_text(sql: str) -> None:
    with pytest.raises(PergamonError) as refused:
        judge(sql)
    assert "secret_value" not in str(refused.value)


def test_a_very_wide_query_is_judged() -> None:
    wide = "SELECT " + ", ".join(f"a{n} + {n}" for n in range(4000)) + " FROM raw_db.t"
    assert len(wide) < LONGEST_SQL
    assert {str(table) for table in judge(wide).tables} == {"raw_db.t"}
