"""The two questions of this room: what is in this file, and: write this part of it as Parquet."""

import datetime
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pergamon.formats.blame import hosts_troubles_told
from pergamon.formats.magic import NO_TABLE, kind_of
from pergamon.formats.model import Constant, FilePart, FormatHints, Limits, Unreadable, WrittenPart
from pergamon.formats.ports import Progress
from pergamon.formats.work import Look, Writing


def inspect_file(
    path: Path,
    name: str,
    hints: FormatHints | None = None,
    limits: Limits | None = None,
    *,
    scratch: Path | None = None,
    this_year: int | None = None,
) -> list[FilePart]:
    """The tables in a file: one, or one for each sheet of a workbook.

    name: what people call the file. scratch: a directory for copies; a temporary one by default. this_year: the
    latest year that two digits can mean; by default the clock's.

    Raises:
        Unreadable: why not, and where.
    """
    from pergamon.formats.by_format import INSPECTORS  # here: only who reads files loads what reads them

    hints, limits = hints or FormatHints(), limits or Limits()
    year = this_year or datetime.datetime.now(datetime.UTC).year
    with hosts_troubles_told(), tempfile.TemporaryDirectory(dir=scratch, prefix="look-") as place:
        kind = kind_of(path, name, hints, limits)
        parts = INSPECTORS[kind.format](Look(path, kind.compression, hints, limits, Path(place), year))
    if not kind.is_said_to_be_a_table and all(part.rows == 0 for part in parts):
        raise Unreadable("it is a line of text, and no table is in it", hint=NO_TABLE)
    return [replace(part, warnings=(*kind.warnings, *part.warnings)) for part in parts]


def write_part(
    path: Path,
    part: FilePart,
    target: pa.Schema,
    out: Path,
    *,
    constants: Mapping[str, Constant] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> WrittenPart:
    """The part's rows as one zstd Parquet file with exactly the target's columns, by name; missing ones are null.

    Columns named in `constants` take that value where the file has no such column. Field ids are written when every
    field of the target has one (metadata `PARQUET:field_id`). Nothing is left at `out` when it fails.

    Raises:
        Unreadable: it cannot be read whole. Misfit: the target does not hold every value or column.
    """
    from pergamon.formats.by_format import WRITERS  # as above

    with hosts_troubles_told(), tempfile.TemporaryDirectory(dir=out.parent, prefix="write-") as place:
        told, allowed = progress or (lambda _rows: None), limits or Limits()
        return WRITERS[part.format](Writing(path, part, target, out, constants or {}, allowed, told, Path(place)))
