"""Which columns a raw table has, given what its landing files hold and what it has now. Pure.

Versioning S follows the source: new columns are added, wider types widen, dropped columns go. Versioning H keeps a
dropped column, because older rows hold it. A change of type that is no widening stops the table until an operator
decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
from pyiceberg.schema import Schema

from pergamon.kernel import Invalid

OPERATION, POSITION, UNCHANGED, PREVIOUS_KEY = "Op", "_position", "_unchanged", "_previous_key"
LANDING_OWN = (OPERATION, POSITION, UNCHANGED, PREVIOUS_KEY)
RAW_OPERATION = "_operation"
"""In a history: I, U, D, T, and L for a row of a full load."""
LOADED = "L"
RESERVED_PREFIXES = ("_previous_", "__keep_", "__stored_", "__old_")

Columns = Mapping[str, pa.DataType]


class TypeCannotWiden(Invalid):
    """A column has changed its type in the source, and the new type cannot hold, or be held by, the old one."""

    code = "pipeline.type_cannot_widen"


@dataclass(frozen=True)
class Evolution:
    """From the table as it is to the table that the files need."""

    columns: dict[str, pa.DataType]
    """Every data column afterwards, in the table's order."""
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    replaced: tuple[str, ...] = field(default=())
    """Dropped and added anew with another type: only by a full load, which replaces every value."""


def data_columns(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The columns of the source's table in a landing file, rule-added ones included; without Pergamon's own."""
    return {name: plain_type(schema.field(name).type) for name in schema.names if name not in LANDING_OWN}


def raw_columns(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The data columns of a raw table."""
    return {name: plain_type(schema.field(name).type) for name in schema.names if not _is_own(name)}


def columns_of(schema: Schema) -> dict[str, pa.DataType]:
    """The data columns of a raw table by its Iceberg schema."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow  # when it is used: it brings pandas, which slows every command

    return raw_columns(schema_to_pyarrow(schema, include_field_ids=False))


def previous_key_column(key: str) -> str:
    """In a history: the key that a row had before this change gave it another; null when the key stayed."""
    return f"_previous_{key}"


def is_reserved(name: str) -> bool:
    """Would a column of the source, so called, be taken for one of the merge's own? Engines do not tell case apart."""
    lower = name.casefold()
    own = {word.casefold() for word in (*LANDING_OWN, RAW_OPERATION)}
    return lower in own or lower == "__operation" or lower.startswith(RESERVED_PREFIXES)


def _is_own(name: str) -> bool:
    return name in (RAW_OPERATION, POSITION) or name.startswith("_previous_")


def plain_type(kind: pa.DataType) -> pa.DataType:
    """One spelling per type: readers differ in `large_string` and the names of list elements."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(plain_type(kind.value_type))
    return kind


def wider_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds every value of both, or None."""
    if one == other:
        return one
    if {one, other} == {pa.int32(), pa.int64()}:
        return pa.int64()
    if {one, other} == {pa.float32(), pa.float64()}:
        return pa.float64()
    if pa.types.is_decimal(one) and pa.types.is_decimal(other) and one.scale == other.scale:
        return one if one.precision >= other.precision else other
    return None


def files_of_one_shape(files: Sequence[Columns]) -> int:
    """How many files from the first on can share a commit: none drops a column or changes a type beyond widening.

    A name that goes and comes back is a new column; its old values must not come back with it.
    """
    known = dict(files[0])
    for count, columns in enumerate(files[1:], start=1):
        if known.keys() - columns.keys():
            return count
        for name, kind in columns.items():
            wider = wider_type(known.get(name, kind), kind)
            if wider is None:
                return count
            known[name] = wider
    return len(files)


def evolve(
    table: Columns, files: Sequence[Columns], versioning: Literal["S", "H"], *, replaces: bool, target: str
) -> Evolution:
    """Decide the columns of `target` for files of one shape.

    Args: table: what it has now (empty: it does not exist); replaces: the files are a full load that replaces every
    row.
    Raises:
        TypeCannotWiden: naming the column and both types.
    """
    wanted: dict[str, pa.DataType] = {}
    for columns in files:
        for name, kind in columns.items():
            wanted[name] = wider_type(wanted.get(name, kind), kind) or kind
    result: dict[str, pa.DataType] = {}
    widened, dropped, replaced = [], [], []
    for name, kind in table.items():
        first_has_it = all(name in columns for columns in files[:1])
        if name not in wanted or (not first_has_it and versioning == "S" and not replaces):
            dropped.append(name)
            continue
        wider = wider_type(kind, wanted[name])
        if wider is None and not (replaces and versioning == "S"):
            raise TypeCannotWiden(
                f"{target}: column {name} was {kind} and is now {wanted[name]}, which is no widening",
                hint="load anew with `pergamon replication start TASK --reload` (versioning S takes the new type), "
                "change the type back, "
                "or leave the column out with a remove-column rule",
            )
        if wider is None:
            replaced.append(name)
        else:
            result[name] = wider
            if wider != kind:
                widened.append(name)
    if versioning == "H":
        result |= {name: table[name] for name in dropped}
        dropped = []
    added = [name for name in wanted if name not in result and name not in replaced]
    result |= {name: wanted[name] for name in [*replaced, *added]}
    return Evolution(result, tuple(added), tuple(widened), tuple(dropped), tuple(replaced))


def spark_type(kind: pa.DataType) -> str:
    """What Spark SQL calls an Arrow type.

    Raises:
        TypeCannotWiden: a type that no landing file has.
    """
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "TIMESTAMP_NTZ"
    if pa.types.is_list(kind):
        return f"ARRAY<{spark_type(kind.value_type)}>"
    names = {
        pa.bool_(): "BOOLEAN",
        pa.int32(): "INT",
        pa.int64(): "BIGINT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
        pa.string(): "STRING",
        pa.binary(): "BINARY",
        pa.date32(): "DATE",
    }
    if kind not in names:
        raise TypeCannotWiden(f"a landing file has a column of type {kind}, which the lake does not know")
    return names[kind]
