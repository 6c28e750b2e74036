"""What a table may look like, and how it may change: types that Sail, DuckDB and PyIceberg all read and write.

Columns are known by field id: a dropped and re-added name is a new column (Iceberg specification, "Schema Evolution").
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Final

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimeType,
    UUIDType,
)

from pergamon.lake.model import BadSchema
from pergamon.lake.properties import FORMAT_VERSION

NOT_IN_SPARK_SQL = (UUIDType, TimeType, FixedType)
"""Sail refuses to write text into these; the mapping from a source's types avoids them."""

LONGEST_NAME: Final = 255
TYPE_WORDS: Final = re.compile(": (optional|required) ")
"""What stands between the name and the type of a struct's field where a type is written."""


def iceberg_schema(columns: pa.Schema | Schema, identifiers: Sequence[str] = ()) -> Schema:
    """A schema with fresh field ids, beginning at 1; the identifier columns are required.

    Raises:
        BadSchema: no columns, two names that differ only in case, a type that not every engine can write,
            or an identifier that is missing or not a plain exact value.
    """
    schema = columns if isinstance(columns, Schema) else _without_ids(columns)
    refuse_doubtful_columns(schema.fields)
    required = [_required(field) if field.name in identifiers else field for field in schema.fields]
    fresh = assign_fresh_schema_ids(Schema(*required))
    ids = [_identifier_id(fresh, name) for name in identifiers]
    return Schema(*fresh.fields, identifier_field_ids=ids, schema_id=0)


def evolved_schema(
    current: Schema,
    last_column_id: int,
    *,
    add: Sequence[pa.Field],
    widen: Mapping[int, IcebergType],
    drop: Collection[int],
) -> Schema:
    """The schema after a change: dropped columns out, widened ones changed in place, new ones (optional) at the end.

    Raises:
        BadSchema: an unknown field id, an identifier dropped, a change that is no widening, a doubtful new column.
    """
    known = {field.field_id for field in current.fields}
    unknown = sorted((set(widen) | set(drop)) - known)
    if unknown:
        raise BadSchema(f"the table has no columns with the field ids {unknown}")
    lost = [current.find_column_name(field_id) for field_id in sorted(set(drop) & set(current.identifier_field_ids))]
    if lost:
        raise BadSchema(f"the identifier columns {lost} cannot be dropped", hint="create the table anew")
    kept = [_widened(field, widen.get(field.field_id)) for field in current.fields if field.field_id not in drop]
    fields = [*kept, *_new_fields(add, last_column_id)]
    refuse_doubtful_columns(fields)
    return Schema(*fields, identifier_field_ids=current.identifier_field_ids)


def identity_spec(schema: Schema, columns: Sequence[str]) -> PartitionSpec:
    """The partition spec that divides a table by the plain values of these columns.

    Raises:
        BadSchema: one of them is no column.
    """
    missing = sorted(set(columns) - set(schema.column_names))
    if missing:
        raise BadSchema(f"the partition columns {missing} are not columns of the table")
    ids = [schema.find_field(name).field_id for name in columns]
    named = zip(ids, columns, strict=True)
    return PartitionSpec(
        *(PartitionField(source, 1000 + index, IdentityTransform(), name) for index, (source, name) in enumerate(named))
    )


def widened_type(current: IcebergType, wanted: IcebergType | pa.DataType) -> IcebergType:
    """The wanted type, when each value keeps its meaning: int to long, float to double, a wider decimal.

    Raises:
        BadSchema: it is not a widening that Iceberg allows.
    """
    target = (
        _without_ids(pa.schema([("wanted", wanted)])).fields[0].field_type
        if isinstance(wanted, pa.DataType)
        else wanted
    )
    if current != target and not is_widening(current, target):
        raise BadSchema(f"a column of type {current} cannot become {target}", hint="only widening is possible")
    return target


def is_widening(current: IcebergType, target: IcebergType) -> bool:
    """Does each value keep its meaning?

    Source: Iceberg specification, "Schema Evolution", v2. PyIceberg's `promote` is laxer: a new scale, text to binary.
    """
    match current, target:
        case (IntegerType(), LongType()) | (FloatType(), DoubleType()):
            return True
        case DecimalType(), DecimalType():
            return target.scale == current.scale and target.precision > current.precision
        case _:
            return False


def type_text(kind: IcebergType) -> str:
    """A type as text, as rights and the catalog know it: without what somebody has said of the fields in it."""
    match kind:
        case StructType():
            said = ((field, "required" if field.required else "optional") for field in kind.fields)
            fields = (f"{field.field_id}: {field.name}: {need} {type_text(field.field_type)}" for field, need in said)
            return f"struct<{', '.join(fields)}>"
        case ListType():
            return f"list<{type_text(kind.element_type)}>"
        case MapType():
            return f"map<{type_text(kind.key_type)}, {type_text(kind.value_type)}>"
        case plain:
            return str(plain)


def _new_fields(add: Sequence[pa.Field], last_column_id: int) -> list[NestedField]:
    if not add:
        return []
    next_id = count(last_column_id + 1)
    loose = _without_ids(pa.schema([field.with_nullable(True) for field in add]))
    return list(assign_fresh_schema_ids(loose, lambda: next(next_id)).fields)


def _widened(field: NestedField, wanted: IcebergType | None) -> NestedField:
    if wanted is None:
        return field
    return field.model_copy(update={"field_type": widened_type(field.field_type, wanted)})


def _required(field: NestedField) -> NestedField:
    return field.model_copy(update={"required": True})


def _identifier_id(schema: Schema, name: str) -> int:
    if name not in schema.column_names:
        raise BadSchema(f"the identifier {name} is not a column of the table")
    field = schema.find_field(name)
    if not field.field_type.is_primitive or isinstance(field.field_type, FloatType | DoubleType):
        raise BadSchema(f"the identifier {name} is {field.field_type}; an identifier is an exact, plain value")
    return field.field_id


def refuse_doubtful_columns(fields: Sequence[NestedField]) -> None:
    """Let columns pass that every engine can write.

    Raises:
        BadSchema: there are none, engines do not tell their names apart or cannot write them, or have no such type.
    """
    if not fields:
        raise BadSchema("a table needs at least one column")
    _refuse_doubtful_names("columns", [field.name for field in fields])
    for field in fields:
        _refuse_doubtful_type(field.name, field.field_type)


def _refuse_doubtful_names(what: str, names: Sequence[str]) -> None:
    """Types are told as text, and rights are bound to what is read there: no name may pass for more than itself."""
    folded = [name.casefold() for name in names]
    if any(not name or not name.isprintable() or len(name) > LONGEST_NAME or TYPE_WORDS.search(name) for name in names):
        raise BadSchema(
            f"one of the {what} has no name, a very long one, or one that cannot be printed or reads like a type",
            hint="rename it",
        )
    doubled = sorted({name for name in folded if folded.count(name) > 1})
    if doubled:
        raise BadSchema(
            f"{what} that differ only in case: {doubled}", hint="engines do not tell them apart; rename one"
        )


def _refuse_doubtful_type(name: str, kind: IcebergType) -> None:
    if isinstance(kind, NOT_IN_SPARK_SQL):
        raise BadSchema(f"column {name} is {kind}, which Spark SQL cannot name", hint=f"use {StringType()} or binary")
    if isinstance(kind, ListType):
        _refuse_doubtful_type(name, kind.element_type)
    if isinstance(kind, MapType):
        _refuse_doubtful_type(name, kind.key_type)
        _refuse_doubtful_type(name, kind.value_type)
    if isinstance(kind, StructType):
        _refuse_doubtful_names(f"fields of {name}", [field.name for field in kind.fields])
        for field in kind.fields:
            _refuse_doubtful_type(f"{name}.{field.name}", field.field_type)


def _without_ids(columns: pa.Schema) -> Schema:
    from pyiceberg.io.pyarrow import UnsupportedPyArrowTypeException, _pyarrow_to_schema_without_ids

    try:
        return _pyarrow_to_schema_without_ids(columns, format_version=FORMAT_VERSION)
    except (UnsupportedPyArrowTypeException, TypeError, ValueError):
        names = [f"{field.name}: {field.type}" for field in columns]
        raise BadSchema(f"a column has a type that Iceberg v2 does not know: {', '.join(names)}") from None
