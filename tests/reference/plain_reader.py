"""Files read in this very process by pyarrow alone: slow and trusting, where a test is about what is done with them.

Parquet and plain CSV. A file that begins with `broken` cannot be read. What is asked is kept, so that a test can tell
what was read, and how often.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from pergamon.formats import (
    Failed,
    FilePart,
    Inspected,
    Misfit,
    ReadRequest,
    Unreadable,
    WriteRequest,
    WrittenPart,
)


@dataclass
class PlainReader:
    """A `ConfinedReader` without confinement."""

    inspected: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def inspect(self, files: Sequence[ReadRequest]) -> list[Inspected | Failed]:
        self.inspected += [request.name for request in files]
        return [self._look(request) for request in files]

    def write(self, parts: Sequence[WriteRequest]) -> list[WrittenPart | Failed]:
        self.written += [str(request.path) for request in parts]
        done: list[WrittenPart | Failed] = []
        for out, group in groupby(parts, key=lambda request: request.out):
            pieces = [self._convert(request) for request in group]
            whole = [piece for piece in pieces if isinstance(piece, pa.Table)]
            if whole:
                pq.write_table(pa.concat_tables(whole), out, compression="zstd")
                _sync(out)
            first = 0
            for piece in pieces:
                if isinstance(piece, Failed):
                    done.append(piece)
                    continue
                done.append(WrittenPart(out, piece.num_rows, out.stat().st_size, first))
                first += piece.num_rows
        return done

    def _look(self, request: ReadRequest) -> Inspected | Failed:
        try:
            table = _read(request.path)
        except (OSError, pa.ArrowException) as error:
            return Failed(request, Unreadable(f"it is no whole file ({type(error).__name__})"))
        is_parquet = _is_parquet(request.path)
        rows = table.num_rows if is_parquet else None
        kind = "parquet" if is_parquet else "csv"
        return Inspected(request, (FilePart(None, kind, "none", _plain(table.schema), rows, in_place=is_parquet),))

    def _convert(self, request: WriteRequest) -> pa.Table | Failed:
        table = _read(request.path)
        columns = []
        for target in request.target:
            if target.name in request.constants:
                value = pa.scalar(request.constants[target.name]).cast(target.type)
                columns.append(pa.repeat(value, table.num_rows))
            elif target.name in table.column_names:
                column = table[target.name]
                if target.type == pa.string() and pa.types.is_integer(column.type):
                    column = pc.cast(column, pa.string())
                try:
                    columns.append(column.cast(target.type))
                except pa.ArrowException:
                    place = request.part.schema.get_field_index(target.name)
                    as_text = request.part.schema.set(place, pa.field(target.name, pa.string()))
                    part = FilePart(None, request.part.format, "none", as_text, None, in_place=False)
                    return Failed(request, Misfit(f"values of {target.name} do not fit", part))
            else:
                columns.append(pa.nulls(table.num_rows, target.type))
        return pa.Table.from_arrays(columns, schema=request.target)


def _sync(out: Path) -> None:
    for path in (out, out.parent):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read(path: Path) -> pa.Table:
    with path.open("rb") as file:
        if file.read(6) == b"broken":
            raise pa.ArrowInvalid("broken")
    return pq.read_table(path, partitioning=None) if _is_parquet(path) else pc_csv.read_csv(path)


def _plain(schema: pa.Schema) -> pa.Schema:
    kinds = {pa.timestamp("s"): pa.timestamp("us"), pa.null(): pa.string()}
    return pa.schema([pa.field(field.name, kinds.get(field.type, field.type)) for field in schema])
