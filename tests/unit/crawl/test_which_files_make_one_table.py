"""Which shapes fit together, and what the tables are called."""

import pyarrow as pa
import pytest

from pergamon.crawl.names import Partition
from pergamon.crawl.planning import Plan, PlannedTable, Shape, constants, fits_in_place, plan_folder, with_partition

INT, TEXT, DATE, DOUBLE = pa.int64(), pa.string(), pa.date32(), pa.float64()


def shape(name: str, files: int = 1, sheet: str | None = None, **columns: pa.DataType) -> Shape:
    return Shape(name, sheet, pa.schema(list(columns.items())), files, name, in_place=False)


def named(plan: Plan) -> dict[str, list[str]]:
    return {table.name: table.columns.names for table in plan.tables}


def test_the_most_files_keep_the_folders_name() -> None:
    shapes = [shape("wards", ward=TEXT), shape("visits", 3, id=INT, day=DATE)]
    assert named(plan_folder("mixed", shapes, [])) == {"mixed": ["id", "day"], "mixed_wards": ["ward"]}


def test_half_of_the_columns_is_enough() -> None:
    shapes = [shape("a", 2, id=INT, day=DATE, x=INT), shape("b", id=INT, day=DATE, y=INT), shape("c", z=INT, w=INT)]
    plan = plan_folder("t", shapes, [])
    assert named(plan) == {"t": ["id", "day", "x", "y"], "t_c": ["z", "w"]}


def test_an_id_alone_makes_no_kin_of_two_files_unless_it_is_all_that_one_has() -> None:
    shapes = [shape("a", 3, id=INT, x=INT), shape("b", 2, id=INT, v=DOUBLE), shape("c", id=INT)]
    assert named(plan_folder("t", shapes, [])) == {"t": ["id", "x"], "t_b": ["id", "v"]}


def test_a_table_does_not_grow_without_end() -> None:
    wide = [shape(f"f{n}", 9 - n, id=INT, day=DATE, **{f"c{n}_{i}": INT for i in range(2_400)}) for n in range(3)]
    halves = [Shape(s.digest, None, s.columns, s.files, s.digest, in_place=False) for s in wide]
    plan = plan_folder("t", halves, [])
    assert all(len(table.columns) <= 5_000 for table in plan.tables)


def test_the_same_names_always_fit_and_become_text_where_nothing_else_holds_both() -> None:
    plan = plan_folder("t", [shape("a", 2, id=INT, at=DATE), shape("b", id=INT, at=INT)], [])
    assert [(field.name, field.type) for field in plan.tables[0].columns] == [("id", INT), ("at", TEXT)]


def test_other_names_and_types_that_do_not_merge_are_apart() -> None:
    plan = plan_folder("t", [shape("a", 2, id=INT, at=DATE), shape("b", id=INT, at=INT, more=INT, much=INT)], [])
    assert named(plan).keys() == {"t"} or len(plan.tables) == 2


def test_what_was_planned_before_stays() -> None:
    known = [PlannedTable("t1", None, "visits", pa.schema([("id", INT)]))]
    plan = plan_folder("visits", [shape("a", 9, ward=TEXT), shape("b", 1, id=INT)], known)
    assert [(table.id, table.name) for table in plan.tables] == [("t1", "visits"), (None, "visits_a")]


def test_sheets_are_tables_of_their_own() -> None:
    plan = plan_folder("book", [shape("a", sheet="People", id=INT), shape("a", sheet="Wards", id=INT)], [])
    assert sorted(named(plan)) == ["book_people", "book_wards"]


def test_names_of_one_folder_are_all_different() -> None:
    shapes = [shape(f"d{n}", 1, **{f"c{n}": INT}) for n in range(3)] + [shape("d0", 1, x=INT)]
    assert len({table.name for table in plan_folder("t", shapes, []).tables}) == 4


def test_one_table_takes_text_as_the_last_way_and_sets_bytes_aside() -> None:
    shapes = [shape("a", 3, at=DATE), shape("b", at=INT, z=INT), shape("c", at=pa.binary())]
    plan = plan_folder("t", shapes, [], one_table=True)
    assert named(plan) == {"t": ["at", "z"]}
    assert list(plan.misfits) == [("c", None)]


@pytest.mark.parametrize(
    ("value", "kind"), [("2024", INT), ("-3", INT), ("007", TEXT), ("x", TEXT), ("1.5", TEXT), (None, INT), ("٣", TEXT)]
)
def test_a_folders_value_is_a_number_only_without_doubt(value: str | None, kind: pa.DataType) -> None:
    assert with_partition(pa.schema([("id", INT)]), (("k", value),)).field("k").type == kind


def test_a_null_does_not_make_a_number_text() -> None:
    both = [with_partition(pa.schema([("id", INT)]), (("k", value),)) for value in ("1", None)]
    shapes = [Shape(str(number), None, columns, 1, "a", True) for number, columns in enumerate(both)]
    (table,) = plan_folder("t", shapes, []).tables
    assert table.columns.field("k").type == INT
    assert constants(table.columns, (("k", None),), pa.schema([])) == {"k": None}
    assert constants(table.columns, (("k", "7"),), pa.schema([])) == {"k": 7}


@pytest.mark.parametrize(
    ("file", "divided_by", "partition", "fits"),
    [
        ({"id": INT}, (), (), True),
        ({"id": pa.int32()}, (), (), True),
        ({"id": DOUBLE}, (), (), False),
        ({"id": INT}, ("k",), (("k", "1"),), True),
        ({"id": INT}, (), (("k", "1"),), False),
        ({"id": INT, "k": INT}, ("k",), (("k", "1"),), False),
        ({"id": INT, "k": INT}, (), (("k", "1"),), True),
        ({"id": INT}, ("k",), (), True),
        ({"other": INT}, (), (), False),
    ],
)
def test_when_parquet_may_stay_where_it_lies(
    file: dict[str, pa.DataType], divided_by: tuple[str, ...], partition: Partition, fits: bool
) -> None:
    table = pa.schema([("id", INT), ("k", INT)])
    assert fits_in_place(pa.schema(list(file.items())), table, divided_by, partition) is fits
