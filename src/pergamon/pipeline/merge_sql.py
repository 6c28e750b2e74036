# ruff: noqa: S608 - this module writes the statements; every name goes through `quoted`, every text through `text_literal`
"""The statements of one batch, in Spark SQL. Pure text; names are quoted here and nowhere else.

One statement writes, under the lease's name; the others only read. Keys are compared NULL-safe.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pergamon.pipeline.change_set import DELETE, KEPT, MERGE_OPERATION, MOVED, UPSERT, keep_column, stored_key_column
from pergamon.pipeline.columns import LOADED, POSITION, RAW_OPERATION, Columns, previous_key_column, spark_type


def quoted(*names: str) -> str:
    """A name, or a name of several parts, that nothing can break out of."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def text_literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def parquet(path: Path) -> str:
    """A file as a relation."""
    return f"parquet.{quoted(str(path))}"


def load_files(
    target: str, order: Sequence[str], files: Sequence[tuple[Path, Mapping[str, pa.DataType]]], columns: Columns, *,
    appends_history: bool,
) -> str:  # fmt: skip
    """Fill the table with full-load files: in place of everything (S), or as history (H).

    order: every column of the table, in its order. INSERT goes by place: the engine spells a column list its own way.
    """
    own = [RAW_OPERATION] if appends_history else []
    listed = _in_order(order, [*columns, *own, POSITION])
    selects = [f"SELECT {_load_values(found, columns, appends_history)} FROM {parquet(path)}" for path, found in files]
    verb = "INSERT INTO" if appends_history else "INSERT OVERWRITE"
    return f"{verb} {target} SELECT {listed} FROM ({' UNION ALL '.join(selects)})"


def merge_state(
    target: str, current: str, source: Path, columns: Columns, keys: Sequence[str], *,
    found: Sequence[str], kept: Sequence[str] = (), moved: Sequence[str] = (),
) -> str:  # fmt: skip
    """Versioning S: bring the table to the folded state.

    current: the table's own name, for stored values. found: every column of the change set, in its order.
    """
    changes = _typed_as_stored(source, current, columns, found)
    matches = _same_keys("t", "s", keys)
    updates = ", ".join(f"t.{quoted(name)} = {_value(name, kept, moved)}" for name in columns)
    names = [*columns, POSITION]
    inserts = ", ".join(f"s.{quoted(name)}" if name not in moved else _moved_value(name) for name in names)
    return (
        f"MERGE INTO {target} AS t USING {_source(changes, current, keys, moved)} AS s ON {matches} "
        f"WHEN MATCHED AND s.{quoted(MERGE_OPERATION)} = '{DELETE}' THEN DELETE "
        f"WHEN MATCHED THEN UPDATE SET {updates}, t.{quoted(POSITION)} = s.{quoted(POSITION)} "
        f"WHEN NOT MATCHED AND s.{quoted(MERGE_OPERATION)} = '{UPSERT}' "
        f"THEN INSERT ({', '.join(map(quoted, names))}) VALUES ({inserts})"
    )


def replace_state(target: str, order: Sequence[str], source: Path, columns: Columns) -> str:
    """Versioning S after a TRUNCATE: what the batch inserted since is all there is. `order` as in `load_files`."""
    listed = _in_order(order, [*columns, POSITION])
    return (
        f"INSERT OVERWRITE {target} SELECT {listed} FROM {parquet(source)} WHERE {quoted(MERGE_OPERATION)} = '{UPSERT}'"
    )


def append_history(  # noqa: PLR0917 - as the other statements: target, order, then what is read
    target: str, order: Sequence[str], current: str, source: Path, columns: Columns, keys: Sequence[str], *,
    kept: Sequence[str] = (), before: str = "",
) -> str:  # fmt: skip
    """Versioning H: append every change; a value not sent again is taken from the newest row before the batch.

    order: as in `load_files`.
    """
    names = [*columns, *map(previous_key_column, keys), RAW_OPERATION, POSITION]
    if not kept:
        return f"INSERT INTO {target} SELECT {_in_order(order, names)} FROM {parquet(source)}"
    values = [
        f"CASE WHEN s.{quoted(keep_column(name))} > 0 THEN r.{quoted(name)} ELSE s.{quoted(name)} END AS {quoted(name)}"
        if name in kept
        else f"s.{quoted(name)} AS {quoted(name)}"
        for name in names
    ]
    newest = _newest(current, keys, kept, before)
    stored = " AND ".join(f"r.{quoted(key)} <=> s.{quoted(stored_key_column(key))}" for key in keys)
    return (
        f"INSERT INTO {target} SELECT {_in_order(order, names)} FROM (SELECT {', '.join(values)} "
        f"FROM {parquet(source)} AS s LEFT JOIN {newest} AS r ON {_any_kept('s', kept)} AND {stored})"
    )


def count_missing_stored(
    current: str, source: Path, keys: Sequence[str], kept: Sequence[str], *, before: str | None
) -> str:
    """How many rows need a stored value whose row is not there. `before`: versioning H, only rows before this
    position."""
    rows = current if before is None else _newest(current, keys, (), before)
    stored = " AND ".join(f"r.{quoted(key)} <=> s.{quoted(stored_key_column(key))}" for key in keys)
    return (
        f"SELECT count(*) AS missing FROM (SELECT * FROM {parquet(source)} AS c WHERE {_any_kept('c', kept)}) AS s "
        f"LEFT ANTI JOIN {rows} AS r ON {stored}"
    )


def stored_keys(current: str, wanted: str, keys: Sequence[str], *, before: str | None) -> str:
    """Which of the wanted keys have a row. `before`: versioning H, where a key's newest row must not be a delete."""
    rows = current if before is None else _newest(current, keys, (), before)
    return (
        f"SELECT {', '.join(f's.{quoted(key)}' for key in keys)} FROM {quoted(wanted)} AS s "
        f"LEFT SEMI JOIN {rows} AS r ON {_same_keys('r', 's', keys)}"
    )


def count_present(current: str, source: Path, keys: Sequence[str]) -> str:
    """How many keys of the change set are in the table."""
    return (
        f"SELECT count(*) AS present FROM {parquet(source)} AS s LEFT SEMI JOIN {current} AS r "
        f"ON {_same_keys('r', 's', keys)}"
    )


def _newest(current: str, keys: Sequence[str], columns: Sequence[str], before: str) -> str:
    """The row that each key has just before a position, out of a history.

    Since the last full load or TRUNCATE, an insert, or a row that moved to the key, adds one; a delete, or a row that
    moved away, takes one; a key whose first change takes a row had one before. Of a key with a row the newest is it.
    """
    listed = ", ".join(map(quoted, keys))
    kept = [name for name in columns if name not in keys]
    values = "".join(f", {quoted(name)}" for name in kept)
    nothing = "".join(f", NULL AS {quoted(name)}" for name in kept)
    previous = ", ".join(f"{quoted(previous_key_column(key))} AS {quoted(key)}" for key in keys)
    moved = "(" + " OR ".join(f"{quoted(previous_key_column(key))} IS NOT NULL" for key in keys) + ")"
    operation, position = quoted(RAW_OPERATION), quoted(POSITION)
    until = f"{position} < {text_literal(before)}"
    since = f"(SELECT coalesce(max({position}), '') FROM {current} WHERE {operation} IN ('L', 'T') AND {until})"
    events = (
        f"SELECT {listed}{values}, {position} AS __p, {operation} <> 'D' AS __put, "
        f"CASE WHEN {operation} = 'D' THEN -1 WHEN {operation} = 'U' AND NOT {moved} THEN 0 ELSE 1 END AS __d, "
        f"CASE WHEN {operation} IN ('D', 'U') AND NOT {moved} THEN 1 ELSE 0 END AS __t "
        f"FROM {current} WHERE {operation} <> 'T' AND {until} AND {position} >= {since} "
        f"UNION ALL SELECT {previous}{nothing}, {position}, false, -1, 1 "
        f"FROM {current} WHERE {moved} AND {until} AND {position} >= {since}"
    )
    numbered = (
        f"SELECT *, row_number() OVER (PARTITION BY {listed} ORDER BY __p) AS __first, "
        f"row_number() OVER (PARTITION BY {listed} ORDER BY __put DESC, __p DESC) AS __n FROM ({events})"
    )
    counted = (
        f"SELECT *, sum(__d + CASE WHEN __first = 1 THEN __t ELSE 0 END) OVER (PARTITION BY {listed}) AS __held "
        f"FROM ({numbered})"
    )
    return f"(SELECT {listed}{values} FROM ({counted}) WHERE __n = 1 AND __put AND __held > 0)"


def _in_order(order: Sequence[str], given: Sequence[str]) -> str:
    """The given columns at the places that the table has for them; NULL where the statement gives none.

    Raises:
        ValueError: a given column has no place, so its values would be lost.
    """
    if lost := set(given) - set(order):
        raise ValueError(f"no place in the table for {sorted(lost)}")
    return ", ".join(quoted(name) if name in given else f"NULL AS {quoted(name)}" for name in order)


def _same_keys(one: str, other: str, keys: Sequence[str]) -> str:
    return " AND ".join(f"{one}.{quoted(key)} <=> {other}.{quoted(key)}" for key in keys)


def _any_kept(alias: str, kept: Sequence[str]) -> str:
    return "(" + " OR ".join(f"{alias}.{quoted(keep_column(name))} > 0" for name in kept) + ")"


def _value(name: str, kept: Sequence[str], moved: Sequence[str]) -> str:
    if name not in kept:
        return f"s.{quoted(name)}"
    keep = f"s.{quoted(keep_column(name))}"
    from_old_key = f" WHEN {keep} = {MOVED} THEN s.{quoted('__old_' + name)}" if name in moved else ""
    return f"CASE WHEN {keep} = {KEPT} THEN t.{quoted(name)}{from_old_key} ELSE s.{quoted(name)} END"


def _moved_value(name: str) -> str:
    keep = f"s.{quoted(keep_column(name))}"
    return f"CASE WHEN {keep} = {MOVED} THEN s.{quoted('__old_' + name)} ELSE s.{quoted(name)} END"


def _typed_as_stored(source: Path, current: str, columns: Columns, found: Sequence[str]) -> str:
    """The change set, its bytes typed as the table's.

    MERGE refuses to cast the binary of a Parquet file to the large binary that the engine reads an Iceberg table as. A
    UNION takes its types from its first part, so the change set stands second, behind no rows of the table.
    """
    if not any(pa.types.is_binary(kind) for kind in columns.values()):
        return parquet(source)
    listed = ", ".join(map(quoted, found))
    nothing = ", ".join(quoted(name) if name in columns else f"NULL AS {quoted(name)}" for name in found)
    return f"(SELECT {nothing} FROM {current} WHERE false UNION ALL SELECT {listed} FROM {parquet(source)})"


def _source(changes: str, current: str, keys: Sequence[str], moved: Sequence[str]) -> str:
    """The change set; with the stored values that rows bring along from their old keys."""
    if not moved:
        return changes
    olds = ", ".join(f"r.{quoted(name)} AS {quoted('__old_' + name)}" for name in moved)
    any_moved = " OR ".join(f"c.{quoted(keep_column(name))} = {MOVED}" for name in moved)
    stored = " AND ".join(f"r.{quoted(key)} <=> c.{quoted(stored_key_column(key))}" for key in keys)
    return f"(SELECT c.*, {olds} FROM {changes} AS c LEFT JOIN {current} AS r ON ({any_moved}) AND {stored})"


def _load_values(found: Mapping[str, pa.DataType], columns: Columns, appends_history: bool) -> str:
    values = []
    for name, kind in columns.items():
        if name not in found:
            values.append(f"CAST(NULL AS {spark_type(kind)}) AS {quoted(name)}")
        elif found[name] != kind:
            values.append(f"CAST({quoted(name)} AS {spark_type(kind)}) AS {quoted(name)}")
        else:
            values.append(quoted(name))
    if appends_history:
        values.append(f"'{LOADED}' AS {quoted(RAW_OPERATION)}")
    values.append(quoted(POSITION))
    return ", ".join(values)
