"""The worker's own thread: what is dropped becomes an object, what was destroyed is freed, a fault stops nothing."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon import objects
from pergamon.runtime import Runtime
from pergamon.worker.drop_loop import dropping
from tests.reference.stacks import BUCKET, KEEPER, OPERATOR, files, keys, put, stack

PATIENCE_S = 30


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def inbox(rt: Runtime, tmp_path: Path) -> Path:
    stack(rt)
    inbox = tmp_path.resolve() / "inbox"
    inbox.mkdir()
    with rt.begin(OPERATOR) as uow:
        spec = objects.DropDirectorySpec(path=str(inbox), bucket=BUCKET, prefix="own", settle_s=0.5)
        objects.put_drop_directory(uow, f"{BUCKET}:{inbox}", spec)
    return inbox


def test_what_is_dropped_is_an_object_soon_and_what_is_destroyed_is_freed(rt: Runtime, inbox: Path) -> None:
    put(rt, "open/a")
    with rt.begin(KEEPER) as uow:
        objects.remove_object(uow, BUCKET, "open/a", for_good=True)
    with dropping(rt):
        (inbox / "a.csv").write_bytes(b"dropped")
        eventually(lambda: keys(rt, KEEPER) == ["own/a.csv"])
        eventually(lambda: len(files(rt)) == 1)
    (inbox / "b.csv").write_bytes(b"later")
    time.sleep(1.5)
    assert keys(rt, KEEPER) == ["own/a.csv"], "nobody watches any more"


def test_a_bug_is_written_down_and_the_watch_goes_on(
    rt: Runtime, inbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest, faults = objects.drop_step, [1]

    def faulty(place: objects.DropPlace) -> bool:
        if faults[0]:
            faults[0] -= 1
            raise ZeroDivisionError
        return honest(place)

    monkeypatch.setattr(objects, "drop_step", faulty)
    (inbox / "a.csv").write_bytes(b"dropped")
    with dropping(rt):
        eventually(lambda: keys(rt, KEEPER) == ["own/a.csv"])
    [log] = rt.settings.logs.glob("incident_*.log")
    assert "ZeroDivisionError" in log.read_text()
    assert log.stem in capsys.readouterr().err
