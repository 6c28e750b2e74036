"""From bytes to a plain UTF-8 file that the engine reads: unpacked, decoded strictly, one kind of line end.

A plain UTF-8 file is read where it lies. Anything else is copied once, in bounded memory and within the limits, so a
small file that unpacks to a huge one is stopped on its way.
"""

import bz2
import codecs
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from charset_normalizer import from_bytes

from pergamon.formats.blame import blame
from pergamon.formats.model import Compression, Limits, Unreadable

CHUNK = 1 << 20
HEAD_BYTES = 1 << 20
LOOK_BACK_BYTES = 1 << 16
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = ("cp1252", "iso8859_15", "latin_1")
GUESSED_AMONG = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859_2", "koi8_r", "mac_roman", "cp850"]
UTF_8 = {"utf-8", "utf8", "utf_8", "ascii", "utf-8-sig", "utf_8_sig"}


@dataclass(frozen=True)
class PlainText:
    """Where the text lies, and what was decided about it."""

    path: Path
    encoding: str
    is_copy: bool


def unpacked(path: Path, compression: Compression, limits: Limits) -> Iterator[bytes]:
    """The bytes of a file, unpacked piece by piece.

    Raises:
        Unreadable: it is damaged or cut off, or unpacks to more than the limits allow.
    """
    guard = _Guard(path.stat().st_size, limits)
    with path.open("rb") as file:
        for piece in _pieces(file, compression):
            guard.add(len(piece))
            yield piece


def head(path: Path, compression: Compression, limits: Limits, size: int = HEAD_BYTES) -> bytes:
    """The first bytes, unpacked.

    Raises:
        Unreadable: see `unpacked`.
    """
    found = bytearray()
    for piece in unpacked(path, compression, limits):
        found += piece
        if len(found) >= size:
            break
    return bytes(found[:size])


def encoding_of(sample: bytes, hint: str | None, *, is_whole: bool) -> str:
    """The encoding of a text, by its mark, by trying UTF-8, then by the frequency of letters.

    Raises:
        Unreadable: the hint is not the name of an encoding, or nothing fits.
    """
    if hint is not None:
        try:
            codecs.lookup(hint)
        except LookupError:
            raise Unreadable("the hint names an encoding that does not exist", hint="utf-8, windows-1252, …") from None
        return hint
    for mark, name in BOMS:
        if sample.startswith(mark):
            return name
    if b"\0" in sample[:4096]:
        return _wide_encoding(sample)
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, is_whole)
    except UnicodeDecodeError as error:
        return guessed_encoding(_around(sample, error.start))
    return "utf-8"


def guessed_encoding(sample: bytes) -> str:
    """An eight-bit encoding for bytes that are not UTF-8.

    Raises:
        Unreadable: no known encoding gives letters.
    """
    best = from_bytes(sample, cp_isolation=GUESSED_AMONG).best()
    guess = best.encoding if best is not None else "cp1252"
    is_western = guess in WESTERN or _decodes_alike(sample, guess, "cp1252")
    tried = [] if is_western else [guess]
    for name in (*tried, *WESTERN):
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        if not any("\x80" <= letter < "\xa0" for letter in text):
            return name
    raise Unreadable("it is not text in any encoding we know", hint="say which: encoding, or save it as UTF-8")


def _decodes_alike(sample: bytes, one: str, other: str) -> bool:
    return sample.decode(one, errors="replace") == sample.decode(other, errors="replace")


def plain_text(path: Path, compression: Compression, encoding: str, scratch: Path, limits: Limits) -> PlainText:
    """The text as a UTF-8 file: the file itself where it is one, else a copy in `scratch`.

    Raises:
        Unreadable: damaged, too large unpacked, or bytes that the encoding does not know (with the line).
    """
    if compression == "none" and codecs.lookup(encoding).name in {"utf-8", "ascii", "utf-8-sig"}:
        return PlainText(path, encoding, is_copy=False)
    copy = scratch / "plain.txt"
    with copy.open("wb") as file:
        for piece in decoded(unpacked(path, compression, limits), encoding):
            file.write(piece.encode("utf-8"))
    return PlainText(copy, encoding, is_copy=True)


def decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[str]:
    """The text of the bytes, strictly.

    Raises:
        Unreadable: bytes that the encoding does not know, with their line.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            lines += text.count("\n")
            yield text
        yield decoder.decode(b"", final=True)
    except UnicodeError:
        raise Unreadable(
            f"bytes near line {lines} are not {encoding}", hint="say the encoding, or save it as UTF-8", line=lines
        ) from None


def refuse_long_lines(path: Path, longest_bytes: int) -> None:
    """Look that a line ends within every stretch of so many bytes; reads a few of them only.

    DuckDB 1.5.5 refuses a line longer than its limit, but one longer than its buffer it leaves out without a word.

    Raises:
        Unreadable: a longer line.
    """
    size, line_begins = path.stat().st_size, 0
    with path.open("rb") as file:
        while line_begins + longest_bytes < size:
            found = _last_line_end(file, line_begins, line_begins + longest_bytes)
            if found is None:
                raise Unreadable(f"a line is longer than {longest_bytes} bytes", hint="is it text in lines?")
            line_begins = found + 1


def _last_line_end(file: BinaryIO, begin: int, end: int) -> int | None:
    """Where the last line within a stretch ends, looked for from its end."""
    while end > begin:
        start = max(begin, end - LOOK_BACK_BYTES)
        file.seek(start)
        piece = file.read(end - start)
        found = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        if found >= 0:
            return start + found
        end = start
    return None


def with_plain_newlines(text: PlainText, quote: str, scratch: Path) -> PlainText:
    """A copy in which every line outside quotes ends with one line feed; inside quotes nothing changes."""
    copy = scratch / "lines.txt"
    mark = quote.encode() or b"\0"
    inside, last_was_return = False, False
    with text.path.open("rb") as source, copy.open("wb") as target:
        while piece := source.read(CHUNK):
            parts = []
            for place, segment in enumerate(piece.split(mark)):
                inside = not inside if place else inside
                if inside:
                    parts.append(segment)
                    continue
                outside = segment[1:] if last_was_return and place == 0 and segment[:1] == b"\n" else segment
                parts.append(outside.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
            last_was_return = not inside and piece.endswith(b"\r")
            target.write(mark.join(parts))
    return PlainText(copy, text.encoding, is_copy=True)


class _Guard:
    """Counts what comes out, and stops it."""

    def __init__(self, packed_bytes: int, limits: Limits) -> None:
        self._packed, self._limits, self._out = max(packed_bytes, 1), limits, 0

    def add(self, size: int) -> None:
        self._out += size
        if self._out > self._limits.unpacked_bytes:
            raise Unreadable(
                f"unpacked it is larger than {self._limits.unpacked_bytes} bytes",
                hint="split it, or raise unpacked_bytes",
            )
        if self._out > max(self._limits.ratio_from_bytes, self._packed * self._limits.unpacked_ratio):
            raise Unreadable(
                f"it unpacks to more than {self._limits.unpacked_ratio} times its size, as files made to harm do",
                hint="upload it unpacked",
            )


def _pieces(file: BinaryIO, compression: Compression) -> Iterator[bytes]:
    match compression:
        case "none":
            while piece := file.read(CHUNK):
                yield piece
        case "gzip":
            yield from _gunzipped(file)
        case "bz2":
            yield from _stream(bz2.BZ2File(file), "bz2")
        case "zstd":
            yield from _stream(pa.input_stream(pa.PythonFile(file, mode="r"), compression="zstd"), "zstd")


def _stream(file: io.IOBase, kind: str) -> Iterator[bytes]:
    try:
        while piece := file.read(CHUNK):
            yield piece
    except (OSError, EOFError, ValueError) as error:
        damaged = Unreadable(f"its {kind} packing is damaged or cut off", hint="upload it again")
        raise blame(error, damaged) from None


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    """All members of a gzip file, one after the other, each piece at most `CHUNK` bytes."""
    member, is_open = zlib.decompressobj(31), False
    try:
        while data := file.read(CHUNK):
            while data:
                is_open = True
                piece = member.decompress(data, CHUNK)
                if piece:
                    yield piece
                data = member.unconsumed_tail
                if member.eof:
                    data, member, is_open = member.unused_data.lstrip(b"\0"), zlib.decompressobj(31), False
    except zlib.error:
        raise Unreadable("its gzip packing is damaged", hint="upload it again") from None
    while is_open and (piece := member.flush()):
        yield piece
        is_open = not member.eof
    if is_open and not member.eof:
        raise Unreadable("its gzip packing is cut off", hint="upload it again")


def _wide_encoding(sample: bytes) -> str:
    """UTF-16 without a mark: every second byte of Latin letters is a NUL."""
    even, odd = sample[:4096:2].count(0), sample[1:4096:2].count(0)
    if odd > 4 * even and odd > len(sample[:4096]) // 8:
        return "utf-16-le"
    if even > 4 * odd and even > len(sample[:4096]) // 8:
        return "utf-16-be"
    raise Unreadable("it holds NUL bytes, as binary files do", hint="it is not text; say its format if we know it")


def _around(sample: bytes, start: int) -> bytes:
    """The lines that hold bytes beyond ASCII, from the first on."""
    begin = sample.rfind(b"\n", 0, start) + 1
    lines = [line for line in sample[begin:].split(b"\n") if not line.isascii()]
    return b"\n".join(lines)[: 64 * 1024]
