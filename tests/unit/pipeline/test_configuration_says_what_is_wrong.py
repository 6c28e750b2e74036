"""Specs refuse what could not work, and jobs and schedules keep their clock."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pergamon.kernel import Invalid, PergamonError, Unavailable
from pergamon.pipeline import BadKeys, JobSpec, RawTableSpec, WorkflowSpec, check_keys, with_retries
from pergamon.pipeline.jobs import BadJob, render
from pergamon.pipeline.merge_sql import quoted, text_literal
from pergamon.pipeline.runs import newest_tick

TABLE = {"source_schema": "hda", "source_table": "t", "target_database": "raw_db", "target_table": "t"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "use versioning H"),
        ({"keys": ["id", "ID"]}, "named twice"),
        ({"keys": ["id"], "target_table": "T; DROP"}, "lower-case"),
        ({"keys": ["id"], "merge_on": "id"}, "Extra inputs"),
    ],
)
def test_a_raw_table_that_cannot_work_is_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RawTableSpec.model_validate(TABLE | words)


def test_a_key_outside_the_identity_is_named_and_case_does_not_matter() -> None:
    spec = RawTableSpec.model_validate(TABLE | {"keys": ["ID", "ward"]})
    check_keys(spec, ("id", "WARD"))
    with pytest.raises(BadKeys, match="key ward is not in the replica identity"):
        check_keys(spec, ("id",))


@pytest.mark.parametrize(
    "words",
    [
        {"steps": []},
        {"steps": [{"job": "a", "batch": "b"}]},
        {"steps": [{}]},
        {"steps": [{"job": "a"}], "schedule": "daily"},
    ],
)
def test_a_workflow_that_cannot_work_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WorkflowSpec.model_validate(words)


@pytest.mark.parametrize(
    "words",
    [
        {"files": {}},
        {"files": {"a.py": ""}},
        {"files": {"A b.sql": "SELECT 1"}},
        {"kind": "python", "files": {"a.py": "", "b.py": ""}},
        {"files": {"a.sql": "SELECT 1"}, "inputs": ["raw_db.t"]},
    ],
)
def test_a_job_that_cannot_work_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobSpec.model_validate({"database": "curated_db"} | words)


def test_a_jobs_clock_is_a_literal_and_nothing_else_is_filled_in() -> None:
    at = datetime(2026, 2, 28, 23, 59, 59, 5, tzinfo=UTC)
    assert render("SELECT {{ run_at }};\n", at) == "SELECT TIMESTAMP '2026-02-28 23:59:59.000005'"
    with pytest.raises(BadJob, match="secret:x"):
        render("SELECT '{{secret:x}}'", at)


@pytest.mark.parametrize(
    ("now", "tick"),
    [
        (datetime(2026, 3, 1, 2, 59, tzinfo=UTC), datetime(2026, 2, 28, 3, tzinfo=UTC)),
        (datetime(2026, 3, 1, 3, 0, tzinfo=UTC), datetime(2026, 3, 1, 3, tzinfo=UTC)),
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), datetime(2026, 12, 31, 3, tzinfo=UTC)),
    ],
)
def test_the_newest_tick_is_at_or_before_now(now: datetime, tick: datetime) -> None:
    assert newest_tick("0 3 * * *", now) == tick


def test_a_passing_failure_is_tried_again_with_a_wait_that_doubles() -> None:
    waits: list[float] = []
    left = [Unavailable("a"), Unavailable("b")]

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    assert with_retries(work, 2, waits.append) == "done"
    assert waits == [1.0, 2.0]


def test_a_failure_that_will_not_pass_is_not_tried_again() -> None:
    waits: list[float] = []

    def work() -> None:
        raise Invalid("wrong")

    with pytest.raises(PergamonError, match="wrong"):
        with_retries(work, 5, waits.append)
    assert waits == []


def test_no_name_and_no_text_breaks_out_of_a_statement() -> None:
    assert quoted("a`b", "c") == "`a``b`.`c`"
    assert text_literal("it's \\ x") == "'it\\'s \\\\ x'"
