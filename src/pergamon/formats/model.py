"""The words of this room: what a file may be told to be, what was found in it, what was written from it.

Everything here crosses a process boundary as JSON (`as_json`, `from_json`): the process that reads files is not trusted
by the one that decides, so nothing is unpickled and types are spelled out (ADR 0014).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from pergamon.formats.schema_json import schema_as_json, schema_from_json
from pergamon.kernel import Invalid, Kind

Format = Literal["parquet", "csv", "json", "ndjson", "avro", "orc", "excel"]
FORMATS: tuple[Format, ...] = get_args(Format)
Compression = Literal["none", "gzip", "zstd", "bz2"]
Constant = str | int | float | bool | Decimal | None
"""A partition's value, cast to the type of its column when written."""

ORIGINAL_NAME = b"pergamon.original_name"
"""Metadata of a field whose name in the file was another, which engines cannot carry."""

NO_VALUES = b"pergamon.no_values"
"""Metadata of a column in which no value was found: it takes whatever type another file gives it."""


class Unreadable(Invalid):
    """A file that cannot be read whole: it goes to quarantine with this reason, and no row of it is loaded."""

    code: ClassVar[str] = "formats.unreadable"
    kind: ClassVar[Kind] = Kind.INVALID

    def __init__(
        self, message: str, *, hint: str | None = None, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.column = column


class Misfit(Invalid):
    """Values of the file do not fit the target; `part` says, after reading every value, what would.

    Nothing was written. Merge `part.schema` into the table's and write again, or keep the file apart.
    """

    code: ClassVar[str] = "formats.misfit"

    def __init__(self, message: str, part: "FilePart") -> None:
        super().__init__(message, hint="merge the part's schema into the table's, and write it again")
        self.part = part


class FormatHints(BaseModel):
    """What a person knows better than the file tells. Each is optional; what is given is believed and checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    format: Format | None = None
    compression: Compression | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1, description="an empty text: there is no quoting")
    encoding: str | None = Field(default=None, description="utf-8, utf-16, iso-8859-1, windows-1252, …")
    header: bool | None = None
    decimal: Literal[".", ","] | None = None
    date_order: Literal["ymd", "dmy", "mdy"] | None = None
    latest_year: int | None = Field(
        default=None, ge=1900, le=2999, description="two-digit years mean the hundred years that end with this one"
    )
    null_words: tuple[str, ...] | None = Field(
        default=None, description="words that mean `no value`, also in columns of text"
    )
    ragged: Literal["refuse", "null-pad"] = Field(
        default="refuse", description="null-pad: rows with too few fields are filled up with nulls"
    )
    sheet: str | None = Field(default=None, description="the only sheet of a workbook to read")


@dataclass(frozen=True)
class Limits:
    """What a file may ask of us. Beyond it the file is `Unreadable`, with the limit's name in the reason."""

    unpacked_bytes: int = 64 * 1024**3
    unpacked_ratio: int = 250
    """Unpacked to packed bytes; looked at once more than `ratio_from_bytes` came out."""
    ratio_from_bytes: int = 256 * 1024**2
    line_bytes: int = 8 * 1024**2
    """The longest record of a text file, and the longest element of a JSON array."""
    columns: int = 2_000
    depth: int = 32
    sheet_cells: int = 20_000_000
    sheets: int = 200
    """Of a workbook: each becomes a table of its own."""
    sample_rows: int = 20_480
    """Types of text are guessed from so many rows, then checked on all."""
    memory_bytes: int = 1024**3
    """What the engines inside may hold; the process gets this and what its libraries need."""
    threads: int = 2

    def as_json(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass(frozen=True)
class FilePart:
    """One table's worth of a file: the file itself, or one sheet of a workbook.

    schema: types that every engine reads, names that every engine carries, all nullable.
    rows: exact when known without converting, else None. in_place: a Parquet file that can join a table as it is.
    dialect: how to read it, plain JSON; `write_part` needs nothing else.
    """

    name: str | None
    format: Format
    compression: Compression
    schema: pa.Schema
    rows: int | None
    in_place: bool
    dialect: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "schema": schema_as_json(self.schema), "warnings": list(self.warnings)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Raises: ValueError, KeyError or TypeError when it is not what `as_json` makes."""
        if said["format"] not in FORMATS or said["compression"] not in get_args(Compression):
            raise ValueError("an unknown format or compression")
        return cls(
            name=None if said["name"] is None else str(said["name"]),
            format=said["format"],
            compression=said["compression"],
            schema=schema_from_json(said["schema"]),
            rows=None if said["rows"] is None else int(said["rows"]),
            in_place=bool(said["in_place"]),
            dialect=dict(said["dialect"]),
            warnings=tuple(str(warning) for warning in said["warnings"]),
        )


@dataclass(frozen=True)
class WrittenPart:
    """A Parquet file with exactly the target's columns, durable on disk when the confined reader returns it.

    rows: of this part. first_row: where they begin, from 0, in a file that several parts share. size_bytes: the file's.
    """

    path: Path
    rows: int
    size_bytes: int
    first_row: int = 0


@dataclass(frozen=True)
class ReadRequest:
    """A file to look into. `name` is what people call it (the object's key); the path's name need not tell."""

    path: Path
    name: str
    hints: FormatHints = field(default_factory=FormatHints)


@dataclass(frozen=True)
class WriteRequest:
    """A part to write as Parquet. The directory of `out` is there, and private to this write.

    Requests beside each other with one `out`, and then with one target, share that file: their rows stand in it one
    part after another.
    """

    path: Path
    part: FilePart
    target: pa.Schema
    out: Path
    constants: Mapping[str, Constant] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspected:
    request: ReadRequest
    parts: tuple[FilePart, ...]


@dataclass(frozen=True)
class Failed:
    """The request and why it failed: `Unreadable` (quarantine) or `Misfit` (merge again); never another error."""

    request: ReadRequest | WriteRequest
    error: Unreadable | Misfit
