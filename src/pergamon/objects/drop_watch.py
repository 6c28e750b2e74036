"""Watch drop directories: a file that has come to rest is copied into its bucket, each state of it once (law 8).

Copied, never moved and never renamed: the writer may still hold it open. At rest means: neither size nor time have
changed for the directory's `settle_s`. A file that changes while it is copied is copied again, so that no half of one
and half of another is ever seen. What cannot be taken is said with its reason, and tried again when it has changed.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pergamon.kernel import Actor, PergamonError, Unavailable
from pergamon.objects import drop_tables, tables
from pergamon.objects.content import discard_content, receive_content
from pergamon.objects.drop_directories import read_drop_directories
from pergamon.objects.drop_model import DropDirectorySpec, FileIdentity, NotTaken, actor_of, shown
from pergamon.objects.drop_walk import opened_file, walk
from pergamon.objects.events import DroppedFileCopied, DroppedFileNotTaken
from pergamon.objects.keys import BadKey, require_key
from pergamon.objects.model import ReceivedContent
from pergamon.objects.put import put_object
from pergamon.policy import NO_TAGS
from pergamon.store import UnitOfWork

LOOK_EVERY_S = 1.0
LOOKING_SHARE = 5
"""A look that took a second is followed by five of rest, however many files there are."""
REST_AFTER_TROUBLE_S = 10.0
COPY_FOR_S = 5.0
LONGEST_STEP_S = 2 * COPY_FOR_S
"""How long to wait for a step to end, except in the middle of a large file: cutting that off loses nothing."""
SIGN_OF_LIFE_EVERY_S = 30.0
_CHUNK_BYTES = 1024 * 1024


@dataclass
class _Memory:
    """What one process knows of a directory between two looks."""

    spec: DropDirectorySpec
    copied: dict[str, FileIdentity]
    not_taken: dict[str, str]
    arriving: dict[str, tuple[FileIdentity, float]] = field(default_factory=dict)
    next_look: float = 0.0
    told: tuple[str | None, float] = ("", 0.0)


@dataclass
class DropPlace:
    """Where drop directories are watched from. `clock_s`: seconds that only go forward."""

    begin: Callable[[Actor], AbstractContextManager[UnitOfWork]]
    lake_root: Path
    clock_s: Callable[[], float] = time.monotonic
    memories: dict[str, _Memory] = field(default_factory=dict)


class _Changed(Exception):
    """The file is not what it was when it was looked at."""


def drop_step(place: DropPlace) -> bool:
    """Look into the directories whose turn it is, and copy what has come to rest, for a few seconds at most.

    A fault of ours in one directory lets it rest; it is raised when all the others have had their turn.
    Returns: whether there is more to copy at once.
    """
    with place.begin(actor_of("")) as uow:
        specs = read_drop_directories(uow)
    for name in place.memories.keys() - specs.keys():
        del place.memories[name]
    left, faults = False, list[Exception]()
    for name, spec in specs.items():
        try:
            left |= _directory_step(place, name, spec)
        except Exception as fault:
            faults.append(fault)
            if name in place.memories:
                place.memories[name].next_look = place.clock_s() + REST_AFTER_TROUBLE_S
    if faults:
        raise faults[0]
    return left


def _directory_step(place: DropPlace, name: str, spec: DropDirectorySpec) -> bool:
    memory = _memory_of(place, name, spec)
    if place.clock_s() < memory.next_look:
        return False
    started = place.clock_s()
    try:
        _require_apart(place, spec)
        ready = _look(place, name, memory)
        left = _copy_some(place, name, memory, ready)
    except (NotTaken, Unavailable) as trouble:
        _note_trouble(place, name, memory, trouble.message)
        memory.next_look = place.clock_s() + REST_AFTER_TROUBLE_S
        return False
    _note_trouble(place, name, memory, None)
    rest = 0.0 if left else max(LOOK_EVERY_S, LOOKING_SHARE * (place.clock_s() - started))
    memory.next_look = place.clock_s() + rest
    return left


def _memory_of(place: DropPlace, name: str, spec: DropDirectorySpec) -> _Memory:
    memory = place.memories.get(name)
    if memory is None or memory.spec != spec:
        with place.begin(actor_of(name)) as uow:
            copied, not_taken = drop_tables.known_files(uow, name), drop_tables.paths_not_taken(uow, name)
        memory = place.memories[name] = _Memory(spec, copied, not_taken)
    return memory


def _require_apart(place: DropPlace, spec: DropDirectorySpec) -> None:
    dropped, lake = Path(os.path.realpath(spec.path)), Path(os.path.realpath(place.lake_root))
    if dropped.is_relative_to(lake) or lake.is_relative_to(dropped):
        raise NotTaken("the directory and the lake lie in each other")


def _look(place: DropPlace, name: str, memory: _Memory) -> list[str]:
    """One look at every name. Returns: the paths of files that have come to rest."""
    ready, refused, arriving = [], {}, {}
    for seen in walk(memory.spec.path):
        problem = seen.problem or _problem_of_key(memory.spec, seen.path)
        if problem or seen.identity is None:
            refused[shown(seen.path)] = problem or ""
        elif memory.copied.get(seen.path) != seen.identity:
            before, since = memory.arriving.get(seen.path, (None, 0.0))
            since = since if before == seen.identity else place.clock_s()
            arriving[seen.path] = (seen.identity, since)
            if place.clock_s() - since >= memory.spec.settle_s:
                ready.append(seen.path)
    memory.arriving = arriving
    waiting = {shown(path) for path in arriving}
    kept = {path: problem for path, problem in memory.not_taken.items() if path in waiting}
    _note_problems(place, name, memory, kept | refused)
    return sorted(ready)


def _copy_some(place: DropPlace, name: str, memory: _Memory, ready: list[str]) -> bool:
    """Copy for a while. Returns: whether any is left."""
    until = place.clock_s() + COPY_FOR_S
    for index, path in enumerate(ready):
        identity, _ = memory.arriving[path]
        try:
            memory.copied[path] = _copy(place, name, memory.spec, path, identity)
            del memory.arriving[path]
            memory.not_taken.pop(shown(path), None)
        except _Changed:
            del memory.arriving[path]
        except NotTaken as refused:
            _note_problems(place, name, memory, memory.not_taken | {shown(path): refused.message})
            memory.arriving[path] = (identity, place.clock_s() + REST_AFTER_TROUBLE_S)
        if place.clock_s() >= until:
            return index + 1 < len(ready)
    return False


def _copy(place: DropPlace, name: str, spec: DropDirectorySpec, path: str, identity: FileIdentity) -> FileIdentity:
    """Copy one file, and make an object of it if the object is not the same already.

    Raises:
        NotTaken: it cannot be read. _Changed: it is being written.
    """
    key = _key(spec, path)
    with opened_file(spec.path, path) as file:
        if FileIdentity.of(os.fstat(file.fileno())) != identity:
            raise _Changed
        content = receive_content(place.lake_root, spec.bucket, key, _chunks(file, identity.size_bytes))
        if FileIdentity.of(os.fstat(file.fileno())) != identity or content.size_bytes != identity.size_bytes:
            discard_content(content)
            raise _Changed
    with place.begin(actor_of(name)) as uow:
        try:
            is_new = _take(uow, name, spec, path, identity, content)
        except PergamonError as error:
            discard_content(content)
            raise NotTaken(error.message) from None
    if not is_new:
        discard_content(content)
    return identity


def _take(  # noqa: PLR0917 - what was found, where, and what was made of it
    uow: UnitOfWork, name: str, spec: DropDirectorySpec, path: str, identity: FileIdentity, content: ReceivedContent
) -> bool:
    """The object, and the memory of what it was made from, at once. Returns: whether it is a new version."""
    key = _key(spec, path)
    tables.lock_key(uow, spec.bucket, key)
    there = tables.current(uow, spec.bucket, key)
    is_new = there is None or there.is_deletion or there.sha256 != content.sha256
    if there is None or is_new:
        kept = there.tags if there and not there.is_deletion else NO_TAGS
        there = put_object(uow, content, spec.bucket, key, tags={**kept, **spec.object_tags})
        uow.record(DroppedFileCopied(subject=f"drop-directory:{name}", path=path, version=there.id))
    drop_tables.save_copied(uow, name, path, identity, there)
    return is_new


def _chunks(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    """The file as long as it was; one that grows meanwhile has changed."""
    left = size_bytes
    while left > 0:
        try:
            chunk = file.read(min(_CHUNK_BYTES, left))
        except OSError:
            raise NotTaken("it cannot be read to its end") from None
        if not chunk:
            raise _Changed
        left -= len(chunk)
        yield chunk


def _key(spec: DropDirectorySpec, path: str) -> str:
    return f"{spec.prefix}/{path}" if spec.prefix else path


def _problem_of_key(spec: DropDirectorySpec, path: str) -> str | None:
    try:
        require_key(_key(spec, path))
    except BadKey as error:
        return f"its name cannot be used: {error.message}"
    return None


def _note_problems(place: DropPlace, name: str, memory: _Memory, now: dict[str, str]) -> None:
    """Tell what cannot be taken, when it is news, and forget what is over."""
    before = memory.not_taken
    if now == before:
        return
    with place.begin(actor_of(name)) as uow:
        for path in before.keys() - now.keys():
            drop_tables.forget_not_taken(uow, name, path)
        for path, problem in now.items():
            if before.get(path) != problem and drop_tables.save_not_taken(uow, name, path, problem):
                uow.record(DroppedFileNotTaken(subject=f"drop-directory:{name}", path=path, problem=problem))
    memory.not_taken = now


def _note_trouble(place: DropPlace, name: str, memory: _Memory, problem: str | None) -> None:
    """Write down how the directory itself stands: when that is news, and now and then as a sign of life."""
    told, at = memory.told
    if told == problem and place.clock_s() - at < SIGN_OF_LIFE_EVERY_S:
        return
    with place.begin(actor_of(name)) as uow:
        drop_tables.save_problem(uow, name, problem)
    memory.told = (problem, place.clock_s())
