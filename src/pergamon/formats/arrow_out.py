"""Batches of Arrow as one Parquet file with exactly the columns of a table."""

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon.formats.blame import blame
from pergamon.formats.carried import DoesNotFit, fitted
from pergamon.formats.model import FilePart, Misfit, Unreadable, WrittenPart
from pergamon.formats.work import Writing

ROW_GROUP_ROWS = 122_880


def write_batches(
    writing: Writing, batches: Iterator[pa.RecordBatch], as_text: Callable[[str], FilePart] | None = None
) -> WrittenPart:
    """Write batches whose columns stand in the order of the part's.

    as_text: the part with a column (by its name) as text; what a misfit gives to the caller.
    Raises:
        Misfit: a value, or a column, has no place in the target; nothing was written.
    """
    part, target = writing.part, writing.target
    places = _places(part, target)
    rows = 0
    try:
        with pq.ParquetWriter(writing.out, target, compression="zstd", version="2.6") as out:
            for batch in batches:
                columns = [_column(writing, batch, field, places, as_text) for field in target]
                table = pa.Table.from_arrays(columns, schema=target)
                table.validate(full=True)
                out.write_table(table, row_group_size=ROW_GROUP_ROWS)
                rows += batch.num_rows
                writing.progress(rows)
    except (Misfit, Unreadable):
        writing.out.unlink(missing_ok=True)
        raise
    except (pa.ArrowException, OSError) as error:
        writing.out.unlink(missing_ok=True)
        damaged = Unreadable(f"it is damaged ({type(error).__name__})", hint="make the file again")
        raise blame(error, damaged) from None
    if pq.read_metadata(writing.out).num_rows != rows:
        raise Unreadable("rows were lost while it was written", hint="tell the operator: this should not happen")
    return WrittenPart(writing.out, rows, writing.out.stat().st_size)


def part_with_text(part: FilePart) -> Callable[[str], FilePart]:
    """Makes the part in which one more column is text."""

    def as_text(name: str) -> FilePart:
        fields = [field.with_type(pa.string()) if field.name == name else field for field in part.schema]
        return FilePart(**{**vars(part), "schema": pa.schema(fields), "in_place": False})

    return as_text


def _places(part: FilePart, target: pa.Schema) -> dict[str, int]:
    wanted = {field.name.casefold() for field in target}
    lost = [field.name for field in part.schema if field.name.casefold() not in wanted]
    if lost:
        raise Misfit(f"the table has no column for {', '.join(lost[:10])}", part)
    return {field.name.casefold(): place for place, field in enumerate(part.schema)}


def _column(
    writing: Writing,
    batch: pa.RecordBatch,
    field: pa.Field,
    places: dict[str, int],
    as_text: Callable[[str], FilePart] | None,
) -> pa.Array:
    place = places.get(field.name.casefold())
    if place is None:
        return _constant(writing, field, batch.num_rows)
    own = writing.part.schema.field(place)
    try:
        array = fitted(batch.column(place), own.type)
        return fitted(array, field.type)
    except DoesNotFit:
        part = (as_text or part_with_text(writing.part))(own.name)
        raise Misfit(f"column {own.name} holds values that the table's type does not", part) from None


def _constant(writing: Writing, field: pa.Field, rows: int) -> pa.Array:
    value = writing.constants.get(field.name)
    if value is None:
        return pa.nulls(rows, field.type)
    try:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return pa.repeat(pa.scalar(text).cast(field.type), rows)
    except pa.ArrowException:
        raise Unreadable(
            f"the value of partition column {field.name} is no {field.type}",
            hint="rename the folder",
            column=field.name,
        ) from None
