"""What outside engines do through the web, each in its caller's name: PyIceberg, DuckDB and Sail, as they are.

All three read, write, make and drop tables by their own clients of the Iceberg REST protocol. What they may not do is
refused to all of them, and nothing of it reaches the table.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import duckdb
import duckdb_extension_httpfs
import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import ForbiddenError, NoSuchNamespaceError, NoSuchTableError, RESTError
from pyiceberg.types import StringType

from pergamon.adapters.sail import start_sail
from pergamon.adapters.spark_connect import EngineFailed, EngineSession, open_session
from pergamon.runtime import Runtime
from tests.reference.outside_world import OutsideWorld, outside_world
from tests.reference.plain_engine import connected

Rows = list[dict[str, Any]]
MADE = pa.schema([("a", pa.int64()), ("b", pa.string())])


class Engine(Protocol):
    def names(self, namespace: str) -> list[str]: ...

    def rows(self, table: str) -> Rows: ...

    def append(self, table: str, values: str) -> None:
        """values: as SQL has them."""

    def make(self, table: str, location: str) -> None:
        """A table with the columns of MADE."""

    def drop(self, table: str) -> None: ...


class PyIceberg:
    def __init__(self, catalog: RestCatalog) -> None:
        self.catalog = catalog

    def names(self, namespace: str) -> list[str]:
        return sorted(name for _, name in self.catalog.list_tables(namespace))

    def rows(self, table: str) -> Rows:
        return self.catalog.load_table(table).scan().to_arrow().to_pylist()

    def append(self, table: str, values: str) -> None:
        found = self.catalog.load_table(table)
        columns = found.schema().as_arrow()
        typed = ", ".join(f"{name}::{'BIGINT' if pa.types.is_int64(columns.field(name).type) else 'VARCHAR'} AS {name}"
                          for name in columns.names)  # fmt: skip
        rows = duckdb.sql(f"SELECT {typed} FROM (VALUES {values}) AS t({', '.join(columns.names)})").to_arrow_table()
        found.append(rows)

    def make(self, table: str, location: str) -> None:
        self.catalog.create_table(table, MADE)

    def drop(self, table: str) -> None:
        self.catalog.drop_table(table)


class DuckDB:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def names(self, namespace: str) -> list[str]:
        return [row["name"] for row in self.sql("SHOW ALL TABLES") if row["schema"] == namespace]

    def rows(self, table: str) -> Rows:
        return self.sql(f"SELECT * FROM lk.{table}")

    def append(self, table: str, values: str) -> None:
        self.sql(f"INSERT INTO lk.{table} VALUES {values}")

    def make(self, table: str, location: str) -> None:
        self.sql(f"CREATE TABLE lk.{table} (a BIGINT, b VARCHAR)")

    def drop(self, table: str) -> None:
        self.sql(f"DROP TABLE lk.{table}")

    def sql(self, text: str) -> Rows:
        return self.connection.execute(text).to_arrow_table().to_pylist()


class Sail:
    def __init__(self, session: EngineSession) -> None:
        self.session = session

    def names(self, namespace: str) -> list[str]:
        return [row["tableName"] for row in self.session.sql_to_arrow(f"SHOW TABLES IN {namespace}").to_pylist()]

    def rows(self, table: str) -> Rows:
        return self.session.sql_to_arrow(f"SELECT * FROM {table}").to_pylist()

    def append(self, table: str, values: str) -> None:
        self.session.execute_sql(f"INSERT INTO {table} VALUES {values}")

    def make(self, table: str, location: str) -> None:
        self.session.execute_sql(f"CREATE TABLE {table} (a BIGINT, b STRING) USING iceberg LOCATION '{location}'")

    def drop(self, table: str) -> None:
        self.session.execute_sql(f"DROP TABLE {table}")


@contextmanager
def pyiceberg(world: OutsideWorld, token: str) -> Iterator[PyIceberg]:
    yield PyIceberg(RestCatalog("lake", uri=world.address, token=token, warehouse="lake"))


@contextmanager
def duckdb_engine(world: OutsideWorld, token: str) -> Iterator[DuckDB]:
    with connected() as connection:
        package = Path(duckdb_extension_httpfs.__file__).parent
        connection.execute(f"LOAD '{package}/extensions/v{duckdb.__version__}/httpfs.duckdb_extension'")
        connection.execute(f"CREATE SECRET s (TYPE iceberg, TOKEN '{token}')")
        options = "TYPE iceberg, SECRET s, ACCESS_DELEGATION_MODE 'none'"
        connection.execute(f"ATTACH 'lake' AS lk ({options}, ENDPOINT '{world.address}')")
        yield DuckDB(connection)


@contextmanager
def sail(world: OutsideWorld, token: str) -> Iterator[Sail]:
    home = world.rt.settings.home
    with (
        start_sail(world.address, token, logs=home / "logs", spill=home / "spill") as running,
        open_session(running.remote, logs=home / "logs", timeout_s=60, is_alive=running.is_alive) as session,
    ):
        yield Sail(session)


ENGINES = {"PyIceberg": pyiceberg, "DuckDB": duckdb_engine, "Sail": sail}
REFUSED = (ForbiddenError, NoSuchNamespaceError, NoSuchTableError, RESTError, duckdb.Error, EngineFailed, RuntimeError)
engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def world(rt: Runtime) -> Iterator[OutsideWorld]:
    with outside_world(rt) as world:
        yield world


def as_(world: OutsideWorld, engine: str, role: str) -> AbstractContextManager[Engine]:
    return ENGINES[engine](world, world.people[role].token)


def ids(rows: Rows) -> list[int]:
    return sorted(row["id"] for row in rows)


@engines
def test_who_may_everything_lists_reads_writes_makes_and_drops(world: OutsideWorld, engine: str) -> None:
    place = world.record("curated_db.places").location.replace("places", "made")
    with as_(world, engine, "owner") as own:
        assert own.names("curated_db") == ["places", "vitals"]
        assert ids(own.rows("curated_db.places")) == [1, 2]
        own.append("curated_db.places", "(3, 'Ulm')")
        assert ids(own.rows("curated_db.places")) == [1, 2, 3]
        own.make("curated_db.made", place)
        own.append("curated_db.made", "(1, 'x'), (2, 'y')")
        assert sorted((row["a"], row["b"]) for row in own.rows("curated_db.made")) == [(1, "x"), (2, "y")]
        assert world.metadata("curated_db.made").location == place
        own.drop("curated_db.made")
        assert own.names("curated_db") == ["places", "vitals"]
    metadata = world.metadata("curated_db.places")
    assert len({schema.schema_id for schema in metadata.schemas}) == len(metadata.schemas) == 1
    assert {row["actor"] for row in world.trail("lake.table_changed")} == {"person:bea"}


@engines
def test_who_may_only_read_reads_and_changes_nothing(world: OutsideWorld, engine: str) -> None:
    before = world.record("curated_db.places")
    with as_(world, engine, "reader") as reader:
        assert reader.names("curated_db") == ["places", "vitals"]
        assert ids(reader.rows("curated_db.places")) == [1, 2]
        with pytest.raises(REFUSED):
            reader.append("curated_db.places", "(3, 'a secret name')")
        with pytest.raises(REFUSED):
            reader.make("curated_db.made", before.location.replace("places", "made"))
        with pytest.raises(REFUSED):
            reader.drop("curated_db.places")
        with pytest.raises(REFUSED):
            reader.rows("closed_db.secret")
    assert world.record("curated_db.places") == before


@engines
def test_what_is_granted_in_part_or_not_at_all_is_not_read_raw(world: OutsideWorld, engine: str) -> None:
    with as_(world, engine, "subscriber") as subscriber:
        assert subscriber.names("lungs_sub") == ["places", "vitals"]
        for table in ("lungs_sub.vitals", "lungs_sub.places", "curated_db.vitals"):
            with pytest.raises(REFUSED):
                subscriber.rows(table)
    with as_(world, engine, "nobody") as nobody:
        with suppress(*REFUSED):  # some say that there is no such database, others that it has no tables
            assert nobody.names("curated_db") == []
        with pytest.raises(REFUSED):
            nobody.rows("curated_db.places")
    assert world.trail("catalog_endpoint.table_loaded") == []


def test_duckdb_makes_a_table_of_a_query_and_changes_rows_and_columns(world: OutsideWorld) -> None:
    """Staged, then committed with its first rows; DuckDB sends the schema with both, and it stands there once."""
    with duckdb_engine(world, world.people["owner"].token) as own:
        own.sql("CREATE TABLE lk.curated_db.made AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'")
        own.sql("UPDATE lk.curated_db.made SET b = 'z' WHERE a = 2")
        own.sql("DELETE FROM lk.curated_db.made WHERE a = 1")
        own.sql("ALTER TABLE lk.curated_db.made ADD COLUMN c BIGINT")
        assert own.rows("curated_db.made") == [{"a": 2, "b": "z", "c": None}]
    metadata = world.metadata("curated_db.made")
    assert [schema.schema_id for schema in metadata.schemas] == [0, 1]
    assert len(metadata.partition_specs) == len(metadata.sort_orders) == 1


def test_duckdb_changes_two_tables_in_one_transaction_or_none(world: OutsideWorld) -> None:
    with duckdb_engine(world, world.people["owner"].token) as own:
        own.sql("CREATE TABLE lk.curated_db.made (id BIGINT, name VARCHAR)")
        before = world.record("curated_db.places")
        own.sql("BEGIN")
        own.sql("INSERT INTO lk.curated_db.made VALUES (1, 'x')")
        own.sql("INSERT INTO lk.curated_db.places VALUES (3, 'x')")
        assert world.record("curated_db.places") == before
        own.sql("COMMIT")
        assert (ids(own.rows("curated_db.made")), ids(own.rows("curated_db.places"))) == ([1], [1, 2, 3])
        rival = RestCatalog("lake", uri=world.address, token=world.people["owner"].token)
        own.sql("BEGIN")
        own.sql("INSERT INTO lk.curated_db.made VALUES (2, 'x')")
        own.sql("INSERT INTO lk.curated_db.places VALUES (4, 'x')")
        PyIceberg(rival).append("curated_db.places", "(5, 'y')")
        with pytest.raises(duckdb.Error):
            own.sql("COMMIT")
        with suppress(duckdb.Error):
            own.sql("ROLLBACK")
    assert ids(PyIceberg(rival).rows("curated_db.made")) == [1]
    assert ids(PyIceberg(rival).rows("curated_db.places")) == [1, 2, 3, 5]


def test_pyiceberg_overwrites_deletes_and_changes_columns(world: OutsideWorld) -> None:
    """An overwrite is two snapshots in one commit."""
    catalog = RestCatalog("lake", uri=world.address, token=world.people["writer"].token)
    table = catalog.load_table("curated_db.places")
    with table.update_schema() as update:
        update.add_column("country", StringType())
    with table.transaction() as changing:  # PyIceberg does not write what merge-on-read leaves to be merged
        changing.set_properties({"write.delete.mode": "copy-on-write"})
    table.overwrite(pa.table({"id": pa.array([7], pa.int64()), "name": ["Graz"], "country": ["AT"]}))
    assert catalog.load_table("curated_db.places").scan().to_arrow().to_pylist() == [
        {"id": 7, "name": "Graz", "country": "AT"}
    ]
    table.delete("id = 7")
    assert catalog.load_table("curated_db.places").scan().to_arrow().num_rows == 0
    assert len(world.metadata("curated_db.places").snapshots) == 4


def test_sail_merges_and_overwrites(world: OutsideWorld) -> None:
    with sail(world, world.people["writer"].token) as writer:
        writer.session.execute_sql("INSERT OVERWRITE curated_db.places VALUES (1, 'a'), (2, 'b')")
        writer.session.execute_sql(
            "MERGE INTO curated_db.places t USING (SELECT 1 AS id UNION ALL SELECT 9) s ON t.id = s.id "
            "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'new')"
        )
        assert ids(writer.rows("curated_db.places")) == [2, 9]
        with pytest.raises(EngineFailed):
            writer.make("curated_db.elsewhere", "file:///tmp/elsewhere")
