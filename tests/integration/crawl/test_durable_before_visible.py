"""Law 4, from upload to table: what an object, then a table names is on the disk before it can be seen."""

import os
from pathlib import Path

import pytest

from pergamon import lake
from pergamon.lake import tables as lake_tables
from pergamon.objects import tables as object_tables
from pergamon.runtime import Runtime

from .conftest import World

Step = tuple[str, str]
OBJECT, POINTER = ("object seen", ""), ("pointer moved", "")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """The real system calls of this process, in order; nothing is replaced, all still happens."""
    seen: list[Step] = []
    real_fsync, real_move, real_insert = os.fsync, lake_tables.move_pointer, object_tables.insert_version

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        seen.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def move_pointer(*arguments: object) -> bool:
        seen.append(POINTER)
        return real_move(*arguments)  # type: ignore[arg-type]

    def insert_version(*arguments: object) -> None:
        seen.append(OBJECT)
        real_insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(lake_tables, "move_pointer", move_pointer)
    monkeypatch.setattr(object_tables, "insert_version", insert_version)
    return seen


@pytest.mark.parametrize("confined", [False, True], ids=["plain reader", "confined reader"])
def test_content_then_object_then_table(world: World, rt: Runtime, steps: list[Step], confined: bool) -> None:
    if confined:
        world.reader = rt.file_reader  # type: ignore[assignment]  # both are `formats.ConfinedReader`s
    world.deploy()
    steps.clear()
    stays = world.put_parquet("in/visits/a.parquet", id=[1])
    (content,) = _contents(world)
    assert stays in content.name
    synced = _synced_before(OBJECT, steps)
    assert any(stays in path for path in synced), "its bytes, before it had its name"
    assert str(content.parent) in synced
    world.put_csv("in/visits/b.csv", "id", "2")
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        files = lake.table_files(uow, lake.TableId("assets_db", "visits"))
    assert len(files.data) == 2
    synced = _synced_before(POINTER, steps)
    home = Path(files.metadata).parent.parent
    inside = {path for path in map(Path, files.paths) if path.is_relative_to(home)} - {Path(files.metadata)}
    on_the_way = {parent for path in inside for parent in path.parents if parent.is_relative_to(home)}
    assert {str(path) for path in inside | on_the_way} <= synced
    assert any(stays in file.path for file in files.data), "Parquet is where it was"
    assert {file.path for file in files.data} <= synced


def _contents(world: World) -> list[Path]:
    return [path for path in Path(world.rt.settings.lake, "assets/.objects").rglob("*") if path.is_file()]


def _synced_before(what: Step, steps: list[Step]) -> set[str]:
    """What was on the disk when this happened for the last time."""
    last = len(steps) - 1 - steps[::-1].index(what)
    return {path for kind, path in steps[:last] if kind == "fsync"}
