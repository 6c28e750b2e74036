"""The kit's jobs over the sample hospital's own rows: the columns that they need are the columns that it has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pergamon.samples import fill_hospital
from tests.reference import surveys, vitals
from tests.reference.bags import assert_same_bag
from tests.reference.raw_tables import RAW_TABLES, Raw, RunJob

SCHEMA_OF = {"organization": "hda", "subscriber": "hda"} | dict.fromkeys(
    ("survey", "survey_assignment", "question", "survey_response"), "survey"
)
RUN_AT = datetime(2026, 6, 17, 4, tzinfo=UTC)


@pytest.fixture
def raw(empty_postgres_url: str) -> Iterator[Raw]:
    """The source's rows as the merge leaves them in raw: identifiers and documents as text."""
    with psycopg.connect(empty_postgres_url, autocommit=True) as connection:
        fill_hospital(connection, patients=30, until=RUN_AT)
        connection.execute("SET timezone = 'UTC'")
        yield {table: _rows(connection, table) for table in RAW_TABLES}


def _rows(connection: psycopg.Connection[Any], table: str) -> list[dict[str, Any]]:
    texts = {name for name, kind in RAW_TABLES[table].items() if str(kind) == "string"}
    columns = ", ".join(f"{name}::text" if name in texts else name for name in RAW_TABLES[table])
    found = connection.execute(f"SELECT {columns} FROM {SCHEMA_OF.get(table, 'vital')}.{table}").fetchall()
    return [dict(zip(RAW_TABLES[table], row, strict=True)) for row in found]


def test_the_jobs_say_of_the_sample_hospital_what_the_oracle_says(run_job: RunJob, raw: Raw) -> None:
    events = run_job("vitals/all_vitals_events.sql", raw, RUN_AT)
    assert len(events) > 1_000
    assert_same_bag(events, vitals.all_vitals_events(raw, RUN_AT), key=("id",))
    assert {type(event["reading"]) for event in events} == {float, type(None)}
    standings = run_job("vitals/subscriber_vitals_metrics.sql", raw, RUN_AT)
    assert_same_bag(standings, vitals.subscriber_vitals_metrics(raw, RUN_AT), key=("id", "month"))
    organizations = run_job("vitals/organization_vitals_info.sql", raw, RUN_AT)
    assert_same_bag(organizations, vitals.organization_vitals_info(raw, RUN_AT), key=("organization_id",))
    answers = run_job("surveys/surveys_vanity_metrics.sql", raw, RUN_AT)
    assert_same_bag(answers, surveys.surveys_vanity_metrics(raw), key=("id",))
    missing = run_job("surveys/missing_subscribers.sql", raw, RUN_AT)
    assert_same_bag(missing, surveys.missing_subscribers(raw), key=("id", "survey_id"))
    assert len({row["risk_level"] for row in standings}) > 2
    assert len(answers) > 10
