"""A formula whose value the workbook does not hold is read as empty, and that is said."""

import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pergamon.formats import FormatHints, Limits, Unreadable, inspect_file
from pergamon.formats.formulas import formulas_without_value

LIMITS = Limits(threads=1)
SHEET = "xl/worksheets/sheet1.xml"


def warnings_of(path: Path) -> list[tuple[str, ...]]:
    return [part.warnings for part in inspect_file(path, "x.xlsx", FormatHints(), LIMITS, this_year=2026)]


def saved(path: Path, rows: list[list[Any]]) -> None:
    """As a program that only writes does: formulas without values."""
    book: Any = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.active.title = "Labor & Co"
    book.create_sheet("plain").append(["only text"])
    book["plain"].append(["a"])
    book.save(path)


def with_cells(path: Path, cells: str, *, prefix: str = "") -> None:
    """The workbook at `path`, the rows of its first sheet put in as this XML."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    p = f"{prefix}:" if prefix else ""
    space = f"xmlns{':' + prefix if prefix else ''}"
    members[SHEET] = (
        f'<{p}worksheet {space}="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<{p}sheetData>{cells}</{p}sheetData></{p}worksheet>"
    ).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_formulas_without_a_stored_value_are_counted_by_sheet(tmp_path: Path) -> None:
    path = tmp_path / "file"
    saved(path, [["id", "twice"], [1, "=A2*2"], [2, '=IF(A3>1,"x","y")'], [3, 6]])
    first, second = warnings_of(path)
    assert [told for told in first if "stored" in told] == [
        "sheet 'Labor & Co': 2 formulas have no stored value and are read as empty; "
        "open and save the workbook in a spreadsheet program"
    ]
    assert not [told for told in second if "stored" in told]


@pytest.mark.parametrize(("cell", "is_told"), [
    ("<c r='A2'><f>1+1</f></c>", True), ("<c r='A2'><f>1+1</f><v></v></c>", True),
    ("<c r='A2'><f>1+1</f><v/></c>", True),
    ("<c r='A2'><f t='shared' si='0'/></c>", True), ("<c r='A2'><f>1+1</f><v>2</v></c>", False),
    ("<c r='A2'><f t='shared' si='0'/><v>2</v></c>", False), ("<c r='A2' t='str'><f>B1</f><v></v></c>", False),
    ("<c r='A2' t='str'><f>B1</f><v>x</v></c>", False), ("<c r='A2' t='str'><f>B1</f></c>", True),
    ("<c r='A2'><v>2</v></c>", False), ("<c r='A2'/>", False),
])  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "x"])
def test_only_a_formula_without_a_value_is_told(tmp_path: Path, cell: str, prefix: str, is_told: bool) -> None:
    path = tmp_path / "file"
    saved(path, [["a"]])
    cells = (
        "<row r='1'><c r='A1' t='str'><v>name</v></c><c r='B1' t='str'><v>n</v></c></row>"
        f"<row r='2'>{cell}<c r='B2'><v>7</v></c></row>"
    )
    if prefix:
        cells = cells.replace("</", "\0").replace("<", f"<{prefix}:").replace("\0", f"</{prefix}:")
    with_cells(path, cells, prefix=prefix)
    first = warnings_of(path)[0]
    assert any("1 formula has no stored value and is read" in told for told in first) == is_told


def test_formulas_are_counted_across_the_pieces_of_a_large_sheet(tmp_path: Path) -> None:
    path = tmp_path / "file"
    saved(path, [["a"]])
    rows = "".join(
        f"<row r='{n}'><c r='A{n}'><v>{n}</v></c><c r='B{n}'><f>A{n}*2</f></c></row>" for n in range(2, 40_002)
    )
    with_cells(path, "<row r='1'><c r='A1' t='str'><v>n</v></c></row>" + rows)
    assert any("40000 formulas have" in told for told in warnings_of(path)[0])


def test_a_workbook_of_nothing_but_such_formulas_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "file"
    book: Any = openpyxl.Workbook()
    book.active.append(["=1+1"])
    book.save(path)
    with pytest.raises(Unreadable) as refused:
        warnings_of(path)
    assert "open and save" in str(refused.value.hint)


def test_a_cell_full_of_blanks_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    saved(path, [["id"], [1]])
    with_cells(path, "<row><c r='A1'><v>1</v></c><c r='A2'><f>1+1</f>" + " " * 60_000 + "<x/></c></row>")
    started = time.process_time()
    formulas_without_value(path)
    assert time.process_time() - started < 1.0
