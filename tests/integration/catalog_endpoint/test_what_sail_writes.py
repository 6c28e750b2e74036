"""Sail merges, overwrites and deletes under a lease; Sail, DuckDB and PyIceberg then read the same rows."""

from pathlib import Path

import pyarrow as pa
import pytest

from pergamon import lake
from pergamon.adapters.spark_connect import EngineFailed
from tests.reference.plain_engine import connected

from .conftest import PATIENTS, Engine, Lake

CHANGES = pa.table(
    {
        "Op": ["U", "D", "I", "I", "U"],
        "id": pa.array([1, 2, 4, None, 3], pa.int64()),
        "region": ["north", None, "south", "south", None],
        "name": ["Ärmel", None, "d", "no id", "nobody"],
    }
)
MERGE = """
MERGE INTO {target} t USING {source} s ON t.id <=> s.id AND t.region <=> s.region
WHEN MATCHED AND s.Op = 'D' THEN DELETE
WHEN MATCHED THEN UPDATE SET id = s.id, region = s.region, name = s.name
WHEN NOT MATCHED AND s.Op <> 'D' THEN INSERT (id, region, name) VALUES (s.id, s.region, s.name)
"""


def test_one_merge_inserts_updates_and_deletes_by_null_safe_keys(engine: Engine) -> None:
    world = engine.lake
    first = world.open(position="0000000000000001.0000000001", files=["file_1"])
    engine.session.execute_sql(
        f"INSERT INTO {first.alias} VALUES (1, 'north', 'a'), (2, CAST(NULL AS STRING), 'b'), (3, NULL, 'c')"
    )
    assert world.close(first).committed

    second = world.open(position="0000000000000002.0000000007", files=["file_2"])
    engine.session.execute_sql(MERGE.format(target=second.alias, source=engine.parquet("changes", CHANGES)))
    outcome = world.close(second)

    expected = [(None, "south", "no id"), (1, "north", "Ärmel"), (3, None, "nobody"), (4, "south", "d")]
    rows = engine.session.sql_to_arrow("SELECT id, region, name FROM raw_db.patients").to_pylist()
    assert sorted((tuple(row.values()) for row in rows), key=str) == sorted(expected, key=str)
    assert sorted(read_by_duckdb(world), key=str) == sorted(expected, key=str)
    assert world.marks() == [first.id, second.id]

    files = world.files()
    assert files.snapshot_id == outcome.committed_snapshot_id
    assert files.position_deletes, "merge-on-read: the old data file stays, a delete file says what is gone"
    assert {Path(path).stat().st_mode & 0o777 for path in files.paths} == {0o600}
    last = world.history()[-1]
    assert last.summary["pergamon.position"] == "0000000000000002.0000000007"
    assert last.summary["pergamon.lease"] == second.id
    assert "pergamon.files" not in last.summary


def test_an_overwrite_replaces_every_row_in_one_snapshot(engine: Engine) -> None:
    world = engine.lake
    first = world.open()
    engine.insert(first, 1, 2, 3)
    world.close(first)
    second = world.open()
    engine.session.execute_sql(f"INSERT OVERWRITE {second.alias} SELECT id + 10, region, name FROM raw_db.patients")
    assert world.close(second).committed
    assert engine.ids() == [11, 12, 13]
    assert len(world.history()) == 2
    assert len(world.files().data) == 1


def test_an_engines_own_words_go_to_a_private_log_and_not_to_the_caller(engine: Engine) -> None:
    with pytest.raises(EngineFailed) as caught:
        engine.session.execute_sql("SELECT CAST('value-of-a-patient' AS INT)")
    assert "value-of-a-patient" not in str(caught.value)
    log = engine.lake.rt.settings.logs / "engine.log"
    assert "value-of-a-patient" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert (engine.lake.rt.settings.logs / "sail.log").stat().st_mode & 0o777 == 0o600


def test_columns_that_were_added_widened_and_dropped_are_read_and_merged(engine: Engine) -> None:
    world, rt = engine.lake, engine.lake.rt
    events = lake.TableId("raw_db", "events")
    with rt.begin(world.actor) as uow:
        columns = pa.schema([("id", pa.int32()), ("gone", pa.string()), ("amount", pa.decimal128(8, 2))])
        lake.create_table(uow, rt.settings.lake, events, columns, identifiers=["id"])
    first = world.open(events)
    engine.session.execute_sql(f"INSERT INTO {first.alias} VALUES (1, 'x', 1.25), (2, 'y', 2.5)")
    world.close(first)
    with rt.begin(world.actor) as uow:
        schema = lake.load_table(uow, events).schema()
        ids = {field.name: field.field_id for field in schema.fields}
        lake.evolve_table(
            uow,
            events,
            add=[pa.field("note", pa.string())],
            widen={ids["id"]: pa.int64(), ids["amount"]: pa.decimal128(12, 2)},
            drop=[ids["gone"]],
        )
    second = world.open(events)
    engine.session.execute_sql(
        f"MERGE INTO {second.alias} t USING (SELECT 5000000000 AS id, 1234567890.50 AS amount, 'n' AS note) s "
        "ON t.id <=> s.id WHEN NOT MATCHED THEN INSERT (id, amount, note) VALUES (s.id, s.amount, s.note)"
    )
    assert world.close(second).committed
    query = "SELECT id, CAST(amount AS STRING) AS amount, note FROM {} ORDER BY id"
    expected = [(1, "1.25", None), (2, "2.50", None), (5_000_000_000, "1234567890.50", "n")]
    rows = engine.session.sql_to_arrow(query.format("raw_db.events")).to_pylist()
    assert [tuple(row.values()) for row in rows] == expected
    assert read_by_duckdb(world, events, query) == expected


def read_by_duckdb(
    world: Lake, table: lake.TableId = PATIENTS, query: str = "SELECT id, region, name FROM {}"
) -> list[tuple[object, ...]]:
    """The table as DuckDB sees it."""
    with connected() as connection:
        return connection.execute(query.format(f"iceberg_scan('{world.files(table).metadata}')")).fetchall()
