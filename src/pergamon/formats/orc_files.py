"""ORC: the file tells its types; stripes are read one by one."""

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import orc

from pergamon.formats.arrow_out import write_batches
from pergamon.formats.blame import blame
from pergamon.formats.carried import NotCarried, carried_fields
from pergamon.formats.model import FilePart, Unreadable, WrittenPart
from pergamon.formats.names import renamed_warning
from pergamon.formats.work import Look, Writing

DAMAGED = (pa.ArrowException, OSError, ValueError)


def inspect_orc(look: Look) -> FilePart:
    """What its footer says; the last stripe is read, to see that it is whole.

    Raises:
        Unreadable: damaged, cut off, or with a type that tables do not have.
    """
    try:
        file = orc.ORCFile(look.path)
        arrow, rows = file.schema, file.nrows
        if file.nstripes:
            file.read_stripe(file.nstripes - 1)
    except DAMAGED as error:
        raise _unreadable(error) from None
    try:
        fields = carried_fields(list(arrow))
    except NotCarried as error:
        raise Unreadable(f"a column has a type that tables do not have: {error}", hint="leave it out") from None
    if not 0 < len(fields) <= look.limits.columns:
        raise Unreadable(f"it has {len(fields)} columns; 1 to {look.limits.columns} can be loaded")
    return FilePart(
        name=None,
        format="orc",
        compression="none",
        schema=pa.schema(fields),
        rows=rows,
        in_place=False,
        warnings=renamed_warning([field.name for field in fields], list(arrow.names)),
    )


def write_orc(writing: Writing) -> WrittenPart:
    """Its rows with the target's columns.

    Raises:
        Unreadable: damaged. Misfit: see `write_batches`.
    """
    return write_batches(writing, _batches(writing))


def _batches(writing: Writing) -> Iterator[pa.RecordBatch]:
    try:
        file = orc.ORCFile(writing.path)
        for stripe in range(file.nstripes):
            yield file.read_stripe(stripe)
    except DAMAGED as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> Unreadable:
    if "ime zone" in str(error) or "imezone" in str(error):
        return Unreadable("its timestamps are in a time zone of its writer", hint="write them in UTC")
    return blame(error, Unreadable("it is ORC, but damaged or cut off", hint="make the file again, or upload it again"))
