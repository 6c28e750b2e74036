"""Look into a directory that others write to, without ever following a link (law 8).

Every directory is opened from the one above it, by its handle, with O_NOFOLLOW: no name on the way can be exchanged
for a link between looking and opening. Files are opened in the same way, and looked at once they are open.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pergamon.objects.drop_model import FileIdentity, NotTaken, is_still_arriving

DEEPEST = 64
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Seen:
    """A name below the directory: a file as it looks now, or the reason why it cannot be taken."""

    path: str
    identity: FileIdentity | None
    problem: str | None = None


def walk(root: str) -> Iterator[Seen]:
    """Every name below a directory that is a file, or that somebody should know cannot be taken; folders in order.

    Raises:
        NotTaken: the directory itself cannot be opened, or its path leads over a link.
    """
    with _opened(root) as descriptor:
        yield from _walk(descriptor, "", 1)


@contextmanager
def opened_file(root: str, path: str) -> Iterator[BinaryIO]:
    """A file below the directory, open, and certainly a plain one with no other name.

    Raises:
        NotTaken: it is gone, a link, no plain file, or cannot be read.
    """
    *folders, name = path.split("/")
    with _opened(root) as descriptor, _below(descriptor, folders) as parent:
        with _told():
            file = os.open(name, _FILE, dir_fd=parent)
        with os.fdopen(file, "rb") as opened:
            problem = problem_of(os.fstat(file))
            if problem:
                raise NotTaken(problem)
            yield opened


def problem_of(status: os.stat_result) -> str | None:
    """Why this is nothing that can be taken; None for a plain file of one name."""
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return "it has a second name (a hard link); copy it instead" if status.st_nlink > 1 else None
    if stat.S_ISLNK(mode):
        return "it is a link; links are not followed, copy the file itself"
    kinds: tuple[tuple[Callable[[int], bool], str], ...] = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return f"it is {next((word for is_one, word in kinds if is_one(mode)), 'a device')}, no file"


def _walk(descriptor: int, above: str, depth: int) -> Iterator[Seen]:
    with os.scandir(descriptor) as entries:
        for entry in entries:
            if is_still_arriving(entry.name):
                continue
            path = above + entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Seen(path, None, _reason(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from _folder(descriptor, entry.name, path, depth)
            else:
                yield Seen(path, FileIdentity.of(status), problem_of(status))


def _folder(descriptor: int, name: str, path: str, depth: int) -> Iterator[Seen]:
    if depth == DEEPEST:
        yield Seen(path, None, f"folders are nested deeper than {DEEPEST}")
        return
    try:
        folder = os.open(name, _DIRECTORY, dir_fd=descriptor)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Seen(path, None, _reason(error))
        return
    try:
        yield from _walk(folder, f"{path}/", depth + 1)
    finally:
        os.close(folder)


@contextmanager
def _opened(root: str) -> Iterator[int]:
    """A directory by its absolute path, each part of it opened from the one above."""
    with _told():
        top = os.open("/", _DIRECTORY)
    try:
        with _below(top, [part for part in root.split("/") if part]) as descriptor:
            yield descriptor
    finally:
        os.close(top)


@contextmanager
def _below(descriptor: int, folders: list[str]) -> Iterator[int]:
    """Go down from an open directory. What is yielded belongs to this block."""
    current = os.dup(descriptor)
    try:
        for folder in folders:
            with _told():
                following = os.open(folder, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = following
        yield current
    finally:
        os.close(current)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotTaken(_reason(error)) from None


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "it is not there (any more)"
        case errno.EACCES | errno.EPERM:
            return "it may not be read by the service user"
        case errno.ELOOP:
            return "it is a link; links are not followed"
        case errno.ENOTDIR:
            return "a folder on the way to it is a link or no folder; name the real path"
        case errno.ENXIO | errno.ENODEV:
            return "it is a pipe, a socket or a device, no file"
        case _:
            return f"it cannot be read ({errno.errorcode.get(error.errno or 0, 'error')})"
