"""What the sample hospital holds, and how it is put into any PostgreSQL.

The rows are made inside the database by SQL over seeded dice (`hospital_dice.sql`): nothing travels, and the same
(patients, seed, until) make the same rows on every server. All of it is one transaction: a hospital is there whole,
or not at all.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

import psycopg

from pergamon.kernel import Conflict, Invalid
from pergamon.samples.people_names import FAMILY_NAMES, GIVEN_NAMES, ORGANIZATION_NAMES

SCHEMAS = ("hda", "vital", "survey")
MARK = "Pergamon sample hospital"
READINGS_EACH = 125
SUBSCRIBERS_A_SLICE = 1_000

TABLES = (
    "hda.organization",
    "hda.patients",
    "hda.subscriber",
    "hda.bed_stay",
    "vital.vital_sign",
    "vital.vital_reading",
    "vital.alert_category",
    "vital.alert",
    "vital.device_log",
    "vital.gateway_event",
    "survey.survey",
    "survey.question",
    "survey.survey_assignment",
    "survey.survey_response",
)
"""In the order in which they are filled: a row is made after what it points at."""

OnProgress = Callable[[str, int, int], None]
"""Told (table, rows so far, rows in the end)."""


class HospitalExists(Conflict):
    """The database already has a schema that the sample hospital would make."""

    code = "samples.hospital_exists"


class NotASampleHospital(Conflict):
    """Replacing would drop schemas that this program did not make."""

    code = "samples.not_a_sample_hospital"


class HospitalTooSmall(Invalid):
    """Too few patients for a hospital that shows every case."""

    code = "samples.hospital_too_small"


def fill_hospital(
    connection: psycopg.Connection[Any],
    *,
    patients: int = 1_000,
    seed: int = 1,
    until: datetime | None = None,
    replace: bool = False,
    on_progress: OnProgress | None = None,
) -> dict[str, int]:
    """Create the schemas `hda`, `vital` and `survey` and fill them; one transaction.

    Args: patients (persons, >= 20; 100 readings come with each); seed; until (the newest instant in the data, with a
        time zone; the server's present hour when None); replace (drop an earlier sample hospital first).
    Returns: rows by table, as `hda.patients`.
    Raises:
        HospitalTooSmall: fewer than 20 patients.
        HospitalExists: a schema of that name is there, and `replace` is false.
        NotASampleHospital: `replace` is true, but a schema of that name was not made by this function.
    """
    if patients < 20:
        raise HospitalTooSmall(f"a hospital of {patients} patients cannot show every case", hint="use 20 or more")
    told = on_progress or _tell_nobody
    with connection.transaction():
        _make_room(connection, replace=replace)
        connection.execute(read_sql("hospital_tables.sql"))
        connection.execute(read_sql("hospital_dice.sql"))
        _mark_as_sample(connection)
        sizes = _sizes(connection, patients=patients, seed=seed, until=until)
        counts = {table: _fill(connection, table, sizes, told) for table in TABLES}
        connection.execute(read_sql("hospital_keys.sql"))
    connection.execute("ANALYZE")
    if not connection.autocommit:
        connection.commit()
    return counts


def _make_room(connection: psycopg.Connection[Any], *, replace: bool) -> None:
    there: dict[str, str] = dict(
        connection.execute(
            "SELECT nspname, coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace"
            " WHERE nspname = ANY(%s)",
            (list(SCHEMAS),),
        ).fetchall()
    )
    if not there:
        return
    names = ", ".join(sorted(there))
    if not replace:
        raise HospitalExists(f"the database already has: {names}", hint="choose an empty database, or use --replace")
    if not all(comment.startswith(MARK) for comment in there.values()):
        raise NotASampleHospital(
            f"the database has {names}, not all made as a sample", hint="choose an empty database; nothing was dropped"
        )
    for name in there:
        connection.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(name)))


def _mark_as_sample(connection: psycopg.Connection[Any]) -> None:
    for name in SCHEMAS:
        connection.execute(
            psycopg.sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
                psycopg.sql.Identifier(name), psycopg.sql.Literal(MARK)
            )
        )


def _sizes(
    connection: psycopg.Connection[Any], *, patients: int, seed: int, until: datetime | None
) -> dict[str, Any]:  # Any: the parameters of SQL statements
    if until is None:
        row = connection.execute("SELECT date_trunc('hour', now())").fetchone()
        until = row[0] if row else None
    subscribers = patients * 4 // 5
    return {
        "seed": seed,
        "until": until,
        "family_names": FAMILY_NAMES,
        "given_names": GIVEN_NAMES,
        "organization_names": ORGANIZATION_NAMES,
        "patients": patients,
        "organizations": max(4, patients // 100),
        "subscribers": subscribers,
        "readings_each": READINGS_EACH,
        "beds": max(10, patients // 20),
        "alerts": subscribers * 2,
        "device_logs": patients,
        "surveys": 6,
        "questions": 24,
        "assignments": max(6, patients // 50),
        "responses": subscribers * 2,
    }


def _fill(connection: psycopg.Connection[Any], table: str, sizes: Mapping[str, Any], on_progress: OnProgress) -> int:
    statement = read_sql(f"rows/{table.partition('.')[2]}.sql")
    if table != "vital.vital_reading":
        rows = connection.execute(statement, sizes).rowcount
        on_progress(table, rows, rows)
        return rows
    rows, total = 0, sizes["subscribers"] * READINGS_EACH
    for first in range(1, sizes["subscribers"] + 1, SUBSCRIBERS_A_SLICE):
        last = first + SUBSCRIBERS_A_SLICE - 1
        rows += connection.execute(statement, {**sizes, "first": first, "last": last}).rowcount
        on_progress(table, rows, total)
    return rows


def read_sql(name: str) -> bytes:
    """The text of one of this room's SQL files."""
    return files("pergamon.samples").joinpath(*name.split("/")).read_bytes()


def _tell_nobody(table: str, rows: int, total: int) -> None:
    """Progress, when nobody asked for it."""
