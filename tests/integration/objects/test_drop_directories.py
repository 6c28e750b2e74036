"""Drop directories: what is dropped is copied once it has come to rest, each state once, never through a link."""

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pergamon import lake, objects
from pergamon.kernel import Actor
from pergamon.objects import drop_watch
from pergamon.objects.drop_model import NotTaken
from pergamon.objects.drop_walk import opened_file, walk
from pergamon.runtime import Runtime

NAME = "assets:inbox"


@dataclass
class World:
    """A bucket with a drop directory, and a watcher whose clock the test moves."""

    rt: Runtime
    inbox: Path
    now_s: float = 0.0
    place: objects.DropPlace = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what only the process knew."""
        self.place = objects.DropPlace(begin=self.rt.begin, lake_root=self.rt.settings.lake, clock_s=lambda: self.now_s)

    def steps(self, *, seconds: int = 30) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            objects.drop_step(self.place)

    def contents(self) -> dict[str, bytes]:
        with self.rt.begin(self.rt.service("test")) as uow:
            return {v.key: v.path.read_bytes() for v in objects.current_objects(uow, "assets") if v.path}

    def versions(self, key: str) -> int:
        with self.rt.begin(self.rt.service("test")) as uow:
            row = uow.row("SELECT count(*) AS n FROM object_version WHERE key = %s", (key,))
        return int(row["n"]) if row else 0

    def status(self) -> objects.DropStatus:
        with self.rt.begin(self.rt.service("test")) as uow:
            return objects.drop_directory_status(uow)[0]

    def problems(self) -> dict[str, str]:
        return {problem.path: problem.problem for problem in self.status().problems}


@pytest.fixture
def world(rt: Runtime, operator: Actor, tmp_path: Path) -> World:
    inbox = tmp_path.resolve() / "inbox"
    inbox.mkdir()
    spec = objects.DropDirectorySpec(
        path=str(inbox), bucket="assets", prefix="medical", settle_s=2, object_tags={"origin": "drop"}
    )
    with rt.begin(operator) as uow:
        lake.put_bucket(uow, "assets", lake.BucketSpec())
        objects.put_drop_directory(uow, NAME, spec)
    return World(rt, inbox)


def test_a_file_is_copied_and_stays_where_it_is(world: World) -> None:
    (world.inbox / "scans").mkdir()
    (world.inbox / "scans" / "ct.csv").write_bytes(b"id\n1\n")
    before = (world.inbox / "scans" / "ct.csv").stat()
    world.steps()
    assert world.contents() == {"medical/scans/ct.csv": b"id\n1\n"}
    after = (world.inbox / "scans" / "ct.csv").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert (world.status().copied, world.status().problem) == (1, None)
    with world.rt.begin(world.rt.service("test")) as uow:
        [version] = objects.current_objects(uow, "assets")
        codes = {row["code"] for row in uow.rows("SELECT code FROM audit_event")}
    assert (version.owner, version.tags) == ("service:drop-directory", {"origin": "drop"})
    assert {"objects.put", "objects.dropped_file_copied"} <= codes


def test_a_file_that_still_grows_is_not_touched(world: World) -> None:
    with (world.inbox / "slow.csv").open("ab") as file:
        for _ in range(6):
            file.write(b"row\n")
            file.flush()
            world.steps(seconds=1)
            assert world.contents() == {}
    world.steps(seconds=10)
    assert world.contents() == {"medical/slow.csv": b"row\n" * 6}


def test_each_state_is_copied_once_also_by_a_process_that_starts_anew(world: World) -> None:
    file = world.inbox / "a.csv"
    file.write_bytes(b"one")
    world.steps()
    world.restart()
    world.steps()
    assert world.versions("medical/a.csv") == 1
    file.write_bytes(b"two!")
    world.steps()
    assert world.versions("medical/a.csv") == 2
    os.utime(file)  # the same content with a new time is no new version
    world.steps()
    assert world.versions("medical/a.csv") == 2
    assert world.contents() == {"medical/a.csv": b"two!"}


def test_what_was_removed_does_not_come_back_by_itself(world: World, operator: Actor) -> None:
    (world.inbox / "a.csv").write_bytes(b"one")
    world.steps()
    with world.rt.begin(operator) as uow:
        rules = ({"prefix": "", "ReadWriteRoles": ["holder"]},)
        lake.put_bucket(uow, "assets", lake.BucketSpec.model_validate({"access_rules": rules}))
    holder = Actor("person:h", operator.kind.PERSON, frozenset({"holder"}))
    with world.rt.begin(holder) as uow:
        objects.remove_object(uow, "assets", "medical/a.csv")
    world.restart()
    world.steps()
    assert world.contents() == {}
    (world.inbox / "a.csv").write_bytes(b"once more")
    world.steps()
    assert world.contents() == {"medical/a.csv": b"once more"}


def test_links_pipes_and_second_names_are_refused_with_a_reason(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("not for you")
    (world.inbox / "link.csv").symlink_to(secret)
    (world.inbox / "folder").symlink_to(tmp_path)
    os.link(secret, world.inbox / "second.csv")
    os.mkfifo(world.inbox / "pipe.csv")
    (world.inbox / "good.csv").write_bytes(b"1")
    world.steps()
    assert world.contents() == {"medical/good.csv": b"1"}
    problems = world.problems()
    assert set(problems) == {"link.csv", "folder", "second.csv", "pipe.csv"}
    wanted = {"link.csv": "link", "folder": "link", "second.csv": "hard link", "pipe.csv": "pipe"}
    assert all(word in problems[name] for name, word in wanted.items()), problems
    for name in problems:
        (world.inbox / name).unlink()
    world.steps()
    assert world.problems() == {}


def test_a_folder_exchanged_for_a_link_between_look_and_copy_is_not_followed(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = world.inbox / "f"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"mine")
    os.link(folder / "a.csv", outside / "keep")  # the same inode, so that only the way to it differs
    (outside / "keep").unlink()
    world.steps(seconds=2)
    folder.rename(outside / "f")
    folder.symlink_to(outside / "f")
    world.steps()
    assert world.contents() == {}
    assert "link" in world.problems()["f"]


def test_names_that_cannot_be_keys_are_refused_and_the_others_go_on(world: World) -> None:
    (world.inbox / "line\nbreak.csv").write_bytes(b"1")
    (world.inbox / "back\\slash.csv").write_bytes(b"1")
    (world.inbox / "emoji 😀 %3f#?.csv").write_bytes(b"1")
    raw = os.fsencode(world.inbox) + b"/\xff\xfe.csv"
    os.close(os.open(raw, os.O_WRONLY | os.O_CREAT))
    world.steps()
    assert world.contents() == {"medical/emoji 😀 %3f#?.csv": b"1"}
    assert len(world.problems()) == 3


def test_hidden_and_unfinished_names_are_left_alone(world: World) -> None:
    for name in (".hidden.csv", "a.csv.part", "b.filepart", "c.tmp"):
        (world.inbox / name).write_bytes(b"half")
    world.steps()
    assert (world.contents(), world.problems()) == ({}, {})
    (world.inbox / "a.csv.part").rename(world.inbox / "a.csv")
    world.steps()
    assert world.contents() == {"medical/a.csv": b"half"}


def test_a_file_that_changes_while_it_is_copied_is_copied_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer comes back in the middle of the copy, three times; what is seen in the end is whole."""
    file = world.inbox / "a.csv"
    file.write_bytes(b"A" * 3_000_000)
    honest, left = drop_watch._chunks, [3]

    def chunks(opened: object, size_bytes: int) -> Iterator[bytes]:
        for chunk in honest(opened, size_bytes):  # type: ignore[arg-type]
            if left[0]:
                left[0] -= 1
                with file.open("r+b") as again:
                    again.write(b"B" * 10)
                os.utime(file, ns=(time.time_ns(), time.time_ns() + left[0] + 1))
            yield chunk

    monkeypatch.setattr(drop_watch, "_chunks", chunks)
    world.steps(seconds=60)
    assert world.contents() == {"medical/a.csv": b"B" * 10 + b"A" * (3_000_000 - 10)}
    assert world.versions("medical/a.csv") == 1


def test_a_directory_that_is_not_there_is_said_and_found_when_it_comes(world: World) -> None:
    world.inbox.rmdir()
    world.steps(seconds=3)
    assert "not there" in (world.status().problem or "")
    world.inbox.mkdir()
    (world.inbox / "a.csv").write_bytes(b"1")
    world.steps(seconds=60)
    assert (world.status().problem, world.contents()) == (None, {"medical/a.csv": b"1"})


def test_a_directory_reached_over_a_link_or_inside_the_lake_is_refused(
    world: World, operator: Actor, tmp_path: Path
) -> None:
    (tmp_path / "way").symlink_to(world.inbox)
    (world.inbox / "a.csv").write_bytes(b"1")
    for path, word in ((tmp_path / "way", "link"), (world.rt.settings.lake / "assets", "lake")):
        with world.rt.begin(operator) as uow:
            objects.put_drop_directory(uow, NAME, objects.DropDirectorySpec(path=str(path), bucket="assets"))
        world.steps()
        assert word in (world.status().problem or "")
        assert world.contents() == {}


def test_what_may_not_be_read_is_said(world: World) -> None:
    """As root, which reads everything, the test reads as nobody."""
    open_to_all = Path(tempfile.mkdtemp(dir="/tmp")).resolve()
    try:
        open_to_all.chmod(0o755)
        (open_to_all / "a.csv").write_bytes(b"1")
        (open_to_all / "a.csv").chmod(0)
        (open_to_all / "folder").mkdir(mode=0o700)
        with _as_nobody():
            assert [seen.problem for seen in walk(str(open_to_all)) if seen.path == "folder"] == [
                "it may not be read by the service user"
            ]
            with pytest.raises(NotTaken, match="may not be read"), opened_file(str(open_to_all), "a.csv"):
                pass
    finally:
        shutil.rmtree(open_to_all)


@contextmanager
def _as_nobody() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_disk_that_is_full_is_said_and_copying_goes_on_later(world: World) -> None:
    (world.inbox / "a.csv").write_bytes(b"1" * 2_000_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        world.steps()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (world.status().problem, world.problems()) == ("the lake's disk is full", {})
    assert [file for file in world.rt.settings.lake.rglob("*") if file.is_file()] == []
    world.steps(seconds=60)
    assert world.contents() == {"medical/a.csv": b"1" * 2_000_000}


def test_another_prefix_copies_what_is_there_to_the_new_place(world: World, operator: Actor) -> None:
    (world.inbox / "a.csv").write_bytes(b"1")
    world.steps()
    with world.rt.begin(operator) as uow:
        spec = objects.DropDirectorySpec(path=str(world.inbox), bucket="assets", prefix="other", settle_s=2)
        objects.put_drop_directory(uow, NAME, spec)
    world.steps()
    assert set(world.contents()) == {"medical/a.csv", "other/a.csv"}
    with world.rt.begin(operator) as uow:
        objects.drop_drop_directory(uow, NAME)
        with pytest.raises(objects.UnknownDropDirectory):
            objects.drop_drop_directory(uow, NAME)
    world.steps()


def test_a_path_that_is_longer_than_any_key_stops_nothing_else(world: World) -> None:
    """Its reason is kept under a name that an index can hold; without that the watching of all directories ended."""
    parts = [os.urandom(100).hex() for _ in range(30)]
    descriptor = os.open(world.inbox, os.O_RDONLY)
    for part in parts:
        os.mkdir(part, dir_fd=descriptor)
        below = os.open(part, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    for name in ("a.csv", "b.csv"):
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    (world.inbox / "plain.csv").write_bytes(b"id\n")
    world.steps()
    assert world.contents() == {"medical/plain.csv": b"id\n"}
    refused = world.problems()
    assert len(refused) == 2, "each has a name of its own"
    assert all(path.startswith(parts[0]) for path in refused)


def test_a_fault_in_one_directory_leaves_the_others_their_turn(
    world: World, operator: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path.resolve() / "other"
    other.mkdir()
    with world.rt.begin(operator) as uow:
        spec = objects.DropDirectorySpec(path=str(other), bucket="assets", prefix="other", settle_s=2)
        objects.put_drop_directory(uow, "assets:zother", spec)
    (other / "a.csv").write_bytes(b"id\n")
    plain = drop_watch._look

    def faulty(place: objects.DropPlace, name: str, memory: drop_watch._Memory) -> list[str]:
        if name == NAME:
            raise ValueError("a fault of ours")
        return plain(place, name, memory)

    monkeypatch.setattr(drop_watch, "_look", faulty)
    faults = 0
    for _ in range(20):
        try:
            world.steps(seconds=1)
        except ValueError:
            faults += 1
    assert world.contents() == {"other/a.csv": b"id\n"}
    assert 0 < faults < 4, "it rests after each fault"
