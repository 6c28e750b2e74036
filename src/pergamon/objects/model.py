"""The words of this room: an object is a key with versions; a version's content is one file that never changes.

ADR-0013. The key is what people call it; the file's name is the version's id, so two writers never meet in one file
and no key can lead out of the bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pergamon.kernel import AccessDenied, Conflict, Invalid, NotFound, Unavailable
from pergamon.store import FeedPosition

CONTENT_FOLDER = ".objects"
"""Beside the folders of databases in a bucket; no database's prefix can begin with a dot."""


class UnknownObject(NotFound):
    """No such object, or the actor may not know of it."""

    code = "objects.unknown"
    usual_hint = "`pergamon object ls` lists those that you may read"


class RawClosed(AccessDenied):
    """A governed table's data lies in this object, and the actor may not read the whole table."""

    code = "objects.raw_closed"


class ContentMismatch(Invalid):
    """What arrived is not what the sender said it would be: size or checksum differ."""

    code = "objects.content_mismatch"


class ContentTooLarge(Invalid):
    code = "objects.content_too_large"
    usual_hint = "send it in several objects, or ask the operator for a higher limit"


class ContentGone(Conflict):
    """The content was received so long ago that it has been swept away, or is not as it was received."""

    code = "objects.content_gone"


class StorageFull(Unavailable):
    """The disk of the lake takes no more."""

    code = "objects.storage_full"


class StillReferred(Conflict):
    """A table's data lies in this object."""

    code = "objects.still_referred"


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object. `path`: the absolute path of its content, None for a deletion."""

    id: str
    bucket: str
    key: str
    size_bytes: int
    sha256: str
    content_type: str
    owner: str
    created_at: datetime
    tags: Mapping[str, str]
    is_current: bool
    is_deletion: bool
    path: Path | None

    @property
    def etag(self) -> str:
        """The content's SHA-256 in hexadecimal, without quotes."""
        return self.sha256

    @property
    def subject(self) -> str:
        return subject_of(self.bucket, self.key)

    def facts(self) -> dict[str, Any]:
        """As JSON values, without its place on this host."""
        named = ("bucket", "key", "size_bytes", "sha256", "content_type", "owner", "is_current", "is_deletion")
        facts = {name: getattr(self, name) for name in named}
        return facts | {"version": self.id, "created_at": self.created_at.isoformat(), "tags": dict(self.tags)}


@dataclass(frozen=True)
class ReceivedContent:
    """A file that is whole and on the disk, and not yet an object."""

    version_id: str
    bucket: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class ObjectListing:
    """One page. `prefixes`: folders below the asked prefix, each once; `next_after`: where the next page goes on."""

    objects: tuple[ObjectVersion, ...]
    prefixes: tuple[str, ...]
    next_after: str | None


class ObjectEventKind(StrEnum):
    CREATED = "created"
    REMOVED = "removed"
    TAGGED = "tagged"


@dataclass(frozen=True)
class ObjectEvent:
    """One thing that happened to an object, for those who follow."""

    position: FeedPosition
    id: str
    kind: ObjectEventKind
    bucket: str
    key: str
    version_id: str
    at: datetime
    actor: str


def subject_of(bucket: str, key: str) -> str:
    return f"object:{bucket}/{key}"
