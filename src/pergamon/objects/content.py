"""Receive a content: a file that is whole and on the disk before anybody can name it (law 4).

Temporary file, write, fsync, rename, fsync of the directory; only then may a transaction speak of it. The name is the
version's id, so nothing is ever overwritten. A crash before the transaction leaves a file that nobody knows, which
`sweep` removes. While it is being received, the temporary file is locked, so that no sweep takes it from a slow sender.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pergamon.kernel import fsync_directory, make_durable_directory, new_id, open_exclusive, publish
from pergamon.objects.keys import plain_suffix, require_key
from pergamon.objects.model import (
    CONTENT_FOLDER,
    ContentGone,
    ContentMismatch,
    ContentTooLarge,
    ReceivedContent,
    StorageFull,
)

UNFINISHED = ".part"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_BYTES = 1024 * 1024


def content_path(root: Path, bucket: str, key: str, version_id: str) -> Path:
    """Where a version's content lies: `<lake>/<bucket>/.objects/<2 hex>/<version id><.suffix>`."""
    return root / bucket / CONTENT_FOLDER / version_id[-2:] / f"{version_id}{plain_suffix(key)}"


def receive_content(
    root: Path,
    bucket: str,
    key: str,
    chunks: Iterable[bytes],
    *,
    largest_bytes: int | None = None,
    expect_bytes: int | None = None,
    expect_sha256: str | None = None,
) -> ReceivedContent:
    """Write a content durably. It is no object yet: `put_object` makes it one. Memory: one chunk.

    Args: bucket: one that exists and that the actor may write to (`may_put` has said so); expect_*: what the sender
        says will come.
    Raises:
        BadKey: the key cannot be used.
        ContentTooLarge: more than `largest_bytes` came.
        ContentMismatch: what came is not what was expected.
        StorageFull: the disk takes no more.
    On any error, also one raised by `chunks`, nothing stays behind.
    """
    require_key(key)
    version_id = new_id("ver")
    path = content_path(root, bucket, key, version_id)
    with _told_when_full():
        make_durable_directory(path.parent)
        temporary = path.with_name(f".{version_id}{UNFINISHED}")
        try:
            size_bytes, digest = _write(temporary, chunks, largest_bytes)
            _require_expected(size_bytes, digest, expect_bytes, expect_sha256)
            publish(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return ReceivedContent(version_id, bucket, path, size_bytes, digest)


def adopt_content(
    root: Path,
    bucket: str,
    key: str,
    file: Path,
    *,
    expect_bytes: int | None = None,
    expect_sha256: str | None = None,
) -> ReceivedContent:
    """Make a content of a complete file on the same file system, without copying it; the file has then moved.

    For uploads that arrive in pieces. Nobody may write to the file any more.
    Raises:
        BadKey, ContentMismatch, StorageFull: as `receive_content`; the file is then still where it was.
    """
    require_key(key)
    version_id = new_id("ver")
    path = content_path(root, bucket, key, version_id)
    with _told_when_full():
        make_durable_directory(path.parent)
        size_bytes, digest = _read_and_sync(file)
        _require_expected(size_bytes, digest, expect_bytes, expect_sha256)
        publish(file, path)
        fsync_directory(file.parent)
    return ReceivedContent(version_id, bucket, path, size_bytes, digest)


def discard_content(content: ReceivedContent) -> None:
    """Remove a content that has certainly not become an object. When in doubt leave it to the sweep."""
    content.path.unlink(missing_ok=True)


def require_intact(content: ReceivedContent) -> None:
    """The content is there, as it was received.

    Raises:
        ContentGone: it was swept, or is not a plain file of that size.
    """
    try:
        is_intact = content.path.stat(follow_symlinks=False).st_size == content.size_bytes
    except FileNotFoundError:
        is_intact = False
    if not is_intact:
        raise ContentGone(f"the content {content.version_id} is no longer there", hint="send it again")


def _write(temporary: Path, chunks: Iterable[bytes], largest_bytes: int | None) -> tuple[int, str]:
    """Write, force to the disk, and count. Returns: size in bytes, SHA-256."""
    digest, size_bytes = hashlib.sha256(), 0
    with open_exclusive(temporary) as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        for chunk in chunks:
            size_bytes += len(chunk)
            if largest_bytes is not None and size_bytes > largest_bytes:
                raise ContentTooLarge(f"the content is larger than {largest_bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size_bytes, digest.hexdigest()


def _read_and_sync(file: Path) -> tuple[int, str]:
    digest, size_bytes = hashlib.sha256(), 0
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
        while chunk := opened.read(_READ_BYTES):
            size_bytes += len(chunk)
            digest.update(chunk)
        os.utime(opened.fileno())  # young again for the sweep, however long its pieces took to arrive
        os.fsync(opened.fileno())
    return size_bytes, digest.hexdigest()


def _require_expected(size_bytes: int, sha256: str, expect_bytes: int | None, expect_sha256: str | None) -> None:
    if expect_bytes is not None and size_bytes != expect_bytes:
        raise ContentMismatch(
            f"{size_bytes} bytes arrived, {expect_bytes} were announced", hint="the transfer was cut off; send it again"
        )
    if expect_sha256 is not None and sha256 != expect_sha256.lower():
        raise ContentMismatch("the checksum of what arrived is not the one announced", hint="send it again")


@contextmanager
def _told_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("the lake's disk is full", hint="free some space, then send it again") from None
        raise
