"""What nobody names any more is removed, and nothing else: not while it is sent, not while it becomes an object."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pergamon import objects
from pergamon.objects import tables
from pergamon.runtime import Runtime
from tests.reference.stacks import BUCKET, WRITER, files, get, put, stack


@pytest.fixture(autouse=True)
def _stacked(rt: Runtime) -> None:
    stack(rt)


def sweep(rt: Runtime, *, in_hours: float = 0) -> int:
    now = rt.clock.now() + timedelta(hours=in_hours)
    return objects.sweep_contents(lambda: rt.begin(rt.service("sweeper")), rt.settings.lake, now=now)


def test_a_content_that_never_became_an_object_goes_after_a_day(rt: Runtime) -> None:
    put(rt, "open/a")
    objects.receive_content(rt.settings.lake, BUCKET, "open/b", [b"lost"])
    assert (sweep(rt), sweep(rt, in_hours=23), len(files(rt))) == (0, 0, 2)
    assert (sweep(rt, in_hours=25), len(files(rt))) == (1, 1)
    assert get(rt, "open/a") == b"x"


def test_an_unfinished_file_of_a_dead_sender_goes_and_that_of_a_living_one_stays(rt: Runtime) -> None:
    """The sender pauses in the middle for longer than a day; its upload ends well."""
    paused, go_on = threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"first half, "
        paused.set()
        assert go_on.wait(30)
        yield b"second half"

    sender = threading.Thread(target=lambda: rt.put_object(WRITER, BUCKET, "open/slow", chunks()))
    sender.start()
    assert paused.wait(30)
    [living] = rt.settings.lake.rglob("*.part")
    dead = living.with_name(".ver_dead.part")
    dead.write_bytes(b"half")
    os.utime(living, (0, 0))
    os.utime(dead, (0, 0))
    assert sweep(rt) == 1
    assert (living.exists(), dead.exists()) == (True, False)
    go_on.set()
    sender.join(30)
    assert get(rt, "open/slow") == b"first half, second half"


def test_a_sweep_and_a_late_object_do_not_pass_each_other(rt: Runtime) -> None:
    """A content is old and not yet an object; its transaction is open when the sweep comes: the sweep waits."""
    content = objects.receive_content(rt.settings.lake, BUCKET, "open/a", [b"late"])
    os.utime(content.path, (0, 0))
    swept: list[int] = []
    sweeper = threading.Thread(target=lambda: swept.append(sweep(rt)))
    with rt.begin(WRITER) as uow:
        objects.put_object(uow, content, BUCKET, "open/a")
        sweeper.start()
        sweeper.join(0.5)
        assert (swept, content.path.exists()) == ([], True)
    sweeper.join(30)
    assert (swept, get(rt, "open/a")) == ([0], b"late")


def test_an_object_that_comes_after_the_sweep_is_told_that_its_content_is_gone(rt: Runtime) -> None:
    content = objects.receive_content(rt.settings.lake, BUCKET, "open/a", [b"too late"])
    os.utime(content.path, (0, 0))
    refused: list[type] = []

    def finish() -> None:
        try:
            objects.finish_upload(lambda: rt.begin(WRITER), content, BUCKET, "open/a")
        except objects.ContentGone as gone:
            refused.append(type(gone))

    late = threading.Thread(target=finish)
    with rt.begin(rt.service("sweeper")) as uow:
        tables.sweep_alone(uow)
        late.start()
        late.join(0.5)
        content.path.unlink()
    late.join(30)
    assert refused == [objects.ContentGone]


def test_links_and_strangers_in_the_content_folder_are_left_alone(rt: Runtime, tmp_path: Path) -> None:
    version = put(rt, "open/a")
    assert version.path is not None
    outside = tmp_path / "outside"
    outside.write_bytes(b"stays")
    (version.path.parent / "link").symlink_to(outside)
    sweep(rt, in_hours=48)
    assert outside.read_bytes() == b"stays"
    assert version.path.exists()


def test_many_lost_contents_go_in_batches(rt: Runtime) -> None:
    folder = rt.settings.lake / BUCKET / ".objects" / "aa"
    folder.mkdir(parents=True)
    for number in range(1203):
        (folder / f"ver_{number}").touch()
    put(rt, "open/a")
    assert sweep(rt, in_hours=25) == 1203
    assert len(files(rt)) == 1
