"""Many small files as one Parquet file, their rows one file after another: engines open one file instead of hundreds.

Each piece is written and checked as if it stood alone, and joins only when it is whole: one that cannot be read leaves
nothing behind among the rows of the others.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon.formats.arrow_out import ROW_GROUP_ROWS


class Joined:
    """A Parquet file that grows piece by piece. Nothing is at `out` when no piece came, or when it fails.

    Rows are held back until they fill a row group, so that small pieces do not make small groups.
    """

    def __init__(self, out: Path, target: pa.Schema) -> None:
        self._out, self._target = out, target
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.Table] = []
        self.rows = 0

    def add(self, piece: Path) -> int:
        """Take over the rows of a Parquet file with the target's columns. Returns: the place of its first row, from 0.

        Raises:
            pyarrow.ArrowException, OSError: it is not such a file; the whole is to be thrown away.
        """
        first = self.rows
        with pq.ParquetFile(piece, pre_buffer=False) as file:
            for batch in file.iter_batches(ROW_GROUP_ROWS, use_threads=False):
                table = pa.Table.from_batches([batch])
                self._held.append(table if table.schema == self._target else table.cast(self._target))
                self.rows += table.num_rows
                if sum(held.num_rows for held in self._held) >= ROW_GROUP_ROWS:
                    self._flush()
        if self._writer is None:
            self._open()
        return first

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._out, self._target, compression="zstd", version="2.6")
        return self._writer

    def _flush(self) -> None:
        if self._held:
            self._open().write_table(pa.concat_tables(self._held), row_group_size=ROW_GROUP_ROWS)
            self._held = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        is_whole = False
        try:
            if kind is None:
                self._flush()
                is_whole = True
        finally:
            if self._writer is not None:
                self._writer.close()
            if not is_whole:
                self._out.unlink(missing_ok=True)
