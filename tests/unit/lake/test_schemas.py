"""What a table may look like, and how it may change."""

import pyarrow as pa
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    UUIDType,
)

from pergamon import lake
from pergamon.lake.schemas import evolved_schema, iceberg_schema, type_text, widened_type
from pergamon.policy.column_types import parsed_type

COLUMNS = pa.schema([("ID", pa.int32()), ("name", pa.string()), ("amount", pa.decimal128(10, 2))])


def test_field_ids_begin_at_one_and_identifiers_are_required() -> None:
    schema = iceberg_schema(COLUMNS, ["ID"])
    assert [(field.field_id, field.name, field.required) for field in schema.fields] == [
        (1, "ID", True),
        (2, "name", False),
        (3, "amount", False),
    ]
    assert schema.identifier_field_ids == [1]


@pytest.mark.parametrize(
    ("columns", "identifiers"),
    [
        (pa.schema([]), []),
        (pa.schema([("a", pa.string()), ("A", pa.string())]), []),
        (pa.schema([("", pa.string())]), []),
        (pa.schema([("t", pa.time64("us"))]), []),
        (pa.schema([("x", pa.binary(4))]), []),
        (pa.schema([("inner", pa.list_(pa.struct([("t", pa.time64("us"))])))]), []),
        (pa.schema([("inner", pa.list_(pa.struct([("a", pa.string()), ("A", pa.string())])))]), []),
        (pa.schema([("inner", pa.struct([("", pa.string()), ("b", pa.string())]))]), []),
        (pa.schema([("inner", pa.list_(pa.struct([("a: optional boolean, 2: consent", pa.bool_())])))]), []),
        (pa.schema([("month", pa.month_day_nano_interval())]), []),
        (pa.schema([("a", pa.string())]), ["b"]),
        (pa.schema([("a", pa.float64())]), ["a"]),
        (pa.schema([("a", pa.list_(pa.int32()))]), ["a"]),
        (Schema(NestedField(1, "u", UUIDType())), []),
    ],
)
def test_a_table_that_not_every_engine_could_use_is_refused(
    columns: pa.Schema | Schema, identifiers: list[str]
) -> None:
    with pytest.raises(lake.BadSchema):
        iceberg_schema(columns, identifiers)


def test_columns_are_added_at_the_end_widened_in_place_and_dropped_by_field_id() -> None:
    before = iceberg_schema(COLUMNS, ["ID"])
    after = evolved_schema(
        before, 3, add=[pa.field("note", pa.string(), nullable=False)], widen={1: LongType()}, drop=[2]
    )
    assert [(f.field_id, f.name, str(f.field_type), f.required) for f in after.fields] == [
        (1, "ID", "long", True),
        (3, "amount", "decimal(10, 2)", False),
        (4, "note", "string", False),
    ]
    assert after.identifier_field_ids == [1]


def test_a_column_that_comes_back_is_a_new_column() -> None:
    before = iceberg_schema(COLUMNS)
    without = evolved_schema(before, 3, add=[], widen={}, drop=[2])
    again = evolved_schema(without, 3, add=[pa.field("name", pa.string())], widen={}, drop=[])
    assert again.find_field("name").field_id == 4


@pytest.mark.parametrize(
    ("add", "widen", "drop"),
    [
        ([], {9: LongType()}, []),
        ([], {}, [9]),
        ([], {}, [1]),
        ([], {2: LongType()}, []),
        ([pa.field("NAME", pa.string())], {}, []),
        ([pa.field("t", pa.time32("s"))], {}, []),
        ([], {}, [2, 3, 1]),
    ],
)
def test_a_change_that_loses_or_reinterprets_is_refused(add: list[pa.Field], widen: dict, drop: list[int]) -> None:
    with pytest.raises(lake.BadSchema):
        evolved_schema(iceberg_schema(COLUMNS, ["ID"]), 3, add=add, widen=widen, drop=drop)


@pytest.mark.parametrize(
    ("current", "wanted", "is_widening"),
    [
        (IntegerType(), LongType(), True),
        (IntegerType(), pa.int64(), True),
        (LongType(), IntegerType(), False),
        (DecimalType(10, 2), DecimalType(12, 2), True),
        (DecimalType(10, 2), DecimalType(12, 3), False),
        (DecimalType(10, 2), DecimalType(9, 2), False),
        (StringType(), LongType(), False),
        (StringType(), BinaryType(), False),
        (DateType(), pa.timestamp("us"), False),
        (LongType(), LongType(), True),
    ],
)
def test_only_a_widening_keeps_every_value(current, wanted, is_widening: bool) -> None:
    if is_widening:
        assert widened_type(current, wanted) is not None
    else:
        with pytest.raises(lake.BadSchema):
            widened_type(current, wanted)


def test_a_type_is_told_without_what_is_said_of_its_fields() -> None:
    def typed(doc: str | None) -> IcebergType:
        inner = StructType(NestedField(4, "a", StringType(), doc=doc, required=True), NestedField(5, "b", LongType()))
        return ListType(1, MapType(2, DecimalType(9, 2), 3, inner))

    assert type_text(typed("a word of it")) == type_text(typed(None)) == str(typed(None))
    assert parsed_type(type_text(typed("a word of it"))) == parsed_type(str(typed(None)))
