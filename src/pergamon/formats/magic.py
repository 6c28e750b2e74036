"""Which format is this file? Its first and last bytes say; only text leaves it to the name.

A file that is called something else is read as what it is, and a warning says so.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pergamon.formats.blame import blame
from pergamon.formats.model import Compression, Format, FormatHints, Limits, Unreadable
from pergamon.formats.text_file import head

PACKINGS: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bz2"),
)
BY_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"PAR1", "parquet"),
    (b"PARE", "parquet"),
    (b"Obj\x01", "avro"),
    (b"ORC", "orc"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
)
BY_ENDING: dict[str, Format] = {
    "parquet": "parquet", "pq": "parquet", "csv": "csv", "tsv": "csv", "tab": "csv", "txt": "csv", "psv": "csv",
    "json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "avro": "avro", "orc": "orc",
    "xlsx": "excel", "xlsm": "excel", "xlsb": "excel", "xls": "excel", "ods": "excel",
}  # fmt: skip
PACKING_ENDINGS: dict[str, Compression] = {"gz": "gzip", "gzip": "gzip", "zst": "zstd", "zstd": "zstd", "bz2": "bz2"}
OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xfd7zXZ", "packed with xz"),
    (b"ARROW1", "an Arrow file"),
    (b"<?xml", "XML"),
)
TEXT_FORMATS = ("csv", "json", "ndjson")
TABLES_OF_TEXT = {"csv", "tsv", "tab", "psv"}
"""Who calls a text so says that it is a table, if only of a header."""
DOCUMENTS = {"doc", "docx", "odt", "rtf", "pdf", "ppt", "pptx", "odp", "md", "rst", "tex", "html", "htm", "eml", "msg"}
NO_TABLE = "if it is CSV, call it .csv, or hint: format"


@dataclass(frozen=True)
class Kind:
    """is_said_to_be_a_table: by its name, its bytes or a hint; of another text, its rows must show it."""

    format: Format
    compression: Compression
    warnings: tuple[str, ...] = ()
    is_said_to_be_a_table: bool = True


def kind_of(path: Path, name: str, hints: FormatHints, limits: Limits) -> Kind:
    """Format and packing of a file.

    Raises:
        Unreadable: empty, of a format that we do not read, or packed in a way that goes with text only.
    """
    if path.stat().st_size == 0:
        raise Unreadable("it is empty", hint="upload the file again if it has rows")
    with path.open("rb") as file:
        begin = file.read(16)
    packed = [kind for mark, kind in PACKINGS if begin.startswith(mark)]
    compression: Compression = hints.compression or (packed[0] if packed else "none")
    sample = head(path, compression, limits, 64 * 1024)
    if not sample:
        raise Unreadable("there is nothing in it", hint="upload the file again if it has rows")
    called = _called(name)
    found = hints.format or _by_content(path, sample, called, compression)
    if found == "csv" and hints.format is None and _ending(name) in DOCUMENTS:
        raise Unreadable(f"it is called {_ending(name)}, and no table is in it", hint=NO_TABLE)
    warnings = _warnings(found, compression, called, _packing_called(name), hints)
    if compression != "none" and found not in TEXT_FORMATS:
        raise Unreadable(f"it is {found} packed with {compression}", hint="upload it unpacked: it is packed inside")
    is_said = found != "csv" or hints.format is not None or _ending(name) in TABLES_OF_TEXT
    return Kind(found, compression, warnings, is_said)


def _by_content(path: Path, sample: bytes, called: Format | None, compression: Compression) -> Format:
    for mark, kind in BY_MAGIC:
        if sample.startswith(mark):
            return kind
    if sample.startswith(b"PK"):
        return _zip_kind(path, compression)
    for mark, what in OTHERS:
        if sample.startswith(mark):
            raise Unreadable(f"it is {what}, which is no table", hint="we read CSV, JSON, Parquet, Avro, ORC and Excel")
    if called in {"parquet", "avro", "orc", "excel"} and _looks_binary(sample):
        raise Unreadable(f"it is called {called} but is not, or its beginning is lost", hint="upload it again")
    return _text_kind(sample, called)


def _zip_kind(path: Path, compression: Compression) -> Format:
    if compression == "none":
        try:
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            damaged = Unreadable("it is a zip archive or a workbook, damaged or cut off", hint="upload it again")
            raise blame(error, damaged) from None
        if names & {"xl/workbook.xml", "xl/workbook.bin"} or {"content.xml", "mimetype"} <= names:
            return "excel"
    raise Unreadable("it is a zip archive", hint="upload the files in it, each by itself")


def _text_kind(sample: bytes, called: Format | None) -> Format:
    """JSON by its first letter, unless it is called CSV and is not JSON after all."""
    start = sample.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1]
    if start == b"[" and called != "csv":
        return "json"
    if start == b"{" and called != "csv":
        lines = [line for line in sample.split(b"\n") if line.strip()]
        complete = len(lines) > 1 and lines[0].strip().endswith(b"}") and lines[1].lstrip()[:1] == b"{"
        return "ndjson" if complete or called == "ndjson" else "json"
    if start in (b"[", b"{") and sample.lstrip()[1:2] in (b'"', b"{", b"\n", b"\r", b" ") and b'":' in sample[:4096]:
        return _text_kind(sample, None)
    if _looks_binary(sample):
        raise Unreadable("it is neither text nor a format that we know", hint="is it encrypted, or packed?")
    if called in {"json", "ndjson"}:
        raise Unreadable(f"it is called {called} but does not begin as such", hint="is it CSV? hint: format")
    return "csv"


def _looks_binary(sample: bytes) -> bool:
    """Control characters that text does not have; UTF-16 and UTF-32 are text."""
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff") or sample[:4] == b"\0\0\xfe\xff":
        return False
    piece = sample[:8192]
    odd = sum(1 for byte in piece if byte < 9 or (13 < byte < 32 and byte != 27))
    zeros = piece.count(0)
    if zeros and (piece[1::2].count(0) > 0.6 * len(piece[1::2]) or piece[::2].count(0) > 0.6 * len(piece[::2])):
        return odd - zeros > max(8, len(piece) // 50)
    return odd > max(8, len(piece) // 100)


def _endings(name: str) -> Iterator[str]:
    for suffix in reversed(PurePosixPath(name.lower()).suffixes):
        yield suffix[1:]


def _ending(name: str) -> str:
    """The last ending that is not one of a packing."""
    return next((ending for ending in _endings(name) if ending not in PACKING_ENDINGS), "")


def _called(name: str) -> Format | None:
    return BY_ENDING.get(_ending(name))


def _packing_called(name: str) -> Compression:
    return PACKING_ENDINGS.get(next(_endings(name), ""), "none")


def _warnings(
    found: Format, compression: Compression, called: Format | None, packing: Compression, hints: FormatHints
) -> tuple[str, ...]:
    told = []
    same = called is None or called == found or {called, found} <= {"json", "ndjson"}
    if not same and hints.format is None:
        told.append(f"it is called {called} but is {found}: read as {found}")
    if packing != compression and hints.compression is None:
        is_so = f"packed with {compression}" if compression != "none" else "not packed"
        told.append(f"its name does not say so, but it is {is_so}" if packing == "none" else f"it is {is_so}")
    return tuple(told)
