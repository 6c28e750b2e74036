"""A holder who uploads and a worker who crawls, each killed at a boundary that its seed chooses.

They are put together from the very parts of the real ones; only what passes between them is counted. A boundary is the
begin or the commit of a unit of work, a piece of an upload, files looked into or written, an fsync, the pointer's move.
"""

import io
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import pergamon.lake.named_files
from pergamon import crawl, objects
from pergamon.kernel import Actor, ActorKind, Conflict
from pergamon.lake import tables as lake_tables
from pergamon.objects import UnknownObject
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings
from pergamon.store import UnitOfWork
from tests.reference.plain_reader import PlainReader

HOLDER = Actor("person:holder", ActorKind.PERSON, frozenset({"holder"}))
CRAWLER = Actor("service:crawler", ActorKind.SERVICE)
RARE = ("inspect begins", "inspect ends", "write begins", "write ends", "fsync", "pointer moves")
FREQUENT = (
    "unit of work begins",
    "unit of work is about to commit",
    "unit of work has committed",
    "piece of an upload",
)
IDLE_S = 0.3
STOLEN = "folder taken over"


@dataclass
class Fate:
    """At which crossing of which boundary this process dies; never, when it is clean."""

    seed: int
    log: Path
    boundaries: Sequence[str]
    clean: bool = False
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311 - not a secret
        boundary = chance.choice(self.boundaries)
        self.due = None if self.clean else (boundary, chance.randint(1, 3 if boundary in RARE else 30))
        self.lock = threading.Lock()

    def cross(self, boundary: str) -> None:
        with self.lock:
            self.seen[boundary] += 1
            if (boundary, self.seen[boundary]) == self.due:
                with self.log.open("a") as log:
                    log.write(f"killed at: {boundary}\n")
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around(self, begin: AbstractContextManager[UnitOfWork]) -> Iterator[UnitOfWork]:
        self.cross("unit of work begins")
        with begin as uow:
            yield uow
            self.cross("unit of work is about to commit")
        self.cross("unit of work has committed")


class WatchedReader:
    """A reader whose calls are boundaries; `victim`: also one whose child processes are killed now and then."""

    def __init__(self, reader: Any, fate: Fate) -> None:
        self._reader, self._fate = reader, fate
        self._chance = random.Random(fate.seed)  # noqa: S311

    def inspect(self, files: Any) -> Any:
        return self._around("inspect", lambda: self._reader.inspect(files))

    def write(self, parts: Any) -> Any:
        return self._around("write", lambda: self._reader.write(parts))

    def _around(self, name: str, work: Any) -> Any:
        self._fate.cross(f"{name} begins")
        with self._a_process_dies():
            answers = work()
        self._fate.cross(f"{name} ends")
        return answers

    @contextmanager
    def _a_process_dies(self) -> Iterator[None]:
        """Now and then, and once at most: a file over which two end is to blame."""
        processes = getattr(self._reader, "_processes", None)
        if processes is None or not processes.pid or self._fate.clean or self._chance.random() >= 0.3:
            yield
            return
        timer = threading.Timer(self._chance.random() * 0.05, _kill_group, [processes.pid])
        timer.start()
        yield
        timer.cancel()
        timer.join()


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def crawl_for_a_while(home: Path, url: str, seed: int, worker: str, *, confined: bool, clean: bool) -> None:
    """One life of a crawling worker: until nothing has been left to do for a moment, or until it dies."""
    fate = Fate(seed, home / "faults.log", (*RARE, *FREQUENT[:3]), clean)
    _watch_the_disk(fate)
    with open_runtime(Settings(home=home, database_url=url)) as rt:
        reader = WatchedReader(rt.file_reader if confined else PlainReader(), fate)
        limits = crawl.Limits(quiet_s=0.01, longest_wait_s=0.1, commit_files=3, inspect_files=4, silence_s=0.3)
        place = crawl.Place(lambda: fate.around(rt.begin(CRAWLER)), rt.settings.lake, reader, worker, limits)
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < IDLE_S or (clean and not _is_idle(rt)):
            did = crawl.crawl_step(place)
            if did is not None and did.what == "lost":
                with fate.log.open("a") as log:
                    log.write(f"{STOLEN}\n")
            if crawl.follow(place) or did is not None:
                idle_since = time.monotonic()
            else:
                time.sleep(0.02)


def _is_idle(rt: Runtime) -> bool:
    """Also nothing that failed and is to be tried again."""
    with rt.begin(Actor("operator:test", ActorKind.OPERATOR)) as uow:
        return all(status.is_idle for status in crawl.list_crawlers(uow))


def _watch_the_disk(fate: Fate) -> None:
    real_fsync, real_move = pergamon.lake.named_files.fsync_file, lake_tables.move_pointer

    def fsync(path: Path) -> None:
        fate.cross("fsync")
        real_fsync(path)

    def move(*arguments: Any) -> bool:
        fate.cross("pointer moves")
        return real_move(*arguments)

    pergamon.lake.named_files.fsync_file = fsync  # type: ignore[attr-defined]
    lake_tables.move_pointer = move


def upload_for_a_while(home: Path, url: str, seed: int, first_row: int, actions: int, *, clean: bool) -> None:
    """One life of a holder: puts, replaces and removes; each row of each version has a number of its own."""
    fate = Fate(seed, home / "faults.log", FREQUENT, clean)
    chance = random.Random(seed)  # noqa: S311
    with open_runtime(Settings(home=home, database_url=url)) as rt:
        for number in range(actions):
            _act(rt, fate, chance, first_row + 100 * number)


KEYS = (
    *(f"in/visits/{n}.csv" for n in range(3)),
    *(f"in/visits/{n}.parquet" for n in range(3)),
    *(f"in/days/day={n}/x.parquet" for n in (1, 2, "x")),
    "in/alone.csv",
    "in/wards/a.parquet",
)


def _act(rt: Runtime, fate: Fate, chance: random.Random, row: int) -> None:
    key = chance.choice(KEYS)
    if chance.random() < 0.2:
        try:
            with fate.around(rt.begin(HOLDER)) as uow:
                objects.remove_object(uow, "assets", key)
        except UnknownObject:
            pass
        return
    content = content_of(chance, key, range(row, row + chance.randint(0, 5)))
    pieces = [content[at : at + 64] for at in range(0, len(content), 64)]

    def sent() -> Iterator[bytes]:
        for piece in pieces:
            fate.cross("piece of an upload")
            yield piece

    received = objects.receive_content(rt.settings.lake, "assets", key, sent())
    try:
        with fate.around(rt.begin(HOLDER)) as uow:
            objects.put_object(uow, received, "assets", key)
    except Conflict:
        pass


def content_of(chance: random.Random, key: str, rows: range) -> bytes:
    """A file with these rows; its other columns come, go, and change their types."""
    columns: dict[str, Any] = {"id": pa.array(list(rows), pa.int64())}
    if chance.random() < 0.5:
        as_text = chance.random() < 0.3
        columns["note"] = [f"n{n}" for n in rows] if as_text else pa.array([n % 7 for n in rows], pa.int64())
    if key.endswith(".parquet"):
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        return sink.getvalue()
    listed = {name: column.to_pylist() if isinstance(column, pa.Array) else column for name, column in columns.items()}
    lines = [",".join(listed)] + [",".join(str(column[at]) for column in listed.values()) for at in range(len(rows))]
    return ("\n".join(lines) + "\n").encode()


def rows_of(path: Path, key: str) -> list[int]:
    """The numbers of the rows of a content, read without anything of ours."""
    if key.endswith(".parquet"):
        return list(pq.read_table(path, columns=["id"], partitioning=None)["id"].to_pylist())
    lines = path.read_text().splitlines()
    return [int(line.split(",")[0]) for line in lines[1:]]
