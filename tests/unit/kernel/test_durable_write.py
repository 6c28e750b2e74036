"""Durable before visible: the order of writes, renames and fsyncs, and what is left when the disk is full."""

import errno
import os
from pathlib import Path

import pytest

from pergamon.kernel import durable, durable_write


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every fsync and rename in their order, each with the name of the file or directory."""
    seen: list[tuple[str, str]] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        seen.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        seen.append(("rename", Path(target).name))
        real_replace(source, target)

    monkeypatch.setattr(durable.os, "fsync", fsync)
    monkeypatch.setattr(durable.os, "replace", replace)
    return seen


def test_a_file_is_synced_then_named_then_its_directory_is_synced(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    durable_write(tmp_path / "a" / "b.txt", b"x")
    kinds = [(kind, name.split(".")[0] if kind == "fsync" else name) for kind, name in calls]
    assert kinds == [("fsync", tmp_path.name), ("fsync", ""), ("rename", "b.txt"), ("fsync", "a")]
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"x"


def test_a_full_disk_leaves_the_old_file_and_no_scraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.txt"
    durable_write(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["b.txt"]


def test_files_and_directories_are_private(tmp_path: Path) -> None:
    durable_write(tmp_path / "a" / "b", b"x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o600


def test_a_link_planted_in_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(FileExistsError):
        durable.open_exclusive(tmp_path / "link")
    assert target.read_text() == "old"
