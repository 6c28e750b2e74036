"""Every output table of the kit's jobs, run by a real Sail, equals its slow twin at the clocks that break months."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pergamon.pipeline.columns import plain_type
from tests.reference import surveys, vitals
from tests.reference.bags import assert_same_bag
from tests.reference.random_raw import random_raw
from tests.reference.raw_tables import JobTable, Raw, Row, RunJob, empty_raw, row

CLOCKS = {
    "31 January": datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC),
    "1 March": datetime(2026, 3, 1, tzinfo=UTC),
    "31 December": datetime(2026, 12, 31, 4, tzinfo=UTC),
    "29 February": datetime(2028, 2, 29, 4, tzinfo=UTC),
    "1 January": datetime(2027, 1, 1, 4, tzinfo=UTC),
    "an ordinary day": datetime(2026, 6, 17, 4, tzinfo=UTC),
    "a day with ten to go": datetime(2026, 9, 20, 4, tzinfo=UTC),
}

Oracle = Callable[[Raw, datetime], list[Row]]
TABLES: dict[str, tuple[Oracle, tuple[str, ...]]] = {
    "vitals/all_vitals_events.sql": (vitals.all_vitals_events, ("id",)),
    "vitals/subscriber_vitals_metrics.sql": (vitals.subscriber_vitals_metrics, ("id", "month")),
    "vitals/organization_vitals_info.sql": (vitals.organization_vitals_info, ("organization_id",)),
    "surveys/surveys_vanity_metrics.sql": (lambda raw, _: surveys.surveys_vanity_metrics(raw), ("id",)),
    "surveys/missing_subscribers.sql": (lambda raw, _: surveys.missing_subscribers(raw), ("id", "survey_id")),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("table", TABLES)
def test_a_job_says_what_the_oracle_says(run_job: RunJob, table: str, clock: str) -> None:
    oracle, key = TABLES[table]
    raw = random_raw(len(clock), CLOCKS[clock])
    expected = oracle(raw, CLOCKS[clock])
    assert expected
    assert_same_bag(run_job(table, raw, CLOCKS[clock]), expected, key=key)


@pytest.mark.parametrize("table", TABLES)
def test_a_job_runs_on_empty_raw_tables(run_job: RunJob, table: str) -> None:
    assert run_job(table, empty_raw(), CLOCKS["1 March"]) == []


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_name_and_a_type_that_the_lake_keeps(job_table: JobTable, table: str) -> None:
    """Lower-case names although raw is upper-cased, and no column of type null, which Iceberg does not have."""
    oracle, _ = TABLES[table]
    run_at = CLOCKS["1 March"]
    schema = job_table(table, empty_raw(), run_at).schema
    assert set(schema.names) == set(oracle(random_raw(7, run_at), run_at)[0])
    lake_types = {"string", "bool", "int32", "int64", "double", "timestamp[us, tz=UTC]"}
    assert {str(plain_type(field.type)) for field in schema} <= lake_types


def test_the_random_hospital_reaches_every_case() -> None:
    """The generator's own test: each level, each answer, each month is decided at least once over the clocks."""
    standings, answers, missing = [], [], []
    for clock, run_at in CLOCKS.items():
        raw = random_raw(len(clock), run_at)
        standings += vitals.subscriber_vitals_metrics(raw, run_at)
        answers += surveys.surveys_vanity_metrics(raw)
        missing += surveys.missing_subscribers(raw)
    assert {standing["risk_level"] for standing in standings} == {0, 1, 2, 3, 4}
    for flag in ("is_outliar", "is_pending", "is_canceled_same_month", "first_vital_taken"):
        assert {standing[flag] for standing in standings} == {True, False}
    assert {answer["question_type_transformed"] for answer in answers} == {*surveys.TYPES.values(), "N/A"}
    assert {answer["score"] for answer in answers} >= {None, 0, 1, 2, 5, 7}
    assert missing


def _one_subscriber(days: list[datetime], created_at: datetime) -> Raw:
    raw = empty_raw()
    raw["organization"] = [row("organization", id="o", business_name="Haus")]
    raw["subscriber"] = [row("subscriber", id="s", organization_id="o", status=2, active=True, created_at=created_at)]
    raw["vital_reading"] = [
        row("vital_reading", id=f"r{n}", subscriber_id="s", organization_id="o", created_at=day, updated_at=day)
        for n, day in enumerate(days)
    ]
    return raw


@pytest.mark.parametrize(
    ("compliant_days", "days_left", "level"),
    [(16, 0, 0), (16, 10, 0), (15, 0, 4), (6, 10, 3), (7, 9, 3), (9, 10, 3), (10, 10, 2), (12, 10, 2), (13, 10, 1)],
)
def test_the_risk_level_follows_the_days_that_may_still_be_missed(
    run_job: RunJob, compliant_days: int, days_left: int, level: int
) -> None:
    """A factor of exactly 0 (every day that is left counts) is the riskiest level that can still be saved."""
    run_at = datetime(2026, 6, 30 - days_left, 12, tzinfo=UTC)
    days = [datetime(2026, 6, 1, 9, tzinfo=UTC) + timedelta(days=n) for n in range(compliant_days)]
    raw = _one_subscriber(days, datetime(2026, 1, 1, tzinfo=UTC))
    rows = run_job("vitals/subscriber_vitals_metrics.sql", raw, run_at)
    assert [found["risk_level"] for found in rows if found["month"] == "Current Month"] == [level]
    (info,) = run_job("vitals/organization_vitals_info.sql", raw, run_at)
    assert (info["avg_risk_level"], info[f"{compliant_days}_interactions"]) == (level, 1)


def test_in_january_the_previous_month_is_december(run_job: RunJob) -> None:
    days = [
        datetime(2025, 12, 31, 23, 59, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2025, 11, 30, tzinfo=UTC),
    ]
    raw = _one_subscriber(days, datetime(2025, 12, 5, tzinfo=UTC))
    found = run_job("vitals/all_vitals_events.sql", raw, CLOCKS["31 January"])
    assert {each["id"]: each["month"] for each in found} == {"r0": "Previous Month", "r1": "Current Month"}


def test_a_subscriber_without_readings_or_organization_still_has_both_months(run_job: RunJob) -> None:
    raw = _one_subscriber([], datetime(2025, 12, 5, tzinfo=UTC))
    raw["subscriber"][0]["organization_id"] = None
    found = run_job("vitals/subscriber_vitals_metrics.sql", raw, CLOCKS["an ordinary day"])
    assert {(each["month"], each["compliant_days"], each["risk_level"]) for each in found} == {
        ("Current Month", 0, 4),
        ("Previous Month", 0, 4),
    }


def test_alert_type_and_setting_come_from_their_own_keys(run_job: RunJob) -> None:
    raw = _one_subscriber([], datetime(2025, 12, 5, tzinfo=UTC))
    raw["alert_category"] = [row("alert_category", id="c", code="no-vital-taken")]
    metadata = '{"nvtThresholdInHours": 48, "settingId": "s-7", "alertType": "escalation"}'
    at = CLOCKS["1 March"]
    raw["alert"] = [
        row("alert", id="a", subscriber_id="s", alert_category_id="c", alert_metadata=metadata, updated_at=at)
    ]
    (found,) = run_job("vitals/all_vitals_events.sql", raw, at)
    assert (found["alert_type"], found["setting_id"]) == ("escalation", "s-7")


def test_missing_subscribers_is_empty_once_everybody_has_answered(run_job: RunJob) -> None:
    raw = _one_subscriber([], datetime(2025, 12, 5, tzinfo=UTC))
    raw["survey_assignment"] = [
        row("survey_assignment", id="a", survey_id="u", organization_id="o", assignment_type="organization-assignment")
    ]
    raw["question"] = [row("question", id="q", question_text="Well?")]
    at = CLOCKS["1 March"]
    assert [each["id"] for each in run_job("surveys/missing_subscribers.sql", raw, at)] == ["s"]
    raw["survey_response"] = [row("survey_response", id="r", question_id="q", subscriber_id="s", organization_id="o")]
    assert run_job("surveys/missing_subscribers.sql", raw, at) == []
