"""Workbooks (xlsx, xlsb, xls, ods): each sheet with values is a part; its header is found, its cells keep their types.

Numbers in a workbook are doubles; whole ones are `long`. Dates are dates, with a time of day timestamps. Text is text.
"""

import datetime
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import python_calamine as calamine

from pergamon.formats.arrow_out import write_batches
from pergamon.formats.blame import blame
from pergamon.formats.formulas import formulas_without_value
from pergamon.formats.model import NO_VALUES, FilePart, Limits, Misfit, Unreadable, WrittenPart
from pergamon.formats.names import named_field, renamed_warning, safe_names
from pergamon.formats.shapes import Shape, Value, maker
from pergamon.formats.work import Look, Writing

BATCH_ROWS = 8_192
CHUNK = 1 << 20
HEADER_ROWS = 50
"""How far down a header is looked for, below titles and notes."""
SAVE_IT = "open and save the workbook in a spreadsheet program"


@dataclass(frozen=True)
class _Layout:
    """Where the table of a sheet lies: the row of its header (None: there is none), its first row, its width."""

    header: int | None
    first: int
    width: int


def inspect_excel(look: Look) -> list[FilePart]:
    """A part for each sheet that has values.

    Raises:
        Unreadable: damaged, protected by a password, beyond the limits, or without values.
    """
    _refuse_bombs(look)
    book = _opened(look)
    wanted = book.sheet_names if look.hints.sheet is None else [look.hints.sheet]
    if look.hints.sheet is not None and look.hints.sheet not in book.sheet_names:
        raise Unreadable("the sheet that the hint names is not in it", hint="hint: sheet")
    if len(wanted) > look.limits.sheets:
        raise Unreadable(f"it has {len(wanted)} sheets; {look.limits.sheets} is the limit", hint="hint: sheet")
    parts = [_part(look, name, rows) for name in wanted if (rows := _rows(book, name, look.limits))]
    empty = formulas_without_value(look.path)
    if not parts:
        raise Unreadable("its sheets have no values", hint=SAVE_IT if empty else "nothing to load")
    return [_with_formulas_told(part, empty) for part in parts]


def _with_formulas_told(part: FilePart, empty: Mapping[str, int]) -> FilePart:
    count = empty.get(str(part.name), 0)
    if not count:
        return part
    formulas = "1 formula has" if count == 1 else f"{count} formulas have"
    told = (
        f"sheet {part.name!r}: {formulas} no stored value and {'is' if count == 1 else 'are'} read as empty; {SAVE_IT}"
    )
    return replace(part, warnings=(*part.warnings, told))


def write_excel(writing: Writing) -> WrittenPart:
    """The rows of one sheet with the target's columns.

    Raises:
        Unreadable: damaged. Misfit: see `write_batches`.
    """
    return write_batches(writing, _batches(writing))


def _batches(writing: Writing) -> Iterator[pa.RecordBatch]:
    look, part = writing.look(), writing.part
    _refuse_bombs(look)
    rows = _rows(_opened(look), str(part.name), look.limits)
    layout = _Layout(part.dialect["header"], part.dialect["first"], part.dialect["width"])
    body = [row for row in rows[layout.first :] if any(cell is not None for cell in row)]
    makers = [maker(field.type) for field in part.schema]
    for start in range(0, len(body), BATCH_ROWS):
        some = body[start : start + BATCH_ROWS]
        try:
            arrays = [
                pa.array([make(_cell(row, place)) for row in some], field.type)
                for place, (field, make) in enumerate(zip(part.schema, makers, strict=True))
            ]
        except (ValueError, TypeError, AttributeError, ArithmeticError, pa.ArrowException):
            raise Misfit("a row is not what it was when the file was inspected", part) from None
        yield pa.RecordBatch.from_arrays(arrays, schema=part.schema)


def _part(look: Look, name: str, rows: list[list[Value]]) -> FilePart:
    layout = _layout(rows, look.hints.header)
    if layout.width > look.limits.columns:
        raise Unreadable(f"sheet {name!r} has {layout.width} columns; {look.limits.columns} is the limit")
    body = [row for row in rows[layout.first :] if any(cell is not None for cell in row)]
    shapes = [Shape() for _ in range(layout.width)]
    for row in body:
        for place, shape in enumerate(shapes):
            shape.see(_cell(row, place), look.limits)
    originals = _header(rows, layout)
    names = safe_names(originals)
    fields = [
        _marked(named_field(one, original, shape.type()), shape)
        for one, original, shape in zip(names, originals, shapes, strict=True)
    ]
    mixed = [one for one, shape in zip(names, shapes, strict=True) if shape.mixed()]
    notes = [f"column {one}: its values are of several kinds, kept as text" for one in mixed]
    if layout.header is None and look.hints.header is None:
        notes.append("no header was found: its columns are numbered; hint: header")
    return FilePart(
        name=name,
        format="excel",
        compression="none",
        schema=pa.schema(fields),
        rows=len(body),
        in_place=False,
        dialect={
            "header": layout.header,
            "first": layout.first,
            "width": layout.width,
            "hints": look.hints.model_dump(mode="json", exclude_defaults=True),
            "this_year": look.this_year,
        },
        warnings=(*renamed_warning(names, originals), *notes),
    )


def _layout(rows: Sequence[Sequence[Value]], hint: bool | None) -> _Layout:
    """The header is the first row of texts that is as wide as the table; titles above it are narrower."""
    width = max(_filled_to(row) for row in rows)
    if hint is False:
        return _Layout(None, 0, width)
    wide = [place for place, row in enumerate(rows[:HEADER_ROWS]) if _count(row) >= max(1, (3 * width + 3) // 4)]
    first = wide[0] if wide else 0
    is_header = all(isinstance(cell, str) for cell in rows[first] if cell is not None)
    if hint or (is_header and wide):
        return _Layout(first, first + 1, width)
    return _Layout(None, 0, width)


def _header(rows: Sequence[Sequence[Value]], layout: _Layout) -> list[str]:
    if layout.header is None:
        return [f"column_{place}" for place in range(1, layout.width + 1)]
    cells = [_cell(rows[layout.header], place) for place in range(layout.width)]
    return ["" if cell is None else str(cell) for cell in cells]


def _rows(book: calamine.CalamineWorkbook, name: str, limits: Limits) -> list[list[Value]]:
    """The rows of a sheet, empty cells as None; nothing when there is no value."""
    try:
        sheet = book.get_sheet_by_name(name)
        if sheet.total_height * max(sheet.total_width, 1) > limits.sheet_cells:
            raise Unreadable(f"sheet {name!r} has more than {limits.sheet_cells} cells", hint="save it as CSV")
        rows = [[_value(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    except (calamine.CalamineError, ValueError, OSError, KeyError) as error:
        raise blame(error, _damaged()) from None
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    return rows if any(cell is not None for row in rows for cell in row) else []


def _value(cell: Value) -> Value:
    """Empty cells are no value; a whole number is whole; midnight is a date."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date()
    return cell


def _cell(row: Sequence[Value], place: int) -> Value:
    return row[place] if place < len(row) else None


def _filled_to(row: Sequence[Value]) -> int:
    return max((place + 1 for place, cell in enumerate(row) if cell is not None), default=0)


def _count(row: Sequence[Value]) -> int:
    return sum(1 for cell in row if cell is not None)


def _marked(field: pa.Field, shape: Shape) -> pa.Field:
    return field if shape.kinds else field.with_metadata({**(field.metadata or {}), NO_VALUES: b"true"})


def _opened(look: Look) -> calamine.CalamineWorkbook:
    try:
        return calamine.load_workbook(str(look.path))
    except calamine.PasswordError:
        raise Unreadable("it is protected by a password", hint="save it without one") from None
    except (calamine.CalamineError, ValueError, OSError, KeyError) as error:
        raise blame(error, _damaged()) from None


def _damaged() -> Unreadable:
    return Unreadable("it is a workbook, but damaged or cut off", hint="open it, save it again, upload it again")


def _refuse_bombs(look: Look) -> None:
    """Unpack each part of a zipped workbook to nowhere, counting."""
    if not zipfile.is_zipfile(look.path):
        return
    limits, unpacked = look.limits, 0
    largest = max(limits.ratio_from_bytes, look.path.stat().st_size * limits.unpacked_ratio)
    try:
        with zipfile.ZipFile(look.path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as file:
                    while piece := file.read(CHUNK):
                        unpacked += len(piece)
                        if unpacked > min(largest, limits.unpacked_bytes):
                            raise Unreadable(
                                f"it unpacks to more than {limits.unpacked_ratio} times its size",
                                hint="save it as CSV",
                            )
    except RuntimeError:
        raise Unreadable("it is protected by a password", hint="save it without one") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError) as error:
        raise blame(error, _damaged()) from None
