"""From a change of a table to its profile, its score and the trail: real Iceberg, real sandbox."""

import datetime as dt

import pyarrow as pa

from tests.integration.quality.conftest import TABLE, World

ROWS = 400
STAYS = pa.table(
    {
        "id": pa.array(range(ROWS), pa.int64()),
        "sex": [["f", "m", None][n % 3] for n in range(ROWS)],
        "name": [f"Person {n}" for n in range(ROWS)],
        "born": [dt.date(1940, 1, 1) + dt.timedelta(days=n * 60) for n in range(ROWS)],
        "pulse": pa.array([float("nan") if n == 0 else 60.0 + n % 40 for n in range(ROWS)]),
        "tags": [["a"] if n % 2 else None for n in range(ROWS)],
    }
)


def test_a_changed_table_has_a_profile_with_its_snapshot(world: World) -> None:
    world.table("heart_db.stays", STAYS)
    assert world.measure() == 1
    told = world.seen("olga")
    assert (told["rows"], told["state"], told["sampled_rows"]) == (ROWS, "done", None)
    columns = {column["name"]: column for column in told["columns"]}
    assert columns["id"]["distinct"] == ROWS
    assert columns["sex"]["nulls"] == 133
    assert columns["sex"]["values"]["codes"] == [{"value": "f", "rows": 134}, {"value": "m", "rows": 133}]
    assert "codes" not in columns["name"]["values"]
    assert columns["pulse"]["not_finite"] == 1
    assert columns["tags"] == columns["tags"] | {"nulls": 200, "distinct": None, "values": {}}
    assert sum(bucket["rows"] for bucket in columns["born"]["values"]["histogram"]) == ROWS


def test_the_same_snapshot_is_not_measured_twice(world: World) -> None:
    table = world.table("heart_db.stays", STAYS)
    world.changed(table)
    assert world.measure() == 1
    world.changed(table)
    assert world.measure() == 0
    assert world.profile(TABLE).state == "done"
