"""The words of an upload that arrives in pieces, and how much of it one actor may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from pergamon.kernel import Conflict, Event, Invalid, NotFound


class UnknownUpload(NotFound):
    """There is no such upload, it has expired, or it is somebody else's."""

    code = "objects.unknown_upload"


class WrongOffset(Conflict):
    """A piece does not begin where the upload ends by now."""

    code = "objects.wrong_offset"


class UploadLocked(Conflict):
    """Another request is just sending a piece of this upload."""

    code = "objects.upload_locked"


class UploadLimitReached(Conflict):
    """The actor has as many uploads open, or has announced as many bytes that have not come, as one may."""

    code = "objects.upload_limit_reached"


class PieceMismatch(Invalid):
    """What arrived of a piece is not what its checksum says; nothing of it was kept."""

    code = "objects.piece_mismatch"


class UploadLost(NotFound):
    """What had arrived of an upload is no longer on the disk; it has to be begun anew."""

    code = "objects.upload_lost"


@dataclass(frozen=True)
class UploadBegun(Event):
    """An upload in pieces was announced, with its size."""

    code: ClassVar[str] = "objects.upload_begun"
    upload: str
    size_bytes: int


@dataclass(frozen=True)
class UploadEnded(Event):
    """An upload in pieces ended without an object: `terminated` by its owner, or `expired`."""

    code: ClassVar[str] = "objects.upload_ended"
    upload: str
    reason: str


@dataclass(frozen=True)
class UploadLimits:
    """How much one actor may have under way, and for how long nothing may come."""

    open_uploads: int = 32
    unsent_bytes: int = 1024**4
    """What all open uploads of an actor may still have to send: room is kept free for it."""
    share_of_free: float = 0.5
    """Nor may that be more of what is free for uploads: others find room too."""
    largest_bytes: int = 1024**4
    life: timedelta = timedelta(hours=24)
    """How long an upload is kept after its last piece."""
    unbegun_life: timedelta = timedelta(hours=1)
    """And one of which nothing has come."""
    longest_life: timedelta = timedelta(days=7)
    """From its beginning, however often a piece comes."""
    spare_bytes: int = 256 * 1024**2
    """What an upload must leave free on the lake's disk."""

    def expiry(self, begun_at: datetime, now: datetime) -> datetime:
        """Until when an upload is kept of which a piece has come now."""
        return min(now + self.life, begun_at + self.longest_life)


@dataclass(frozen=True)
class PieceChecksum:
    """What a piece must be: the name of an algorithm of `hashlib`, and the digest."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True)
class Upload:
    """An upload that arrives in pieces. `offset_bytes`: how much of it is on the disk; `version_id`: what it became.

    tags: as in `put_object`.
    """

    id: str
    owner: str
    bucket: str
    key: str
    content_type: str | None
    tags: Mapping[str, str] | None
    if_match: str | None
    if_none_match: str | None
    size_bytes: int
    offset_bytes: int
    created_at: datetime
    expires_at: datetime
    version_id: str | None

    @property
    def is_done(self) -> bool:
        return self.version_id is not None

    @property
    def left_bytes(self) -> int:
        return self.size_bytes - self.offset_bytes
