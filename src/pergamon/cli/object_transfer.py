"""From files of one's own to objects and back: what goes where, and how a broken transfer goes on."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from pergamon.cli.object_place import (
    CHUNK_BYTES,
    Advance,
    Json,
    ObjectName,
    ObjectPlace,
    Outgoing,
    PutWish,
    every_object,
)
from pergamon.kernel import Conflict, Invalid, Unavailable, fsync_directory


class FileInTheWay(Conflict):
    """The file that would be written is there already."""

    code = "client.file_in_the_way"


class ChecksumDiffers(Unavailable):
    """What arrived is not what was sent."""

    code = "client.checksum_differs"


class FileNotUsable(Invalid):
    """A file of one's own cannot be read or written."""

    code = "client.file_not_usable"


@dataclass(frozen=True)
class Source:
    """A file, and the object that it becomes."""

    file: Path
    target: ObjectName
    size_bytes: int


@dataclass(frozen=True)
class Sources:
    sources: list[Source]
    left_out: int


@dataclass(frozen=True)
class Sent:
    source: Source
    told: Json


def sources_of(given: Sequence[Path], target: ObjectName) -> Sources:
    """Every file to be put, in order, with the object's name. What is in a folder goes below the target.

    Raises:
        Invalid: two files would become one object, or there is none.
    """
    sources: list[Source] = []
    left_out = 0
    for path in given:
        if path.is_dir():
            for file in _files_below(path):
                if file is None:
                    left_out += 1
                else:
                    sources.append(_source(file, target, file.relative_to(path).as_posix()))
        else:
            sources.append(_single(path, target, alone=len(given) == 1))
    _require_one_each(sources)
    if not sources:
        raise Invalid("there is no file to put", hint="links and hidden files are left out")
    return Sources(sources, left_out)


@contextmanager
def kept_input(stream: BinaryIO) -> Iterator[Path]:
    """A 0600 file with everything that a stream gives, while this block lasts.

    Raises:
        FileNotUsable: the disk does not take it.
    """
    with TemporaryDirectory(prefix="pergamon-put-") as directory:
        file = Path(directory) / "input"
        try:
            with file.open("xb") as kept:
                shutil.copyfileobj(stream, kept, CHUNK_BYTES)
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise FileNotUsable(
                f"standard input cannot be kept in {directory} ({said})", hint="TMPDIR names a directory with room"
            ) from None
        yield file


def without_unchanged(place: ObjectPlace, sources: list[Source]) -> list[Source]:
    """Those files whose content does not stand there already."""
    prefix = os.path.commonpath([source.target.key for source in sources])
    there = {told["key"]: told["sha256"] for told in every_object(place, sources[0].target.bucket, prefix)}
    return [source for source in sources if there.get(source.target.key) != _sha256(source.file)]


def send(place: ObjectPlace, source: Source, wish: PutWish, advance: Advance) -> Sent:
    """Put one file: its checksum goes ahead, and the server verifies it."""
    try:
        with source.file.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
            file.seek(0)
            told = place.put(source.target, Outgoing(file, size_bytes, digest), wish, advance)
    except OSError as error:
        raise FileNotUsable(
            f"{source.file} cannot be read ({type(error).__name__})",
            hint="are its rights and its place as they should be?",
        ) from None
    return Sent(source, told)


def fetch(
    place: ObjectPlace, name: ObjectName, version: str | None, file: Path, *, force: bool, advance: Advance
) -> None:
    """Download to a file that has its name only when it is whole and its checksum is right.

    Raises:
        FileInTheWay: there is such a file, and it is not the same.
        ChecksumDiffers: what arrived is not what was sent; nothing is kept.
    """
    told = place.describe(name, version)
    if os.path.lexists(file) and not force:
        if file.is_file() and _sha256(file) == told["sha256"]:
            advance(int(told["size_bytes"]))
            return
        raise FileInTheWay(f"{file} is there already", hint="name another file, or say --force")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name[:100]}.{told['sha256'][:16]}.part")
        _complete(place, name, version, told, part, advance)
        os.replace(part, file)  # noqa: PTH105 - as everywhere: one spelling for a rename
        fsync_directory(file.parent)
    except OSError as error:
        raise FileNotUsable(
            f"{file} cannot be written ({error.strerror or type(error).__name__})",
            hint="are its rights and its place as they should be?",
        ) from None


def _complete(  # noqa: PLR0917 - what, where to, and how far
    place: ObjectPlace, name: ObjectName, version: str | None, told: Json, part: Path, advance: Advance
) -> None:
    """Go on with what is there of the content, and verify the whole."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+b") as opened:
        digest = hashlib.sha256()
        first = 0
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
            first += len(chunk)
        if first > int(told["size_bytes"]):
            opened.truncate(0)
            opened.seek(0)
            first, digest = 0, hashlib.sha256()
        advance(first)
        if first < int(told["size_bytes"]):
            with place.read(name, version or told["version"], first=first, etag=told["sha256"]) as incoming:
                for chunk in incoming.chunks:
                    opened.write(chunk)
                    digest.update(chunk)
                    advance(len(chunk))
        opened.flush()
        os.fsync(opened.fileno())
    if digest.hexdigest() != told["sha256"]:
        part.unlink()
        raise ChecksumDiffers(f"what arrived of {name} is not what was sent", hint="run the command again")


def fetch_to_stdout(place: ObjectPlace, name: ObjectName, version: str | None, out: BinaryIO) -> None:
    """Download to standard output; a wrong checksum is told when all is through.

    Raises:
        ChecksumDiffers: what was written is not what was sent.
    """
    digest = hashlib.sha256()
    with place.read(name, version, first=0, etag=None) as incoming:
        for chunk in incoming.chunks:
            digest.update(chunk)
            out.write(chunk)
    out.flush()
    if digest.hexdigest() != incoming.etag:
        raise ChecksumDiffers(f"what arrived of {name} is not what was sent", hint="do not use it; run it again")


def _files_below(folder: Path) -> Iterator[Path | None]:
    """Plain files in order; None for each link or hidden name that is left out."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.is_symlink():
            yield None
        elif entry.is_dir():
            yield from _files_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
        else:
            yield None


def _single(file: Path, target: ObjectName, *, alone: bool) -> Source:
    """A file keeps its name below the target, unless the target ends with the file's own suffix: that is its name."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise Invalid(f"{file} is no file", hint="pipes and devices cannot be put")
    named = alone and file.suffix and target.key.lower().endswith(file.suffix.lower()) and not target.key.endswith("/")
    if named:
        return Source(file, target, file.stat().st_size)
    return _source(file, target, file.name)


def _source(file: Path, target: ObjectName, relative: str) -> Source:
    folder = target.key.strip("/")
    return Source(file, ObjectName(target.bucket, f"{folder}/{relative}" if folder else relative), file.stat().st_size)


def _require_one_each(sources: list[Source]) -> None:
    keys = [source.target.key for source in sources]
    if len(set(keys)) != len(keys):
        raise Invalid("two of the files would become one object", hint="put them below different prefixes")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
