"""What stands in files is measured as readers see it: without rows that an engine has deleted; no rows, no values."""

from pergamon import lake, quality
from pergamon.adapters.sail import start_sail
from pergamon.adapters.spark_connect import open_session
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import new_secret
from tests.integration.quality.conftest import World
from tests.integration.quality.test_a_table_is_measured import ROWS, STAYS


def test_rows_that_are_marked_as_deleted_are_not_measured(world: World) -> None:
    """Sail deletes by position files (merge-on-read)."""
    columns = ["id", "sex", "name", "pulse"]
    table = world.table("heart_db.stays", STAYS.select(columns))
    home, token = world.rt.settings.home, new_secret()
    with world.by() as uow:
        lease = lake.open_lease(uow, table, "delete", {})
    with (
        serve(create_app(world.rt, token=token, on_commit=lake.no_hook)) as endpoint,
        start_sail(endpoint.uri, token, logs=home / "logs", spill=home / "spill") as sail,
        open_session(sail.remote, logs=home / "logs", timeout_s=60) as session,
    ):
        gone = f"SELECT id FROM {table} WHERE sex = 'm'"
        session.execute_sql(f"MERGE INTO {lease.alias} t USING ({gone}) s ON t.id = s.id WHEN MATCHED THEN DELETE")
    with world.by() as uow:
        assert lake.close_lease(uow, lease.id).committed
        assert lake.table_files(uow, table).position_deletes
        quality.run_profile(uow, table)
    world.measure()
    told = {column.name: column for column in world.profile().columns}
    assert world.profile().rows == ROWS - 133
    assert told["sex"].nulls == 133
    assert told["sex"].values["codes"] == [{"value": "f", "rows": 134}]
    assert told["id"].distinct == ROWS - 133


def test_a_table_that_was_never_written_has_a_profile_of_no_rows(world: World) -> None:
    world.rules(
        {"name": "full", "check": "not-null", "columns": ["*"]}, {"name": "id", "check": "unique", "columns": ["id"]}
    )
    world.table("heart_db.stays", STAYS.slice(0, 0))
    world.measure()
    profile = world.profile()
    assert (profile.state, profile.rows, profile.snapshot_id, profile.score) == ("done", 0, None, None)
    assert [(column.nulls, dict(column.values)) for column in profile.columns] == [(0, {})] * 6
    assert [result.outcome for result in profile.results] == ["pass", "pass"]
