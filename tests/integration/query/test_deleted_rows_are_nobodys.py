"""Rows that an engine deleted by position files stay in the data files: no text may tell anything of them."""

import pyarrow as pa

from pergamon import lake
from pergamon.adapters.sail import start_sail
from pergamon.adapters.spark_connect import open_session
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import new_secret
from tests.reference.governed_lake import OPERATOR, GovernedLake, append

NAMES = pa.table({"id": range(4000), "name": ["(" if n % 2 else "a" for n in range(4000)]})


def delete(world: GovernedLake, name: str, condition: str) -> None:
    """As a merge does: merge-on-read, by Sail."""
    home, token = world.rt.settings.home, new_secret()
    table = lake.TableId.parse(name)
    with world.rt.begin(OPERATOR) as uow:
        key = lake.load_table(uow, table).schema().fields[0].name
        lease = lake.open_lease(uow, table, "delete", {})
    with (
        serve(create_app(world.rt, token=token, on_commit=lake.no_hook)) as endpoint,
        start_sail(endpoint.uri, token, logs=home / "logs", spill=home / "spill") as sail,
        open_session(sail.remote, logs=home / "logs", timeout_s=60) as session,
    ):
        gone = f"SELECT {key} FROM {table} WHERE {condition}"
        session.execute_sql(
            f"MERGE INTO {lease.alias} t USING ({gone}) s ON t.{key} = s.{key} WHEN MATCHED THEN DELETE"
        )
    with world.rt.begin(OPERATOR) as uow:
        assert lake.close_lease(uow, lease.id).committed
        assert lake.table_files(uow, table).position_deletes


def rows(world: GovernedLake, sql: str) -> list[dict[str, object]]:
    return world.rt.run_query(world.user.actor, sql).table.to_pylist()


def test_they_are_not_seen(world: GovernedLake) -> None:
    delete(world, "curated_db.vitals", "patient >= 1250")
    sql = "SELECT count(*) AS n, max(patient) AS last FROM curated_db.vitals"
    assert rows(world, sql) == [{"n": 1250, "last": 1249}]


def test_a_function_that_fails_on_one_of_them_is_not_computed_for_it(world: GovernedLake) -> None:
    """DuckDB computes `SIMILAR TO` once for every entry of a file's dictionary, whether or not a row still uses it."""
    with world.rt.begin(OPERATOR) as uow:
        lake.create_table(uow, world.rt.settings.lake, lake.TableId.parse("curated_db.names"), NAMES.schema)
    append(world.rt, "curated_db.names", NAMES)
    delete(world, "curated_db.names", "name = '('")
    assert rows(world, "SELECT count('a' SIMILAR TO name) AS n FROM curated_db.names") == [{"n": 2000}]
