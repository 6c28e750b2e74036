"""Which files make one table? Pure: shapes of files in, tables out; what was decided before stays.

Two shapes fit together when their columns merge without a value losing its meaning (`formats.merge_schemas`) and at
least half of the smaller one's columns are in the other; with exactly the same column names they fit in any case, and
what no other type holds becomes text. Different sheets of workbooks never share a table.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from pergamon.crawl.names import Partition, joined, numbered
from pergamon.formats import Constant, Incompatible, Merged, merge_schemas

PARTITION = b"pergamon.partition"
"""Metadata of a column whose values come from the folders' names."""
SHARED = 0.5
"""How much of the smaller one's columns two shapes must share, and at least two columns, to be one table."""
MOST_COLUMNS = 5_000
"""Of a table. What would make it wider becomes a table of its own."""
WHOLE = re.compile(r"0|-?[1-9][0-9]*")


@dataclass(frozen=True)
class Shape:
    """What some files have in common: the columns (those of the folders marked), and the sheet they come from."""

    digest: str
    part_name: str | None
    columns: pa.Schema
    files: int
    first_stem: str
    in_place: bool


@dataclass(frozen=True)
class PlannedTable:
    """A table of a folder. `divided_by`: the columns of folders that its files are divided by."""

    id: str | None
    part_name: str | None
    name: str
    columns: pa.Schema
    divided_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """`of_shape`: (digest, sheet) -> place in `tables`, or None for what fits nowhere, with the reason."""

    tables: tuple[PlannedTable, ...]
    of_shape: Mapping[tuple[str, str | None], int]
    misfits: Mapping[tuple[str, str | None], str]


def plan_folder(base: str, shapes: Iterable[Shape], known: Sequence[PlannedTable], *, one_table: bool = False) -> Plan:
    """Give each shape a table: one that it fits into, or a new one.

    The first table of a folder has the folder's name, and it is the one with the most files; another one has the name
    of its first file behind it.
    """
    tables = list(known)
    of_shape: dict[tuple[str, str | None], int] = {}
    misfits: dict[tuple[str, str | None], str] = {}
    for shape in sorted(shapes, key=lambda shape: (-shape.files, shape.first_stem, shape.digest)):
        key = (shape.digest, shape.part_name)
        place, merged = _home(shape, tables, one_table=one_table)
        if place is not None and merged is not None:
            divided_by = tables[place].divided_by if _may_be_divided(shape, tables[place]) else ()
            tables[place] = replace(tables[place], columns=merged.schema, divided_by=divided_by)
        elif one_table and tables:
            misfits[key] = "its columns and the table's cannot be one table"
            continue
        else:
            place = len(tables)
            tables.append(_new_table(base, shape, {table.name for table in tables}))
        of_shape[key] = place
    return Plan(tuple(tables), of_shape, misfits)


def built_anew(plan: Plan, shapes: Iterable[Shape], kept: Mapping[str, Sequence[pa.Schema]]) -> Plan:
    """A plan of a folder all of whose files were read again: columns that no file holds are gone, and a new table takes
    the place of a known one that no file fits any more. kept: table -> shapes of rows that stay as they are."""
    columns = {(shape.digest, shape.part_name): shape.columns for shape in shapes}
    filled = set(plan.of_shape.values())
    idle = [place for place, table in enumerate(plan.tables) if table.id is not None and place not in filled]
    tables, moved = list(plan.tables), dict[int, int]()
    for place, table in enumerate(plan.tables):
        successor = next((old for old in idle if tables[old].part_name == table.part_name), None)
        if table.id is None and successor is not None:
            idle.remove(successor)
            tables[successor] = replace(table, id=tables[successor].id, name=tables[successor].name)
            moved[place] = successor
    of_shape = {key: moved.get(place, place) for key, place in plan.of_shape.items()}
    for place, table in enumerate(tables):
        own = [columns[key] for key, wanted in of_shape.items() if wanted == place]
        tables[place] = _with_only(table, [*own, *kept.get(table.id or "", ())])
    return Plan(tuple(tables), of_shape, plan.misfits)


def _with_only(table: PlannedTable, shapes: Sequence[pa.Schema]) -> PlannedTable:
    """With the columns of these shapes; an empty table stays as it is."""
    if not shapes:
        return table
    columns = table.columns
    for shape in shapes:
        merged = merged_columns(columns, shape, as_text=True)
        columns = columns if merged is None else merged.schema
    held = {field.name.casefold() for shape in shapes for field in shape}
    return replace(table, columns=pa.schema([field for field in columns if field.name.casefold() in held]))


def _home(shape: Shape, tables: Sequence[PlannedTable], *, one_table: bool) -> tuple[int, Merged] | tuple[None, None]:
    """The table that shares most columns with a shape, of those that it fits into."""
    best: tuple[float, int, Merged] | None = None
    for place, table in enumerate(tables):
        if table.part_name != shape.part_name and not one_table:
            continue
        shared = shared_columns(table.columns, shape.columns)
        if not (one_table or shared == 1.0 or (shared >= SHARED and _count_shared(table.columns, shape.columns) > 1)):
            continue
        merged = merged_columns(table.columns, shape.columns, as_text=one_table or shared == 1.0)
        if merged is None or len(merged.schema) > MOST_COLUMNS:
            continue
        if best is None or shared > best[0]:
            best = (shared, place, merged)
    return (best[1], best[2]) if best else (None, None)


def merged_columns(a: pa.Schema, b: pa.Schema, *, as_text: bool) -> Merged | None:
    """Both as one, first without making text of what is not; None: they cannot be one."""
    merged = merge_schemas(a, b)
    if isinstance(merged, Incompatible) and as_text:
        merged = merge_schemas(a, b, text_as_last_way=True)
    return None if isinstance(merged, Incompatible) else merged


def shared_columns(a: pa.Schema, b: pa.Schema) -> float:
    """How much of the smaller one's own columns is in the other, 0 to 1; 1 only when both have the same columns or
    one of them is contained in the other."""
    ours, theirs = _own(a), _own(b)
    smaller = min(len(ours), len(theirs))
    return len(ours & theirs) / smaller if smaller else 1.0


def _count_shared(a: pa.Schema, b: pa.Schema) -> int:
    """How many own columns both have: one alone, an `id` most often, makes no kin of two files."""
    return len(_own(a) & _own(b))


def _own(columns: pa.Schema) -> set[str]:
    return {field.name.casefold() for field in columns if not is_partition(field)}


def _new_table(base: str, shape: Shape, taken: set[str]) -> PlannedTable:
    wanted = base if shape.part_name is None else joined(base, shape.part_name)
    if wanted in taken:
        wanted = joined(wanted, shape.first_stem)
    number = 1
    while numbered(wanted, number) in taken:
        number += 1
    # DuckDB 1.5.5 ends its process over a manifest whose partition has a name beyond ASCII.
    divided = tuple(field.name for field in shape.columns if is_partition(field) and field.name.isascii())
    return PlannedTable(None, shape.part_name, numbered(wanted, number), shape.columns, divided)


def _may_be_divided(shape: Shape, table: PlannedTable) -> bool:
    """Not by a column that some files hold themselves: nobody looked whether all of its values are the folder's."""
    own = {field.name.casefold() for field in shape.columns if not is_partition(field)}
    return not own & {name.casefold() for name in table.divided_by}


def is_partition(field: pa.Field) -> bool:
    return bool(field.metadata and PARTITION in field.metadata)


def with_partition(columns: pa.Schema, partition: Partition) -> pa.Schema:
    """The file's columns, then those of its folders that it does not hold itself."""
    own = {field.name.casefold() for field in columns}
    folded = [
        pa.field(name, _type_of(value), metadata={PARTITION: b"1"})
        for name, value in partition
        if name.casefold() not in own
    ]
    return pa.schema([*columns, *folded])


def _type_of(value: str | None) -> pa.DataType:
    """A whole number without leading zeros is a number, everything else is text; Hive's null goes with either."""
    if value is None:
        return pa.int64()
    return pa.int64() if WHOLE.fullmatch(value) and len(value) <= 18 else pa.string()


def constants(columns: pa.Schema, partition: Partition, file: pa.Schema) -> dict[str, Constant]:
    """The values that a file's folders give, as the table's columns have them; what the file holds itself, it gives."""
    own = {field.name.casefold() for field in file}
    values = {name.casefold(): value for name, value in partition if name.casefold() not in own}
    return {
        field.name: _typed(values[field.name.casefold()], field.type)
        for field in columns
        if field.name.casefold() in values
    }


def _typed(value: str | None, kind: pa.DataType) -> Constant:
    return int(value) if value is not None and pa.types.is_integer(kind) else value


def fits_in_place(file: pa.Schema, table: pa.Schema, divided_by: Sequence[str], partition: Partition) -> bool:
    """Can a Parquet file be the table's data file as it lies there?

    Its types are the table's or narrower in a way that every reader widens; and what its folders give, the table's
    files are divided by.
    """
    own = {field.name.casefold() for field in file}
    divided = {name.casefold() for name in divided_by}
    if own & divided or not {name.casefold() for name, _ in partition} - own <= divided:
        return False
    columns = {field.name.casefold(): field for field in table}
    found = [(field.type, columns[field.name.casefold()].type) for field in file if field.name.casefold() in columns]
    return len(found) == len(file) and all(_reads_as(kind, wanted) for kind, wanted in found)


def _reads_as(kind: pa.DataType, wanted: pa.DataType) -> bool:
    if kind == wanted:
        return True
    if pa.types.is_decimal(kind) and pa.types.is_decimal(wanted):
        return bool(kind.scale == wanted.scale and kind.precision <= wanted.precision)
    return (kind, wanted) in {(pa.int32(), pa.int64()), (pa.float32(), pa.float64())}
