"""The vitals job, slow and obvious: what its SQL must say, told again in plain Python from the rules in the documents.

Raw tables come as lists of rows (dictionaries); a table is answered as a list of rows. Nothing here is fast.
"""

import json
from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Raw = dict[str, list[Row]]

STATUS = {
    1: "UNDER_REVIEW",
    2: "ACTIVE",
    3: "ON_HOLD",
    4: "CANCELED",
    5: "CLOSED",
    6: "CREATED",
    7: "ANONYMIZED",
}
NEEDED_DAYS = 16


def same_month(moment: datetime, month: tuple[int, int]) -> bool:
    return (moment.year, moment.month) == month


def this_month(run_at: datetime) -> tuple[int, int]:
    return run_at.year, run_at.month


def last_month(run_at: datetime) -> tuple[int, int]:
    """The month of the day before the first day of this month: January follows December of another year."""
    day_before = run_at.date().replace(day=1) - timedelta(days=1)
    return day_before.year, day_before.month


def days_left(run_at: datetime) -> int:
    """Counted one by one: how many days of this month come after today."""
    left, day = 0, run_at.date() + timedelta(days=1)
    while day.month == run_at.month:
        left, day = left + 1, day + timedelta(days=1)
    return left


def find(rows: list[Row], key: Any) -> Row:
    """The row with this id, or an empty one: a left join."""
    for row in rows:
        if key is not None and row["id"] == key:
            return row
    return {}


def events(raw: Raw) -> list[Row]:
    """Every reading, and every alert of the category "no vital taken"."""
    readings = [{**reading, "event_type": "vital_reading"} for reading in raw["vital_reading"]]
    alerts = [
        {**alert, "raw_record_id": alert["raw_log_id"], "event_type": "alert"}
        for alert in raw["alert"]
        if find(raw["alert_category"], alert["alert_category_id"]).get("code") == "no-vital-taken"
    ]
    return readings + alerts


def all_vitals_events(raw: Raw, run_at: datetime) -> list[Row]:
    rows = []
    for event in events(raw):
        if same_month(event["updated_at"], this_month(run_at)):
            month = "Current Month"
        elif same_month(event["updated_at"], last_month(run_at)):
            month = "Previous Month"
        else:
            continue
        reading = event["event_type"] == "vital_reading"
        sign = find(raw["vital_sign"], event["vital_sign_id"]) if reading else {}
        enrolled = find(raw["subscriber"], event["subscriber_id"]).get("created_at")
        metadata = {} if reading else json.loads(event["alert_metadata"] or "{}")
        rows.append(
            {
                "id": event["id"],
                "subscriber_id": event["subscriber_id"],
                "organization_id": event["organization_id"],
                "raw_record_id": event["raw_record_id"],
                "event_type": event["event_type"],
                "created_at": event["created_at"],
                "updated_at": event["updated_at"],
                "enrollment_date": enrolled,
                "reading": float(event["reading"]) if reading and event["reading"] is not None else None,
                "vital_sign_id": event["vital_sign_id"] if reading else None,
                "unit": event["unit"] if reading else None,
                "alert_type": metadata.get("alertType") or "N/A",
                "setting_id": metadata.get("settingId") or "N/A",
                "is_vital_reading": reading,
                "is_alert": not reading,
                "display_name": sign.get("display_name") or "N/A",
                "is_active_vital_sign": sign.get("active"),
                "active_changed_date": sign.get("active_status_changed_at"),
                "vital_sign_created_date": sign.get("created_at"),
                "days_since_enrollment": (event["updated_at"].date() - enrolled.date()).days if enrolled else None,
                "month": month,
            }
        )
    return rows


def subscriber_vitals_metrics(raw: Raw, run_at: datetime) -> list[Row]:
    rows = []
    for subscriber in raw["subscriber"]:
        rows.append(_standing(raw, subscriber, this_month(run_at), days_left(run_at), "Current Month"))
        rows.append(_standing(raw, subscriber, last_month(run_at), 0, "Previous Month"))
    return rows


def _standing(raw: Raw, subscriber: Row, month: tuple[int, int], left: int, name: str) -> Row:
    ever = [event for event in events(raw) if event["subscriber_id"] == subscriber["id"]]
    counted = [
        event
        for event in ever
        if event["organization_id"] == subscriber["organization_id"] and same_month(event["updated_at"], month)
    ]
    readings = [event for event in counted if event["event_type"] == "vital_reading"]
    days: set[date] = {event["updated_at"].date() for event in counted}
    compliant = len(days) >= NEEDED_DAYS
    risk_factor = None if compliant else len(days) + left - NEEDED_DAYS
    new = same_month(subscriber["created_at"], month)
    canceled = subscriber["status"] == 4
    canceled_now = canceled and same_month(subscriber["updated_at"], month)
    organization = find(raw["organization"], subscriber["organization_id"])
    return {
        **subscriber,
        "risk_factor": risk_factor,
        "last_vital_date": max((event["updated_at"] for event in ever), default=None),
        "first_vital_date": min((event["updated_at"] for event in ever), default=None),
        "is_new_this_month": new,
        "unique_vital_reading_count": len({event["updated_at"].date() for event in readings}),
        "vital_reading_count": len(readings),
        "alert_count": len(counted) - len(readings),
        "compliant_days": len(days),
        "is_compliant": compliant,
        "is_active": subscriber["active"] is True,
        "not_active": subscriber["active"] is False,
        "is_canceled_this_month": canceled_now,
        "is_canceled_same_month": canceled_now and new,
        "status_string": STATUS.get(subscriber["status"], "UNKNOWN"),
        "interaction_type": f"{len(days)} Interactions",
        "first_vital_taken": new and len(days) > 0,
        "is_billable": compliant,
        "is_not_billable": not compliant,
        "is_canceled": canceled,
        "is_outliar": (canceled or subscriber["active"] is False) and len(days) + left < NEEDED_DAYS,
        "risk_level": risk_level(risk_factor),
        "is_pending": new and not days and not canceled,
        "organization_name": organization.get("business_name"),
        "parent_id": organization.get("parent_id"),
        "parent_name": find(raw["organization"], organization.get("parent_id")).get("business_name"),
        "month": name,
    }


def risk_level(risk_factor: int | None) -> int:
    """None: compliant already. Else by the days that may still be missed."""
    if risk_factor is None:
        return 0
    if risk_factor < 0:
        return 4
    if risk_factor in (0, 1, 2, 3):
        return 3
    if risk_factor in (4, 5, 6):
        return 2
    return 1


def organization_vitals_info(raw: Raw, run_at: datetime) -> list[Row]:
    current = [row for row in subscriber_vitals_metrics(raw, run_at) if row["month"] == "Current Month"]
    rows = []
    for organization in raw["organization"]:
        members = [row for row in current if row["organization_id"] == organization["id"]]
        levels = [row["risk_level"] for row in members if row["is_active"]]
        mean = sum(levels) / len(levels) if levels else None
        row: Row = {
            "organization_id": organization["id"],
            "name": organization["business_name"],
            "parent_id": organization["parent_id"],
            "parent_name": find(raw["organization"], organization["parent_id"]).get("business_name"),
            "subscriber_count": len(members),
            "days_in_month": monthrange(run_at.year, run_at.month)[1],
            "days_elapsed": run_at.day,
            "avg_risk_level_temp": mean,
            "avg_risk_level": 4 if mean is None else _round_half_down(mean),
        }
        for name, flag in {
            "new_this_month_count": "is_new_this_month",
            "first_vital_count": "first_vital_taken",
            "billable": "is_billable",
            "unbillable": "is_not_billable",
            "cancelled": "is_canceled",
            "active": "is_active",
            "outliers": "is_outliar",
            "canceled_this_month": "is_canceled_this_month",
            "canceled_same_month": "is_canceled_same_month",
            "pending": "is_pending",
        }.items():
            row[name] = len([member for member in members if member[flag]])
        for days in range(32):
            count = len([member for member in members if member["compliant_days"] == days])
            row[f"{days}_interactions"] = count
            row[f"{days}_percent_interactions"] = count / len(members) if members else None
        rows.append(row)
    return rows


def _round_half_down(value: float) -> int:
    whole = int(value)
    return whole if value - whole <= 0.5 else whole + 1
