"""Bring one raw table one commit further, exactly once (law 4, ADR 0004).

Look (one unit of work), then read, verify, fold (no transaction), then open the lease and take the files (one unit of
work). The engine writes under the lease; the catalog endpoint moves the pointer and marks the files in one unit of
work. Then close the lease and believe only its outcome. Whoever repeats this after a crash closes what the dead one
left, and finds the files either merged or waiting again.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from pergamon import lake
from pergamon.kernel import Conflict, Event, Invalid, PergamonError, Unavailable, make_durable_directory, new_id
from pergamon.lineage import LineageRun
from pergamon.pipeline import merge_sql, tables
from pergamon.pipeline.change_set import (
    Changes,
    ChangeSet,
    history_change_set,
    landing_columns,
    read_changes,
    state_change_set,
)
from pergamon.pipeline.columns import (
    OPERATION,
    POSITION,
    PREVIOUS_KEY,
    RAW_OPERATION,
    Columns,
    Evolution,
    columns_of,
    evolve,
    files_of_one_shape,
    previous_key_column,
)
from pergamon.pipeline.configuration import BadKeys, BatchSpec, RawTableSpec, check_keys
from pergamon.pipeline.fold import Key, doubtful_keys
from pergamon.pipeline.lineage_of import lineage_of_files, tell_of_commit
from pergamon.pipeline.order import LATE, NextStep, StepKind, next_step
from pergamon.pipeline.ports import Engine, Workplace
from pergamon.pipeline.tracker import BadLandedFile, check_landed_file, quarantine, register_surviving, supersede
from pergamon.pipeline.tracker_states import FileState, TrackedFile
from pergamon.store import UnitOfWork

MERGE_PURPOSE = "merge"
JOB_PURPOSE = "job"
WORKER_SILENCE = timedelta(seconds=30)
"""A worker that has not been heard of for so long is dead; its leases are closed."""


class TableBusy(Conflict):
    """Another living worker is merging this table."""

    code = "pipeline.table_busy"


class FilesTaken(Conflict):
    """The files of a batch have changed hands since it was planned: an operator skipped one, or another worker was
    quicker."""

    code = "pipeline.files_taken"


class StoredValueMissing(Invalid):
    """A change did not send a value again, and the raw table has no row that holds it."""

    code = "pipeline.stored_value_missing"


class NotCommitted(Unavailable):
    """The engine ended without an error, and without a commit. The files wait again."""

    code = "pipeline.not_committed"


class TableStopped(Invalid):
    """A quarantined file stands in the way of later ones."""

    code = "pipeline.table_stopped"


@dataclass(frozen=True)
class BatchMerged(Event):
    code: ClassVar[str] = "pipeline.batch_merged"
    lease: str
    snapshot_id: int
    kind: str
    files: int
    rows: int
    last_position: str


@dataclass(frozen=True)
class BatchHadNoEffect(Event):
    code: ClassVar[str] = "pipeline.batch_had_no_effect"
    files: int
    last_position: str


@dataclass(frozen=True)
class Advance:
    """What one call did. `more`: call again; `waiting`: the first full load is not complete."""

    more: bool
    files: int = 0
    rows: int = 0
    waiting: bool = False


@dataclass
class Totals:
    """What was done for a table in one run."""

    files: int = 0
    rows: int = 0
    commits: int = 0
    waiting: bool = False

    def add(self, advance: Advance) -> None:
        self.files += advance.files
        self.rows += advance.rows
        self.commits += 1 if advance.files else 0
        self.waiting = advance.waiting

    def facts(self) -> dict[str, Any]:
        return {"files": self.files, "rows": self.rows, "commits": self.commits, "waiting": self.waiting}


@dataclass(frozen=True)
class _Batch:
    """One commit to be: the files with their paths and columns, and how the table evolves for them."""

    step: NextStep
    files: tuple[TrackedFile, ...]
    paths: tuple[Path, ...]
    columns: tuple[Columns, ...]
    evolution: Evolution

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def last(self) -> str:
        return max(file.last for file in self.files)


@dataclass(frozen=True)
class _Work:
    """The statement that writes (given its target and the target's columns in order; None: there is nothing to write),
    and how to check that writing nothing was right."""

    statement: Callable[[str, Sequence[str]], str] | None
    check: Callable[[Engine], None] = field(default=lambda _: None)
    may_be_empty: Callable[[Engine], bool] = field(default=lambda _: False)


def advance_to_the_end(place: Workplace, spec: RawTableSpec, batch: BatchSpec) -> Totals:
    """Merge everything that waits for one table.

    Raises:
        TableStopped, TypeCannotWiden, BadKeys, StoredValueMissing: an operator must decide; what came before is merged.
        Unavailable: a passing failure; calling again goes on from there.
    """
    totals = Totals()
    with place.one_at_a_time.on(spec.target), place.engine() as engine:
        while True:
            advance = advance_table(place, engine, spec, batch)
            totals.add(advance)
            if not advance.more:
                return totals


def advance_table(place: Workplace, engine: Engine, spec: RawTableSpec, limits: BatchSpec) -> Advance:
    """Do the next step of one table, at most one commit.

    Raises: as `advance_to_the_end`.
    """
    step = _look(place, spec, limits)
    if step.kind in (StepKind.LOAD, StepKind.CHANGES):
        return _merge(place, engine, spec, step)
    if step.kind is StepKind.BLOCKED and step.blocked_by is not None:
        raise TableStopped(
            f"{_set_aside(step.blocked_by)}; later files of this table wait",
            hint=f"put the file right and `pergamon tracker replay {step.blocked_by.id}`, or skip it",
        )
    return Advance(more=step.kind is StepKind.SUPERSEDE, waiting=step.kind is StepKind.WAIT)


def _set_aside(file: TrackedFile) -> str:
    """A file and why it was set aside; most reasons begin with its path."""
    reason = file.reason or "it was set aside"
    return reason if reason.startswith(file.path) else f"{file.path}: {reason}"


def on_commit(uow: UnitOfWork, lease: lake.Lease, snapshot_id: int) -> None:
    """Mark what a merge's lease was opened for, and tell where a merge's or a job's table comes from, in the unit of
    work that moves the table's pointer.

    Raises:
        FilesTaken: not every file is in the lease's hands any more; then the pointer does not move either.
    """
    if lease.purpose == MERGE_PURPOSE:
        _mark_merged(uow, lease, snapshot_id)
        run = LineageRun(f"merge:{lease.table}", "merge", lease.id)
        tell_of_commit(uow, lease, run, every_time=False)
    if lease.purpose == JOB_PURPOSE:
        run = LineageRun(f"job:{lease.facts['job']}", "job", lease.facts["run"])
        tell_of_commit(uow, lease, run, every_time=True)


def _mark_merged(uow: UnitOfWork, lease: lake.Lease, snapshot_id: int) -> None:
    facts = lease.facts
    if tables.mark_merged(uow, lease.id, facts["files"], snapshot_id) != len(facts["files"]):
        raise FilesTaken(f"the files of lease {lease.id} are not all in its hands")
    _settle_others(uow, facts["superseded"], facts["reopened"], facts["floor"], str(lease.table))
    uow.record(
        BatchMerged(
            subject=lease.table.subject,
            lease=lease.id,
            snapshot_id=snapshot_id,
            kind=facts["kind"],
            files=len(facts["files"]),
            rows=facts["rows"],
            last_position=facts["last_position"],
        )
    )


def _settle_others(
    uow: UnitOfWork, superseded: Sequence[str], reopened: Sequence[str], floor: str, target: str
) -> None:
    tables.set_state(uow, reopened, FileState.REGISTERED, reason=f"merged again after the full load at {floor}")
    supersede(uow, [file for name in superseded if (file := tables.file_by_id(uow, name))], floor, target)


def _look(place: Workplace, spec: RawTableSpec, limits: BatchSpec) -> NextStep:
    """Close what a dead worker left, register what landed, decide what comes next, and mark what needs no engine."""
    with place.begin() as uow:
        _release(uow, place, spec)
        # In this order: a file that this read misses is found on the disk, where manifests appear in the source's
        # order.
        known = tables.files_of_table(uow, spec.source_schema, spec.source_table)
        if register_surviving(uow, place.lake_root, schema=spec.source_schema, table=spec.source_table):
            known = tables.files_of_table(uow, spec.source_schema, spec.source_table)
        step = next_step(known, spec.versioning, max_files=limits.max_files, max_rows=limits.max_rows)
        if step.kind is StepKind.SUPERSEDE:
            supersede(uow, step.superseded, step.floor, spec.target)
            for file in step.late:
                quarantine(uow, file, LATE)
        return step


def _release(uow: UnitOfWork, place: Workplace, spec: RawTableSpec) -> None:
    """Close every lease on the table that nobody living holds; its files, unless merged, wait again."""
    living = tables.living_workers(uow, WORKER_SILENCE) - {place.worker}
    for lease in lake.unclosed_leases(uow):
        if str(lease.table) != spec.target:
            continue
        if lease.facts.get("worker") in living:
            raise TableBusy(f"{spec.target} is being written by worker {lease.facts['worker']}", hint="it will go on")
        lake.close_lease(uow, lease.id)
    tables.give_back_of_table(uow, spec.source_schema, spec.source_table)


def _merge(place: Workplace, engine: Engine, spec: RawTableSpec, step: NextStep) -> Advance:
    try:
        batch = _verified(place, spec, step)
    except _Quarantined:
        return Advance(more=True)
    if batch.step.kind is StepKind.LOAD:
        work = _load_work(spec, batch)
        return _commit(place, engine, spec, batch, work)
    scratch = place.scratch / new_id("batch")
    make_durable_directory(scratch)
    try:
        return _merge_changes(place, engine, spec, batch, scratch / "changes.parquet")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _merge_changes(place: Workplace, engine: Engine, spec: RawTableSpec, batch: _Batch, source: Path) -> Advance:
    try:
        keys = _spelled(spec.keys, batch.evolution.columns)
        changes = read_changes(batch.files, batch.paths, batch.evolution.columns, keys, floor=batch.step.floor)
    except BadLandedFile as error:
        return _set_aside_named(place, batch, error)
    before = batch.files[0].first if spec.versioning == "H" else None
    exists = _table_exists(place, spec)
    stored = _stored(engine, spec, changes, before) if exists else frozenset[Key]()
    fold_changes = state_change_set if spec.versioning == "S" else history_change_set
    change_set = fold_changes(changes, stored)
    if not change_set.rows.num_rows and not change_set.emptied:
        return _without_engine(place, spec, batch)
    pq.write_table(change_set.rows, source)
    work = _history_work(spec, changes, change_set, source, before or "") if before else None
    return _commit(place, engine, spec, batch, work or _state_work(spec, changes, change_set, source))


class _Quarantined(Exception):
    """A file of the batch went into quarantine."""


def _verified(place: Workplace, spec: RawTableSpec, step: NextStep) -> _Batch:
    """Check every file against its manifest, and cut the batch where the table's shape changes."""
    paths, columns = [], []
    for file in step.files:
        try:
            check_keys(spec, file.identity)
            path = check_landed_file(place.lake_root, file)
            columns.append(landing_columns(path, file.path, file.rows))
            paths.append(path)
        except BadLandedFile as error:
            with place.begin() as uow:
                quarantine(uow, file, error.message)
            raise _Quarantined from None
    is_load = step.kind is StepKind.LOAD
    count = len(paths) if is_load else files_of_one_shape(columns)
    with place.begin() as uow:
        current = _current_columns(uow, spec)
    evolution = evolve(
        current, columns[:count], spec.versioning, replaces=is_load and spec.versioning == "S", target=spec.target
    )
    return _Batch(step, step.files[:count], tuple(paths[:count]), tuple(columns[:count]), evolution)


def _set_aside_named(place: Workplace, batch: _Batch, error: BadLandedFile) -> Advance:
    """A file whose footer was readable and whose pages are not."""
    bad = next((file for file in batch.files if error.message.startswith(file.path)), batch.files[0])
    with place.begin() as uow:
        quarantine(uow, bad, error.message)
    return Advance(more=True)


def _without_engine(place: Workplace, spec: RawTableSpec, batch: _Batch) -> Advance:
    """Nothing in these files is left to apply."""
    with place.begin() as uow:
        _take_files(uow, batch, lease=None)
        tables.set_state(uow, [file.id for file in batch.files], FileState.MERGED)
        _settle_others(
            uow,
            [f.id for f in batch.step.superseded],
            [f.id for f in batch.step.reopened],
            batch.step.floor,
            spec.target,
        )
        uow.record(BatchHadNoEffect(subject=f"table:{spec.target}", files=len(batch.files), last_position=batch.last))
    return Advance(more=True, files=len(batch.files))


def _commit(place: Workplace, engine: Engine, spec: RawTableSpec, batch: _Batch, work: _Work) -> Advance:
    """Open the lease, let the engine write, close the lease, believe the lease."""
    lease, order = _open(place, spec, batch)
    failure: PergamonError | None = None
    try:
        work.check(engine)
        if work.statement is not None:
            engine.execute_sql(work.statement(merge_sql.quoted(lease.id, lease.table.name), order))
    except PergamonError as error:
        failure = error
    with place.begin() as uow:
        outcome = lake.close_lease(uow, lease.id)
        if not outcome.committed:
            tables.give_back(uow, lease.id)
    if outcome.committed:
        return Advance(more=True, files=len(batch.files), rows=batch.rows)
    if failure is not None:
        raise failure
    if work.may_be_empty(engine):
        return _without_engine(place, spec, batch)
    raise NotCommitted(f"{spec.target}: the engine ended without a commit", hint="it will be tried again")


def _open(place: Workplace, spec: RawTableSpec, batch: _Batch) -> tuple[lake.Lease, list[str]]:
    """Create or evolve the table, take the right to one commit, take the files: one unit of work.

    Returns: the lease, and every column of the table in its order.
    """
    table = lake.TableId(spec.target_database, spec.target_table)
    step = batch.step
    facts = {
        "worker": place.worker,
        "kind": step.kind.value,
        "files": [file.id for file in batch.files],
        "superseded": [file.id for file in step.superseded],
        "reopened": [file.id for file in step.reopened],
        "floor": step.floor,
        "first_position": min(file.first for file in batch.files),
        "last_position": batch.last,
        "rows": batch.rows,
        "lineage": _lineage(spec, batch),
    }
    with place.begin() as uow:
        _shape_table(uow, place.lake_root, table, spec, batch.evolution)
        lease = lake.open_lease(uow, table, MERGE_PURPOSE, facts)
        _take_files(uow, batch, lease=lease.id)
        order = [column.name for column in lake.load_table(uow, table).schema().fields]
    return lease, order


def _lineage(spec: RawTableSpec, batch: _Batch) -> dict[str, Any]:
    """A raw column comes from the landed column of its name, and the merge's own columns from landing's own."""
    landed = {name for columns in batch.columns for name in columns}
    own = {POSITION: POSITION}
    if spec.versioning == "H":
        own[RAW_OPERATION] = OPERATION
        own |= {previous_key_column(key): PREVIOUS_KEY for key in _spelled(spec.keys, batch.evolution.columns)}
    columns = {name: name for name in batch.evolution.columns if name in landed} | own
    return lineage_of_files({_folder(file) for file in batch.files}, columns)


def _folder(file: TrackedFile) -> tuple[str, str]:
    """The folder of a landed file's table, as (bucket, folder); change files lie in a folder of it for their day."""
    bucket, _, path = file.path.partition("/")
    return bucket, re.sub(r"([0-9]{4}/[0-9]{2}/[0-9]{2}/)?[^/]*$", "", path)


def _take_files(uow: UnitOfWork, batch: _Batch, *, lease: str | None) -> None:
    """
    Raises:
        FilesTaken: a file is not waiting any more.
    """
    ids = [file.id for file in batch.files]
    if tables.take(uow, ids, lease) != len(ids):
        raise FilesTaken("the files of the batch are not all waiting any more", hint="it is planned anew")


def _shape_table(uow: UnitOfWork, root: Path, table: lake.TableId, spec: RawTableSpec, evolution: Evolution) -> None:
    own: list[tuple[str, pa.DataType]] = []
    if spec.versioning == "H":
        own = [(previous_key_column(key), evolution.columns[key]) for key in _spelled(spec.keys, evolution.columns)]
        own.append((RAW_OPERATION, pa.string()))
    fields = [pa.field(name, kind) for name, kind in evolution.columns.items()]
    try:
        metadata = lake.load_table(uow, table)
    except lake.UnknownTable:
        lake.create_table(uow, root, table, pa.schema([*fields, *own, (POSITION, pa.string())]))
        return
    ids = {column.name: column.field_id for column in metadata.schema().fields}
    by_name = {column.name: column for column in fields}
    lake.evolve_table(
        uow,
        table,
        add=[by_name[name] for name in (*evolution.replaced, *evolution.added)],
        widen={ids[name]: evolution.columns[name] for name in evolution.widened},
        drop=[ids[name] for name in (*evolution.dropped, *evolution.replaced)],
    )


def _spelled(keys: Sequence[str], columns: Columns) -> list[str]:
    """The configured keys as the landing files spell them.

    Raises:
        BadKeys: a key is not a column.
    """
    names = {name.casefold(): name for name in columns}
    missing = [key for key in keys if key.casefold() not in names]
    if missing:
        raise BadKeys(
            f"key {', '.join(missing)} is not a column of the landing files", hint="keys are spelled as there"
        )
    return [names[key.casefold()] for key in keys]


def _current_columns(uow: UnitOfWork, spec: RawTableSpec) -> dict[str, pa.DataType]:
    try:
        metadata = lake.load_table(uow, lake.TableId(spec.target_database, spec.target_table))
    except lake.UnknownTable:
        return {}
    return columns_of(metadata.schema())


def _table_exists(place: Workplace, spec: RawTableSpec) -> bool:
    with place.begin() as uow:
        return bool(_current_columns(uow, spec))


def _current(spec: RawTableSpec) -> str:
    return merge_sql.quoted(spec.target_database, spec.target_table)


def _stored(engine: Engine, spec: RawTableSpec, changes: Changes, before: str | None) -> frozenset[Key]:
    """Which of the keys that the fold cannot judge alone have a row."""
    doubtful = sorted(doubtful_keys(changes.changes), key=repr) if changes.keys else []
    if not doubtful:
        return frozenset()
    view = new_id("keys")
    wanted = {
        key: pa.array([values[place] for values in doubtful], changes.columns[key])
        for place, key in enumerate(changes.keys)
    }
    engine.create_view(view, pa.table(wanted))
    found = engine.sql_to_arrow(merge_sql.stored_keys(_current(spec), view, changes.keys, before=before))
    return frozenset(zip(*(column.to_pylist() for column in found.columns), strict=True))


def _load_work(spec: RawTableSpec, batch: _Batch) -> _Work:
    files = list(zip(batch.paths, batch.columns, strict=True))
    history = spec.versioning == "H"

    def statement(target: str, order: Sequence[str]) -> str:
        return merge_sql.load_files(target, order, files, batch.evolution.columns, appends_history=history)

    def may_be_empty(engine: Engine) -> bool:
        count = engine.sql_to_arrow(f"SELECT count(*) AS present FROM {_current(spec)}")  # noqa: S608 - quoted
        return batch.rows == 0 and (history or count["present"][0].as_py() == 0)

    return _Work(statement, may_be_empty=may_be_empty)


def _state_work(spec: RawTableSpec, changes: Changes, change_set: ChangeSet, source: Path) -> _Work:
    current, keys = _current(spec), changes.keys

    def statement(target: str, order: Sequence[str]) -> str:
        if change_set.emptied:
            return merge_sql.replace_state(target, order, source, changes.columns)
        return merge_sql.merge_state(
            target,
            current,
            source,
            changes.columns,
            keys,
            found=change_set.rows.column_names,
            kept=change_set.kept,
            moved=change_set.moved,
        )

    def check(engine: Engine) -> None:
        if change_set.needs_stored and change_set.emptied:
            raise _missing(spec, 1)
        _check_stored(engine, spec, change_set, source, keys=keys, before=None)

    def may_be_empty(engine: Engine) -> bool:
        present = engine.sql_to_arrow(merge_sql.count_present(current, source, keys))
        return change_set.upserts == 0 and present["present"][0].as_py() == 0

    return _Work(statement, check, may_be_empty)


def _history_work(spec: RawTableSpec, changes: Changes, change_set: ChangeSet, source: Path, before: str) -> _Work:
    def statement(target: str, order: Sequence[str]) -> str:
        return merge_sql.append_history(
            target, order, _current(spec), source, changes.columns, changes.keys, kept=change_set.kept, before=before
        )

    return _Work(
        statement, lambda engine: _check_stored(engine, spec, change_set, source, keys=changes.keys, before=before)
    )


def _check_stored(
    engine: Engine, spec: RawTableSpec, change_set: ChangeSet, source: Path, *, keys: Sequence[str], before: str | None
) -> None:
    if not change_set.needs_stored:
        return
    if not keys:
        raise _missing(spec, change_set.rows.num_rows)
    statement = merge_sql.count_missing_stored(_current(spec), source, keys, change_set.kept, before=before)
    missing = engine.sql_to_arrow(statement)["missing"][0].as_py()
    if missing:
        raise _missing(spec, missing)


def _missing(spec: RawTableSpec, rows: int) -> StoredValueMissing:
    return StoredValueMissing(
        f"{spec.target}: {rows} changes left out a large value that did not change, and the table has no row with it",
        hint="load the table anew; and start a task's changes only with its full load",
    )
