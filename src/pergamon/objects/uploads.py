"""Uploads that arrive in pieces and go on after a cut: what is told to have arrived is on the disk (law 4).

The bytes lie in `<lake>/<bucket>/.objects/uploads/<upload id>`. The row says how far they count: it moves on only after
they are forced to the disk, and what stands behind it in the file is cut off when the next piece comes. One request at
a time writes, under a lock on the file, which ends with its process. The last piece makes the object: the file gets a
second name as a content, and one transaction makes the object and marks the upload as done. So whatever is cut off,
the upload is either done with one object, or still open and can be sent on. Protocol: tus 1.0.0, in `web/`.
"""

import errno
import fcntl
import hashlib
import hmac
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Unpack

from pergamon.kernel import PergamonError, fsync_directory, make_durable_directory, new_id
from pergamon.objects import upload_tables as tables
from pergamon.objects.content import adopt_content, discard_content
from pergamon.objects.keys import require_content_type, require_tags
from pergamon.objects.model import CONTENT_FOLDER, ContentTooLarge, StorageFull
from pergamon.objects.put import may_put, put_object
from pergamon.objects.upload import Begin, PutOptions
from pergamon.objects.upload_model import (
    PieceChecksum,
    PieceMismatch,
    UnknownUpload,
    Upload,
    UploadBegun,
    UploadEnded,
    UploadLimitReached,
    UploadLimits,
    UploadLocked,
    UploadLost,
    WrongOffset,
)
from pergamon.store import UnitOfWork

UPLOADS_FOLDER = "uploads"
KEPT_EVERY_BYTES = 32 * 1024**2
"""How much of a long piece may be lost by a crash."""
SWEPT_AT_ONCE = 200
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def begin_upload(
    uow: UnitOfWork,
    root: Path,
    bucket: str,
    key: str,
    size_bytes: int,
    *,
    limits: UploadLimits | None = None,
    **options: Unpack[PutOptions],
) -> Upload:
    """Announce an upload. Whether it may become an object is asked now, and again when it does.

    Raises:
        ContentTooLarge: larger than any upload may be.
        StorageFull: the disk has no room for it.
        UploadLimitReached: the actor has too much under way.
        and what `may_put` raises.
    """
    limits = limits or UploadLimits()
    may_put(uow, bucket, key, **options)
    if size_bytes > limits.largest_bytes:
        raise ContentTooLarge(f"an upload may have {limits.largest_bytes} bytes")
    _require_room(uow, root, size_bytes, limits)
    content_type, tags = options.get("content_type"), options.get("tags")
    upload = Upload(
        id=new_id("upl"),
        owner=uow.actor.id,
        bucket=bucket,
        key=key,
        content_type=require_content_type(content_type) if content_type else None,
        tags=None if tags is None else require_tags(tags),
        if_match=options.get("if_match"),
        if_none_match=options.get("if_none_match"),
        size_bytes=size_bytes,
        offset_bytes=0,
        created_at=uow.now,
        expires_at=uow.now + (limits.unbegun_life if size_bytes else limits.life),
        version_id=None,
    )
    tables.insert(uow, upload)
    uow.record(UploadBegun(subject=f"object:{bucket}/{key}", upload=upload.id, size_bytes=size_bytes))
    return upload


def _require_room(uow: UnitOfWork, root: Path, size_bytes: int, limits: UploadLimits) -> None:
    """Nobody keeps the disk from others by announcing: what has not come is bounded, by number and by what is free.

    Raises:
        StorageFull: the disk has no room for it.
        UploadLimitReached: the actor would have more announced than one may.
    """
    uploads, unsent_bytes = tables.open_of(uow, uow.actor.id)
    if uploads >= limits.open_uploads:
        raise UploadLimitReached(
            f"you have {uploads} uploads open, and may have {limits.open_uploads}",
            hint="finish them, or end those you do not need",
        )
    free_bytes = shutil.disk_usage(root).free - limits.spare_bytes - tables.announced(uow)
    if size_bytes > free_bytes:
        raise StorageFull("the lake's disk has no room for this upload", hint="ask the operator for space")
    most_bytes = min(limits.unsent_bytes, int(limits.share_of_free * (free_bytes + unsent_bytes)))
    if unsent_bytes + size_bytes > most_bytes:
        raise UploadLimitReached(
            f"you have announced {unsent_bytes} bytes that have not come, and may announce {most_bytes} in all now",
            hint="send them first, or end uploads you do not need; who needs more room asks the operator",
        )


def read_upload(uow: UnitOfWork, upload_id: str) -> Upload:
    """An upload of the actor's own.

    Raises:
        UnknownUpload: there is none, it has expired, or it is another's.
    """
    found = tables.find(uow, upload_id, uow.actor.id)
    if found is None:
        raise UnknownUpload(f"you have no upload {upload_id}", hint="it may have expired; begin a new one")
    return found


def append_to_upload(
    begin: Begin,
    root: Path,
    upload_id: str,
    offset_bytes: int,
    chunks: Iterable[bytes],
    *,
    checksum: PieceChecksum | None = None,
    limits: UploadLimits | None = None,
) -> Upload:
    """Take a piece; the last one makes the object. Owns its transactions; none is open while bytes arrive.

    chunks: not touched before it is certain that the piece may come. When it raises, what arrived is kept, unless a
        checksum speaks of the whole piece.
    Returns: the upload as it stands now.
    Raises:
        UnknownUpload, UploadLocked, WrongOffset: nothing was read.
        PieceMismatch: the piece is not what its checksum says; nothing of it is kept.
        ContentTooLarge: more came than was announced.
        UploadLost, StorageFull; and what `may_put` raises, as it does when the object is made.
    """
    with begin() as uow:
        found = read_upload(uow, upload_id)
        if found.is_done:
            return _at(found, offset_bytes)
        may_put(uow, found.bucket, found.key, **_of_object(found))
    with _locked(root, begin, found) as (upload, file):
        if _at(upload, offset_bytes).is_done:
            return upload
        piece = _Piece(begin, upload, file, checksum, limits or UploadLimits())
        with _told_when_full():
            piece.take(chunks)
            if piece.end_bytes < upload.size_bytes:
                piece.keep()
            else:
                file.flush()
                _make_object(begin, root, upload, piece.limits)
    with begin() as uow:
        return read_upload(uow, upload_id)


def end_upload(begin: Begin, root: Path, upload_id: str) -> None:
    """Forget an upload; what had arrived is removed. An object that it became stays.

    Raises:
        UnknownUpload: as `read_upload`.
        UploadLocked: a piece of it is just arriving.
    """
    with begin() as uow:
        found = read_upload(uow, upload_id)
        if found.is_done:
            return tables.delete(uow, upload_id)
    with _locked(root, begin, found) as (upload, _):
        with begin() as uow:
            tables.delete(uow, upload_id)
            _record_end(uow, upload, "terminated")
        _remove(upload_path(root, upload))
    return None


def sweep_uploads(begin: Begin, root: Path) -> int:
    """Forget uploads whose time is over, and remove files that no open upload has. Returns: how many files went."""
    with begin() as uow:
        for upload in tables.delete_expired(uow, SWEPT_AT_ONCE):
            _record_end(uow, upload, "expired")
    files = list(root.glob(f"*/{CONTENT_FOLDER}/{UPLOADS_FOLDER}/upl_*"))
    with begin() as uow:  # after the files were listed: a file appears only after its row
        still_open = tables.open_ids(uow, [_upload_id(path) for path in files])
    gone = [path for path in files if _upload_id(path) not in still_open]
    for path in gone:
        _remove(path)
    return len(gone)


def upload_path(root: Path, upload: Upload) -> Path:
    """Where the bytes of an upload lie."""
    return root / upload.bucket / CONTENT_FOLDER / UPLOADS_FOLDER / upload.id


@dataclass
class _Piece:
    """One piece, as it arrives."""

    begin: Begin
    upload: Upload
    file: BinaryIO
    checksum: PieceChecksum | None
    limits: UploadLimits
    end_bytes: int = field(init=False)
    kept_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.end_bytes = self.kept_bytes = self.upload.offset_bytes

    def take(self, chunks: Iterable[bytes]) -> None:
        """Write what comes behind what has come; keep it now and then."""
        digest = hashlib.new(self.checksum.algorithm, usedforsecurity=False) if self.checksum else None
        try:
            for chunk in chunks:
                if self.end_bytes + len(chunk) > self.upload.size_bytes:
                    raise ContentTooLarge(f"more than the announced {self.upload.size_bytes} bytes came")
                self.file.write(chunk)
                self.end_bytes += len(chunk)
                if digest is not None:
                    digest.update(chunk)
                elif self.end_bytes - self.kept_bytes >= KEPT_EVERY_BYTES:
                    self.keep()
        except BaseException:
            if digest is None:
                self.keep()
            raise
        if digest is not None and self.checksum and not hmac.compare_digest(digest.digest(), self.checksum.digest):
            raise PieceMismatch("the piece is not what its checksum says", hint="send it again")

    def keep(self) -> None:
        """Force what has come to the disk, then say so. The whole is not kept here: that is the object's to say."""
        if self.end_bytes in {self.kept_bytes, self.upload.size_bytes}:
            return
        self.file.flush()
        os.fsync(self.file.fileno())
        with self.begin() as uow:
            tables.save_offset(uow, self.upload.id, self.end_bytes, self.limits.expiry(self.upload.created_at, uow.now))
        self.kept_bytes = self.end_bytes


@contextmanager
def _locked(root: Path, begin: Begin, found: Upload) -> Iterator[tuple[Upload, BinaryIO]]:
    """The upload as it stands, and its file, cut to what counts; nobody else writes to it meanwhile.

    Raises:
        UnknownUpload, UploadLocked; UploadLost: there is less on the disk than was told.
    """
    path = upload_path(root, found)
    make_durable_directory(path.parent)
    with _opened(path) as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadLocked("a piece of this upload is just arriving", hint="wait, then ask with HEAD") from None
        with begin() as uow:
            upload = read_upload(uow, found.id)
        if not upload.is_done:
            if os.fstat(file.fileno()).st_size < upload.offset_bytes:
                raise UploadLost("what had arrived of this upload is gone", hint="begin a new one")
            file.truncate(upload.offset_bytes)
            file.seek(upload.offset_bytes)
        yield upload, file


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file of an upload, made when it is not there; its name is forced to the disk."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
        if is_new:
            fsync_directory(path.parent)
        yield file


def _make_object(begin: Begin, root: Path, upload: Upload, limits: UploadLimits) -> None:
    """Make an object of a file that is whole, once.

    The file is given a second name and that is moved to where contents lie, so that a cut before the commit leaves the
    upload as it was. A content without an object is the sweep's.
    """
    path = upload_path(root, upload)
    second = path.with_name(f"{path.name}.whole")
    second.unlink(missing_ok=True)
    os.link(path, second)
    content = adopt_content(root, upload.bucket, upload.key, second, expect_bytes=upload.size_bytes)
    with begin() as uow:
        if read_upload(uow, upload.id).is_done:
            return
        try:
            version = put_object(uow, content, upload.bucket, upload.key, **_of_object(upload))
        except PergamonError:
            discard_content(content)
            raise
        tables.save_done(uow, upload.id, version.id, uow.now + limits.life)
    _remove(path)


def _at(upload: Upload, offset_bytes: int) -> Upload:
    """The upload, when the piece begins where it ends."""
    if upload.offset_bytes != offset_bytes:
        raise WrongOffset(
            f"the upload has {upload.offset_bytes} bytes, the piece begins at {offset_bytes}", hint="ask with HEAD"
        )
    return upload


def _of_object(upload: Upload) -> PutOptions:
    return {
        "content_type": upload.content_type,
        "tags": upload.tags,
        "if_match": upload.if_match,
        "if_none_match": upload.if_none_match,
    }


def _record_end(uow: UnitOfWork, upload: Upload, reason: str) -> None:
    if not upload.is_done:
        uow.record(UploadEnded(subject=f"object:{upload.bucket}/{upload.key}", upload=upload.id, reason=reason))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    fsync_directory(path.parent)


def _upload_id(path: Path) -> str:
    return path.name.partition(".")[0]


@contextmanager
def _told_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("the lake's disk is full", hint="free some space, then go on") from None
        raise
