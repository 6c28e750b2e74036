"""The tracker: every landed file, once; which are waiting, merged, superseded, quarantined; and how they leave
quarantine.

A file counts from the moment its manifest exists. It is registered by event or found by a scan, whichever comes first.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from pergamon.identity import actions_of_roles
from pergamon.kernel import Conflict, Event, Invalid, NotFound, new_id, require
from pergamon.pipeline import tables
from pergamon.pipeline.configuration import TrackerSpec, read_trackers
from pergamon.pipeline.tracker_states import FileState, Manifest, TrackedFile
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork

MANIFEST_SUFFIX = ".manifest.json"
LARGEST_MANIFEST_BYTES = 4 * 1024**2
"""A table with as many columns as PostgreSQL allows needs a tenth of it."""


class BadManifest(Invalid):
    """A manifest in the landing zone cannot be read."""

    code = "pipeline.bad_manifest"
    usual_hint = "`pergamon tracker replay` tries it again, `skip` goes on without it"


class BadLandedFile(Invalid):
    """A landed file is not what its manifest says, or cannot be read."""

    code = "pipeline.bad_landed_file"
    usual_hint = "`pergamon tracker replay` tries it again, `skip` goes on without it"


class UnknownFile(NotFound):
    code = "pipeline.unknown_file"
    usual_hint = "`pergamon tracker ls` lists them"


class NotQuarantined(Conflict):
    """Only a quarantined file can be replayed or skipped."""

    code = "pipeline.not_quarantined"
    usual_hint = "only what was set aside is tried again or skipped: `pergamon tracker ls`"


@dataclass(frozen=True)
class FileRegistered(Event):
    code: ClassVar[str] = "pipeline.file_registered"
    table: str
    kind: str
    rows: int
    last_position: str


@dataclass(frozen=True)
class FilesSuperseded(Event):
    code: ClassVar[str] = "pipeline.files_superseded"
    files: list[str]
    position: str


@dataclass(frozen=True)
class FileQuarantined(Event):
    code: ClassVar[str] = "pipeline.file_quarantined"
    path: str
    reason: str


@dataclass(frozen=True)
class FileReplayed(Event):
    code: ClassVar[str] = "pipeline.file_replayed"
    path: str


@dataclass(frozen=True)
class FileSkipped(Event):
    code: ClassVar[str] = "pipeline.file_skipped"
    path: str
    reason: str


def register_from_manifest(uow: UnitOfWork, document: dict[str, Any], path: str) -> bool:
    """Register one landed file.

    Args: document: the manifest; path: the file's path below the lake's root (`staging/landing/hda/patients/LOAD…`).
    Returns: False when it was registered before, which changes nothing.
    Raises:
        BadManifest: words are missing or of the wrong kind.
    """
    try:
        manifest = Manifest.parse(document)
    except ValidationError as error:
        names = sorted({str(part["loc"][0])[:50] for part in error.errors(include_input=False) if part["loc"]})
        raise BadManifest(f"the manifest of {path} cannot be used: {', '.join(names)}") from None
    if _holds_what_text_cannot(document) or manifest.position.first > manifest.position.last:
        raise BadManifest(f"the manifest of {path} cannot be used: it was not written by a replication task")
    file_id = new_id("file")
    if not tables.insert_file(uow, file_id, manifest, document, path):
        return False
    uow.record(
        FileRegistered(
            subject=f"file:{path}",
            table=f"{manifest.schema_name}.{manifest.table}",
            kind=manifest.kind,
            rows=manifest.rows,
            last_position=manifest.position.last,
        )
    )
    return True


def register_surviving(uow: UnitOfWork, lake_root: Path, *, schema: str | None = None, table: str | None = None) -> int:
    """Register every manifest in the landing zone that the tracker does not know: what a crash or a restore left over.

    schema, table: look only where files of this table land; everywhere when it lands under another name.
    Returns: how many were registered.
    Raises:
        BadManifest: a manifest cannot be read; nothing is registered by this call.
    """
    registered = 0
    for spec in landing_zones(uow):
        root = lake_root / spec.bucket / spec.prefix
        named = root.joinpath(*(part for part in (schema, table) if part))
        below = named if named.is_dir() else root  # a rule may land a table under another name than the source's
        files = {
            str((path.parent / path.name.removesuffix(MANIFEST_SUFFIX)).relative_to(lake_root)): path
            for path in sorted(below.rglob(f"*{MANIFEST_SUFFIX}"))
        }
        known = tables.paths_known(uow, list(files))
        for path in sorted(files.keys() - known):
            registered += register_from_manifest(uow, _read_manifest(files[path]), path)
    return registered


def landing_zones(uow: UnitOfWork) -> Iterable[TrackerSpec]:
    """The deployed trackers, or the default landing zone when none is deployed."""
    return read_trackers(uow).values() or (TrackerSpec(),)


def supersede(uow: UnitOfWork, files: Iterable[TrackedFile], position: str, target: str) -> None:
    """Mark files that a full load at `position` holds already."""
    paths = list(files)
    if not paths:
        return
    tables.set_state(
        uow, [file.id for file in paths], FileState.SUPERSEDED, reason=f"held by the full load at {position}"
    )
    uow.record(FilesSuperseded(subject=f"table:{target}", files=[file.id for file in paths], position=position))


def quarantine(uow: UnitOfWork, file: TrackedFile, reason: str) -> None:
    """Set a file aside. Later files of its table wait until it is replayed or skipped."""
    tables.set_state(uow, [file.id], FileState.QUARANTINED, reason=reason)
    uow.record(FileQuarantined(subject=f"file:{file.id}", path=file.path, reason=reason))


def replay_file(uow: UnitOfWork, file_id: str) -> None:
    """Let a quarantined file be tried again, after it was put right.

    Raises:
        AccessDenied: the actor may not control the tracker.
        UnknownFile, NotQuarantined.
    """
    file = _quarantined(uow, file_id)
    tables.set_state(uow, [file.id], FileState.REGISTERED)
    uow.record(FileReplayed(subject=f"file:{file.id}", path=file.path))


def skip_file(uow: UnitOfWork, file_id: str, *, reason: str) -> None:
    """Go on without a quarantined file: its changes are lost, and the trail says who decided so. Skipping one file of a
    full load skips that load.

    Raises:
        AccessDenied: the actor may not control the tracker.
        UnknownFile, NotQuarantined.
    """
    file = _quarantined(uow, file_id)
    tables.skip(uow, file, reason)
    uow.record(FileSkipped(subject=f"file:{file.id}", path=file.path, reason=reason))


def list_files(uow: UnitOfWork, *, state: str | None = None, after: str = "", limit: int = 200) -> list[dict[str, Any]]:
    """Tracked files in the order of their sources, for an operator's eyes. after: the id of the last one before."""
    return [dict(row) for row in tables.list_files(uow, state, after, limit)]


def count_files(uow: UnitOfWork, *, state: str, most: int) -> int:
    """How many tracked files are in a state, counted up to `most`."""
    return tables.count_files(uow, state, most)


def check_landed_file(lake_root: Path, file: TrackedFile) -> Path:
    """The path of a landed file that is byte for byte what its manifest says.

    Raises:
        BadLandedFile: missing, of another size, or with another SHA-256.
    """
    path = lake_root / file.path
    try:
        with open_plain_file(path) as content:
            size = os.fstat(content.fileno()).st_size
            if size != file.size_bytes:
                raise BadLandedFile(f"{file.path} has {size} bytes, its manifest says {file.size_bytes}")
            digest = file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise BadLandedFile(f"{file.path} cannot be read: {error.strerror}") from None
    if digest != file.sha256:
        raise BadLandedFile(f"{file.path} has changed since it landed: its SHA-256 is not the manifest's")
    return path


def _quarantined(uow: UnitOfWork, file_id: str) -> TrackedFile:
    held = actions_of_roles(uow, uow.actor.roles)
    require(decide(uow.actor, Action.TRACKER_CONTROL, Resource("file", file_id), actions=held))
    file = tables.file_by_id(uow, file_id)
    if file is None:
        raise UnknownFile(f"the tracker knows no file {file_id}", hint="see `pergamon tracker ls`")
    if file.state is not FileState.QUARANTINED:
        raise NotQuarantined(f"file {file_id} is {file.state}")
    return file


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        with open_plain_file(path) as file:
            text = file.read(LARGEST_MANIFEST_BYTES + 1)
        document = json.loads(text) if len(text) <= LARGEST_MANIFEST_BYTES else None
    except (OSError, ValueError, RecursionError):
        raise BadManifest(f"{path.name} is not readable JSON", hint="remove it, or restore it from a backup") from None
    if not isinstance(document, dict):
        raise BadManifest(f"{path.name} is not a JSON object, or is larger than {LARGEST_MANIFEST_BYTES} bytes")
    return document


def open_plain_file(path: Path) -> BufferedReader:
    """Open a file of the landing zone to read; never a link (law 8), and never what would make us wait for a writer.

    Raises:
        OSError: it is not there, or not a plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file")
    return os.fdopen(descriptor, "rb")


def _holds_what_text_cannot(document: dict[str, Any]) -> bool:
    """A zero byte or half a character: JSON can say them, PostgreSQL and the file system cannot."""
    text = json.dumps(document, ensure_ascii=False)
    return "\\u0000" in text or any("\ud800" <= c <= "\udfff" for c in text)
