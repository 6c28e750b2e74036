"""Which columns a landing file has, and how changes become its rows.

`Op` first (I, U, D, T), then the table's columns under their landing names, then those that rules add, then Pergamon's
own: `_position`, `_unchanged`, `_previous_key`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import repeat
from typing import Any, NamedTuple

import pyarrow as pa

from pergamon.replicate.mapping_rules import AddedColumn, TablePlan
from pergamon.replicate.model import Position, commit_time
from pergamon.replicate.pgoutput import UNCHANGED, Row
from pergamon.replicate.ports import SourceTable
from pergamon.replicate.types import (
    TIMESTAMPTZ,
    ColumnType,
    array_from_text,
    cast_loaded,
    column_type,
    refuse_many_dimensions,
)

OPERATIONS = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}
OWN_FIELDS = (
    pa.field("_position", pa.string(), nullable=False),
    pa.field("_unchanged", pa.list_(pa.string()), nullable=False),
    pa.field("_previous_key", pa.string()),
)


class LandedColumn(NamedTuple):
    """One column of the table that lands."""

    source: str
    landed: str
    place: int
    """Its place in the source's row."""
    type: ColumnType


@dataclass(frozen=True)
class Layout:
    """The columns of one table's landing files, as long as the table keeps its shape.

    identity: source names of the columns that an update or a delete is told by.
    """

    plan: TablePlan
    columns: tuple[LandedColumn, ...]
    identity: tuple[str, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [
                pa.field("Op", pa.string(), nullable=False),
                *(pa.field(column.landed, column.type.arrow) for column in self.columns),
                *(pa.field(added.name, _added_type(added)) for added in self.plan.added),
                *OWN_FIELDS,
            ]
        )

    @cached_property
    def landed_identity(self) -> tuple[str, ...]:
        landed = {column.source: column.landed for column in self.columns}
        return tuple(landed[name] for name in self.identity if name in landed)

    @cached_property
    def identity_places(self) -> tuple[tuple[int, str], ...]:
        """(place in the source's row, landing name) of each identity column."""
        by_name = {column.source: column for column in self.columns}
        return tuple((by_name[name].place, by_name[name].landed) for name in self.identity if name in by_name)

    @cached_property
    def landed_by_place(self) -> dict[int, str]:
        return {column.place: column.landed for column in self.columns}

    @cached_property
    def wants_change_seq(self) -> bool:
        return any(added.header == "AR_H_CHANGE_SEQ" for added in self.plan.added)


def layout_of(plan: TablePlan, columns: Sequence[tuple[str, int, int, str]], identity: Sequence[str]) -> Layout:
    """columns: (name, type number, modifier, type's name) in the source's order."""
    landed = dict(plan.columns)
    chosen = tuple(
        LandedColumn(name, landed[name], index, column_type(type_oid, typmod, type_name))
        for index, (name, type_oid, typmod, type_name) in enumerate(columns)
        if name in landed
    )
    return Layout(plan, chosen, tuple(identity))


def layout_of_table(plan: TablePlan, table: SourceTable) -> Layout:
    columns = [(column.name, column.type_oid, column.typmod, column.type_name) for column in table.columns]
    return layout_of(plan, columns, table.identity_columns)


# --- full load ---


def selected_columns(layout: Layout, quoted: Sequence[str]) -> list[tuple[str, str]]:
    """(name in the result, SQL expression): each column once, and for each array the number of its dimensions.

    quoted: the columns' names as SQL writes them, in the layout's order.
    """
    chosen = [
        (f"c{number}", column.type.selected_as.format(c=name))
        for number, (column, name) in enumerate(zip(layout.columns, quoted, strict=True))
    ]
    for number, (column, name) in enumerate(zip(layout.columns, quoted, strict=True)):
        if column.type.is_list:
            chosen.append((f"d{number}", f"array_ndims({name})"))
    return chosen


def loaded_batch(layout: Layout, loaded: pa.RecordBatch, position: Position, loaded_at: datetime) -> pa.RecordBatch:
    """A batch that ADBC read under `selected_columns`, as rows of a landing file.

    Raises: ValueNotRepresentable.
    """
    count = loaded.num_rows
    table = layout.plan.table
    for number, column in enumerate(layout.columns):
        if column.type.is_list:
            refuse_many_dimensions(loaded.column(f"d{number}"), column.type, f"{table}.{column.source}")
    arrays = [pa.repeat(pa.scalar("I"), count)]
    arrays += [
        cast_loaded(loaded.column(f"c{number}"), column.type, f"{table}.{column.source}")
        for number, column in enumerate(layout.columns)
    ]
    arrays += [_added_at_load(added, count, loaded_at) for added in layout.plan.added]
    nothing_unchanged = pa.ListArray.from_arrays(
        pa.repeat(pa.scalar(0, pa.int32()), count + 1), pa.array([], pa.string())
    )
    arrays += [pa.repeat(pa.scalar(str(position)), count), nothing_unchanged, pa.nulls(count, pa.string())]
    return pa.record_batch(arrays, schema=layout.schema)


def _added_at_load(added: AddedColumn, count: int, loaded_at: datetime) -> pa.Array:
    """During a full load only the times are known; the headers of a change are null."""
    if added.header not in ("AR_H_TIMESTAMP", "AR_H_COMMIT_TIMESTAMP"):
        return pa.nulls(count, pa.string())
    return pa.repeat(pa.scalar(_time_value(added, loaded_at), _added_type(added)), count)


def _time_value(added: AddedColumn, at: datetime) -> Any:  # Any: a datetime or its text, as the rule's data-type says
    return at if added.data_type == "datetime" else at.strftime("%Y-%m-%d %H:%M:%S.%f")


def _added_type(added: AddedColumn) -> pa.DataType:
    return TIMESTAMPTZ if added.data_type == "datetime" else pa.string()


# --- changes ---


class ChangedRow(NamedTuple):
    """One row of a change file, its values still PostgreSQL's text."""

    op: str
    values: Row
    position: Position
    commit_us: int
    change_seq: str
    unchanged: tuple[str, ...]
    previous_key: str | None


def updated(layout: Layout, old_kind: str, old: Row, new: Row) -> tuple[Row, tuple[str, ...], str | None]:
    """What an update says: the new row, what it does not know (unchanged TOAST), and the key before, if it moved.

    With REPLICA IDENTITY FULL the old row has the value that the new one leaves out: then nothing is unknown.
    """
    unchanged: tuple[str, ...] = ()
    if UNCHANGED in new:
        if old_kind == "O":
            new = tuple(was if now is UNCHANGED else now for was, now in zip(old, new, strict=True))
        names = layout.landed_by_place
        unchanged = tuple(names[place] for place, value in enumerate(new) if value is UNCHANGED and place in names)
        new = tuple(None if value is UNCHANGED else value for value in new)
    if not old_kind:
        return new, unchanged, None
    return new, unchanged, _previous_key(layout, old, new, unchanged)


def _previous_key(layout: Layout, old: Row, new: Row, unchanged: tuple[str, ...]) -> str | None:
    places = [(place, name) for place, name in layout.identity_places if name not in unchanged]
    if all(old[place] == new[place] for place, _ in places):
        return None
    return json.dumps({name: _text_of(old[place]) for place, name in layout.identity_places}, ensure_ascii=False)


def _text_of(value: Any) -> str | None:  # Any: a Value of pgoutput
    return value.decode() if isinstance(value, bytes) else None


def changed_batch(layout: Layout, rows: Sequence[ChangedRow]) -> pa.RecordBatch:
    """Rows of a change file. Raises: ValueNotRepresentable."""
    ops, values, positions, commits, seqs, unchanged, previous = (
        zip(*rows, strict=True) if rows else ((), (), (), (), (), (), ())
    )
    by_place: list[Sequence[Any]] = list(zip(*values, strict=True)) if rows else []
    table = layout.plan.table
    arrays = [pa.array(ops, pa.string())]
    arrays += [
        array_from_text(by_place[column.place] if rows else (), column.type, f"{table}.{column.source}")
        for column in layout.columns
    ]
    arrays += [_added_at_change(added, ops, positions, commits, seqs) for added in layout.plan.added]
    arrays += [
        pa.array([f"{lsn:016X}.{ordinal:010d}" for lsn, ordinal in positions], pa.string()),
        pa.array(unchanged, pa.list_(pa.string())),
        pa.array(previous, pa.string()),
    ]
    return pa.record_batch(arrays, schema=layout.schema)


def _added_at_change(
    added: AddedColumn,
    ops: Sequence[str],
    positions: Sequence[Position],
    commits: Sequence[int],
    seqs: Sequence[str],
) -> pa.Array:
    match added.header:
        case "AR_H_OPERATION":
            return pa.array([OPERATIONS[op] for op in ops], pa.string())
        case "AR_H_STREAM_POSITION":
            return pa.array([str(position) for position in positions], pa.string())
        case "AR_H_CHANGE_SEQ":
            return pa.array(seqs, pa.string())
        case _:
            return pa.array([_time_value(added, commit_time(commit)) for commit in commits], _added_type(added))


def no_values(width: int) -> Row:
    """A row that says nothing: a TRUNCATE's."""
    return tuple(repeat(None, width))
