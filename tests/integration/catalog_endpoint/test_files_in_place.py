"""Parquet files become data files where they lie, in one commit with what they replace; and every engine reads them.

Read by a real DuckDB, a real Sail and PyIceberg: columns in another order, missing, narrower, under another spelling;
values of partition columns that no file holds; rows that came, went, and changed their type.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import StaticTable

from pergamon import lake
from pergamon.lake import NewColumns, NewFile
from tests.reference.plain_engine import connected

from .conftest import Engine, Lake

VISITS = lake.TableId("raw_db", "visits")
COLUMNS = pa.schema([("id", pa.int64()), ("name", pa.string()), ("year", pa.int64()), ("site", pa.string())])


def content(world: Lake, file: str, /, **columns: object) -> Path:
    """A file outside every table, as an object's content is."""
    path = world.rt.settings.lake / "raw" / ".objects" / "ab" / f"{file}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def new_file(path: Path, *partition: Any, spec_id: int | None = None) -> NewFile:
    return NewFile(path, pq.read_metadata(path).num_rows, path.stat().st_size, partition, spec_id)


def commit(
    world: Lake,
    add: Sequence[NewFile] = (),
    remove: Sequence[NewFile] = (),
    columns: NewColumns | None = None,
    *,
    in_place: frozenset[Path] | None = None,
    replace_all: bool = False,
) -> None:
    lease = world.open(VISITS)
    try:
        with world.rt.begin(world.actor) as uow:
            held, record = lake.writable(uow, lease.id, VISITS.name)
        base = lake.read_metadata(record.metadata_location)
        allowed = frozenset(file.path for file in add) if in_place is None else in_place
        planned = lake.change_of(
            held, record, base, add=add, remove=remove, in_place=allowed, columns=columns, replace_all=replace_all
        )
        durable = lake.make_durable(planned)
        with world.rt.begin(world.actor) as uow:
            lake.finish_commit(uow, durable, world.on_commit)
    finally:
        world.close(lease)


class Readers:
    """The same table through three engines, which must agree."""

    def __init__(self, world: Lake, engine: Engine) -> None:
        self.world, self.engine = world, engine

    def rows(self) -> list[dict[str, Any]]:
        metadata = self.world.files(VISITS).metadata
        iceberg = StaticTable.from_metadata(metadata).scan().to_arrow()
        duck = connected().execute(f"SELECT * FROM iceberg_scan('{metadata}')").to_arrow_table()
        sail = self.engine.session.sql_to_arrow(f"SELECT * FROM {VISITS}")
        read = [sorted(table.to_pylist(), key=lambda row: row["id"]) for table in (iceberg, duck, sail)]
        assert read[0] == read[1] == read[2]
        return read[0]

    def ids_where(self, condition: str) -> list[int]:
        metadata = self.world.files(VISITS).metadata
        duck = connected().execute(f"SELECT id FROM iceberg_scan('{metadata}') WHERE {condition} ORDER BY id")
        sail = self.engine.session.sql_to_arrow(f"SELECT id FROM {VISITS} WHERE {condition} ORDER BY id")
        found = [row[0] for row in duck.fetchall()]
        assert found == sail["id"].to_pylist()
        return found


@pytest.fixture
def readers(world: Lake, engine: Engine) -> Readers:
    return Readers(world, engine)


def create(world: Lake, columns: pa.Schema = COLUMNS, partition_by: Sequence[str] = ()) -> None:
    with world.rt.begin(world.actor) as uow:
        lake.create_table(uow, world.rt.settings.lake, VISITS, columns, partition_by=partition_by)


def test_files_of_other_shapes_are_read_where_they_lie(world: Lake, readers: Readers) -> None:
    create(world)
    narrow = content(world, "a", name=["a", "b"], id=pa.array([1, 2], pa.int32()))
    spelled = content(world, "b", **{"Id Nr.": [3], 'na"me\n': ["c"], "site": ["x"]})
    empty = content(world, "c", id=pa.array([], pa.int64()))
    spellings = {"id": ["Id Nr."], "name": ['na"me\n']}
    commit(world, [new_file(path) for path in (narrow, spelled, empty)], columns=NewColumns(spellings=spellings))
    assert readers.rows() == [
        {"id": 1, "name": "a", "year": None, "site": None},
        {"id": 2, "name": "b", "year": None, "site": None},
        {"id": 3, "name": "c", "year": None, "site": "x"},
    ]
    again = content(world, "d", **{"Id Nr.": [4]})
    commit(world, [new_file(again)], columns=NewColumns(add=[pa.field("new", pa.float64())]))
    assert readers.ids_where("id > 2") == [3, 4]
    assert readers.rows()[3] == {"id": 4, "name": None, "year": None, "site": None, "new": None}


def test_values_of_partition_columns_come_from_the_folders(world: Lake, readers: Readers) -> None:
    create(world, partition_by=["year", "site"])
    files = [
        new_file(content(world, "a", id=[1, 2], name=["a", "b"]), 2023, "x"),
        new_file(content(world, "b", id=[3], name=["c"]), 2024, None),
        new_file(content(world, "c", id=pa.array([], pa.int64())), 2025, "z"),
    ]
    commit(world, files)
    assert [(row["id"], row["year"], row["site"]) for row in readers.rows()] == [
        (1, 2023, "x"),
        (2, 2023, "x"),
        (3, 2024, None),
    ]
    assert readers.ids_where("year = 2023 AND name = 'b'") == [2]
    assert readers.ids_where("year = 2024 AND site IS NULL") == [3]
    commit(world, [new_file(content(world, "d", id=[9], name=["d"]), 2023, "x")], [files[0]])
    assert readers.ids_where("site = 'x'") == [9]


def test_a_replaced_file_replaces_its_rows_in_one_snapshot(world: Lake, readers: Readers) -> None:
    create(world)
    old, other = new_file(content(world, "a", id=[1, 2])), new_file(content(world, "b", id=[3]))
    commit(world, [old, other])
    commit(world, [new_file(content(world, "c", id=[1, 4]))], [old])
    assert [row["id"] for row in readers.rows()] == [1, 3, 4]
    assert [entry.operation for entry in world.history(VISITS)] == ["append", "overwrite"]
    commit(world, [], [other])
    assert [row["id"] for row in readers.rows()] == [1, 4]


def test_a_column_of_another_type_is_a_new_column_in_the_commit_that_replaces_every_file(
    world: Lake, readers: Readers
) -> None:
    create(world, partition_by=["year"])
    old = new_file(content(world, "a", id=[1], name=["a"]), 2023)
    commit(world, [old])
    with world.rt.begin(world.actor) as uow:
        ids = {column.name: column.field_id for column in lake.load_table(uow, VISITS).schema().fields}
    columns = NewColumns(add=[pa.field("year", pa.string())], drop=[ids["year"]], unpartition=True)
    new = [new_file(content(world, "b", id=[1], year=["2023"])), new_file(content(world, "c", id=[2], year=["x"]))]
    gone = NewFile(old.path, old.rows, old.size_bytes, old.partition, spec_id=0)
    commit(world, new, [gone], columns, replace_all=True)
    assert world.history(VISITS)[-1].summary["total-records"] == "2"
    assert [(row["id"], row["year"]) for row in readers.rows()] == [(1, "2023"), (2, "x")]


def test_a_wider_type_is_read_from_the_old_files(world: Lake, readers: Readers) -> None:
    create(world, pa.schema([("id", pa.int32()), ("pulse", pa.float32())]))
    commit(world, [new_file(content(world, "a", id=pa.array([1], pa.int32()), pulse=pa.array([0.5], pa.float32())))])
    wider = NewColumns(widen={1: pa.int64(), 2: pa.float64()})
    commit(world, [new_file(content(world, "b", id=[2**40], pulse=[0.1]))], columns=wider)
    assert readers.rows() == [{"id": 1, "pulse": 0.5}, {"id": 2**40, "pulse": 0.1}]


def test_a_file_elsewhere_is_refused_unless_it_is_allowed_by_its_path(world: Lake) -> None:
    create(world)
    path, neighbour = content(world, "a", id=[1]), content(world, "b", id=[2])
    for allowed in (frozenset[Path](), frozenset({neighbour}), frozenset({path.parent})):
        with pytest.raises(lake.BadLocation):
            commit(world, [new_file(path)], in_place=allowed)
    link = path.with_name("link.parquet")
    link.symlink_to(path)
    with pytest.raises(lake.BadLocation):
        commit(world, [NewFile(link, 1, 1)])
    with world.rt.begin(world.actor) as uow:
        assert lake.read_table(uow, VISITS).snapshot_id is None


def test_an_engines_commit_cannot_name_a_file_in_place(world: Lake, iceberg: RestCatalog) -> None:
    create(world)
    path = content(world, "a", id=[1], name=["a"], year=[1], site=["s"])
    commit(world, columns=NewColumns())  # the table has its name mapping, so that only the snapshot is asked for
    lease = world.open(VISITS)
    with pytest.raises(Exception, match="outside its table"):
        iceberg.load_table(lease.alias).add_files([f"file://{path}"])
    assert not world.close(lease).committed
