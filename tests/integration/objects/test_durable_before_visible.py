"""The order of writes, renames and fsyncs: a content is on the disk, and so is its name, before a row speaks of it."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from pergamon import objects
from pergamon.objects import tables
from pergamon.runtime import Runtime
from tests.reference.stacks import BUCKET, KEEPER, feed, files, get, put, stack

Recording = list[tuple[str, str]]


@pytest.fixture
def recording(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Every fsync, rename, removal and row of a version, in order, each with the kind of thing that it was done to."""
    stack(rt)
    put(rt, "open/warm")
    seen: Recording = []
    fsync, replace, unlink, insert = os.fsync, os.replace, os.unlink, tables.insert_version
    delete, event = tables.delete_version, tables.insert_event

    def kind(path: str | Path) -> str:
        name = Path(path).name
        return "unfinished" if name.endswith(".part") else "content" if name.startswith("ver_") else "folder"

    def recorded_fsync(descriptor: int) -> None:
        fsync(descriptor)
        seen.append(("fsync", kind(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def recorded_replace(source: Path, target: Path) -> None:
        replace(source, target)
        seen.append(("rename", f"{kind(source)} to {kind(target)}"))

    def recorded_unlink(path: Path, *, dir_fd: int | None = None) -> None:
        unlink(path, dir_fd=dir_fd)
        seen.append(("unlink", kind(path)))

    def noted(what: str, act):  # type: ignore[no-untyped-def]
        def call(*given):  # type: ignore[no-untyped-def]
            seen.append(("row", what))
            return act(*given)

        return call

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    monkeypatch.setattr(os, "unlink", recorded_unlink)
    monkeypatch.setattr(tables, "insert_version", noted("version", insert))
    monkeypatch.setattr(tables, "insert_event", noted("event", event))
    monkeypatch.setattr(tables, "delete_version", noted("version gone", delete))
    return seen


def test_a_content_is_on_the_disk_before_its_row(rt: Runtime, recording: Recording) -> None:
    version = put(rt, "open/a", b"x" * 3_000_000)
    assert version.path is not None
    assert recording[-5:] == [
        ("fsync", "unfinished"),
        ("rename", "unfinished to content"),
        ("fsync", "folder"),
        ("row", "version"),
        ("row", "event"),
    ]
    assert set(recording[:-5]) <= {("fsync", "folder")}, "a new folder's own name"


def test_a_content_is_removed_only_after_its_row_is_gone_for_good(rt: Runtime, recording: Recording) -> None:
    put(rt, "open/a")
    recording.clear()
    with rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", for_good=True)
        assert ("unlink", "content") not in recording
    assert recording == [("row", "version gone"), ("row", "event")]
    rt.free_contents()
    assert recording[2:] == [("unlink", "content"), ("fsync", "folder")]


def test_a_refused_upload_removes_its_file(rt: Runtime, recording: Recording) -> None:
    with pytest.raises(objects.ContentMismatch):
        put(rt, "open/a", b"x", expect_sha256="0" * 64)
    assert recording[-1] == ("unlink", "unfinished")
    assert ("row", "version") not in recording


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file of this process may become larger than a megabyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_is_full_is_said_and_leaves_nothing_behind(rt: Runtime) -> None:
    stack(rt)
    with pytest.raises(objects.StorageFull):
        put(rt, "open/a", b"x" * 2_000_000)
    assert (files(rt), feed(rt)) == ([], [])
    put(rt, "open/a", b"fits")
    assert get(rt, "open/a") == b"fits"
