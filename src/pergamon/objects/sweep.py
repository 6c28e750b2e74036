"""Free what nobody names any more: contents removed for good, and contents that never became objects.

A content without an object is left by a crash between its arrival and its transaction. It goes when it is older than
a day, never while somebody makes an object of it (they hold the sweep off) or still sends it (the file is locked).
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from pergamon.kernel import fsync_directory
from pergamon.objects import tables
from pergamon.objects.content import UNFINISHED
from pergamon.objects.model import CONTENT_FOLDER
from pergamon.objects.remove import FREED_CONTENT
from pergamon.objects.upload import Begin
from pergamon.store import claim_messages, mark_delivered, mark_failed

OLD_AFTER = timedelta(days=1)
BATCH = 500


def free_contents(begin: Begin) -> int:
    """Remove the contents of versions that were removed for good. Returns: how many. Safe to repeat after a crash."""
    freed = 0
    with begin() as uow:
        for message in claim_messages(uow, FREED_CONTENT, BATCH):
            path = Path(message.payload["path"])
            try:
                path.unlink(missing_ok=True)
                if path.parent.is_dir():
                    fsync_directory(path.parent)
            except OSError:
                mark_failed(uow, message)
                continue
            mark_delivered(uow, message)
            freed += 1
    return freed


def sweep_contents(begin: Begin, root: Path, *, now: datetime) -> int:
    """Remove contents older than a day that are no object. Returns: how many files went."""
    oldest = (now - OLD_AFTER).timestamp()
    return sum(_sweep_some(begin, some) for some in _batches(_old_files(root, oldest)))


def _sweep_some(begin: Begin, files: list[Path]) -> int:
    unfinished = [file for file in files if file.name.endswith(UNFINISHED)]
    gone = sum(_remove_unless_locked(file) for file in unfinished)
    whole = {file.name.partition(".")[0]: file for file in files if file not in unfinished}
    with begin() as uow:
        tables.sweep_alone(uow)
        for version_id in whole.keys() - tables.known_contents(uow, list(whole)):
            whole[version_id].unlink(missing_ok=True)
            gone += 1
    return gone


def _old_files(root: Path, oldest: float) -> Iterator[Path]:
    """Plain files in the buckets' content folders that were last written before then."""
    for folder in sorted(root.glob(f"*/{CONTENT_FOLDER}/??")):
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    yield Path(entry.path)


def _batches(files: Iterable[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    for file in files:
        batch.append(file)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _remove_unless_locked(file: Path) -> bool:
    """An unfinished file goes when nobody is writing it: a writer holds its lock until it is closed or dead."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
