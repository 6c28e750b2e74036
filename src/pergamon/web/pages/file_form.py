"""A form with one file in it, as browsers send it (RFC 7578): its fields first, then the file, piece by piece.

Nothing of the file is kept here: whoever asks for the next piece gets it as it comes. Parts are told apart by the
library python-multipart (ADR 0028).
"""

import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pergamon.web.pages.genuine import FILE_FORM, FormNotReadable

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what is wrong is told to who sent it, in no log
LONGEST_BEFORE_FILE = 128 * 1024
"""What the fields and their heads may have together, with what came of the file in the same piece."""
MOST_FIELDS = 20


@dataclass(frozen=True)
class FileForm:
    """The fields that came before the file, and the file: its name without folders, and what is in it."""

    fields: list[tuple[str, str]]
    file_name: str
    pieces: Iterator[bytes]


def form_with_file(chunks: Iterable[bytes], content_type: str) -> FileForm:
    """Read up to the file.

    Raises:
        FormNotReadable: it is no such form, or has no file; the pieces raise it when the form ends too early, or
            goes on after the file.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != FILE_FORM.encode() or not boundary:
        raise _unreadable()
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())
    except FormParserError:
        raise _unreadable() from None
    coming, seen = iter(chunks), 0
    while parts.file_name is None:
        seen += _feed(parser, coming)
        if parts.file_name is None and (parts.is_over or seen > LONGEST_BEFORE_FILE):
            raise _unreadable()
    return FileForm(parts.fields, parts.file_name, _pieces(parser, parts, coming))


def _pieces(parser: MultipartParser, parts: "_Parts", coming: Iterator[bytes]) -> Iterator[bytes]:
    while not parts.is_over or parts.pieces:
        while parts.pieces:
            yield parts.pieces.popleft()
        if not parts.is_over:
            _feed(parser, coming)


def _feed(parser: MultipartParser, coming: Iterator[bytes]) -> int:
    """Give the parser the next piece. Returns: how long it was.

    Raises:
        FormNotReadable: there is none, or it is no form.
    """
    piece = next(coming, None)
    if piece is None:
        raise _unreadable()
    try:
        parser.write(piece)
    except FormParserError:
        raise _unreadable() from None
    return len(piece)


@dataclass
class _Parts:
    """What the parser has told so far."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    file_name: str | None = None
    pieces: deque[bytes] = field(default_factory=deque)
    is_over: bool = False
    _heads: dict[str, bytes] = field(default_factory=dict)
    _head: tuple[bytes, bytes] = (b"", b"")
    _name: str = ""
    _value: bytes = b""

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._head_name,
            "on_header_value": self._head_value,
            "on_header_end": self._head_ends,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._close,
            "on_end": self._over,
        }

    def _begin(self) -> None:
        if self.file_name is not None or len(self.fields) >= MOST_FIELDS:
            raise _unreadable()  # what came after the file would be a field that nobody reads
        self._heads, self._value = {}, b""

    def _head_name(self, data: bytes, start: int, end: int) -> None:
        self._head = (self._head[0] + data[start:end], b"")

    def _head_value(self, data: bytes, start: int, end: int) -> None:
        self._head = (self._head[0], self._head[1] + data[start:end])

    def _head_ends(self) -> None:
        self._heads[self._head[0].decode("latin-1").lower()] = self._head[1]
        self._head = (b"", b"")

    def _open(self) -> None:
        _, said = parse_options_header(self._heads.get("content-disposition", b""))
        self._name = _text(said.get(b"name", b""))
        if b"filename" in said:
            self.file_name = re.split(r"[/\\]", _text(said[b"filename"]).replace("%22", '"'))[-1]

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self.file_name is None:
            self._value += data[start:end]
        else:
            self.pieces.append(data[start:end])

    def _close(self) -> None:
        if self.file_name is None:
            self.fields.append((self._name, _text(self._value)))

    def _over(self) -> None:
        self.is_over = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _unreadable() from None


def _unreadable() -> FormNotReadable:
    return FormNotReadable("the form with the file cannot be read", hint="choose a file, then send it again")
