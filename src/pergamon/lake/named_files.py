"""Which files does a new snapshot name that its table did not have? Each lies in the table, and goes to the disk.

Neither Sail nor obstore ever forces what it writes to the disk; so every file that a commit newly names is forced to
it here, and then the directories that name it, before any pointer moves.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pyiceberg.manifest import DataFileContent, ManifestEntryStatus, ManifestFile, read_manifest_list
from pyiceberg.table.snapshots import Snapshot

from pergamon.kernel import fsync_directory, fsync_file
from pergamon.lake.locations import local_path, require_inside
from pergamon.lake.metadata import file_io
from pergamon.lake.model import BadCommit, BadLocation

Read = TypeVar("Read")


def newly_named(
    name: str, home: str, snapshot: Snapshot, parent: Snapshot | None, *, in_place: Collection[Path] = frozenset()
) -> Iterator[Path]:
    """The manifest list, the manifests that the parent does not have, and every live file that those name.

    name: the table, as an error tells it. home: its location. in_place: files outside of it that our own process lets
    the snapshot name, each exactly.
    Raises:
        BadLocation: a file outside the table's location, a link, or a missing file.
        BadCommit: a manifest that cannot be read, or equality deletes, which not every reader understands.
    """
    io = file_io()
    yield require_inside(snapshot.manifest_list, home)
    manifests = _read(name, lambda: list(read_manifest_list(io.new_input(snapshot.manifest_list))))
    before = {manifest.manifest_path: manifest for manifest in (parent.manifests(io) if parent else [])}
    after = {manifest.manifest_path for manifest in manifests}
    besides = _Besides(in_place, [manifest for path, manifest in before.items() if path not in after])
    for manifest in manifests:
        if manifest.manifest_path not in before:
            yield require_inside(manifest.manifest_path, home)
            yield from _files_of(name, home, manifest, besides)


def force_to_disk(files: Iterable[Path], location: str) -> tuple[Path, ...]:
    """Force files to the disk, then every directory on the way to them from the table's location, the deepest first."""
    once = tuple(dict.fromkeys(files))
    for file in once:
        fsync_file(file)
    for directory in _directories(once, local_path(location)):
        fsync_directory(directory)
    return once


class _Besides(Container[Path]):
    """Which files outside the table's location a commit may name: those that our own process allows, and those that
    the table has already, when a manifest is written anew."""

    def __init__(self, in_place: Collection[Path], replaced: Sequence[ManifestFile]) -> None:
        self._in_place, self._replaced = in_place, replaced
        self._kept: set[Path] | None = None

    def __contains__(self, path: object) -> bool:
        return path in self._in_place or path in self._of_the_parent()

    def _of_the_parent(self) -> set[Path]:
        if self._kept is None:
            entries = (entry for manifest in self._replaced for entry in manifest.fetch_manifest_entry(file_io()))
            self._kept = {local_path(entry.data_file.file_path) for entry in entries}
        return self._kept


def _files_of(name: str, home: str, manifest: ManifestFile, besides: Container[Path]) -> Iterator[Path]:
    """The live files. One that a manifest says is deleted is not read, but must not be another table's either:
    maintenance removes what a table let go."""
    for entry in _read(name, lambda: manifest.fetch_manifest_entry(file_io(), discard_deleted=False)):
        file = entry.data_file
        if entry.status == ManifestEntryStatus.DELETED:
            path = local_path(file.file_path)
            if not (path.is_relative_to(local_path(home)) or path in besides):
                raise BadLocation("a commit deletes a file outside its table's location")
            continue
        if file.content == DataFileContent.EQUALITY_DELETES:
            raise BadCommit(f"{name}: equality deletes are not readable by every engine", hint="position deletes")
        yield require_inside(file.file_path, home, besides=besides)


def _read(name: str, read: Callable[[], list[Read]]) -> list[Read]:
    try:
        return read()
    except Exception as error:  # PyIceberg's Avro reader fails in many ways on bytes that are no manifest
        raise BadCommit(f"{name}: a manifest cannot be read ({type(error).__name__})") from None


def _directories(files: Iterable[Path], home: Path) -> list[Path]:
    below = {file.parent for file in files}
    found = {path for parent in below for path in (parent, *parent.parents) if path.is_relative_to(home)}
    return sorted(found, key=lambda path: len(path.parts), reverse=True)
