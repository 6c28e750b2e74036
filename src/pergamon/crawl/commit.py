"""Bring a table up to date: one commit for a batch of files, together with their states (law 4, ADR 0015).

Open the lease (commit) -> write what must be converted (no transaction) -> manifests, fsync -> one unit of work: the
table's pointer, the states, the references to objects, what catalog, lineage and quality are told. Small files that are
converted share a data file (ADR 0020). A data file that holds rows of an outdated version goes, and its other rows are
written again, from their files, in the same snapshot.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.table.metadata import TableMetadata

from pergamon import lake, objects
from pergamon.crawl import tables, tell
from pergamon.crawl.configuration import crawler_of
from pergamon.crawl.model import (
    PURPOSE,
    Claim,
    Did,
    FileQuarantined,
    FileState,
    Limits,
    TableBlocked,
    TableCrawled,
)
from pergamon.crawl.planning import constants, fits_in_place, is_partition, merged_columns, with_partition
from pergamon.crawl.ports import Place
from pergamon.crawl.tables import CrawlTable, DataFile, Part
from pergamon.formats import Constant, Failed, Misfit, Unreadable, WriteRequest, WrittenPart, iceberg_widens
from pergamon.kernel import Conflict, make_durable_directory
from pergamon.store import UnitOfWork

ONE_PROCESS = 100
"""Files that are converted by one process, into one directory, at least: a process of its own for each takes 0.4 s."""
MOST_SCHEMA = 50_000
"""Columns times files that share a data file: what one process is told of them has bounds."""

Require = Callable[[UnitOfWork], None]
"""Raises when the folder is in other hands."""


class FilesChanged(Conflict):
    """What a batch was made of is not what it was any more; it is made anew."""

    code = "crawl.files_changed"


@dataclass(frozen=True)
class Batch:
    """One commit to be."""

    table: CrawlTable
    files: tuple[str, ...]
    come: tuple[Part, ...]
    go: tuple[DataFile, ...]
    replaces_all: bool

    @property
    def id(self) -> lake.TableId:
        return lake.TableId(self.table.database, self.table.name)


@dataclass(frozen=True)
class _Opened:
    batch: Batch
    lease: lake.Lease
    record: lake.TableRecord
    base: TableMetadata
    left: tuple[str, ...] = ()
    """Leases that a dead worker left without a commit."""


@dataclass(frozen=True)
class _Written:
    """A data file to be added, and the parts whose rows it holds: each with the place of its first, and how many."""

    file: lake.NewFile
    held: tuple[tuple[Part, int, int], ...]
    in_place: bool


def bring_in(place: Place, claim: Claim, table: CrawlTable, require: Require) -> Did | None:
    """Make the next commit of a table. None: it is up to date, or may not be written.

    Raises:
        FilesChanged, and what the lake raises: nothing happened; it is tried again.
    """
    if table.state != "ready":
        return None
    with place.begin() as uow:
        require(uow)
        batch = _next_batch(uow, place, table)
        if batch is None:
            return None
        opened = _open(uow, place, claim, batch)
    if opened is None:
        return Did("blocked", folder=claim.folder)
    try:
        for lease in opened.left:
            shutil.rmtree(_directory(opened, lease), ignore_errors=True)
        return _carry_out(place, claim, opened, require)
    finally:
        _close(place, opened)


def _next_batch(uow: UnitOfWork, place: Place, table: CrawlTable) -> Batch | None:
    files = tables.files_with_work(uow, table.id, place.limits.commit_files)
    if not files and not table.anew:
        return None
    if table.anew or must_be_rewritten(table):
        going = tables.data_files(uow, table.id)
        come = tables.parts_to_come(uow, table.id, files, [], everything=True)
        if table.anew and not going and not come:
            tables.is_written_anew(uow, table.id)
            return None
        return Batch(
            table, tuple(dict.fromkeys([*files, *(part.file_id for part in come)])), tuple(come), tuple(going), True
        )
    files, going = _within(uow, place, table, files)
    come = tables.parts_to_come(uow, table.id, files, [file.id for file in going])
    return Batch(table, tuple(files), tuple(come), tuple(going), False)


def _within(
    uow: UnitOfWork, place: Place, table: CrawlTable, files: list[str]
) -> tuple[list[str], list[tables.DataFile]]:
    """So many files that what must be converted stays within one commit's bounds, one at least; and the data files that
    go with it. Of a data file that goes, every outdated file is in the same commit: none loses its rows before the
    new ones are there."""
    sizes: dict[str, int] = {}
    for part in tables.parts_to_come(uow, table.id, files, []):
        sizes[part.file_id] = sizes.get(part.file_id, 0) + (0 if part.part.in_place else part.size_bytes)
    shared = tables.shared_with(uow, table.id, files)
    total_bytes, total_files, taken, counted = 0, 0, list[str](), set[int]()
    for file in files:
        again = {data_file: cost for data_file, cost in shared.get(file, {}).items() if data_file not in counted}
        total_bytes += sizes.get(file, 0) + sum(size for _, size in again.values())
        total_files += 1 + sum(many for many, _ in again.values())
        if taken and (total_bytes > place.limits.commit_bytes or total_files > place.limits.commit_files):
            break
        counted.update(again)
        taken.append(file)
    while True:
        going = tables.data_files_to_go(uow, table.id, taken)
        left = tables.outdated_files_in(uow, [file.id for file in going], taken)
        if not left:
            return taken, going
        taken += left


def must_be_rewritten(table: CrawlTable) -> bool:
    """Has a column got a type that Iceberg cannot give it where it stands, or are its files divided no more?"""
    changes = _changes(table)
    return bool(changes.replaced) or not set(table.committed_divided_by) <= set(table.divided_by)


@dataclass(frozen=True)
class _Changes:
    """Names of columns, from what is committed to what is planned. replaced: of a type that Iceberg cannot make of the
    one before; dropped: no file holds it any more, and the table is built anew."""

    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def _changes(table: CrawlTable) -> _Changes:
    if table.committed is None:
        return _Changes()
    before = {field.name.casefold(): field for field in table.committed}
    after = {field.name.casefold(): field for field in table.columns}
    changed = [name for name in after if name in before and before[name].type != after[name].type]
    widened = [name for name in changed if iceberg_widens(before[name].type, after[name].type)]
    return _Changes(
        tuple(field.name for name, field in after.items() if name not in before),
        tuple(before[name].name for name in widened),
        tuple(before[name].name for name in changed if name not in widened),
        tuple(field.name for name, field in before.items() if name not in after),
    )


def _open(uow: UnitOfWork, place: Place, claim: Claim, batch: Batch) -> _Opened | None:
    """Have the table, close what a dead worker left on it, take the right to one commit."""
    table = batch.table
    try:
        record = lake.read_table(uow, batch.id)
    except lake.UnknownTable:
        if table.table_key is not None:
            tables.forget_table(uow, table.id)
            batch = replace(batch, go=())
        divided_by = _divided_by(table)
        record = lake.create_table(uow, place.lake_root, batch.id, table.columns, partition_by=divided_by)
        tables.set_table_key(uow, table.id, record.key)
        tables.mark_committed(uow, table, table.columns, divided_by)
        made = replace(table, committed=table.columns, committed_divided_by=tuple(divided_by), table_key=record.key)
        batch = replace(batch, table=made)
    else:
        if table.table_key not in (None, record.key) or table.table_key is None:
            reason = f"{batch.id} is a table that this crawler did not make"
            tables.block(uow, table.id, reason)
            uow.record(
                TableBlocked(subject=batch.id.subject, crawler=claim.crawler, folder=claim.folder, reason=reason)
            )
            return None
    mine = [lease for lease in lake.unclosed_leases(uow) if lease.table == batch.id]
    left = tuple(lease.id for lease in mine if not lake.close_lease(uow, lease.id).committed)
    facts = {"crawler": claim.crawler, "worker": place.worker, "files": len(batch.files)}
    lease = lake.open_lease(uow, batch.id, PURPOSE, facts)
    return _Opened(batch, lease, record, lake.read_metadata(record.metadata_location), left)


def _divided_by(table: CrawlTable) -> list[str]:
    """A table is divided by the columns of its folders, when its first files had them all."""
    kinds = {field.name: field.type for field in table.columns if is_partition(field)}
    return [name for name in table.divided_by if kinds.get(name) in (pa.int64(), pa.string())]


def _close(place: Place, opened: _Opened) -> None:
    """End the lease; what it wrote without a commit is removed."""
    with place.begin() as uow:
        outcome = lake.close_lease(uow, opened.lease.id)
    if not outcome.committed:
        shutil.rmtree(_directory(opened, opened.lease.id), ignore_errors=True)


def _directory(opened: _Opened, lease: str) -> Path:
    """The place of what a lease writes, in the table's own location."""
    return Path(opened.record.location.removeprefix("file://")) / "data" / lease


def _carry_out(place: Place, claim: Claim, opened: _Opened, require: Require) -> Did:
    batch = opened.batch
    divided_by, columns = _evolution(opened)
    target = _target(opened, columns)
    written, failed = _write(place, opened, target, divided_by)
    if failed:
        return _set_aside(place, claim, batch.table, failed, require)
    in_place = frozenset(item.file.path for item in written if item.in_place)
    planned = lake.change_of(
        opened.lease,
        opened.record,
        opened.base,
        add=[item.file for item in written],
        remove=[_as_new_file(file) for file in batch.go],
        in_place=in_place,
        columns=columns,
        replace_all=batch.replaces_all and bool(batch.go),
    )
    spec_id = lake.evolve_in_memory(opened.base, columns)[0].default_spec_id
    durable = lake.make_durable(planned)
    with place.begin() as uow:
        require(uow)
        bucket = crawler_of(uow, claim.crawler).bucket
        lake.finish_commit(uow, durable, _hook(claim, opened, written, divided_by, spec_id, bucket=bucket))
        lake.close_lease(uow, opened.lease.id)
    rows = sum(item.file.rows for item in written)
    return Did("committed", files=len(batch.files), rows=rows, folder=claim.folder)


def _evolution(opened: _Opened) -> tuple[list[str], lake.NewColumns]:
    """How the lake's table changes with this commit, and what its files are divided by afterwards."""
    table = opened.batch.table
    divided = [field.name for field in opened.base.spec().fields]
    changes = _changes(table)
    leaving = (*changes.replaced, *changes.dropped)
    planned = {field.name.casefold(): field for field in table.columns}
    ids = {field.name.casefold(): field.field_id for field in opened.base.schema().fields}
    unpartition = bool(set(leaving) & set(divided)) or not set(divided) <= set(table.divided_by)
    return ([] if unpartition else divided), lake.NewColumns(
        add=[planned[name.casefold()].remove_metadata() for name in (*changes.replaced, *changes.added)],
        widen={ids[name.casefold()]: planned[name.casefold()].type for name in changes.widened},
        drop=[ids[name.casefold()] for name in leaving],
        unpartition=unpartition,
    )


def _target(opened: _Opened, columns: lake.NewColumns) -> pa.Schema:
    """What a converted file looks like: the table's columns, in the table's order."""
    planned = {field.name.casefold(): field for field in opened.batch.table.columns}
    evolved = lake.evolve_in_memory(opened.base, columns)[0].schema()
    return pa.schema([pa.field(field.name, planned[field.name.casefold()].type) for field in evolved.fields])


def _write(
    place: Place, opened: _Opened, target: pa.Schema, divided_by: Sequence[str]
) -> tuple[list[_Written], list[tuple[Part, Unreadable | Misfit]]]:
    """The data files of a batch: those that stay where they lie, and those that are converted, small ones together.

    Once one has failed, others may be left undone: the batch is made anew without it, in the folder's next turn.
    """
    stay, convert = list[Part](), list[Part]()
    for part in opened.batch.come:
        fits = part.part.in_place and part.rows is not None
        fits = fits and fits_in_place(part.part.schema, target, divided_by, part.partition)
        (stay if fits else convert).append(part)
    groups = together(convert, place.limits, target, divided_by)
    requests = _requests(_directory(opened, opened.lease.id), groups, target)
    failed: list[tuple[Part, Unreadable | Misfit]] = []
    held: dict[Path, list[tuple[Part, WrittenPart]]] = {}
    convert = [part for group in groups for part in group]
    answers = place.reader.write(requests) if requests else []
    for part, said in zip(convert, answers, strict=False):
        if isinstance(said, Failed):
            failed.append((part, said.error))
        else:
            held.setdefault(said.path, []).append((part, said))
    if len(answers) < len(convert) and not failed:
        raise FilesChanged(f"{opened.batch.id}: {len(answers)} of {len(convert)} files were written")
    return [
        *(_in_place(part, target, divided_by) for part in stay),
        *(_converted(each, target, divided_by) for each in held.values()),
    ], failed


def together(parts: Sequence[Part], limits: Limits, target: pa.Schema, divided_by: Sequence[str]) -> list[list[Part]]:
    """Which parts share a data file: small ones of one partition, up to a size; a large one has its own."""
    most = max(1, min(limits.together_files, MOST_SCHEMA // max(1, len(target))))
    groups: list[list[Part]] = []
    open_groups: dict[tuple[lake.PartitionValue, ...], tuple[list[Part], int]] = {}
    for part in parts:
        values = _partition(part, target, divided_by)
        group, size = open_groups.get(values, ([], 0))
        is_small = part.size_bytes <= limits.small_bytes
        if is_small and group and len(group) < most and size + part.size_bytes <= limits.together_bytes:
            group.append(part)
            open_groups[values] = group, size + part.size_bytes
            continue
        groups.append([part])
        if is_small:
            open_groups[values] = groups[-1], part.size_bytes
    return groups


def _requests(place: Path, groups: Sequence[Sequence[Part]], target: pa.Schema) -> list[WriteRequest]:
    """One `out` for each group; so many groups in one directory that a process has enough to do."""
    requests: list[WriteRequest] = []
    directory, inside, files = 0, 0, 0
    for group in groups:
        if files >= ONE_PROCESS:
            directory, inside, files = directory + 1, 0, 0
        if not inside:
            make_durable_directory(place / f"{directory:04d}")
        out = place / f"{directory:04d}" / f"{inside:03d}.parquet"
        requests += [WriteRequest(part.path, part.part, target, out, _constants(part, target)) for part in group]
        inside, files = inside + 1, files + len(group)
    return requests


def _in_place(part: Part, target: pa.Schema, divided_by: Sequence[str]) -> _Written:
    file = lake.NewFile(part.path, part.rows or 0, part.size_bytes, _partition(part, target, divided_by))
    return _Written(file, ((part, 0, part.rows or 0),), in_place=True)


def _converted(held: Sequence[tuple[Part, WrittenPart]], target: pa.Schema, divided_by: Sequence[str]) -> _Written:
    """One data file, of one part or of several."""
    part, said = held[0]
    rows = sum(each.rows for _, each in held)
    file = lake.NewFile(said.path, rows, said.size_bytes, _partition(part, target, divided_by))
    return _Written(file, tuple((part, said.first_row, said.rows) for part, said in held), in_place=False)


def _partition(part: Part, target: pa.Schema, divided_by: Sequence[str]) -> tuple[lake.PartitionValue, ...]:
    """The values that a file's folders give to the columns that the table is divided by."""
    values: Mapping[str, Any] = _constants(part, target)  # Any: whole numbers and text, by the columns' types
    return tuple(values.get(name) for name in divided_by)


def _constants(part: Part, target: pa.Schema) -> dict[str, Constant]:
    return constants(target, part.partition, part.part.schema)


def _as_new_file(file: DataFile) -> lake.NewFile:
    return lake.NewFile(file.path, file.rows, file.size_bytes, file.partition, spec_id=file.spec_id)


def _set_aside(
    place: Place, claim: Claim, table: CrawlTable, failed: Sequence[tuple[Part, Unreadable | Misfit]], require: Require
) -> Did:
    """Files that turned out to be unreadable go to quarantine; the table is made wide enough for what did not fit.

    Raises:
        FilesChanged: nothing of it was done; it is tried again later.
    """
    with place.begin() as uow:
        require(uow)
        bucket = crawler_of(uow, claim.crawler).bucket
        done, columns = 0, table.columns
        for part, error in failed:
            wider = _widened_for(uow, columns, part, error) if isinstance(error, Misfit) else None
            if wider is not None:
                columns, done = wider, done + 1
            else:
                done += _quarantined(uow, claim, bucket, part, error)
        if not done:
            raise FilesChanged(f"{table.database}.{table.name}: {len(failed)} files could not be written")
        tables.save_columns(uow, table.id, columns)
    return Did("set aside", files=len(failed), folder=claim.folder)


def _widened_for(uow: UnitOfWork, columns: pa.Schema, part: Part, error: Misfit) -> pa.Schema | None:
    """The table's columns, wide enough for all values of a part; None: that would change nothing, or cannot be."""
    shape = with_partition(error.part.schema, part.partition)
    merged = merged_columns(columns, shape, as_text=True)
    if merged is None or merged.schema == columns:
        return None
    digests = tables.digest_of(error.part.schema), tables.digest_of(shape)
    tables.save_schemas(uow, dict(zip(digests, (error.part.schema, shape), strict=True)))
    tables.reshape_part(uow, part, error.part, *digests)
    return merged.schema


def _quarantined(uow: UnitOfWork, claim: Claim, bucket: str, part: Part, error: Unreadable | Misfit) -> bool:
    """False when the file has another version by now, or when its rows are in the table: they were read before, and are
    tried again."""
    if part.data_file_id is not None or not tables.set_aside(
        uow, part.file_id, part.version_id, FileState.QUARANTINED, str(error)
    ):
        return False
    uow.record(
        FileQuarantined(
            subject=f"object:{bucket}/{part.key}",
            crawler=claim.crawler,
            version=part.version_id,
            reason=error.message,
        )
    )
    return True


def _hook(
    claim: Claim,
    opened: _Opened,
    written: Sequence[_Written],
    divided_by: Sequence[str],
    spec_id: int,
    *,
    bucket: str,
) -> lake.OnCommit:
    """What changes together with the table's pointer."""

    def on_commit(uow: UnitOfWork, lease: lake.Lease, snapshot_id: int) -> None:
        batch = opened.batch
        going = [file.id for file in batch.go]
        gone = tables.versions_of_data_files(uow, going)
        tables.unlink_data_files(uow, going)
        tables.add_data_files(uow, batch.table.id, [_row(item, spec_id) for item in written])
        tables.mark_committed(uow, batch.table, batch.table.columns, divided_by)
        if batch.table.anew:
            tables.is_written_anew(uow, batch.table.id)
        tables.settle_files(uow, batch.files)
        here = {part.version_id for item in written for part, _, _ in item.held}
        objects.refer(uow, batch.id, here)
        objects.unrefer(uow, batch.id, gone - here)
        uow.record(
            TableCrawled(
                subject=batch.id.subject,
                crawler=claim.crawler,
                snapshot_id=snapshot_id,
                files_added=len(here - gone),
                files_removed=len(gone - here),
                in_place=sum(item.in_place for item in written),
                rows_added=sum(item.file.rows for item in written),
            )
        )
        tell.table_changed(uow, claim, batch.table, bucket, lease.id)

    return on_commit


def _row(item: _Written, spec_id: int) -> dict[str, Any]:
    return {
        "path": str(item.file.path),
        "row_count": item.file.rows,
        "size_bytes": item.file.size_bytes,
        "partition": list(item.file.partition),
        "spec_id": spec_id,
        "parts": [{"id": part.id, "first_row": first, "rows": rows} for part, first, rows in item.held],
    }
