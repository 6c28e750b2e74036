"""Where tests keep their files: in memory, where there is room for them.

Tests make and remove some hundred thousand files; on a disk's file system a quarter of the whole run's processor time
went into finding places for them. Which file is on disk when is tested by the order of what was asked for, not by it.
"""

import os
import shutil
import tempfile
from multiprocessing.util import Finalize
from pathlib import Path

MEMORY = Path("/dev/shm")
"""A directory below it is made, for us alone."""
ROOM_BYTES = 8 * 1024**3
AFTER_THEIR_OWN = -200
"""Processes that were started by `multiprocessing` remove their own directories at -100."""
WANTED: list[bool] = []


def keep_files_in_memory() -> Path | None:
    """Unless somebody said where, or there is too little room; once, in the first of the processes of a run.

    Returns: where, by a short name: a Unix socket's path may have 107 bytes.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return None
    os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="pt-", dir=MEMORY)
    Finalize(None, _leave, [os.getpid(), tempfile.tempdir], exitpriority=AFTER_THEIR_OWN)
    return Path(tempfile.tempdir)


def keep_what_is_there() -> None:
    """A test has failed: what it left is looked at."""
    WANTED.append(True)


def _leave(began_by: int, directory: str) -> None:
    if os.getpid() == began_by and not WANTED:
        shutil.rmtree(directory, ignore_errors=True)
