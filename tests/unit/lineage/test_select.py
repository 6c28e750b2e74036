"""Columns of SELECTs traced to tables: the kit's jobs, each shape of Spark SQL, and what cannot be traced."""

from datetime import UTC, datetime
from importlib.resources import files

import pytest
from sqlglot import exp
from sqlglot.lineage import lineage

from pergamon.lineage import NotTraceable, tables_of_select, trace_select
from pergamon.pipeline.jobs import render
from tests.reference.raw_tables import RAW_TABLES

JOBS = files("pergamon.starter_kits").joinpath("health-data-accelerator", "dataops", "jobs")
TEXTS = {
    file.name: render(file.read_text(), datetime(2026, 3, 4, tzinfo=UTC))
    for folder in ("vitals", "surveys")
    for file in sorted(JOBS.joinpath(folder).iterdir(), key=lambda file: file.name)
    if file.name.endswith(".sql")
}
RAW = {f"raw_db.{table}": [name.upper() for name in columns] for table, columns in RAW_TABLES.items()}
SCHEMAS = {"db.t": ["id", "a", "B", "s", "tags"], "db.u": ["id", "x", "y z"]}


def origins(sql: str) -> list[str]:
    """For each column its origins as text: `t.a u.x`; `?` for what is not traced."""
    found = trace_select(sql, SCHEMAS).origins
    return [
        " ".join(sorted(f"{table[3:]}.{column}" for table, column in one)) if one is not None else "?" for one in found
    ]


def columns_of(name: str) -> dict[str, set[str]]:
    """What each column of one of the kit's jobs comes from."""
    text = TEXTS[name]
    trace = trace_select(text, RAW)
    names = [str(line) for line in exp.maybe_parse(text, dialect="spark").named_selects]
    told = [
        {f"{table[7:]}.{column.lower()}" for table, column in ({("raw_db.?", "?")} if one is None else one)}
        for one in trace.origins
    ]
    return dict(zip(names, told, strict=True))


def test_the_kit_has_five_selects_and_each_column_of_each_is_traced() -> None:
    assert len(TEXTS) == 5
    for name, text in TEXTS.items():
        trace = trace_select(text, RAW)
        assert trace.origins, name
        assert None not in trace.origins, name
        assert set(trace.tables) == set(tables_of_select(text)) <= RAW.keys()


@pytest.mark.parametrize(
    ("job", "column", "expected"),
    [
        ("missing_subscribers.sql", "parent_name", {"organization.business_name"}),
        ("missing_subscribers.sql", "survey_id", {"survey_assignment.survey_id"}),
        ("missing_subscribers.sql", "completed", set()),
        ("all_vitals_events.sql", "reading", {"vital_reading.reading"}),
        ("all_vitals_events.sql", "alert_type", {"alert.alert_metadata"}),
        ("all_vitals_events.sql", "id", {"vital_reading.id", "alert.id"}),
        ("organization_vitals_info.sql", "subscriber_count", set()),
        ("organization_vitals_info.sql", "cancelled", {"subscriber.status"}),
        ("organization_vitals_info.sql", "billable", {"vital_reading.updated_at", "alert.updated_at"}),
        ("subscriber_vitals_metrics.sql", "status_string", {"subscriber.status"}),
        ("subscriber_vitals_metrics.sql", "time_zone", {"subscriber.time_zone"}),
        ("subscriber_vitals_metrics.sql", "last_vital_date", {"vital_reading.updated_at", "alert.updated_at"}),
        ("surveys_vanity_metrics.sql", "survey_name", {"survey.title"}),
        (
            "surveys_vanity_metrics.sql",
            "single_choice_yes_no_score",
            {
                "question.question_options",
                "survey_response.question_type",
                "survey_response.single_choice_response",
                "survey_response.yes_no_response",
            },
        ),
    ],
)
def test_what_a_reader_of_the_kits_jobs_would_say(job: str, column: str, expected: set[str]) -> None:
    assert columns_of(job)[column] == expected


@pytest.mark.parametrize("job", ["missing_subscribers.sql", "all_vitals_events.sql"])
def test_sqlglots_own_lineage_says_the_same(job: str) -> None:
    """It follows one column at a time, by a way of its own."""
    schema = {"raw_db": {name[7:]: dict.fromkeys(columns, "string") for name, columns in RAW.items()}}
    for column, expected in columns_of(job).items():
        leaves = [
            node for node in lineage(column, TEXTS[job], schema=schema, dialect="spark").walk() if not node.downstream
        ]
        found = {
            f"{node.source.name}.{node.name.rpartition('.')[2].lower()}"
            for node in leaves
            if isinstance(node.source, exp.Table)
        }
        assert found == expected, column


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT A, b AS c FROM db.t", ["t.a", "t.B"]),
        ("SELECT * FROM db.t", ["t.id", "t.a", "t.B", "t.s", "t.tags"]),
        ("SELECT * EXCEPT (s, tags) FROM db.t", ["t.id", "t.a", "t.B"]),
        ("FROM db.t SELECT a", ["t.a"]),
        ("SELECT `Y Z` FROM DB.U", ["u.y z"]),
        ("SELECT s.inner.deep AS d, t.s.q FROM db.t", ["t.s", "t.s"]),
        ("SELECT named_struct('k', a).k AS w FROM db.t", ["t.a"]),
        ("SELECT a + 1 AS n, n * 2 AS m FROM db.t", ["t.a", "t.a"]),
        ("SELECT a, row_number() OVER (PARTITION BY b ORDER BY id) AS r FROM db.t", ["t.a", "t.B t.id"]),
        ("SELECT count(*) AS n, count(a) AS m, 1 AS one, current_date() FROM db.t", ["", "t.a", "", ""]),
        ("SELECT first(a) FILTER (WHERE b > 1) AS f FROM db.t", ["t.B t.a"]),
        ("SELECT t.a, u.x FROM db.t LEFT JOIN db.u USING (id) WHERE y_z > 1", ["t.a", "u.x"]),
        ("SELECT id FROM db.t FULL JOIN db.u USING (id)", ["t.id u.id"]),
        ("SELECT a FROM db.t UNION SELECT x FROM db.u", ["t.a u.x"]),
        ("SELECT a FROM db.t INTERSECT SELECT x FROM db.u", ["t.a u.x"]),
        ("SELECT a FROM db.t EXCEPT SELECT x FROM db.u", ["t.a"]),
        ("WITH w (p) AS (SELECT a FROM db.t) SELECT p FROM w", ["t.a"]),
        ("WITH t AS (SELECT x AS a FROM db.u) SELECT a FROM t", ["u.x"]),
        ("SELECT (SELECT max(x) FROM db.u WHERE u.id = t.id) AS m FROM db.t", ["u.x"]),
        ("SELECT (SELECT max(concat(x, t.a)) FROM db.u) AS m FROM db.t", ["t.a u.x"]),
        ("SELECT EXISTS (SELECT 1 FROM db.u) AS e, a IN (SELECT x FROM db.u) AS i FROM db.t", ["", "t.a u.x"]),
        ("SELECT transform(tags, v -> concat(v, a)) AS z FROM db.t", ["t.a t.tags"]),
        ("SELECT id, tag FROM db.t LATERAL VIEW explode(tags) v AS tag", ["t.id", "t.tags"]),
        ("SELECT explode(tags) AS tag FROM db.t", ["t.tags"]),
        ("SELECT p, q FROM VALUES (1, 2) AS v(p, q)", ["", ""]),
        # what cannot be traced is said
        ("SELECT a FROM db.missing", ["?"]),
        ("SELECT missing, a FROM db.t", ["?", "t.a"]),
        ("SELECT * FROM db.missing", ["?"]),
        ("SELECT struct(*) AS s, a FROM db.t", ["?", "t.a"]),
        ("SELECT d.n FROM (SELECT a AS n, b AS n FROM db.t) AS d", ["?"]),
        ("SELECT a FROM not_of_the_lake", ["?"]),
    ],
)
def test_each_shape_of_a_select(sql: str, expected: list[str]) -> None:
    assert origins(sql) == expected


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM db.t PIVOT (sum(a) FOR b IN (1, 2))", "SELECT a FROM db.t UNION BY NAME SELECT a, x FROM db.u"],
)
def test_what_is_reshaped_is_not_traced(sql: str) -> None:
    trace = trace_select(sql, SCHEMAS)
    assert "db.t" in trace.tables
    assert set(trace.origins) <= {None}


def test_a_query_that_meets_itself_ends() -> None:
    sql = (
        "WITH RECURSIVE r AS (SELECT id, a FROM db.t UNION ALL SELECT r.id, u.x FROM r JOIN db.u ON r.id = u.id) "
        "SELECT * FROM r"
    )
    assert trace_select(sql, SCHEMAS).tables == ("db.t", "db.u")


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        "DROP TABLE db.t",
        "INSERT INTO db.t SELECT 1",
        "SELECT 1; SELECT 2",
        "(" * 5_000,
        "SELECT '" + "x" * 1_000_001,
    ],
)
def test_what_is_no_single_select_is_a_clear_error(sql: str) -> None:
    with pytest.raises(NotTraceable):
        trace_select(sql, SCHEMAS)


def test_a_deep_and_wide_select_takes_a_moment() -> None:
    """Each column of each level is followed once: 2 to the power of 15 ways, 15 levels of 40 columns."""
    wide = ", ".join(f"a AS c{number}" for number in range(40))
    sql = f"SELECT {wide} FROM db.t"
    for _ in range(15):
        both = ", ".join(f"concat(c{number}, c{(number + 1) % 40}) AS c{number}" for number in range(40))
        sql = f"SELECT {both} FROM ({sql}) AS d"
    assert set(trace_select(sql, SCHEMAS).origins) == {frozenset({("db.t", "a")})}
