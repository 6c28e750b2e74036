"""The landing zone: names as AWS DMS gives them, files that are durable before anyone can name them, and manifests.

A file counts only once its manifest stands beside it, and the manifest is written after the file. So whatever is cut
off, a file is either told of, whole, or not told of at all. The order of files is the position in their manifests,
never their name or a clock.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon.kernel import (
    Clock,
    Conflict,
    Invalid,
    Unavailable,
    durable_write,
    make_durable_directory,
    new_id,
    open_exclusive,
    publish,
)
from pergamon.replicate.layout import Layout
from pergamon.replicate.model import Position, position_from_text

MANIFEST_SUFFIX = ".manifest.json"
MANIFEST_VERSION = 1
COMPRESSION, COMPRESSION_LEVEL = "zstd", 1
"""Measured, 2 cores, 1 million rows of 8 columns: zstd 1 without dictionaries 1.3 s, 25 MB; snappy 1.7 s, 65 MB."""
DICTIONARY_COLUMNS = ["Op", "_position", "_unchanged.list.element", "_previous_key"]
"""Those that repeat; for the others a dictionary is tried in vain."""


class LandingNotWritable(Unavailable):
    """The landing zone's disk is full, or does not let us write."""

    code = "replicate.landing_not_writable"


class LandingNotOurs(Conflict):
    """Another task lands in the same folder."""

    code = "replicate.landing_not_ours"


@dataclass(frozen=True)
class ManifestColumn:
    name: str
    pg_type: str | None
    """None for columns that do not come from the source."""
    arrow_type: str
    nullable: bool


@dataclass(frozen=True)
class Manifest:
    """What is said of one landing file. `path` is relative to the landing prefix."""

    task: str
    schema: str
    table: str
    kind: str
    """`full_load` or `changes`."""
    load_id: str
    file: str
    path: str
    sha256: str
    size_bytes: int
    rows: int
    first: Position
    last: Position
    columns: tuple[ManifestColumn, ...]
    replica_identity_columns: tuple[str, ...]
    source_columns: tuple[str, ...]
    full_load_complete: bool
    full_load_files: int
    change_seq: str | None = None
    """The last AR_H_CHANGE_SEQ given out, so that the next run goes on from it."""

    def document(self) -> dict[str, Any]:  # Any: whatever JSON can hold
        """As it stands in the file beside the landed one."""
        document = {"version": MANIFEST_VERSION, **asdict(self)}
        del document["first"], document["last"]
        return {**document, "position": {"first": str(self.first), "last": str(self.last)}}

    def to_json(self) -> bytes:
        return json.dumps(self.document(), indent=1, ensure_ascii=False).encode()


def manifest_from_json(text: bytes, where: str) -> Manifest:
    """Raises: Invalid: not a manifest of this version."""
    try:
        document: dict[str, Any] = json.loads(text)
        if document.pop("version") != MANIFEST_VERSION:
            raise ValueError("version")
        position = document.pop("position")
        document["first"], document["last"] = (
            position_from_text(position["first"]),
            position_from_text(position["last"]),
        )
        document["columns"] = tuple(ManifestColumn(**column) for column in document["columns"])
        document["replica_identity_columns"] = tuple(document["replica_identity_columns"])
        document["source_columns"] = tuple(document["source_columns"])
        return Manifest(**document)
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{where} is not a manifest of version {MANIFEST_VERSION}", hint="was it edited?") from error


def load_file_name(number: int) -> str:
    """`LOAD00000001.parquet`, the number in hexadecimal, as DMS counts."""
    return f"LOAD{number:08X}.parquet"


def change_file_path(at: datetime) -> Path:
    """`2026/11/22/20261122-080910123.parquet`, to the millisecond, UTC."""
    return Path(at.strftime("%Y/%m/%d")) / f"{at.strftime('%Y%m%d-%H%M%S')}{at.microsecond // 1000:03d}.parquet"


class TableFolder:
    """The folder of one table of one task."""

    def __init__(self, root: Path, task: str, schema: str, table: str, clock: Clock) -> None:
        """root: the landing prefix; schema and table: the landing names."""
        self.root, self.task, self.clock = root, task, clock
        self.folder = root / schema / table
        self._last_name_at: datetime | None = None

    def clean_up(self) -> None:
        """Remove what a killed run left: temporary files, and files that were not told of."""
        for left_over in [*self.folder.glob(".*.tmp_*"), *self.folder.glob("*/*/*/.*.tmp_*")]:
            left_over.unlink(missing_ok=True)
        for file in [*self._load_files(), *self._newest_change_files()]:
            if not _manifest_path(file).exists():
                file.unlink()

    def newest_change(self) -> Manifest | None:
        """The last change file that was told of. Names of one folder only grow, so it is the last by name."""
        found = [file for file in self._newest_change_files() if _manifest_path(file).exists()]
        return self._read(found[-1]) if found else None

    def completed_load(self) -> Manifest | None:
        """The last file of the newest full load that is whole."""
        whole = [
            found for file in reversed(self._load_files()) if (found := self._read(file)) and found.full_load_complete
        ]
        return whole[0] if whole else None

    def next_load_number(self) -> int:
        """Numbers are never used twice: a load that was cut off stays told of, and never becomes complete."""
        files = self._load_files()
        return int(files[-1].name[4:12], 16) + 1 if files else 1

    def load_path(self, number: int) -> Path:
        return self.folder / load_file_name(number)

    def next_change_path(self) -> Path:
        """The next free millisecond, later than every name before it, also when the clock goes back."""
        if self._last_name_at is None:
            newest = self._newest_change_files()
            self._last_name_at = _name_time(newest[-1]) if newest else None
        at = self.clock.now().astimezone(UTC)
        if self._last_name_at is not None:
            at = max(at, self._last_name_at + timedelta(milliseconds=1))
        self._last_name_at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        return self.folder / change_file_path(self._last_name_at)

    def _read(self, file: Path) -> Manifest | None:
        manifest = _manifest_path(file)
        if not manifest.exists():
            return None
        found = manifest_from_json(manifest.read_bytes(), str(manifest.relative_to(self.root)))
        if found.task != self.task:
            raise LandingNotOurs(
                f"{self.folder.relative_to(self.root)} holds files of the task {found.task}",
                hint="give one of the two tasks another prefix, or rename its tables by a rule",
            )
        return found

    def _load_files(self) -> list[Path]:
        return sorted(self.folder.glob("LOAD????????.parquet"))

    def _newest_change_files(self) -> list[Path]:
        """The files of the last day that has any."""
        for year in _numbered(self.folder, 4):
            for month in _numbered(year, 2):
                for day in _numbered(month, 2):
                    if files := sorted(day.glob("[0-9]*.parquet")):
                        return files
        return []


def _numbered(folder: Path, digits: int) -> list[Path]:
    return sorted(folder.glob("[0-9]" * digits), reverse=True)


def _name_time(file: Path) -> datetime:
    found = re.fullmatch(r"(\d{8}-\d{6})(\d{3})\.parquet", file.name)
    if found is None:
        raise Invalid(f"{file.name} is not the name of a change file", hint="remove it from the landing zone")
    return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) + timedelta(milliseconds=int(found[2]))


def _manifest_path(file: Path) -> Path:
    return file.with_name(file.name + MANIFEST_SUFFIX)


class _HashingSink:
    """What Parquet is written into: hashed and counted on the way, so that no second reading is needed."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0

    def write(self, data: Any) -> int:  # Any: whatever pyarrow offers as a buffer
        self._digest.update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True

    def sha256(self) -> str:
        return self._digest.hexdigest()


@dataclass(frozen=True)
class Written:
    sha256: str
    size_bytes: int
    rows: int


class LandingFile:
    """A file being written: batches in, then `finish`. Nobody can name it before."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Raises: LandingNotWritable."""
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{new_id('tmp')}")
        self.rows = 0
        with landing_errors(path):
            make_durable_directory(path.parent)
            self._file = open_exclusive(self._temporary)
        self._sink = _HashingSink(self._file)
        self._writer: Any = None  # Any: a pyarrow ParquetWriter, which has no types
        with self._abandoned_on_error():
            self._writer = pq.ParquetWriter(
                pa.PythonFile(self._sink, mode="w"),
                schema,
                compression=COMPRESSION,
                compression_level=COMPRESSION_LEVEL,
                use_dictionary=DICTIONARY_COLUMNS,
            )

    @property
    def size_bytes(self) -> int:
        return self._sink.size

    def write(self, batch: pa.RecordBatch) -> None:
        """Raises: LandingNotWritable: nothing of this file is then left."""
        with self._abandoned_on_error():
            self._writer.write_batch(batch, row_group_size=max(1, batch.num_rows))
        self.rows += batch.num_rows

    def finish(self) -> Written:
        """Close, force to the disk, and give it its name. Raises: LandingNotWritable."""
        with self._abandoned_on_error():
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            publish(self._temporary, self.path)
        return Written(self._sink.sha256(), self._sink.size, self.rows)

    def abandon(self) -> None:
        """Remove what was written so far."""
        self._sink.write = len  # type: ignore[method-assign,assignment] # what Parquet still wants to say goes nowhere
        for part in (self._writer, self._file):
            with suppress(OSError):  # what was buffered does not fit either; the file goes anyway
                if part is not None:
                    part.close()
        self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        try:
            with landing_errors(self.path):
                yield
        except BaseException:
            self.abandon()
            raise


@contextmanager
def landing_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal into a sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "is full" if full else f"does not let us write ({os.strerror(error.errno or errno.EIO)})"
        raise LandingNotWritable(
            f"the landing zone at {path.parent} {what}; nothing is lost",
            hint=("make room" if full else "look at the disk and its permissions")
            + " and start the task again: the source keeps what has not landed",
        ) from None


def tell(
    folder: TableFolder,
    file: LandingFile,
    layout: Layout,
    *,
    kind: str,
    load_id: str,
    first: Position,
    last: Position,
    complete: bool = False,
    load_files: int = 0,
    change_seq: str | None = None,
) -> Manifest:
    """Finish a file and write its manifest: from here on it counts. Raises: LandingNotWritable."""
    written = file.finish()
    manifest = Manifest(
        task=folder.task,
        schema=layout.plan.schema,
        table=layout.plan.table,
        kind=kind,
        load_id=load_id,
        file=file.path.name,
        path=str(file.path.relative_to(folder.root)),
        sha256=written.sha256,
        size_bytes=written.size_bytes,
        rows=written.rows,
        first=first,
        last=last,
        columns=_manifest_columns(layout),
        replica_identity_columns=layout.landed_identity,
        source_columns=tuple(column.source for column in layout.columns),
        full_load_complete=complete,
        full_load_files=load_files,
        change_seq=change_seq,
    )
    with landing_errors(file.path):
        durable_write(_manifest_path(file.path), manifest.to_json())
    return manifest


def _manifest_columns(layout: Layout) -> tuple[ManifestColumn, ...]:
    from_source = {column.landed: column.type.pg_type for column in layout.columns}
    return tuple(
        ManifestColumn(field.name, from_source.get(field.name), str(field.type), field.nullable)
        for field in layout.schema
    )


def land_changes(
    folder: TableFolder,
    layout: Layout,
    batches: Iterable[pa.RecordBatch],
    *,
    first: Position,
    last: Position,
    change_seq: str | None,
) -> Manifest:
    """Write one change file and tell of it. Raises: LandingNotWritable, and what making a batch raises."""
    file = LandingFile(folder.next_change_path(), layout.schema)
    try:
        for batch in batches:
            file.write(batch)
    except BaseException:
        file.abandon()
        raise
    return tell(folder, file, layout, kind="changes", load_id="", first=first, last=last, change_seq=change_seq)


# --- how far a task has come ---


@dataclass(frozen=True)
class Progress:
    """Up to where everything of the source is on disk: written durably before the source may forget it."""

    slot: str
    confirmed_lsn: int
    change_seq: str


class ProgressFile:
    """`.tasks/<task>.json` in the landing zone: it is backed up and lost together with the files it speaks of."""

    def __init__(self, root: Path, task: str) -> None:
        self.path = root / ".tasks" / f"{task}.json"

    def read(self) -> Progress | None:
        try:
            document = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        return Progress(document["slot"], int(document["confirmed_lsn"], 16), document["change_seq"])

    def write(self, progress: Progress) -> None:
        """Raises: LandingNotWritable."""
        document = {
            "version": 1,
            "slot": progress.slot,
            "confirmed_lsn": f"{progress.confirmed_lsn:016X}",
            "change_seq": progress.change_seq,
        }
        with landing_errors(self.path):
            durable_write(self.path, json.dumps(document).encode())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
