"""Reads files that strangers made, each batch in a process that can open these files and one directory (ADR 0014).

The parent believes nothing that comes out: frames are bounded and spelled-out JSON, a written file must be a plain file
in its directory, a wall clock ends what takes too long, and texts of unexpected errors go to a 0600 log only. When the
process ends over a file, that file has failed, and another process goes on with the next.
"""

import contextlib
import json
import os
import shutil
import stat
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from pergamon.adapters.child_process import Child, Frames, confinement, mode_of, sent
from pergamon.adapters.fork_server import ForkServer, ForkServerFailed
from pergamon.adapters.landlock import LOWEST_ABI, abi_version
from pergamon.formats import (
    Constant,
    Failed,
    FilePart,
    Inspected,
    Limits,
    Misfit,
    ReadRequest,
    Unreadable,
    WriteRequest,
    WrittenPart,
    schema_as_json,
)
from pergamon.kernel import Unavailable, fsync_directory, fsync_file

ANSWER_BYTES = 64 * 1024**2
OVERHEAD_BYTES = 3 * 1024**3
"""Address space besides the engine's memory: stacks, mapped files, allocator arenas, Python's own objects."""
SLOWEST_BYTES_PER_S = 1024**2
LOG_BYTES = 10 * 1024**2
CHANCES = 4
"""A file over which a process ends takes two of them; one that was cut off together with all others, one."""


class ReaderUnconfined(Unavailable):
    """This host cannot confine the process that reads uploaded files."""

    code = "formats.reader_unconfined"


Answer = dict[str, Any]  # Any: JSON from the process, looked at key by key


@dataclass
class LandlockedReader:
    """A `formats.ConfinedReader`. Thread-safe; each call has processes of its own.

    lake: the directory below which every file and every output lies. log: where faults are written, 0600.
    namespaces: use bubblewrap where the host allows it. without_landlock: read although the kernel has no Landlock.
    least_wall_s: a file may take so long, and a second more for each MiB. patience_s: when looking into files has taken
    so long, or writing them and one has ended its process or took too long, those that are left are for another call.
    """

    lake: Path
    log: Path
    limits: Limits = field(default_factory=Limits)
    namespaces: bool = True
    without_landlock: bool = False
    least_wall_s: float = 60
    patience_s: float = 120

    def __post_init__(self) -> None:
        self._processes = ForkServer(lambda: self._prefix, "pergamon.adapters.confined_reader_child")

    def inspect(self, files: Sequence[ReadRequest]) -> list[Inspected | Failed]:
        """See `formats.ConfinedReader`."""
        tasks = [
            {"path": str(one.path), "name": one.name, "hints": one.hints.model_dump(mode="json", exclude_defaults=True)}
            for one in files
        ]
        with self._scratch() as scratch:
            until = time.monotonic() + self.patience_s
            answers = self._all_done("inspect", scratch, tasks, lambda _: time.monotonic() > until)
        return [_inspected(request, answer) for request, answer in zip(files, answers, strict=False)]

    def write(self, parts: Sequence[WriteRequest]) -> list[WrittenPart | Failed]:
        """See `formats.ConfinedReader`. Requests beside each other with one directory share a process."""
        return self._all_written(parts, time.monotonic() + self.patience_s)

    def _all_written(self, parts: Sequence[WriteRequest], until: float) -> list[WrittenPart | Failed]:
        """What became of each part, in order, or of the first ones when one of them has failed."""
        done: list[WrittenPart | Failed] = []
        while len(done) < len(parts) and not any(isinstance(one, Failed) for one in done):
            done += self._some_written(parts[len(done) :], until)
        return done

    def _some_written(self, parts: Sequence[WriteRequest], until: float) -> list[WrittenPart | Failed]:
        """What became of the first parts, up to a file over which a process ended when the time is over."""
        done: list[WrittenPart | Failed] = []

        def is_over(answers: Sequence[Answer]) -> bool:
            return time.monotonic() > until and any(answer is _TOO_SLOW or answer is _ENDED for answer in answers)

        for directory, some in groupby(parts, key=lambda one: one.out.parent):
            groups = [list(group) for _, group in groupby(some, key=lambda one: one.out)]
            answers = self._all_done("write", directory, [_write_task(group) for group in groups], is_over)
            wanted = len(done) + sum(map(len, groups))
            for group, answer in zip(groups, answers, strict=False):
                written = [_written(group[0], answer)] if len(group) == 1 else self._shared(group, answer, until)
                done += written
                if len(written) < len(group):
                    break
            self._tidy(directory)
            fsync_directory(directory)
            if len(done) < wanted:
                break
        return done

    def _shared(self, group: list[WriteRequest], answer: Answer, until: float) -> list[WrittenPart | Failed]:
        """What became of parts that share a file. When that failed as a whole, each eighth is tried by itself, and so
        on: one file that ends the process ends alone, and few of the others are apart."""
        answers = answer.get("answers")
        if isinstance(answers, list) and len(answers) == len(group) and all(isinstance(one, dict) for one in answers):
            for request, one in zip(group, answers, strict=True):
                if "fault" in one:
                    self._log(str(request.path), f"{one['fault']}: {one.get('text')}")
            return _written_together(group, answers)
        out = group[0].out
        out.unlink(missing_ok=True)
        size = -(-len(group) // 8)
        apart = [
            replace(one, out=out.with_name(f"{out.stem}-{place // size}{out.suffix}"))
            for place, one in enumerate(group)
        ]
        return self._all_written(apart, until)

    def prewarm(self) -> None:
        """Load what reads files, unless that is done."""
        self._processes.prewarm()

    def close(self) -> None:
        """End every process."""
        self._processes.close()

    @property
    def mode(self) -> str:
        """What confines the process on this host: `namespaces+landlock+seccomp`, `landlock+seccomp`, …"""
        return mode_of(namespaces=bool(self._prefix), landlock=self._has_landlock)

    # --- private: the process ---

    @cached_property
    def _has_landlock(self) -> bool:
        return abi_version() >= LOWEST_ABI

    @cached_property
    def _prefix(self) -> list[str]:
        return confinement(self.lake, writable=True) if self.namespaces else []

    @contextlib.contextmanager
    def _scratch(self) -> Any:  # a generator, as contextmanager wants it
        place = Path(tempfile.mkdtemp(prefix=".look-", dir=self.lake))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _tidy(self, directory: Path) -> None:
        """Copies that a process which was ended left behind."""
        for left in directory.glob("write-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _require_confinement(self) -> None:
        if not self._has_landlock and not self.without_landlock:
            raise ReaderUnconfined(
                "this kernel has no Landlock, so what reads a file cannot be confined to it",
                hint="use Linux 5.13 or newer with Landlock, or accept it by name: pergamon --without-landlock up",
            )

    # --- private: the conversation ---

    def _all_done(
        self, mode: str, directory: Path, tasks: list[Answer], is_over: Callable[[Sequence[Answer]], bool]
    ) -> list[Answer]:
        """An answer for each task, in order, or for the first ones; a new process after each one that ended.

        is_over: asked of the answers so far, one at least, whether the rest is for another call.
        """
        self._require_confinement()
        answers: list[Answer] = []
        chances: Counter[int] = Counter()
        while len(answers) < len(tasks) and not (answers and is_over(answers)):
            answers += self._some_done(mode, directory, tasks[len(answers) :])
            last = len(answers) - 1
            chances[last] += 2 if answers[last] is _ENDED else 1
            if (answers[last] is _ENDED or answers[last] is _CUT_OFF) and chances[last] < CHANCES:
                answers.pop()  # it may have been killed from outside: only who ends two processes is to blame
        return answers

    def _some_done(self, mode: str, directory: Path, tasks: list[Answer]) -> list[Answer]:
        """The answers of one process: all of them, or those up to the task over which it ended."""
        there = [task for task in tasks if all(path.is_file() for path in _paths(task))]
        if len(there) < len(tasks) and tasks[0] not in there:
            return [{"unreadable": "the file is not there any more"}]
        tasks = tasks[: next((place for place, task in enumerate(tasks) if task not in there), len(tasks))]
        try:
            child = self._processes.child()
        except ForkServerFailed as error:
            self._log("start", error.said)
            raise ReaderUnconfined("the process that reads files did not start", hint="see the reader's log") from None
        try:
            return self._conversation(child, mode, directory, tasks)
        finally:
            child.end()

    def _conversation(self, child: Child, mode: str, directory: Path, tasks: list[Answer]) -> list[Answer]:
        sizes = [sum(path.stat().st_size for path in _paths(task)) for task in tasks]
        walls = [self.least_wall_s + size // SLOWEST_BYTES_PER_S for size in sizes]
        frames = Frames(child, time.monotonic())
        answers: list[Answer] = []
        sent(child, self._job(mode, directory, tasks, sum(walls)))
        try:
            for task, wall in zip(tasks, walls, strict=True):
                frames.deadline = time.monotonic() + wall
                frame = frames.next(ANSWER_BYTES, b"F")
                if frame is None or frame[0] != b"F":
                    self._log(str(_paths(task)[0]), self._last_words(child))
                    return [*answers, _CUT_OFF if child.went_with_its_server else _ENDED]
                answers.append(self._answer(task, frame[1]))
        except TimeoutError:
            return [*answers, _TOO_SLOW]
        except OverflowError:
            return [*answers, _ENDED]
        return answers

    def _answer(self, task: Answer, frame: bytes) -> Answer:
        try:
            answer = json.loads(frame)
        except ValueError:
            return _ENDED
        if not isinstance(answer, dict):
            return _ENDED
        if "fault" in answer:
            self._log(str(_paths(task)[0]), f"{answer['fault']}: {answer.get('text')}")
        return answer

    def _job(self, mode: str, directory: Path, tasks: list[Answer], wall_s: float) -> bytes:
        return json.dumps(
            {
                "mode": mode,
                "tasks": tasks,
                "directory": str(directory),
                "this_year": datetime.now(UTC).year,
                "limits": self.limits.as_json(),
                "landlock": self._has_landlock,
                "cpu_s": int(wall_s * self.limits.threads) + 1,
                "overhead_bytes": OVERHEAD_BYTES,
            }
        ).encode()

    def _last_words(self, child: Child) -> str:
        child.kill()
        code = child.wait()
        said = (child.stderr.read(LOG_BYTES // 100) or b"").decode(errors="replace")
        return f"exit {code}: {said}"

    def _log(self, what: str, text: str) -> None:
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1"))
        line = json.dumps({"at": time.time(), "file": what, "text": text})
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.write(line + "\n")


_ENDED: Answer = {
    "unreadable": "reading it ended the reader: it takes more memory than allowed, or is made to harm",
    "hint": "make the file again in another way, or split it",
}
_CUT_OFF: Answer = {
    "unreadable": "the reader was ended from outside each time it was tried",
    "hint": "the operator finds when in the reader's log",
}
_TOO_SLOW: Answer = {"unreadable": "reading it takes too long", "hint": "split it"}
_FAULT: Answer = {"unreadable": "the reader failed on it", "hint": "the operator finds why in the reader's log"}


def _inspected(request: ReadRequest, answer: Answer) -> Inspected | Failed:
    if "parts" in answer:
        try:
            parts = tuple(FilePart.from_json(part) for part in answer["parts"])
            if not all(_can_be_kept(part.as_json()) for part in parts):
                raise ValueError("a text in it that no database keeps")
            return Inspected(request, parts)
        except (ValueError, KeyError, TypeError):
            return _failed(request, _FAULT)
    return _failed(request, answer)


def _written(request: WriteRequest, answer: Answer) -> WrittenPart | Failed:
    """What was written, made durable; anything but a plain file there is a failure."""
    if "rows" not in answer:
        request.out.unlink(missing_ok=True)
        return _failed(request, answer)
    try:
        found = request.out.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ValueError
        fsync_file(request.out)
        return WrittenPart(request.out, int(answer["rows"]), found.st_size)
    except (OSError, ValueError, TypeError):
        return _failed(request, _FAULT)


def _written_together(group: list[WriteRequest], answers: list[Answer]) -> list[WrittenPart | Failed]:
    """The parts of one shared file, made durable once; it is there when one of them is whole."""
    out, whole = group[0].out, [answer for answer in answers if "rows" in answer]
    try:
        found = out.lstat() if whole else None
        if found is not None:
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise ValueError
            fsync_file(out)
        return [
            WrittenPart(out, int(answer["rows"]), found.st_size, int(answer["first_row"]))
            if found is not None and "rows" in answer
            else _failed(request, answer)
            for request, answer in zip(group, answers, strict=True)
        ]
    except (OSError, ValueError, TypeError, KeyError):
        return [_failed(request, _FAULT) for request in group]


def _paths(task: Answer) -> list[Path]:
    """The files that a task is about."""
    return [Path(one["path"]) for one in task.get("together", [task])]


def _failed(request: ReadRequest | WriteRequest, answer: Answer) -> Failed:
    if "misfit" in answer:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            part = FilePart.from_json(answer["part"])
            if _can_be_kept(part.as_json()):
                return Failed(request, Misfit(_plain(answer["misfit"]), part))
    told = answer if "unreadable" in answer else _FAULT
    hint, line, column = told.get("hint"), told.get("line"), told.get("column")
    error = Unreadable(
        _plain(told["unreadable"]),
        hint=None if hint is None else _plain(hint),
        line=line if isinstance(line, int) else None,
        column=_plain(column) if isinstance(column, str) else None,
    )
    return Failed(request, error)


def _plain(text: object) -> str:
    """A text for people, who may read it in a terminal, and for the database: no control characters, no halves."""
    letters = str(text)[:1000]
    return "".join("\ufffd" if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} else one for one in letters)


def _can_be_kept(told: object) -> bool:
    """PostgreSQL keeps no zero byte and no half of a character; one text with them would stop a whole folder."""
    if isinstance(told, str):
        return "\x00" not in told and not any("\ud800" <= letter <= "\udfff" for letter in told)
    if isinstance(told, Mapping):
        return all(_can_be_kept(one) for one in (*told, *told.values()))
    return not isinstance(told, Sequence) or all(_can_be_kept(one) for one in told)


def _write_task(group: Sequence[WriteRequest]) -> Answer:
    """One part, or several that share a file."""
    shared = {"target": schema_as_json(group[0].target), "out": str(group[0].out)}
    sources = [
        {"path": str(one.path), "part": one.part.as_json(), "constants": _constants_told(one.constants)}
        for one in group
    ]
    return shared | (sources[0] if len(sources) == 1 else {"together": sources})


def _constants_told(constants: Mapping[str, Constant]) -> Answer:
    return {name: {"decimal": str(value)} if isinstance(value, Decimal) else value for name, value in constants.items()}
