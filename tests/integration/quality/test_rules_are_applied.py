"""Rules on real tables: what each kind finds, that a wrong one stops no other, and the score on the asset."""

import datetime as dt
import json
from typing import Any

import pyarrow as pa
import pytest

from pergamon import quality
from tests.integration.quality.conftest import TABLE, World

NOW = dt.datetime.now(dt.UTC)
STAYS = pa.table(
    {
        "id": pa.array([*range(99), 0], pa.int64()),
        "ward": ["A", "B", "C", "X", None] * 20,
        "email": ["a@b.org"] * 90 + ["nobody"] * 10,
        "begun": pa.array([NOW - dt.timedelta(hours=n) for n in range(100)], pa.timestamp("us", "UTC")),
        "ended": pa.array(
            [NOW - dt.timedelta(hours=n - 1 if n % 4 else n + 1) for n in range(100)], pa.timestamp("us", "UTC")
        ),
        "patient": pa.array([n % 50 for n in range(100)], pa.int64()),
        "sex": ["f" if n % 2 else "m" for n in range(100)],
        "written": [f"2024-02-{1 + n % 40:02}" for n in range(100)],
    }
)
PATIENTS = pa.table(
    {"nr": pa.array(range(40), pa.int64()), "sex": ["m" if n % 2 == 0 or n == 1 else "f" for n in range(40)]}
)

FOUND: list[tuple[dict[str, Any], int, int]] = [
    ({"check": "not-null", "columns": ["ward"]}, 100, 20),
    ({"check": "not-null", "columns": ["ward", "WARD", "ward"]}, 100, 20),
    ({"check": "not-null", "columns": ["*"]}, 800, 20),
    ({"check": "unique", "columns": ["id"]}, 100, 1),
    ({"check": "unique", "columns": ["id", "patient"]}, 100, 0),
    ({"check": "in-set", "column": "ward", "values": ["A", "B", "C"]}, 80, 20),
    ({"check": "range", "column": "patient", "minimum": 5, "maximum": 48}, 100, 12),
    ({"check": "range", "column": "begun", "minimum": "2000-01-01"}, 100, 0),
    ({"check": "pattern", "column": "ward", "pattern": "[A-C]"}, 80, 20),
    ({"check": "format", "column": "email", "format": "email"}, 100, 10),
    ({"check": "format", "column": "written", "format": "iso-date"}, 100, 22),
    ({"check": "length", "column": "email", "minimum": 7}, 100, 10),
    ({"check": "code-list", "column": "patient", "table": "heart_db.patients", "table_column": "nr"}, 100, 20),
    ({"check": "fresh", "column": "begun", "within_hours": 1}, 1, 0),
    ({"check": "fresh", "within_hours": 1}, 1, 0),
    ({"check": "condition", "condition": "ended >= begun"}, 100, 25),
    ({"check": "condition", "condition": "ward = 'A' or ward = 'B'"}, 80, 40),
    (
        {"check": "foreign-key", "columns": ["patient"], "table": "heart_db.patients", "table_columns": ["nr"]},
        100,
        20,
    ),
    (
        {
            "check": "agrees-with",
            "table": "heart_db.patients",
            "key": ["patient"],
            "table_key": ["nr"],
            "columns": ["sex"],
        },
        80,
        2,
    ),
]


def test_each_kind_of_rule_counts_what_breaks_it(world: World) -> None:
    world.table("heart_db.patients", PATIENTS)
    world.rules(*({"name": f"r{at}", **rule} for at, (rule, _, _) in enumerate(FOUND)), tables=("heart_db.stays",))
    world.table("heart_db.stays", STAYS)
    world.measure()
    results = {result.rule: result for result in world.profile().results}
    for at, (rule, judged, failed) in enumerate(FOUND):
        result = results[f"house/r{at}"]
        assert (result.judged, result.failed, result.reason) == (judged, failed, None), rule


def test_the_score_stands_on_the_asset_and_in_the_trail(world: World) -> None:
    world.rules(
        {"name": "ward", "check": "not-null", "columns": ["ward"], "threshold": 0.9, "severity": "warning"},
        {"name": "id", "check": "unique", "columns": ["id"], "threshold": 0.99},
    )
    world.table("heart_db.stays", STAYS)
    world.measure()
    profile = world.profile()
    assert [result.outcome for result in profile.results] == ["warn", "pass"]
    assert profile.dimensions == {"completeness": 0.8, "uniqueness": 0.99}
    assert profile.score == 0.89
    assert world.score_of_asset() == 0.8, "whoever finds the asset is told in steps of ten rows"
    with world.by() as uow:
        (row,) = uow.rows("SELECT facts FROM audit_event WHERE code = 'quality.table_profiled'")
    assert json.loads(row["facts"]) | {"duration_ms": 0, "profile": ""} == {
        "profile": "",
        "snapshot_id": profile.snapshot_id,
        "rows": 100,
        "columns": 8,
        "sampled": False,
        "rules": 2,
        "rules_failed": 1,
        "score_percent": 89,
        "duration_ms": 0,
    }


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"check": "not-null", "columns": ["nobody"]}, "no column"),
        ({"check": "pattern", "column": "ward", "pattern": "(["}, "a pattern or a value does not fit"),
        ({"check": "range", "column": "ward", "minimum": 1}, "does not fit the column"),
        ({"check": "code-list", "column": "ward", "table": "heart_db.gone", "table_column": "x"}, "there is no table"),
    ],
)
def test_a_wrong_rule_is_its_own_state_and_stops_no_other(world: World, wrong: dict[str, Any], why: str) -> None:
    world.rules({"name": "wrong", **wrong}, {"name": "right", "check": "not-null", "columns": ["ward"]})
    world.table("heart_db.stays", STAYS)
    world.measure()
    bad, good = world.profile().results
    assert (bad.outcome, good.outcome, good.failed) == ("error", "fail", 20)
    assert why in (bad.reason or "")
    assert world.score_of_asset() == 0.8


def test_rules_that_change_are_applied_without_measuring_again(world: World) -> None:
    world.table("heart_db.stays", STAYS)
    world.measure()
    assert world.score_of_asset() is None
    world.rules({"name": "ward", "check": "not-null", "columns": ["ward"]})
    assert world.measure() == 1
    assert world.score_of_asset() == 0.8
    with world.by() as uow:
        quality.drop_quality_rules(uow, "house")
    assert world.measure() == 1
    assert world.score_of_asset() is None
    assert len(world.profile().columns) == 8


def test_a_change_by_any_writer_is_noticed_once_the_table_has_rules(world: World) -> None:
    table = world.table("heart_db.stays", STAYS)
    world.measure()
    from tests.reference.governed_lake import append

    append(world.rt, str(table), STAYS)
    with world.place.begin() as uow:
        assert quality.notice_changes(uow) == 1
        assert quality.notice_changes(uow) == 0
        uow.execute("UPDATE quality_request SET due_at = %s", (uow.now,))  # it rests as long as its share says
    world.measure()
    assert world.profile(TABLE).rows == 200
    with world.by() as uow:
        history = quality.profile_history(uow, table)
    assert [point["rows"] for point in history] == [200, 100]
