"""The words of drop directories: a directory of the host whose files are copied into a bucket (law 8)."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pergamon.kernel import Actor, ActorKind, Invalid, NotFound, PergamonError, sha256_hex
from pergamon.policy import normal_prefix

SERVICE = "service:drop-directory"
UNFINISHED_SUFFIXES = (".part", ".partial", ".filepart", ".crdownload", ".tmp", ".swp", "~")
"""What transfer programs call a file that is not whole yet; hidden files are theirs, too."""
LONGEST_SHOWN_BYTES = 2_000


class UnknownDropDirectory(NotFound):
    code = "objects.unknown_drop_directory"
    usual_hint = "drop directories stand in the configuration: module type datalake"


class NotTaken(PergamonError):
    """A file in a drop directory cannot be taken over; the message is the reason."""

    code, kind = "objects.drop_not_taken", Invalid.kind


class DropDirectorySpec(BaseModel):
    """A directory of this host; what is dropped into it is copied to `bucket`, below `prefix`.

    settle_s: seconds without a change of size or time before a file counts as whole.
    object_tags: tags that each object gets, for access rules.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str
    bucket: str
    prefix: str = ""
    settle_s: float = Field(default=2.0, ge=0.5, le=86400)
    object_tags: dict[str, str] = Field(default={})

    @field_validator("path")
    @classmethod
    def _path_is_absolute(cls, path: str) -> str:
        plain = PurePosixPath(path)
        if not plain.is_absolute() or ".." in plain.parts or len(plain.parts) < 2 or "\0" in path:
            raise ValueError("a drop directory is an absolute path without ..")
        return str(plain)

    @field_validator("prefix")
    @classmethod
    def _prefix_is_plain(cls, prefix: str) -> str:
        try:
            return normal_prefix(prefix).removesuffix("/")
        except Invalid as error:
            raise ValueError(str(error)) from None


@dataclass(frozen=True)
class FileIdentity:
    """What tells one state of a file from another without reading it."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileIdentity":
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class DropProblem:
    """A file that was not taken over, and why."""

    path: str
    problem: str
    noticed_at: datetime


@dataclass(frozen=True)
class DropStatus:
    """How a drop directory stands. `problem`: of the directory itself; `problems`: of files in it, the first 100."""

    name: str
    spec: DropDirectorySpec
    looked_at: datetime | None
    problem: str | None
    copied: int
    not_taken: int
    problems: tuple[DropProblem, ...]

    def facts(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": self.name,
            "path": self.spec.path,
            "bucket": self.spec.bucket,
            "prefix": self.spec.prefix,
            "looked_at": self.looked_at.isoformat() if self.looked_at else None,
            "problem": self.problem,
            "copied": self.copied,
            "not_taken": self.not_taken,
            "problems": [{"path": one.path, "problem": one.problem} for one in self.problems],
        }


def role_of(name: str) -> str:
    """The role by which a deployed drop directory may write below its prefix; no configuration can give it."""
    return f"drop-directory:{name}"


def actor_of(name: str) -> Actor:
    return Actor(id=SERVICE, kind=ActorKind.SERVICE, roles=frozenset({role_of(name)}))


def is_still_arriving(name: str) -> bool:
    """Does a transfer program say by the file's name that it is not whole?"""
    return name.startswith(".") or name.lower().endswith(UNFINISHED_SUFFIXES)


def shown(path: str) -> str:
    """A path from a file system as text that can be kept and shown, also where it is no Unicode.

    A long one is cut, and told apart by its digest: it is a key, and an index row of PostgreSQL holds 2,704 bytes.
    """
    plain = "".join(
        c if c.isprintable() else f"\\x{ord(c):02x}" for c in os.fsencode(path).decode("utf-8", "backslashreplace")
    )
    if len(plain.encode()) <= LONGEST_SHOWN_BYTES:
        return plain
    return f"{plain.encode()[:LONGEST_SHOWN_BYTES].decode(errors='ignore')}… ({sha256_hex(os.fsencode(path))[:16]})"
