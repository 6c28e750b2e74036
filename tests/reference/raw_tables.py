"""How the jobs' raw tables look: names in capitals, as the replication rule leaves them, and Spark SQL's types."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
Raw = dict[str, list[Row]]

JobTable = Callable[[str, Raw, datetime], pa.Table]
RunJob = Callable[[str, Raw, datetime], list[Row]]
"""Run a job file over raw tables at a clock."""

TEXT, MOMENT, FLAG, WHOLE = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int32()

RAW_TABLES: dict[str, dict[str, pa.DataType]] = {
    "organization": {"id": TEXT, "business_name": TEXT, "parent_id": TEXT},
    "subscriber": {
        "id": TEXT,
        "member_number": pa.int64(),
        "patient_id": TEXT,
        "organization_id": TEXT,
        "status": WHOLE,
        "active": FLAG,
        "time_zone": TEXT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    "vital_sign": {
        "id": TEXT,
        "display_name": TEXT,
        "active": FLAG,
        "active_status_changed_at": MOMENT,
        "created_at": MOMENT,
    },
    "vital_reading": {
        "id": TEXT,
        "subscriber_id": TEXT,
        "organization_id": TEXT,
        "vital_sign_id": TEXT,
        "raw_record_id": TEXT,
        "reading": TEXT,  # a numeric without scale keeps its digits as text
        "unit": TEXT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    "alert_category": {"id": TEXT, "code": TEXT},
    "alert": {
        "id": TEXT,
        "subscriber_id": TEXT,
        "organization_id": TEXT,
        "alert_category_id": TEXT,
        "raw_log_id": TEXT,
        "alert_metadata": TEXT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    "survey": {"id": TEXT, "title": TEXT, "alert_threshold": WHOLE},
    "survey_assignment": {
        "id": TEXT,
        "name": TEXT,
        "survey_id": TEXT,
        "organization_id": TEXT,
        "assignment_type": TEXT,
    },
    "question": {"id": TEXT, "question_text": TEXT, "question_options": TEXT, "archived": FLAG},
    "survey_response": {
        "id": TEXT,
        "survey_assignment_id": TEXT,
        "question_id": TEXT,
        "subscriber_id": TEXT,
        "organization_id": TEXT,
        "question_type": TEXT,
        "status": TEXT,
        "yes_no_response": TEXT,
        "scale_response": TEXT,
        "single_choice_response": TEXT,
        "free_text_response": TEXT,
        "survey_started_at": MOMENT,
        "survey_submitted_at": MOMENT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
}

SOME_TIME = datetime(2025, 1, 15, 8, tzinfo=UTC)


def row(table: str, **values: Any) -> Row:
    """A row of `table`; what is not said is null, but for the instants that are never null at the source."""
    columns = RAW_TABLES[table]
    if unknown := set(values) - set(columns):
        raise KeyError(f"{table} has no {sorted(unknown)}")
    defaults = {name: SOME_TIME for name in ("created_at", "updated_at") if name in columns}
    return {name: values.get(name, defaults.get(name)) for name in columns}


def empty_raw() -> Raw:
    return {table: [] for table in RAW_TABLES}


def as_arrow(table: str, rows: list[Row]) -> pa.Table:
    columns = RAW_TABLES[table]
    schema = pa.schema([(name.upper(), kind) for name, kind in columns.items()])
    return pa.table({name.upper(): [each[name] for each in rows] for name in columns}, schema=schema)
