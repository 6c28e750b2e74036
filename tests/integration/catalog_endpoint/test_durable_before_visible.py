"""Law 4: when the pointer moves, every file that it newly names is on the disk, and every directory on the way."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pergamon.lake import tables
from pergamon.store import UnitOfWork

from .conftest import Engine

POINTER = "pointer moved"


@dataclass
class Recording:
    """The order of what matters: fsyncs (by path), renames, and the move of the pointer."""

    steps: list[tuple[str, str]] = field(default_factory=list)

    def before_pointer(self, what: str) -> set[str]:
        moved = self.steps.index((POINTER, ""))
        return {path for kind, path in self.steps[:moved] if kind == what}


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Watch the real system calls of this process, which is the endpoint's; nothing is replaced, all still happens."""
    seen = Recording()
    real_fsync, real_replace, real_move = os.fsync, os.replace, tables.move_pointer

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        seen.steps.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def replace(source: Path, target: Path) -> None:
        assert ("fsync", str(source)) in seen.steps, "a file gets its name only when its bytes are on the disk"
        real_replace(source, target)
        seen.steps.append(("rename", str(target)))

    def move_pointer(uow: UnitOfWork, *arguments: object) -> bool:
        seen.steps.append((POINTER, ""))
        return real_move(uow, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(tables, "move_pointer", move_pointer)
    return seen


MERGE = (
    "MERGE INTO {alias} t USING (SELECT 2 AS id, 'south' AS region, 'x' AS name) s ON t.id <=> s.id "
    "WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT *"
)


@pytest.mark.parametrize(
    "write",
    ["INSERT INTO {alias} VALUES (9, 'a', 'b')", "INSERT OVERWRITE {alias} VALUES (9, 'a', 'b')", MERGE],
    ids=["insert", "overwrite", "merge"],
)
def test_what_a_commit_newly_names_is_on_the_disk_before_the_pointer_moves(
    engine: Engine, recording: Recording, write: str
) -> None:
    world = engine.lake
    first = world.open()
    engine.insert(first, 1, 2, 3)
    world.close(first)
    before = set(world.files().paths)
    recording.steps.clear()

    lease = world.open()
    engine.session.execute_sql(write.format(alias=lease.alias))
    assert world.close(lease).committed

    files = world.files()
    new = set(files.paths) - before
    synced, renamed = recording.before_pointer("fsync"), recording.before_pointer("rename")
    assert len(new) >= 4, "a metadata file, a manifest list, a manifest and a data file at least"
    assert files.metadata in renamed
    assert new - {files.metadata} <= synced
    home = Path(files.metadata).parent.parent
    on_the_way = {str(parent) for path in new for parent in Path(path).parents if parent.is_relative_to(home)}
    assert on_the_way >= {str(home), str(home / "metadata")}
    assert on_the_way <= synced


def test_a_directory_is_forced_to_the_disk_after_the_files_that_it_names(engine: Engine, recording: Recording) -> None:
    world = engine.lake
    lease = world.open()
    engine.insert(lease, 1)
    world.close(lease)
    order = [path for kind, path in recording.steps if kind == "fsync"]
    for file in (file.path for file in world.files().data):
        directory = len(order) - 1 - order[::-1].index(str(Path(file).parent))
        assert order.index(file) < directory
    assert len(world.files().data) == 1
