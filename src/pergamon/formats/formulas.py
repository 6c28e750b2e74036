"""Which formulas of an xlsx workbook have no stored value? Programs that only write leave them out; they read as empty.

The sheet's XML is looked through in pieces, and only for cells that hold a formula; nothing is computed.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

PIECE = 1 << 20
LARGEST_INDEX = 16 * 1024**2
"""The workbook's list of sheets is never larger."""
LONGEST_CELL = 4 * 1024**2


def formulas_without_value(path: Path) -> dict[str, int]:
    """How many formulas of each sheet have none; sheets without such, and other kinds of workbook, are left out."""
    if not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            counts = {name: _count(archive, member) for name, member in _members(archive).items()}
    except (KeyError, OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, expat.ExpatError):
        return {}
    return {name: count for name, count in counts.items() if count}


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """The zip member of each sheet, by the sheet's name."""
    if "xl/workbook.xml" not in archive.namelist():
        return {}
    targets = {
        one["Id"]: posixpath.normpath(posixpath.join("/xl", one["Target"])).lstrip("/")
        for one in _elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
        if one.get("TargetMode") != "External"
    }
    sheets = _elements(archive, "xl/workbook.xml", "sheet")
    found = {one["name"]: targets.get(next((v for k, v in one.items() if k.endswith(":id")), "")) for one in sheets}
    return {name: member for name, member in found.items() if member and "worksheets" in member}


def _elements(archive: zipfile.ZipFile, member: str, tag: str) -> list[dict[str, str]]:
    """The attributes of each element of this name."""
    found: list[dict[str, str]] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == tag:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    with archive.open(member) as file:
        parser.Parse(file.read(LARGEST_INDEX), True)
    return found


def _count(archive: zipfile.ZipFile, member: str) -> int:
    count = 0
    for text, prefix in _whole_cells(archive, member):
        if b"<" + prefix + b"f" in text:
            count += sum(1 for cell in _without_value(prefix).finditer(text) if not _is_empty_text(cell))
    return count


def _whole_cells(archive: zipfile.ZipFile, member: str) -> Iterator[tuple[bytes, bytes]]:
    """Pieces of the sheet that end where a cell ends, and the prefix of its elements (mostly none)."""
    rest, prefix = b"", None
    with archive.open(member) as file:
        while piece := file.read(PIECE):
            rest += piece
            if prefix is None:
                root = re.search(rb"<(\w+:)?worksheet\b", rest)
                prefix = (root[1] or b"") if root else b""
            end = rest.rfind(b"</" + prefix + b"c>")
            if end >= 0:
                end += len(prefix) + 4
                yield rest[:end], prefix
                rest = rest[end:]
            rest = rest if len(rest) <= LONGEST_CELL else b""


def _without_value(prefix: bytes) -> re.Pattern[bytes]:
    """A cell with a formula and no value, or an empty one. Its parts come in this order, and texts hold no `<`.

    Blanks are taken once (`*+`): a megabyte of them would otherwise be divided in every way, which takes an hour.
    """
    p = re.escape(prefix)
    formula = rb"<%bf(?:\s[^<>]*)?(?:/>|(?<!/)>[^<]*</%bf>)" % (p, p)
    nothing = rb"(<%bv\s*+/>|<%bv(?:\s[^<>]*)?></%bv>)?" % (p, p, p)
    return re.compile(rb"<%bc(\s[^<>]*)?>\s*+%b\s*+%b\s*+</%bc>" % (p, formula, nothing, p))


def _is_empty_text(cell: re.Match[bytes]) -> bool:
    """A stored value after all: a formula whose result is the empty text."""
    return cell[2] is not None and re.search(rb"\st=[\"']str[\"']", cell[1] or b"") is not None
