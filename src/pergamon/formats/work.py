"""One file to look into, one part to write: all that a format's two functions are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pergamon.formats.model import Compression, Constant, FilePart, FormatHints, Limits
from pergamon.formats.ports import Progress


@dataclass(frozen=True)
class Look:
    """scratch: a directory for copies, emptied by who made it. this_year: the latest that two-digit years mean."""

    path: Path
    compression: Compression
    hints: FormatHints
    limits: Limits
    scratch: Path
    this_year: int


@dataclass(frozen=True)
class Writing:
    """out: the Parquet file to make. scratch: a directory for copies, emptied by who made it."""

    path: Path
    part: FilePart
    target: pa.Schema
    out: Path
    constants: Mapping[str, Constant]
    limits: Limits
    progress: Progress
    scratch: Path

    def look(self) -> Look:
        """The same file, to be looked into again."""
        dialect = self.part.dialect
        hints = FormatHints.model_validate(dialect["hints"])
        return Look(self.path, self.part.compression, hints, self.limits, self.scratch, dialect["this_year"])
