"""The sample hospital on a real PostgreSQL: the same twice, believable, and never in the way of another database."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pergamon.samples import TABLES, HospitalExists, HospitalTooSmall, NotASampleHospital, fill_hospital

UNTIL = datetime(2026, 6, 17, 4, tzinfo=UTC)


@pytest.fixture
def connection(empty_postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(empty_postgres_url, autocommit=True) as opened:
        yield opened


def fingerprint(connection: psycopg.Connection[Any], table: str) -> str:
    """One text that changes with any value of any row."""
    found = connection.execute(f"SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} AS t").fetchone()
    assert found
    return str(found[0])


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    found = connection.execute(query).fetchone()
    assert found
    return found[0]


def test_the_same_seed_makes_the_same_hospital_and_another_seed_another(connection: psycopg.Connection[Any]) -> None:
    counts = fill_hospital(connection, patients=200, seed=5, until=UNTIL)
    first = {table: fingerprint(connection, table) for table in TABLES}
    assert fill_hospital(connection, patients=200, seed=5, until=UNTIL, replace=True) == counts
    assert {table: fingerprint(connection, table) for table in TABLES} == first
    fill_hospital(connection, patients=200, seed=6, until=UNTIL, replace=True)
    assert fingerprint(connection, "hda.patients") != first["hda.patients"]
    assert fingerprint(connection, "vital.vital_reading") != first["vital.vital_reading"]


def test_the_counts_told_are_the_rows_there(connection: psycopg.Connection[Any]) -> None:
    told: dict[str, tuple[int, int]] = {}
    counts = fill_hospital(
        connection, patients=60, until=UNTIL, on_progress=lambda table, rows, total: told.update({table: (rows, total)})
    )
    assert counts == {table: one(connection, f"SELECT count(*) FROM {table}") for table in TABLES}
    assert told == {table: (rows, rows) for table, rows in counts.items()}
    assert all(counts.values())


@pytest.mark.parametrize(
    "case",
    {
        "notes out of line": "SELECT count(*) FROM hda.patients WHERE pg_column_toast_chunk_id(notes) IS NOT NULL",
        "a note of 64 kB": "SELECT count(*) FROM hda.patients WHERE octet_length(notes) >= 65536",
        "an empty note": "SELECT count(*) FROM hda.patients WHERE notes = ''",
        "no note": "SELECT count(*) FROM hda.patients WHERE notes IS NULL",
        "died before birth": "SELECT count(*) FROM hda.patients WHERE died_on < birth_date",
        "many digits": "SELECT count(*) FROM hda.patients WHERE scale(creatinine) > 9",
        "scale kept": "SELECT count(*) FROM hda.patients WHERE scale(weight_kg) = 2",
        "an empty array": "SELECT count(*) FROM hda.patients WHERE cardinality(other_names) = 0",
        "a null in an array": "SELECT count(*) FROM hda.patients WHERE array_position(scores, NULL) IS NOT NULL",
        "empty bytes": "SELECT count(*) FROM hda.patients WHERE octet_length(photo) = 0",
        "nested json": "SELECT count(*) FROM hda.patients WHERE contact->'phones'->>0 LIKE '+49%'",
        "wide letters": "SELECT count(*) FROM hda.patients WHERE octet_length(family_name) > length(family_name)",
        "no organization": "SELECT count(*) FROM hda.subscriber WHERE organization_id IS NULL",
        "updated before created": "SELECT count(*) FROM vital.vital_reading WHERE updated_at < created_at",
        "rows twice": "SELECT count(*) - count(DISTINCT t::text) FROM vital.device_log AS t",
        "submitted before started": "SELECT count(*) FROM survey.survey_response"
        " WHERE survey_submitted_at < survey_started_at",
        "a long nursing plan beside a key": "SELECT count(*) FROM hda.bed_stay"
        " WHERE pg_column_toast_chunk_id(nursing_plan) IS NOT NULL",
    }.items(),
    ids=lambda case: case[0],
)
def test_the_hospital_holds_what_real_ones_hold(hospital: psycopg.Connection[Any], case: tuple[str, str]) -> None:
    assert one(hospital, case[1]) > 0


@pytest.mark.parametrize(("table", "identity"), [("device_log", "f"), ("gateway_event", "n"), ("vital_reading", "d")])
def test_tables_without_a_key_say_what_identifies_a_row(
    hospital: psycopg.Connection[Any], table: str, identity: str
) -> None:
    assert one(hospital, f"SELECT relreplident::text FROM pg_class WHERE oid = 'vital.{table}'::regclass") == identity


def test_references_point_at_rows_that_exist(hospital: psycopg.Connection[Any]) -> None:
    for table, column, target in (
        ("hda.subscriber", "patient_id", "hda.patients"),
        ("hda.subscriber", "organization_id", "hda.organization"),
        ("hda.organization", "parent_id", "hda.organization"),
        ("hda.bed_stay", "patient_id", "hda.patients"),
        ("vital.vital_reading", "vital_sign_id", "vital.vital_sign"),
        ("vital.alert", "alert_category_id", "vital.alert_category"),
        ("survey.question", "survey_id", "survey.survey"),
        ("survey.survey_response", "question_id", "survey.question"),
        ("survey.survey_response", "survey_assignment_id", "survey.survey_assignment"),
    ):
        lost = one(
            hospital,
            f"SELECT count(*) FROM {table} AS t WHERE {column} IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM {target} AS o WHERE o.id = t.{column})",
        )
        assert lost == 0, f"{table}.{column}"


def test_a_second_hospital_needs_to_be_asked_for(connection: psycopg.Connection[Any]) -> None:
    fill_hospital(connection, patients=20, until=UNTIL)
    with pytest.raises(HospitalExists, match="hda, survey, vital"):
        fill_hospital(connection, patients=20, until=UNTIL)


def test_schemas_of_another_program_are_never_dropped(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE SCHEMA vital")
    connection.execute("CREATE TABLE vital.real_data AS SELECT 1 AS kept")
    with pytest.raises(NotASampleHospital):
        fill_hospital(connection, patients=20, until=UNTIL, replace=True)
    assert one(connection, "SELECT kept FROM vital.real_data") == 1


def test_a_fill_that_fails_leaves_nothing(connection: psycopg.Connection[Any]) -> None:
    def fail(table: str, rows: int, total: int) -> None:
        if table == "vital.alert":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_hospital(connection, patients=20, until=UNTIL, on_progress=fail)
    assert one(connection, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('hda', 'vital', 'survey')") == 0


def test_a_hospital_too_small_to_show_every_case_is_refused(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(HospitalTooSmall, match="19 patients"):
        fill_hospital(connection, patients=19)
