"""Running one replication task: what is loaded, from where changes are read, and when the source may forget its log.

The order that loses nothing: landing file durable, manifest durable, the tracker told, progress file durable, and only
then the word to the source. After a crash each table goes on after its own last manifest, so nothing comes twice.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psycopg

from pergamon.kernel import Clock, Conflict, Invalid, PergamonError, make_durable_directory
from pergamon.replicate import tables
from pergamon.replicate.capture import ChangeBuffers
from pergamon.replicate.changes import ChangeReader, Committed, Table
from pergamon.replicate.events import FullLoadCompleted, ReplicationStateChanged
from pergamon.replicate.full_load import load_table
from pergamon.replicate.landing import Manifest, Progress, ProgressFile, TableFolder
from pergamon.replicate.mapping_rules import TablePlan, check_targets
from pergamon.replicate.model import CHANGE_SEQ_START, Position, ReplicationTask, TaskState, lsn_text
from pergamon.replicate.ports import ChangeStream, Data, SlotLost, Source, SourceRefused, SourceTable
from pergamon.replicate.source_script import (
    Finding,
    existing_publications,
    findings,
    hint_for,
    inserts_publication,
    is_told_whole,
)
from pergamon.store import UnitOfWork

STATUS_INTERVAL_S = 1.0
LAG_INTERVAL_S = 5.0
CHANGES_BETWEEN_LOOKS = 1000
ALIVE_INTERVAL_S = 10.0
"""The source ends a stream that it has not heard of for `wal_sender_timeout`, a minute by default."""

Begin = Callable[[], AbstractContextManager[UnitOfWork]]


class TaskParked(Invalid):
    """The task would lose changes if it went on."""

    code = "replicate.task_parked"


class AlreadyRunning(Conflict):
    """Another replicator of this task works in the landing zone."""

    code = "replicate.already_running"


@dataclass(frozen=True)
class RunOutcome:
    """What one run did."""

    state: TaskState
    rows_landed: int
    files_landed: int
    landed_lsn: int
    warnings: tuple[str, ...]


def test_endpoint(task: ReplicationTask, source: Source) -> list[Finding]:
    """Ask the source everything that a start would need; changes nothing.

    Raises: SourceUnavailable, SourceRefused: it cannot even be asked.
    """
    publications = existing_publications(task, source)
    slot = source.slot(task.slot) if task.spec.migration_type.captures else None
    return findings(task, source.facts(), source.tables(), publications, slot)


def run_task(
    task: ReplicationTask,
    source: Source,
    landing: Path,
    *,
    clock: Clock,
    begin: Begin,
    on_landed: Callable[[Manifest], None],
    should_stop: Callable[[], bool],
    until_caught_up: bool = False,
    reload: bool = False,
) -> RunOutcome:
    """Load what is not loaded, then capture changes until asked to stop.

    landing: the folder of the task's bucket and prefix. begin: opens a unit of work of the platform.
    on_landed: told of each file once its manifest is durable; may be told twice of one file, after a crash.
    until_caught_up: end once everything that the source had at the call has landed.
    reload: forget where the task stood; a new slot if the old one is lost, and every table anew.

    Raises:
        TaskParked: changes between the last landed position and the slot's are gone.
        SourceUnavailable, SourceRefused, SlotInUse, LandingNotWritable, ValueNotRepresentable, RuleNotUsable, ...: the
            task stands as failed; started again it goes on where it was.
    """
    with _alone(landing, task.name):
        run = _Run(task, source, landing, clock=clock, begin=begin, on_landed=on_landed, should_stop=should_stop)
        try:
            return run.run(until_caught_up=until_caught_up, reload=reload)
        except BaseException as error:
            run.enter_after(error)
            raise


@contextmanager
def _alone(landing: Path, task: str) -> Iterator[None]:
    """One replicator of a task at a time; a killed one lets go by dying."""
    path = landing / ".tasks" / f"{task}.lock"
    make_durable_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"another replicator of the task {task} is running", hint=f"pergamon replication stop {task}"
            ) from None
        yield
    finally:
        os.close(descriptor)


class _Run:
    """One run of one task."""

    def __init__(
        self,
        task: ReplicationTask,
        source: Source,
        landing: Path,
        *,
        clock: Clock,
        begin: Begin,
        on_landed: Callable[[Manifest], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.task, self.source, self.landing, self.clock = task, source, landing, clock
        self.begin, self.on_landed, self.should_stop = begin, on_landed, should_stop
        self.rules = task.spec.mapping_rules()
        self.progress_file = ProgressFile(landing, task.name)
        self.folders: dict[tuple[str, str], TableFolder] = {}
        self.landed_up_to: dict[tuple[str, str], Position] = {}
        self.warnings: tuple[str, ...] = ()
        self.confirmed_lsn = 0
        self.source_lsn = 0
        self.files_landed = 0
        self.rows_landed = 0
        self._rows_written = 0
        self._stop_wanted = False
        self._status_at = self._lag_at = self._heartbeat_at = self._alive_at = 0.0
        self._catalog: dict[tuple[str, str], SourceTable] = {}

    def run(self, *, until_caught_up: bool, reload: bool) -> RunOutcome:
        self.enter(TaskState.STARTING)
        chosen = self._chosen_tables()
        captures, loads = self.task.spec.migration_type.captures, self.task.spec.migration_type.loads
        if reload:
            self.progress_file.forget()
        progress = self._prepare_source(chosen, reload=reload) if captures else None
        self._tell_again([plan for _, plan in chosen])
        if loads:
            self._load([pair for pair in chosen if reload or not self._is_loaded(pair[1])])
        if progress is not None and not self._stop_wanted:
            self._capture(progress, until_caught_up=until_caught_up)
        self._write_status(force=True)
        self.enter(TaskState.STOPPED)
        return RunOutcome(TaskState.STOPPED, self.rows_landed, self.files_landed, self.confirmed_lsn, self.warnings)

    def enter(self, state: TaskState, message: str | None = None) -> None:
        """Write the task's state, with its event."""
        with self.begin() as uow:
            tables.set_state(uow, self.task.name, state, message, self.warnings)
            uow.record(ReplicationStateChanged(f"replication_task:{self.task.name}", state.value, message))

    def enter_after(self, error: BaseException) -> None:
        """Write that the run ended with an error. When the platform's own database is what failed, nobody can."""
        state = TaskState.PARKED if isinstance(error, TaskParked) else TaskState.FAILED
        said = str(error) if isinstance(error, PergamonError) else f"unexpected: {type(error).__name__}"
        with suppress(PergamonError, psycopg.Error):
            self.enter(state, said)

    # --- before anything is read ---

    def _chosen_tables(self) -> list[tuple[SourceTable, TablePlan]]:
        """Raises: SourceRefused: the endpoint test found something that stops a start; RuleNotUsable."""
        found = test_endpoint(self.task, self.source)
        failed = [finding for finding in found if not finding.ok]
        if failed:
            said = "; ".join(f"{finding.check}: {finding.message}" for finding in failed)
            raise SourceRefused(f"the source is not ready: {said}", hint=hint_for(self.task, failed))
        self.warnings = tuple(f"{item.check}: {item.message} ({item.hint})" for item in found if item.hint)
        self._catalog = {(table.schema, table.table): table for table in self.source.tables()}
        chosen = [
            (table, self.rules.plan(*key, [column.name for column in table.columns], table.identity_columns))
            for key, table in self._catalog.items()
            if self.rules.selects(*key)
        ]
        check_targets([plan for _, plan in chosen])
        chosen.sort(key=lambda pair: -self.rules.load_order(pair[0].schema, pair[0].table))
        for _, plan in chosen:
            folder = self._folder(plan.schema, plan.table, plan.target_schema, plan.target_table)
            folder.clean_up()
        return chosen

    def _prepare_source(self, chosen: list[tuple[SourceTable, TablePlan]], *, reload: bool) -> Progress:
        """Publications and slot, made or accepted. Returns: from where to read."""
        self._publish([table for table, _ in chosen])
        slot, progress = self.source.slot(self.task.slot), self.progress_file.read()
        if slot is not None and reload and slot.wal_status == "lost":
            self.source.drop_slot(slot.name)
            slot = None
        if slot is None and progress is not None:
            raise self._parked(progress, f"the slot {self.task.slot} is gone")
        if slot is not None and slot.wal_status == "lost":
            raise SlotLost(f"the slot {slot.name} is lost", hint="start the task with --reload")
        at = slot.confirmed_lsn if slot is not None else self.source.create_slot(self.task.slot)
        if progress is None:
            progress = Progress(self.task.slot, at, CHANGE_SEQ_START)
            if not reload:
                self._refuse_landed_without_progress(chosen, at)
            self.progress_file.write(progress)
        elif at > progress.confirmed_lsn:
            raise self._parked(progress, f"the slot {self.task.slot} stands at {lsn_text(at)}")
        self.confirmed_lsn = progress.confirmed_lsn
        return progress

    def _publish(self, chosen: list[SourceTable]) -> None:
        for name, inserts_only in ((self.task.publication, False), (inserts_publication(self.task.publication), True)):
            existing = self.source.publication(name)
            published = self._published()
            missing = [
                table
                for table in chosen
                if is_told_whole(table) is not inserts_only and (table.schema, table.table) not in published
            ]
            if missing and existing is None:
                self.source.create_publication(name, missing, inserts_only=inserts_only)
            elif missing:
                self.source.extend_publication(name, missing)

    def _publication_names(self) -> list[str]:
        names = (self.task.publication, inserts_publication(self.task.publication))
        return [name for name in names if self.source.publication(name) is not None]

    def _published(self) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for name in self._publication_names():
            publication = self.source.publication(name)
            found |= publication.tables if publication is not None else frozenset()
        return found

    def _refuse_landed_without_progress(self, chosen: list[tuple[SourceTable, TablePlan]], at: int) -> None:
        """Files of this task are there, but not its progress file: then nobody knows whether the slot is ahead."""
        for _, plan in chosen:
            newest = self._folder_of(plan).newest_change()
            if newest is not None and newest.last.lsn < at:
                raise self._parked(Progress(self.task.slot, newest.last.lsn, ""), f"the slot stands at {lsn_text(at)}")

    def _parked(self, progress: Progress, why: str) -> TaskParked:
        return TaskParked(
            f"{why}, but the landing zone knows changes only up to {lsn_text(progress.confirmed_lsn)}: "
            "what lies between is lost",
            hint=f"`pergamon replication start {self.task.name} --reload` loads every table anew",
        )

    # --- full load ---

    def _load(self, missing: list[tuple[SourceTable, TablePlan]]) -> None:
        if not missing:
            return
        self.enter(TaskState.LOADING)
        with self.source.snapshot(consistent_with_slots=self.task.spec.migration_type.captures) as snapshot:
            for table, plan in missing:
                if self._is_stop_wanted():
                    return
                manifest = load_table(
                    self._folder_of(plan),
                    snapshot,
                    table,
                    plan,
                    quote=self.source.quote,
                    loaded_at=self.clock.now(),
                    landed=self._landed,
                    max_file_bytes=self.task.spec.max_load_file_bytes,
                )
                self.landed_up_to[(plan.schema, plan.table)] = manifest.last
                self._record_loaded(manifest)

    def _record_loaded(self, manifest: Manifest) -> None:
        with self.begin() as uow:
            uow.record(
                FullLoadCompleted(
                    f"source_table:{manifest.schema}.{manifest.table}",
                    self.task.name,
                    manifest.load_id,
                    manifest.rows,
                    manifest.full_load_files,
                )
            )

    def _is_loaded(self, plan: TablePlan) -> bool:
        return self._folder_of(plan).completed_load() is not None

    # --- changes ---

    def _capture(self, progress: Progress, *, until_caught_up: bool) -> None:
        self.enter(TaskState.RUNNING)
        target = self.source.current_lsn() if until_caught_up else None
        if until_caught_up:
            self.source.heartbeat()
        spec = self.task.spec
        buffers = ChangeBuffers(
            self.rules,
            self._folder,
            self._identity_of,
            self.landed_up_to,
            self._landed,
            change_seq=max(progress.change_seq, self._newest_change_seq()),
            max_rows=spec.max_file_rows,
            max_bytes=spec.max_file_bytes,
            clock=self.clock,
        )
        reader = ChangeReader(self.landing / ".tasks" / f"{self.task.name}.spool")
        seen_lsn = self.confirmed_lsn
        with (
            closing(reader),
            self.source.stream(self.task.slot, self._publication_names(), self.confirmed_lsn) as stream,
        ):
            stream.confirm(self.confirmed_lsn, reply=until_caught_up)
            while not self._is_stop_wanted():
                for item in stream.receive(self._patience(buffers)):
                    if isinstance(item, Data):
                        for event in reader.read(item.payload):
                            if isinstance(event, Committed):
                                seen_lsn = max(seen_lsn, event.end_lsn)
                            else:
                                buffers.take(event)
                                if event.position.ordinal % CHANGES_BETWEEN_LOOKS == 0:
                                    self._stay_alive(stream)
                    elif reader.between_transactions:
                        seen_lsn = max(seen_lsn, item.lsn)
                if target is not None and seen_lsn >= target:
                    break
                self._land_when_due(stream, buffers, seen_lsn)
                self._regularly(stream)
            buffers.land_all()
            self._confirm(stream, buffers, seen_lsn)

    def _patience(self, buffers: ChangeBuffers) -> float:
        if buffers.oldest_at is None:
            return 0.5
        return max(0.0, min(0.5, buffers.oldest_at + self.task.spec.max_batch_interval_s - monotonic()))

    def _land_when_due(self, stream: ChangeStream, buffers: ChangeBuffers, seen_lsn: int) -> None:
        due = buffers.oldest_at is not None and monotonic() - buffers.oldest_at >= self.task.spec.max_batch_interval_s
        if due:
            buffers.land_all()
        quiet = buffers.is_empty and monotonic() - self._alive_at >= ALIVE_INTERVAL_S
        if due or (quiet and seen_lsn > self.confirmed_lsn):
            self._confirm(stream, buffers, seen_lsn)

    def _confirm(self, stream: ChangeStream, buffers: ChangeBuffers, seen_lsn: int) -> None:
        """Everything before `seen_lsn` is durable here: write that down durably, then tell the source."""
        if seen_lsn > self.confirmed_lsn:
            self.progress_file.write(Progress(self.task.slot, seen_lsn, buffers.change_seq))
            self.confirmed_lsn = seen_lsn
        stream.confirm(self.confirmed_lsn)
        self._alive_at = monotonic()

    def _stay_alive(self, stream: ChangeStream) -> None:
        if monotonic() - self._alive_at >= ALIVE_INTERVAL_S:
            stream.confirm(self.confirmed_lsn)
            self._alive_at = monotonic()

    def _regularly(self, stream: ChangeStream) -> None:
        self._stay_alive(stream)
        now, interval = monotonic(), self.task.spec.heartbeat_interval_s
        if interval and now - self._heartbeat_at >= interval:
            self.source.heartbeat()
            self._heartbeat_at = now
        if now - self._lag_at >= LAG_INTERVAL_S:
            self.source_lsn = self.source.current_lsn()
            self._lag_at = now
            self._warn_of_lag()

    def _warn_of_lag(self) -> None:
        limit, lag = self.task.spec.max_lag_bytes, self.source_lsn - self.confirmed_lsn
        others = tuple(warning for warning in self.warnings if not warning.startswith("lag:"))
        warnings = (
            (*others, f"lag: the source keeps back {lag} bytes of log") if limit is not None and lag > limit else others
        )
        if len(warnings) != len(self.warnings):
            self.warnings = warnings
            self.enter(TaskState.RUNNING)

    def _identity_of(self, table: Table) -> tuple[str, ...]:
        """With REPLICA IDENTITY FULL every column is told; the key is then the primary key, where there is one."""
        relation = table.relation
        flagged = tuple(column.name for column in relation.columns if column.is_key)
        if relation.identity != "f":
            return flagged
        known = self._catalog.get((relation.schema, relation.table))
        names = {column.name for column in relation.columns}
        if known is None or not set(known.primary_key) <= names:
            self._catalog = {(found.schema, found.table): found for found in self.source.tables()}
            known = self._catalog.get((relation.schema, relation.table))
        if known is not None and known.primary_key and set(known.primary_key) <= names:
            return known.primary_key
        return tuple(column.name for column in relation.columns)

    # --- what has landed ---

    def _folder(self, schema: str, table: str, target_schema: str, target_table: str) -> TableFolder:
        key = (schema, table)
        if key not in self.folders:
            folder = TableFolder(self.landing, self.task.name, target_schema, target_table, self.clock)
            self.folders[key] = folder
            newest, load = folder.newest_change(), folder.completed_load()
            positions = [manifest.last for manifest in (newest, load) if manifest is not None]
            if positions:
                self.landed_up_to[key] = max(positions)
        return self.folders[key]

    def _folder_of(self, plan: TablePlan) -> TableFolder:
        return self._folder(plan.schema, plan.table, plan.target_schema, plan.target_table)

    def _newest_change_seq(self) -> str:
        newest = [folder.newest_change() for folder in self.folders.values()]
        return max((found.change_seq or "" for found in newest if found is not None), default="")

    def _tell_again(self, plans: list[TablePlan]) -> None:
        """A crash may have come between a manifest and the tracker: the newest files are told again."""
        for plan in plans:
            folder = self._folder_of(plan)
            for manifest in (folder.completed_load(), folder.newest_change()):
                if manifest is not None:
                    self.on_landed(manifest)

    def _landed(self, manifest: Manifest) -> None:
        self.on_landed(manifest)
        self.files_landed += 1
        self.rows_landed += manifest.rows
        self._write_status()

    def _is_stop_wanted(self) -> bool:
        self._write_status()
        return self._stop_wanted or self.should_stop()

    def _write_status(self, *, force: bool = False) -> None:
        if not force and monotonic() - self._status_at < STATUS_INTERVAL_S:
            return
        self._status_at = monotonic()
        rows, self._rows_written = self.rows_landed - self._rows_written, self.rows_landed
        with self.begin() as uow:
            source_lsn = max(self.source_lsn, self.confirmed_lsn)
            wanted = tables.set_progress(uow, self.task.name, self.confirmed_lsn, source_lsn, rows)
        self._stop_wanted = wanted != "running"
