"""Parquet: joins a table as it is when every engine reads it so; otherwise its rows are written anew.

As it is: not encrypted; each column's name is one that all engines carry, its type is ours exactly, nested columns laid
out as the standard says; no field ids of another table. Everything else (INT96 and nanoseconds, unsigned integers,
times of day, doubled names, two-level lists) is converted, each value checked.
"""

from collections.abc import Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as is_

from pergamon.formats.arrow_out import write_batches
from pergamon.formats.blame import blame
from pergamon.formats.carried import NotCarried, carried_fields
from pergamon.formats.model import FilePart, Unreadable, WrittenPart
from pergamon.formats.names import renamed_warning
from pergamon.formats.work import Look, Writing

BATCH_ROWS = 32_768
UTC_NAMES = {None, "UTC", "+00:00", "Etc/UTC"}
"""Moments are kept in UTC whatever zone is named, but PyIceberg refuses to add a file that names another."""
FIELD_ID = b"PARQUET:field_id"


def inspect_parquet(look: Look) -> FilePart:
    """What its footer says; the first and the last row group are read, to see that it is whole.

    Raises:
        Unreadable: damaged, cut off, encrypted, or beyond the limits.
    """
    with _opened(look) as file:
        try:
            arrow = file.schema_arrow
            fields = carried_fields(list(arrow))
        except NotCarried as error:
            raise Unreadable(f"a column has a type that tables do not have: {error}", hint="leave it out") from None
        except pa.ArrowException as error:
            raise blame(error, _damaged()) from None
        if not fields:
            raise Unreadable("it has no columns", hint="nothing to load")
        if len(fields) > look.limits.columns:
            raise Unreadable(f"it has {len(fields)} columns; {look.limits.columns} is the limit")
        _refuse_huge(file, look)
        _read_some(file)
        names = [field.name for field in arrow]
        return FilePart(
            name=None,
            format="parquet",
            compression="none",
            schema=pa.schema(fields),
            rows=file.metadata.num_rows,
            in_place=_is_as_we_write_it(file, arrow, fields),
            warnings=renamed_warning([field.name for field in fields], names),
        )


def write_parquet(writing: Writing) -> WrittenPart:
    """Its rows with the target's columns.

    Raises:
        Unreadable: damaged. Misfit: see `write_batches`.
    """
    try:
        with pq.ParquetFile(writing.path, pre_buffer=False) as file:
            return write_batches(writing, _batches(file))
    except (pa.ArrowException, OSError) as error:
        raise blame(error, _damaged()) from None


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(BATCH_ROWS, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise blame(error, _damaged()) from None


def _opened(look: Look) -> pq.ParquetFile:
    with look.path.open("rb") as file:
        begin = file.read(4)
        file.seek(-4, 2)
        end = file.read(4)
    if b"PARE" in (begin, end):
        raise Unreadable("it is encrypted", hint="upload it decrypted; buckets are protected as a whole")
    try:
        return pq.ParquetFile(look.path, pre_buffer=False)
    except pa.ArrowException as error:
        if "ncrypt" in str(error):
            raise Unreadable("it is encrypted", hint="upload it decrypted") from None
        raise blame(error, _damaged()) from None
    except OSError as error:
        raise blame(error, _damaged()) from None


def _damaged() -> Unreadable:
    return Unreadable("it is Parquet, but damaged or cut off", hint="make the file again, or upload it again")


def _refuse_huge(file: pq.ParquetFile, look: Look) -> None:
    metadata = file.metadata
    total = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    if total > look.limits.unpacked_bytes:
        raise Unreadable(f"unpacked it is larger than {look.limits.unpacked_bytes} bytes", hint="split it")


def _read_some(file: pq.ParquetFile) -> None:
    groups = file.metadata.num_row_groups
    try:
        for group in sorted({0, groups - 1}) if groups else ():
            for batch in islice(file.iter_batches(BATCH_ROWS, row_groups=[group], use_threads=False), 64):
                batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise blame(error, _damaged()) from None


def _is_as_we_write_it(file: pq.ParquetFile, arrow: pa.Schema, fields: list[pa.Field]) -> bool:
    """May it join a table as it is?"""
    if any(field.metadata for field in fields) or _has_field_ids(list(arrow)):
        return False
    if not all(_is_same(field.type, ours.type) for field, ours in zip(arrow, fields, strict=True)):
        return False
    paths = [file.schema.column(place).path for place in range(len(file.schema))]
    physical = [file.schema.column(place).physical_type for place in range(len(file.schema))]
    wanted = [path for field in fields for path in _standard_paths(field.name, field.type)]
    return paths == wanted and "INT96" not in physical


def _has_field_ids(fields: list[pa.Field]) -> bool:
    """pyarrow tells -1 for none by leaving it out."""
    return any(
        FIELD_ID in (field.metadata or {})
        or _has_field_ids([field.type.field(place) for place in range(field.type.num_fields)])
        for field in fields
    )


def _is_same(kind: pa.DataType, ours: pa.DataType) -> bool:  # noqa: PLR0911 - a rule a line
    """Are the bytes in the file those of our type? Dictionaries and large texts are Arrow's matter only."""
    if is_.is_dictionary(kind):
        return _is_same(kind.value_type, ours)
    if is_.is_large_string(kind) or is_.is_large_binary(kind):
        return ours in (pa.string(), pa.binary())
    if is_.is_timestamp(kind):
        return bool(kind.unit == "us" and kind.tz in UTC_NAMES)
    if is_.is_list(kind) or is_.is_large_list(kind):
        return is_.is_list(ours) and _is_same(kind.value_type, ours.value_type)
    if is_.is_struct(kind):
        return is_.is_struct(ours) and all(_is_same(a.type, b.type) for a, b in zip(kind, ours, strict=True))
    if is_.is_map(kind):
        return is_.is_map(ours) and _is_same(kind.key_type, ours.key_type) and _is_same(kind.item_type, ours.item_type)
    return bool(kind == ours)


def _standard_paths(name: str, kind: pa.DataType) -> list[str]:
    """The leaves as the Parquet format names them (LogicalTypes.md, "Lists", "Maps")."""
    if is_.is_list(kind):
        return _standard_paths(f"{name}.list.element", kind.value_type)
    if is_.is_map(kind):
        return _standard_paths(f"{name}.key_value.key", kind.key_type) + _standard_paths(
            f"{name}.key_value.value", kind.item_type
        )
    if is_.is_struct(kind):
        return [path for field in kind for path in _standard_paths(f"{name}.{field.name}", field.type)]
    return [name]
