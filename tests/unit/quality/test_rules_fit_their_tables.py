"""A rule becomes SQL, or says what is wrong with it, before any engine hears of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pergamon.lake import TableId
from pergamon.quality import AnyRule, BadRule, MeasuredTable, QualityRulesSpec, RuleSet, TableColumn
from pergamon.quality.rule_sql import Said, compile_rule
from pergamon.quality.rules import speaks_of_values

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = {
    "id": "long",
    "name": "string",
    "born": "date",
    "seen": "timestamptz",
    "dead": "boolean",
    "tags": "list<string>",
}
TABLE = MeasuredTable(
    TableId("raw_db", "t"), 1, "/m", (), tuple(TableColumn(name, kind) for name, kind in KINDS.items()), 10
)
RULE: TypeAdapter[AnyRule] = TypeAdapter(AnyRule)


def rule(check: str, **given: Any) -> AnyRule:
    return RULE.validate_python({"name": "r", "check": check, **given})


@pytest.mark.parametrize(
    ("check", "given", "why"),
    [
        ("not-null", {"columns": ["nobody"]}, "has no column 'nobody'"),
        ("unique", {"columns": ["tags"]}, "nested"),
        ("in-set", {"column": "id", "values": ["a"]}, "does not fit the column 'id'"),
        ("in-set", {"column": "dead", "values": [1]}, "does not fit"),
        ("range", {"column": "born", "minimum": "yesterday"}, "no ISO date"),
        ("range", {"column": "id", "minimum": "1"}, "does not fit"),
        ("pattern", {"column": "id", "pattern": "x"}, "is for text"),
        ("format", {"column": "born", "format": "iso-date"}, "is for text"),
        ("length", {"column": "dead", "maximum": 1}, "is for text"),
        ("fresh", {"column": "name", "within_hours": 1}, "no date"),
        ("code-list", {"column": "name", "table": "raw_db.codes", "table_column": "code"}, "there is no table"),
        ("foreign-key", {"columns": ["id"], "table": "raw_db.t", "table_columns": ["name"]}, "cannot be compared"),
        ("agrees-with", {"key": ["tags"], "columns": ["name"], "table": "raw_db.t"}, "cannot be compared"),
        ("condition", {"condition": "id >"}, "lacks a value"),
    ],
)
def test_a_rule_that_does_not_fit_says_so(check: str, given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRule, match=why):
        compile_rule(rule(check, **given), TABLE, {"raw_db.t": TABLE}, now=NOW, committed_at=None)


@pytest.mark.parametrize(("age_h", "failed"), [(0, 0), (24, 0), (25, 1)])
def test_a_table_is_fresh_as_long_as_its_last_change_is(age_h: int, failed: int) -> None:
    said = compile_rule(rule("fresh", within_hours=24), TABLE, {}, now=NOW, committed_at=NOW - timedelta(hours=age_h))
    assert said == Said(1, failed)


def test_a_name_of_a_column_never_stands_in_the_sql() -> None:
    evil = 'x"; DROP TABLE y; --'
    table = MeasuredTable(TABLE.id, 1, "/m", (), (TableColumn(evil, "string"),), 1)
    for one in (rule("not-null", columns=[evil]), rule("pattern", column=evil, pattern="a'b")):
        compiled = compile_rule(one, table, {}, now=NOW, committed_at=None)
        assert "DROP" not in repr(compiled)


def test_values_of_a_rule_are_literals() -> None:
    compiled = compile_rule(rule("in-set", column="name", values=["a'); --"]), TABLE, {}, now=NOW, committed_at=None)
    assert "('a''); --')" in compiled.failed  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "r", "check": "not-null"},
        {"name": "R", "check": "not-null", "columns": ["a"]},
        {"name": "r", "check": "not-null", "columns": ["a"], "threshold": 1.1},
        {"name": "r", "check": "eval", "expression": "1"},
        {"name": "r", "check": "range", "column": "a"},
        {"name": "r", "check": "foreign-key", "columns": ["a", "b"], "table": "x.y", "table_columns": ["a"]},
        {"name": "r", "check": "code-list", "column": "a", "table": "no database", "table_column": "b"},
        {"name": "r", "check": "fresh", "within_hours": 0},
    ],
)
def test_a_rule_that_cannot_be_is_no_rule(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULE.validate_python(spec)


def test_two_rules_of_one_name_are_refused() -> None:
    twice = [{"name": "r", "check": "not-null", "columns": ["a"]}] * 2
    for build in (lambda: RuleSet(rules=twice), lambda: QualityRulesSpec(tables=("a.*",), rules=twice)):
        with pytest.raises(ValidationError, match="a name of its own"):
            build()


def test_only_counts_of_missing_rows_tell_nothing_of_values() -> None:
    harmless = (rule("not-null", columns=["id"]), rule("unique", columns=["id"]), rule("fresh", within_hours=1))
    assert not any(map(speaks_of_values, harmless))
    telling = (rule("in-set", column="name", values=["HIV"]), rule("condition", condition="id = 17"))
    assert all(map(speaks_of_values, telling))


def test_what_is_asked_in_many_steps_tells_of_values_too() -> None:
    """Two hundred thresholds count the missing values exactly, two hundred ages find the day of the youngest."""
    by_steps = (
        rule("not-null", columns=["id"], threshold=0.997),
        rule("unique", columns=["id"], threshold=0.5),
        rule("fresh", column="born", within_hours=8760),
    )
    assert all(map(speaks_of_values, by_steps))
