"""Which files of a table come next. Pure; only positions order, never a file name or a clock (law 4).

Versioning S: a complete full load replaces the state. What lies at or below its position is superseded; changes beyond
it that were merged before it came are merged again. Versioning H: full loads are appended; only the first one
supersedes. Nothing is applied past a quarantined file until it is replayed or skipped, and a transaction is never
divided.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pergamon.pipeline.tracker_states import FileState, TrackedFile

LATE = "it came after a later file had been merged; reload the table"


class StepKind(StrEnum):
    LOAD = "load"
    CHANGES = "changes"
    SUPERSEDE = "supersede"
    """Nothing to apply; some files only have to be marked."""
    WAIT = "wait"
    """The first full load has not landed completely."""
    BLOCKED = "blocked"
    NOTHING = "nothing"


@dataclass(frozen=True)
class NextStep:
    """What to do with a table now. Rows at or below `floor` are not applied: a full load holds them already."""

    kind: StepKind
    files: tuple[TrackedFile, ...] = ()
    superseded: tuple[TrackedFile, ...] = ()
    reopened: tuple[TrackedFile, ...] = ()
    late: tuple[TrackedFile, ...] = ()
    floor: str = ""
    blocked_by: TrackedFile | None = None


@dataclass(frozen=True)
class _Load:
    """The files of one full load, which share one position."""

    files: tuple[TrackedFile, ...]

    @property
    def position(self) -> str:
        return max(file.last for file in self.files)

    @property
    def is_complete(self) -> bool:
        announced = [file.load_files for file in self.files if file.load_files is not None]
        return bool(announced) and len(self.files) >= max(announced)

    @property
    def is_merged(self) -> bool:
        return any(file.state is FileState.MERGED for file in self.files)

    @property
    def is_open(self) -> bool:
        return not self.is_merged and all(file.is_pending or file.state is FileState.QUARANTINED for file in self.files)

    @property
    def quarantined(self) -> TrackedFile | None:
        return next((file for file in self.files if file.state is FileState.QUARANTINED), None)


def next_step(
    files: Sequence[TrackedFile], versioning: Literal["S", "H"], *, max_files: int, max_rows: int
) -> NextStep:
    """Decide the next commit of one table from all its tracked files."""
    loads = _loads(files)
    merged_at = [load.position for load in loads if load.is_merged]
    load = _load_to_apply(loads, max(merged_at, default=""), versioning)
    if load is not None and load.quarantined is not None:
        return NextStep(StepKind.BLOCKED, blocked_by=load.quarantined)
    if load is not None:
        return _apply_load(load, files, loads, min([*merged_at, load.position]), versioning)
    if not merged_at and any(load.is_open for load in loads):
        return NextStep(StepKind.WAIT)
    floor = max(merged_at, default="") if versioning == "S" else min(merged_at, default="")
    return _apply_changes(files, floor, max_files, max_rows)


def transaction_of(position: str) -> str:
    """The commit that a position lies in: the part before the ordinal."""
    return position.partition(".")[0]


def _loads(files: Sequence[TrackedFile]) -> list[_Load]:
    grouped: dict[tuple[str, str], list[TrackedFile]] = defaultdict(list)
    for file in files:
        if file.is_load:
            grouped[(file.task, file.load_id or "")].append(file)
    return [_Load(tuple(group)) for group in grouped.values()]


def _load_to_apply(loads: list[_Load], merged_at: str, versioning: str) -> _Load | None:
    """S: the newest complete one beyond what is merged. H: the oldest complete one."""
    ready = [load for load in loads if load.is_open and load.is_complete]
    if versioning == "H":
        return min(ready, key=lambda load: load.position, default=None)
    newer = [load for load in ready if load.position > merged_at]
    return max(newer, key=lambda load: load.position, default=None)


def _apply_load(
    load: _Load, files: Sequence[TrackedFile], loads: list[_Load], first_load: str, versioning: str
) -> NextStep:
    floor = load.position if versioning == "S" else first_load
    own = {file.id for file in load.files}
    others = [file for file in files if file.id not in own]
    superseded = [file for file in others if _is_superseded(file, floor, versioning)]
    reopened = (
        [file for file in others if not file.is_load and file.state is FileState.MERGED and file.last > floor]
        if versioning == "S"
        else []
    )
    return NextStep(StepKind.LOAD, load.files, tuple(superseded), tuple(reopened), floor=floor)


def _is_superseded(file: TrackedFile, floor: str, versioning: str) -> bool:
    """Held by a full load already: waiting or quarantined, and nothing in it lies beyond the load."""
    if versioning == "H" and file.is_load:
        return False
    return (file.is_pending or file.state is FileState.QUARANTINED) and file.last <= floor


def _apply_changes(files: Sequence[TrackedFile], floor: str, max_files: int, max_rows: int) -> NextStep:
    superseded = tuple(file for file in files if floor and _is_superseded(file, floor, "S"))
    gone = {file.id for file in superseded}
    changes = [file for file in files if not file.is_load and file.id not in gone]
    applied = max((file.last for file in changes if file.state is FileState.MERGED), default="")
    late = tuple(file for file in changes if file.is_pending and file.first <= applied)
    if late:
        return NextStep(StepKind.SUPERSEDE, superseded=superseded, late=late, floor=floor)
    blocker = next((file for file in changes if file.state is FileState.QUARANTINED), None)
    waiting = _before(blocker, [file for file in changes if file.is_pending])
    chosen = _portion(waiting, max_files, max_rows)
    if chosen:
        return NextStep(StepKind.CHANGES, tuple(chosen), superseded, floor=floor)
    if superseded:
        return NextStep(StepKind.SUPERSEDE, superseded=superseded, floor=floor)
    if blocker is not None:
        return NextStep(StepKind.BLOCKED, blocked_by=blocker)
    return NextStep(StepKind.NOTHING)


def _before(blocker: TrackedFile | None, waiting: list[TrackedFile]) -> list[TrackedFile]:
    """What may be applied although a file is quarantined: whole transactions before it."""
    if blocker is None:
        return waiting
    transaction = transaction_of(blocker.first)
    return [file for file in waiting if file.last < blocker.first and transaction_of(file.last) != transaction]


def _portion(waiting: list[TrackedFile], max_files: int, max_rows: int) -> list[TrackedFile]:
    chosen: list[TrackedFile] = []
    rows = 0
    for file in waiting:
        full = len(chosen) >= max_files or (chosen and rows + file.rows > max_rows)
        if full and transaction_of(file.first) != transaction_of(chosen[-1].last):
            break
        chosen.append(file)
        rows += file.rows
    return chosen
