"""Where the rows of submitted statements are kept, for whom, and for how long.

One Parquet file for each, `<area>/<workgroup>/<query id>.parquet`, 0600 in a directory 0700. It is given to who ran the
statement and nobody else, until its time is over by the clock, and only while everything that it was read from may
still be read as it was: that is decided at each reading (`stop.require_still_readable`), never kept.
"""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon.kernel import durable_write, make_durable_directory
from pergamon.query.json_values import as_json
from pergamon.query.model import UNFIT, QueryTypeError

ROWS_OF_A_GROUP = 10_000
"""A page of rows reads no more than it needs."""
PIECE_BYTES = 1024 * 1024
CHECK_EVERY_S = 1.0
ORPHAN_AFTER_S = 3 * 3600
"""A file that no statement speaks of was left behind by a process that was killed; a running one may still write."""

FORMS = ("parquet", "arrow", "csv")
MEDIA_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "csv": "text/csv; charset=utf-8",
}


@dataclass(frozen=True)
class KeptFile:
    """The rows of one statement."""

    path: Path
    size_bytes: int


@dataclass(frozen=True)
class ResultArea:
    """The directory of kept results."""

    root: Path

    def path(self, workgroup: str, query_id: str) -> Path:
        return self.root / workgroup / f"{query_id}.parquet"

    def keep(self, workgroup: str, query_id: str, rows: pa.Table) -> KeptFile:
        """Write the rows, durably.

        Raises:
            QueryTypeError: a column holds what Parquet cannot be given.
        """
        sink = pa.BufferOutputStream()
        try:
            pq.write_table(rows, sink, row_group_size=ROWS_OF_A_GROUP, compression="zstd")
        except UNFIT:
            raise QueryTypeError(
                "the result holds what a file cannot keep: intervals, for one, or structs without fields",
                hint="CAST them to VARCHAR",
            ) from None
        path, content = self.path(workgroup, query_id), sink.getvalue()
        make_durable_directory(path.parent)
        durable_write(path, content)
        return KeptFile(path, content.size)

    def remove(self, workgroup: str, query_id: str) -> None:
        self.path(workgroup, query_id).unlink(missing_ok=True)

    def old_files(self, now: float) -> Iterator[tuple[str, Path]]:
        """(query id, path) of what has been there for long, whole or half."""
        for path in self.root.glob("*/*"):
            try:
                if path.stat().st_mtime < now - ORPHAN_AFTER_S:
                    yield path.name.removesuffix(".parquet"), path
            except FileNotFoundError:  # somebody else removed it
                continue


def page_of(path: Path, first_row: int, rows: int) -> pa.Table:
    """Rows `first_row` to `first_row + rows`, as far as there are any."""
    with pq.ParquetFile(path) as file:
        wanted, before, skipped = [], 0, 0
        for number in range(file.num_row_groups):
            after = before + file.metadata.row_group(number).num_rows
            if after <= first_row:
                skipped = after
            elif before < first_row + rows:
                wanted.append(number)
            before = after
        if not wanted:
            return file.schema_arrow.empty_table()
        return file.read_row_groups(wanted).slice(first_row - skipped, rows)


def pieces_of(path: Path, form: str) -> Iterator[bytes]:
    """The rows as a Parquet file, an Arrow stream, or CSV with a line of names.

    Raises:
        QueryTypeError: from a piece on; CSV cannot be given what it holds.
    """
    if form == "parquet":
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
        return
    with pq.ParquetFile(path) as file:
        yield from _arrow_pieces(file) if form == "arrow" else _csv_pieces(file)


def watched(pieces: Iterator[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    """The pieces, as long as `check` does not raise; it is called before the first, and then each second."""
    check_at = time.monotonic()
    for piece in pieces:
        if time.monotonic() >= check_at:
            check()
            check_at = time.monotonic() + CHECK_EVERY_S
        yield piece


def begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, of which the first is there: what it meets is told before an answer begins."""
    first = next(pieces, None)
    return pieces if first is None else chain([first], pieces)


def _arrow_pieces(file: pq.ParquetFile) -> Iterator[bytes]:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, file.schema_arrow) as writer:
        for batch in file.iter_batches(batch_size=ROWS_OF_A_GROUP):
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def _csv_pieces(file: pq.ParquetFile) -> Iterator[bytes]:
    """Nothing for NULL; lists and structs as JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(file.schema_arrow.names)
    for batch in file.iter_batches(batch_size=1000):
        columns = [[_csv_cell(value) for value in _values(column)] for column in batch.columns]
        writer.writerows(zip(*columns, strict=True))
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _values(column: Any) -> list[Any]:  # Any: a pyarrow array
    try:
        values: list[Any] = column.to_pylist()
    except UNFIT:
        raise QueryTypeError(
            "the result holds values that CSV cannot be given: years beyond 9999, or fields of one name",
            hint="CAST them to VARCHAR, or name the fields; or fetch it as Arrow or Parquet",
        ) from None
    return values


def _csv_cell(value: Any) -> Any:  # Any: whatever Arrow can hold
    told = as_json(value)
    return json.dumps(told, ensure_ascii=False) if isinstance(told, dict | list) else told


def _taken(sink: io.BytesIO) -> bytes:
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece
