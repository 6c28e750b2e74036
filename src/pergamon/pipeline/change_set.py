"""From landing files to a change set: what the merge of one batch needs, in Arrow. No engine, no database.

A change set has the data columns, `_position`, and columns for the merge alone (`__…`): the operation, for each column
that may keep a stored value where that value stands, and the key under which the row was stored.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pergamon.pipeline.columns import (
    OPERATION,
    POSITION,
    PREVIOUS_KEY,
    RAW_OPERATION,
    UNCHANGED,
    Columns,
    data_columns,
    is_reserved,
    previous_key_column,
)
from pergamon.pipeline.fold import Change, Key, Row, Stored, fold, history
from pergamon.pipeline.tracker import BadLandedFile
from pergamon.pipeline.tracker_states import TrackedFile

MERGE_OPERATION = "__operation"
DELETE, UPSERT = "D", "U"
OPERATIONS = frozenset("IUDT")
SENT, KEPT, MOVED = 0, 1, 2
"""Where a column's value stands: in the change set, in the stored row of the same key, of the key that the row had
before."""


@dataclass(frozen=True)
class Changes:
    """The changes of a batch in the source's order: `rows` with the landing columns, `changes` for the fold."""

    rows: pa.Table
    changes: list[Change]
    columns: dict[str, pa.DataType]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class ChangeSet:
    """What the merge takes. `kept`: columns that may keep a stored value; `moved`: those that do so under another key.

    emptied: the table is emptied first. needs_stored: rows need stored values at all.
    """

    rows: pa.Table
    kept: tuple[str, ...]
    moved: tuple[str, ...]
    emptied: bool
    needs_stored: bool
    upserts: int
    deletes: int


def stored_key_column(key: str) -> str:
    return f"__stored_{key}"


def keep_column(column: str) -> str:
    return f"__keep_{column}"


def landing_columns(path: Path, name: str, rows: int) -> dict[str, pa.DataType]:
    """The data columns of a landing file that has as many rows as its manifest says.

    Raises:
        BadLandedFile: it is not readable Parquet, has other rows, lacks what every landing file has, or has a column
            whose name the merge needs for itself.
    """
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise BadLandedFile(f"{name} is not readable Parquet: {type(error).__name__}") from None
    if footer.num_rows != rows:
        raise BadLandedFile(f"{name} has {footer.num_rows} rows, its manifest says {rows}")
    missing = [own for own in (OPERATION, POSITION) if own not in schema.names]
    if missing:
        raise BadLandedFile(f"{name} lacks the columns {', '.join(missing)}")
    columns = data_columns(schema)
    if reserved := sorted(column for column in columns if is_reserved(column)):
        raise BadLandedFile(
            f"{name} has columns whose names the merge needs for itself: {', '.join(reserved)}; "
            "rename them by a table-mapping rule and load the table anew"
        )
    return columns


def read_changes(files: Sequence[TrackedFile], paths: Sequence[Path], columns: Columns, keys: Sequence[str], *,
    floor: str) -> Changes:  # fmt: skip
    """Read the changes of files, those at or below `floor` left out, in the order of their positions.

    Args: columns: the table's data columns; a file without one gives nulls, a narrower type is widened.
    Raises:
        BadLandedFile: a file cannot be read; its name is the message's first word.
    """
    tables = [_read_file(path, file, columns, keys) for file, path in zip(files, paths, strict=True)]
    rows = pa.concat_tables(tables)
    if floor:
        rows = rows.filter(pc.greater(rows[POSITION], floor))
    rows = rows.sort_by(POSITION).combine_chunks()
    names = {name.casefold(): name for name in columns}
    spelled = tuple(names.get(key.casefold(), key) for key in keys)
    return Changes(rows, _changes(rows, columns, spelled), dict(columns), spelled)


def state_change_set(batch: Changes, stored: frozenset[Key]) -> ChangeSet:
    """Fold a batch for versioning S: one row per key that survives, one per key that goes."""
    folded = fold(batch.changes, stored)
    keys, rows = list(folded.rows.keys()), list(folded.rows.values())
    table, kept, moved, needs = _with_values(batch, rows, keys)
    table = table.append_column(MERGE_OPERATION, pa.array([UPSERT] * len(rows), pa.string()))
    gone = sorted(folded.gone, key=repr)
    if gone:
        table = pa.concat_tables([table, _gone(batch, gone)], promote_options="default")
    return ChangeSet(table, kept, moved, folded.emptied, needs, len(rows), len(gone))


def history_change_set(batch: Changes, stored: frozenset[Key]) -> ChangeSet:
    """All changes of a batch for versioning H, each a row of its own."""
    rows = history(batch.changes, stored)
    keys = [change.key for change in batch.changes]
    table, kept, moved, needs = _with_values(batch, rows, keys)
    table = table.append_column(RAW_OPERATION, batch.rows[OPERATION].cast(pa.string()))
    for place, key in enumerate(batch.keys):
        before = [None if change.previous is None else change.previous[place] for change in batch.changes]
        table = table.append_column(previous_key_column(key), pa.array(before, batch.columns[key]))
    return ChangeSet(table, kept, moved, False, needs, len(rows), 0)


def _read_file(path: Path, file: TrackedFile, columns: Columns, keys: Sequence[str]) -> pa.Table:
    name = file.path
    try:
        table = pq.read_table(path, partitioning=None)
        arrays: dict[str, Any] = {}
        for column, kind in columns.items():
            arrays[column] = table[column].cast(kind) if column in table.column_names else pa.nulls(len(table), kind)
        arrays[OPERATION] = table[OPERATION].cast(pa.string())
        arrays[POSITION] = table[POSITION].cast(pa.string())
        arrays[UNCHANGED] = _optional(table, UNCHANGED, pa.list_(pa.string()))
        arrays[PREVIOUS_KEY] = _optional(table, PREVIOUS_KEY, pa.string())
    except (OSError, KeyError, pa.ArrowException) as error:
        raise BadLandedFile(f"{name} is not readable Parquet: {type(error).__name__}") from None
    rows = pa.table(arrays)
    _check_operations(rows, file)
    _check_previous_keys(rows, file, columns, keys)
    return rows


def _check_operations(rows: pa.Table, file: TrackedFile) -> None:
    """A row without a position, or with one outside the manifest's, would be lost or applied out of order."""
    if set(rows[OPERATION].unique().to_pylist()) - OPERATIONS:
        raise BadLandedFile(f"{file.path} has operations other than I, U, D and T")
    span = pc.min_max(rows[POSITION], skip_nulls=False)
    first, last = span["min"].as_py(), span["max"].as_py()
    if len(rows) and (first is None or not file.first <= first <= last <= file.last):
        raise BadLandedFile(f"{file.path} has rows with positions that its manifest does not tell of")


def _check_previous_keys(rows: pa.Table, file: TrackedFile, columns: Columns, keys: Sequence[str]) -> None:
    if rows[PREVIOUS_KEY].null_count == len(rows) or any(key not in columns for key in keys):
        return
    values = list(zip(*(rows[key].to_pylist() for key in keys), strict=True)) if keys else [()] * len(rows)
    try:
        _previous_keys(rows, columns, tuple(keys), values)
    except (ValueError, TypeError, AttributeError, RecursionError, pa.ArrowException):
        raise BadLandedFile(f"{file.path} has a previous key that is not one") from None


def _optional(table: pa.Table, name: str, kind: pa.DataType) -> Any:
    return table[name].cast(kind) if name in table.column_names else pa.nulls(len(table), kind)


def _changes(rows: pa.Table, columns: Columns, keys: tuple[str, ...]) -> list[Change]:
    operations = rows[OPERATION].to_pylist()
    positions = rows[POSITION].to_pylist()
    key_values = list(zip(*(rows[key].to_pylist() for key in keys), strict=True)) if keys else [()] * len(rows)
    names = {name.casefold(): name for name in columns}
    unchanged = [
        tuple(names[name.casefold()] for name in listed if name.casefold() in names) if listed else ()
        for listed in rows[UNCHANGED].to_pylist()
    ]
    previous = _previous_keys(rows, columns, keys, key_values)
    return [
        Change(operation, position, () if operation == "T" else key, before, unsent)
        for operation, position, key, before, unsent in zip(
            operations, positions, key_values, previous, unchanged, strict=True
        )
    ]


def _previous_keys(
    rows: pa.Table, columns: Columns, keys: tuple[str, ...], key_values: Sequence[Key]
) -> list[Key | None]:
    """The old values of the configured keys, where they differ from the new ones, in the key columns' own types."""
    texts = rows[PREVIOUS_KEY].to_pylist()
    result: list[Key | None] = [None] * len(texts)
    changed = [number for number, text in enumerate(texts) if text]
    if not changed or not keys:
        return result
    documents = [_casefolded(json.loads(texts[number])) for number in changed]
    by_key = []
    for place, key in enumerate(keys):
        old = [
            _old(document, key, key_values[number][place]) for document, number in zip(documents, changed, strict=True)
        ]
        by_key.append(_values_of(old, columns[key]))
    for number, before in zip(changed, zip(*by_key, strict=True), strict=True):
        result[number] = before if before != key_values[number] else None
    return result


def _old(document: Mapping[str, Any], key: str, now: Any) -> Any:
    """A key column that the change does not name has kept its value."""
    return document.get(key.casefold(), now)


def _casefolded(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name.casefold(): value for name, value in document.items()}


def _values_of(values: list[Any], kind: pa.DataType) -> list[Any]:
    """JSON values as the column's own Python values: text is read as PostgreSQL writes it."""
    if all(value is None or not isinstance(value, str) for value in values):
        return list(pa.array(values).cast(kind).to_pylist()) if values else []
    if pa.types.is_boolean(kind):
        return [value if not isinstance(value, str) else value in ("t", "true") for value in values]
    if pa.types.is_binary(kind):
        return [bytes.fromhex(value.removeprefix("\\x")) if isinstance(value, str) else value for value in values]
    texts = [value if value is None or isinstance(value, str) else str(value) for value in values]
    typed = pa.array(texts, pa.string())
    return list((typed if pa.types.is_string(kind) else typed.cast(kind)).to_pylist())


def _with_values(
    batch: Changes, rows: Sequence[Row], keys: Sequence[Key]
) -> tuple[pa.Table, tuple[str, ...], tuple[str, ...], bool]:
    """The values of rows, wherever in the batch they stand; and, where they stand in the raw table, under which key."""
    last = pa.array([row.change for row in rows], pa.int64())
    older = sorted({column for row in rows for column in row.older})
    arrays: dict[str, Any] = {}
    stored: list[Key | None] = [None] * len(rows)
    kept, moved = [], []
    for column in batch.columns:
        indices = last
        if column in older:
            origins = [row.origin_of(column) for row in rows]
            indices = pa.array([origin if isinstance(origin, int) else None for origin in origins], pa.int64())
            places = [_place(origin, key) for origin, key in zip(origins, keys, strict=True)]
            if any(places):
                kept.append(column)
                arrays[keep_column(column)] = pa.array(places, pa.int8())
                for number, origin in enumerate(origins):
                    if isinstance(origin, Stored):
                        stored[number] = origin.key
            if MOVED in places:
                moved.append(column)
        arrays[column] = batch.rows[column].take(indices)
    arrays[POSITION] = batch.rows[POSITION].take(last)
    for place, key in enumerate(batch.keys):
        if kept:
            values = [None if old is None else old[place] for old in stored]
            arrays[stored_key_column(key)] = pa.array(values, batch.columns[key])
    return pa.table(arrays), tuple(kept), tuple(moved), bool(kept)


def _place(origin: int | Stored, key: Key) -> int:
    if isinstance(origin, int):
        return SENT
    return KEPT if origin.key == key else MOVED


def _gone(batch: Changes, gone: Sequence[Key]) -> pa.Table:
    arrays: dict[str, Any] = {
        key: pa.array([values[place] for values in gone], batch.columns[key]) for place, key in enumerate(batch.keys)
    }
    arrays[MERGE_OPERATION] = pa.array([DELETE] * len(gone), pa.string())
    return pa.table(arrays)
