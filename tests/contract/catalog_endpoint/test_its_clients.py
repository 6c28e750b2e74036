"""What the endpoint promises to everyone who speaks its protocol: PyIceberg, Sail and DuckDB see the same rows.

This is the worker's own endpoint, where PyIceberg and Sail write under a lease. DuckDB asks it where the metadata of a
table is, as its client of the protocol does first, and reads that; the client itself: `test_outside_engines.py`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import httpx
import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import NoSuchTableError, RESTError

from pergamon import lake
from pergamon.adapters.spark_connect import EngineFailed, EngineSession
from pergamon.catalog_endpoint import RunningEndpoint
from tests.integration.catalog_endpoint.conftest import COLUMNS, PATIENTS, Engine, Lake
from tests.reference.plain_engine import connected

Rows = list[dict[str, Any]]


class Reader(Protocol):
    def rows(self, table: str) -> Rows: ...


class Writer(Reader, Protocol):
    def append(self, table: str, rows: pa.Table) -> None: ...


class PyIceberg:
    def __init__(self, catalog: RestCatalog) -> None:
        self.catalog = catalog

    def rows(self, table: str) -> Rows:
        return self.catalog.load_table(table).scan().to_arrow().to_pylist()

    def append(self, table: str, rows: pa.Table) -> None:
        self.catalog.load_table(table).append(rows)


class Sail:
    def __init__(self, session: EngineSession) -> None:
        self.session, self.views = session, 0

    def rows(self, table: str) -> Rows:
        return self.session.sql_to_arrow(f"SELECT * FROM {table}").to_pylist()

    def append(self, table: str, rows: pa.Table) -> None:
        self.views += 1
        self.session.create_view(f"rows_{self.views}", rows)
        self.session.execute_sql(f"INSERT INTO {table} SELECT * FROM rows_{self.views}")


class DuckDB:
    def __init__(self, uri: str, token: str) -> None:
        self.uri, self.headers = uri, {"Authorization": f"Bearer {token}"}

    def rows(self, table: str) -> Rows:
        database, name = table.split(".")
        answer = httpx.get(f"{self.uri}/v1/namespaces/{database}/tables/{name}", headers=self.headers)
        metadata = answer.raise_for_status().json()["metadata-location"]
        with connected() as connection:
            return connection.execute(f"SELECT * FROM iceberg_scan('{metadata}')").to_arrow_table().to_pylist()


REFUSED = (EngineFailed, RESTError)


@pytest.fixture
def reader(request: pytest.FixtureRequest, endpoint: RunningEndpoint, token: str) -> Reader:
    match request.param:
        case "PyIceberg":
            return PyIceberg(request.getfixturevalue("iceberg"))
        case "Sail":
            return Sail(request.getfixturevalue("engine").session)
        case _:
            return DuckDB(endpoint.uri, token)


readers = pytest.mark.parametrize("reader", ["PyIceberg", "Sail", "DuckDB"], indirect=True)
writers = pytest.mark.parametrize("reader", ["PyIceberg", "Sail"], indirect=True)


def patients(*ids: int) -> pa.Table:
    names = [None if number % 3 == 0 else f"Änne {number}" for number in ids]
    return pa.table({"id": list(ids), "region": ["north"] * len(ids), "name": names}, schema=COLUMNS)


def by_id(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: row["id"])


def ids(reader: Reader, table: object = PATIENTS) -> list[int]:
    return sorted(row["id"] for row in reader.rows(str(table)))


# --- who reads ---


@readers
def test_everyone_reads_the_rows_that_another_wrote(world: Lake, iceberg: RestCatalog, reader: Reader) -> None:
    lease = world.open()
    PyIceberg(iceberg).append(lease.alias, patients(1, 2, 3))
    assert world.close(lease).committed
    assert by_id(reader.rows(str(PATIENTS))) == patients(1, 2, 3).to_pylist()


@readers
def test_everyone_sees_a_new_snapshot_with_its_next_question(world: Lake, iceberg: RestCatalog, reader: Reader) -> None:
    for round_, expected in enumerate(([1], [1, 2], [1, 2, 3]), start=1):
        lease = world.open()
        PyIceberg(iceberg).append(lease.alias, patients(round_))
        assert world.close(lease).committed
        assert ids(reader) == expected


@readers
def test_nobody_sees_rows_that_a_merge_deleted(world: Lake, engine: Engine, reader: Reader) -> None:
    first = world.open()
    Sail(engine.session).append(first.alias, patients(*range(1, 11)))
    assert world.close(first).committed
    second = world.open()
    engine.session.execute_sql(
        f"MERGE INTO {second.alias} t USING (SELECT id FROM {PATIENTS} WHERE id % 2 = 0) s ON t.id = s.id "
        "WHEN MATCHED THEN DELETE"
    )
    assert world.close(second).committed
    assert world.files().position_deletes, "merge-on-read: readers must apply the delete files"
    assert ids(reader) == [1, 3, 5, 7, 9]


@readers
def test_everyone_reads_old_files_under_the_new_columns(world: Lake, iceberg: RestCatalog, reader: Reader) -> None:
    events, rt = lake.TableId("raw_db", "events"), world.rt
    with rt.begin(world.actor) as uow:
        columns = pa.schema([("id", pa.int32()), ("gone", pa.string()), ("kept", pa.string())])
        lake.create_table(uow, rt.settings.lake, events, columns)
    lease = world.open(events)
    PyIceberg(iceberg).append(lease.alias, pa.table({"id": pa.array([1], pa.int32()), "gone": ["x"], "kept": ["y"]}))
    assert world.close(lease).committed
    with rt.begin(world.actor) as uow:
        known = {field.name: field.field_id for field in lake.load_table(uow, events).schema().fields}
        added = [pa.field("note", pa.string())]
        lake.evolve_table(uow, events, add=added, widen={known["id"]: pa.int64()}, drop=[known["gone"]])
    assert reader.rows(str(events)) == [{"id": 1, "kept": "y", "note": None}]


@readers
def test_nobody_is_answered_about_a_table_that_is_not_there(reader: Reader) -> None:
    with pytest.raises((*REFUSED, NoSuchTableError, httpx.HTTPStatusError)):
        reader.rows("raw_db.nothing")


# --- who writes ---


@writers
def test_what_is_written_under_a_lease_is_committed_once(world: Lake, reader: Writer) -> None:
    lease = world.open()
    reader.append(lease.alias, patients(1, 2))
    outcome = world.close(lease)
    assert outcome.committed
    assert world.files().snapshot_id == outcome.committed_snapshot_id
    assert (len(world.history()), world.marks(), ids(reader)) == (1, [lease.id], [1, 2])


def its_own_name(world: Lake, reader: Writer) -> str:
    return str(PATIENTS)


def a_lease_that_was_closed(world: Lake, reader: Writer) -> str:
    lease = world.open()
    assert not world.close(lease).committed
    return lease.alias


def a_lease_that_was_spent(world: Lake, reader: Writer) -> str:
    lease = world.open()
    reader.append(lease.alias, patients(5))
    return lease.alias


def a_lease_of_another_table(world: Lake, reader: Writer) -> str:
    with world.rt.begin(world.actor) as uow:
        lake.create_table(uow, world.rt.settings.lake, lake.TableId("raw_db", "other"), COLUMNS)
    lease = world.open(lake.TableId("raw_db", "other"))
    return f"{lease.alias.rsplit('.', 1)[0]}.{PATIENTS.name}"


def a_lease_that_nobody_opened(world: Lake, reader: Writer) -> str:
    return f"lease_{'0' * 26}.{PATIENTS.name}"


@writers
@pytest.mark.parametrize(
    "name",
    [
        its_own_name,
        a_lease_that_was_closed,
        a_lease_that_was_spent,
        a_lease_of_another_table,
        a_lease_that_nobody_opened,
    ],
)
def test_nothing_is_written_without_a_lease_that_holds(
    world: Lake, reader: Writer, name: Callable[[Lake, Writer], str]
) -> None:
    target = name(world, reader)
    before, commits = ids(reader), len(world.history())
    with pytest.raises((*REFUSED, NoSuchTableError)) as refused:
        reader.append(target, pa.table({"id": [66], "region": ["x"], "name": ["secret-name"]}, schema=COLUMNS))
    assert "secret-name" not in str(refused.value)
    assert (ids(reader), len(world.history())) == (before, commits)
