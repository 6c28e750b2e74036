"""Durable before visible: a file that anyone can name is already on the disk (law 4).

`os.write`, `os.rename` and `os.fsync` are called through this module's names, so that a test can record their order.
"""

import os
from pathlib import Path
from typing import BinaryIO

from pergamon.kernel.ids import new_id


def fsync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_directory(path: Path) -> None:
    """Force a directory's names to the disk: without it a renamed file may be gone after a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durable_directory(path: Path) -> None:
    """Make a directory and its missing parents, 0700, each name forced to the disk."""
    if path.is_dir():
        return
    make_durable_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    fsync_directory(path.parent)


def durable_write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a whole file so that it is either absent or complete, whatever is cut off.

    Temporary file beside it, write, fsync, rename, fsync of the directory. An existing file is replaced.

    Raises:
        OSError: the disk is full or not writable; the temporary file is removed and `path` is untouched.
    """
    make_durable_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{new_id('tmp')}")
    try:
        with open_exclusive(temporary, mode) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_exclusive(path: Path, mode: int = 0o600) -> BinaryIO:
    """Open a new file for writing; never follow a link, never reuse a name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    return os.fdopen(descriptor, "wb")


def publish(temporary: Path, path: Path) -> None:
    """Give a complete, already synced file its final name, and force that name to the disk."""
    os.replace(temporary, path)  # noqa: PTH105 - one spelling, so that a test records every rename
    fsync_directory(path.parent)
