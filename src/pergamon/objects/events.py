"""What objects tell the trail. A key is a name and may stand here; nothing of a content does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class ObjectPut(Event):
    code: ClassVar[str] = "objects.put"
    version: str
    size_bytes: int
    sha256: str
    tags: tuple[str, ...]
    supersedes: str | None


@dataclass(frozen=True)
class ObjectRead(Event):
    """The content was handed out. tables: those whose data lies in it, or once lay."""

    code: ClassVar[str] = "objects.read"
    speaks_of: ClassVar[Mapping[str, str]] = {"tables": "table"}
    version: str
    tables: list[str]


@dataclass(frozen=True)
class ObjectsListed(Event):
    code: ClassVar[str] = "objects.listed"
    prefix: str
    count: int


@dataclass(frozen=True)
class ObjectRemoved(Event):
    code: ClassVar[str] = "objects.removed"
    version: str


@dataclass(frozen=True)
class ObjectDestroyed(Event):
    """A version was removed for good; its content is freed after this is committed."""

    code: ClassVar[str] = "objects.destroyed"
    version: str
    sha256: str


@dataclass(frozen=True)
class VersionExpired(Event):
    """A superseded version went by its bucket's rule; its content is freed after this is committed."""

    code: ClassVar[str] = "objects.version_expired"
    version: str
    sha256: str
    keep: int | None
    days: int | None


@dataclass(frozen=True)
class ObjectTagged(Event):
    code: ClassVar[str] = "objects.tagged"
    version: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class DropDirectoryPut(Event):
    code: ClassVar[str] = "objects.drop_directory_put"
    path: str
    bucket: str
    prefix: str


@dataclass(frozen=True)
class DropDirectoryDropped(Event):
    code: ClassVar[str] = "objects.drop_directory_dropped"


@dataclass(frozen=True)
class DroppedFileCopied(Event):
    """A file of a drop directory became a version of an object."""

    code: ClassVar[str] = "objects.dropped_file_copied"
    path: str
    version: str


@dataclass(frozen=True)
class DroppedFileNotTaken(Event):
    code: ClassVar[str] = "objects.dropped_file_not_taken"
    path: str
    problem: str


@dataclass(frozen=True)
class BucketForgotten(Event):
    """The objects of a bucket went with its files."""

    code: ClassVar[str] = "objects.bucket_forgotten"
    versions: int
