"""kill -9 at every step of an upload in pieces: what was told to have come has come, and one object is made.

A step is a write, an fsync, a link, a rename, an unlink, and a commit, before it and after it. The process that dies is
forked from this one, so that every step can be tried; `tests/integration/web` kills the web process itself.
"""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from pergamon import identity, lake, objects
from pergamon.kernel import Actor
from pergamon.objects import sweep_uploads, uploads
from pergamon.objects.sweep import sweep_contents
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings

CONTENT = bytes(range(200)) * 20
PIECE = 400
STEPS_AT_MOST = 120


@pytest.fixture
def ada(rt: Runtime, operator: Actor, monkeypatch: pytest.MonkeyPatch) -> Actor:
    monkeypatch.setattr(uploads, "KEPT_EVERY_BYTES", 1000)
    with rt.begin(operator) as uow:
        lake.put_bucket(uow, "shelf", lake.BucketSpec(access_rules=(lake.AccessRuleSpec(ReadWriteRoles=("writer",)),)))
        identity.put_role(uow, "writer", identity.RoleSpec(), {})
        spec = identity.PrincipalSpec(kind="person", display_name="Ada", roles=frozenset({"writer"}))
        identity.put_principal(uow, "person:ada", spec, {})
        return identity.principal_actor(uow, "person:ada")


def pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


def announce(rt: Runtime, actor: Actor, key: str) -> str:
    with rt.begin(actor) as uow:
        return objects.begin_upload(uow, rt.settings.lake, "shelf", key, len(CONTENT)).id


def go_on(rt: Runtime, actor: Actor, upload_id: str) -> objects.Upload:
    """What a client does after a cut: ask how much has come, and send the rest."""
    with rt.begin(actor) as uow:
        offset = objects.read_upload(uow, upload_id).offset_bytes
    return objects.append_to_upload(
        lambda: rt.begin(actor), rt.settings.lake, upload_id, offset, pieces(CONTENT[offset:])
    )


def watch_steps(patch: pytest.MonkeyPatch, step: Callable[[str], None]) -> None:
    """Tell of every step before it is made, and of a commit also after it."""

    def watched(name: str, act: Callable[..., object]) -> Callable[..., object]:
        def acting(*args: object, **named: object) -> object:
            step(name)
            return act(*args, **named)

        return acting

    commit = psycopg.Connection.commit

    def committing(self: psycopg.Connection) -> None:
        step("commit")
        commit(self)
        step("committed")

    for name in ("fsync", "link", "replace"):
        patch.setattr(os, name, watched(name, getattr(os, name)))
    patch.setattr(Path, "unlink", watched("unlink", Path.unlink))
    patch.setattr(psycopg.Connection, "commit", committing)


def send_and_die(settings: Settings, actor: Actor, upload_id: str, at_step: int) -> bool:
    """Send the upload in a process that is killed at a step. Returns: was it killed; else it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            _send(settings, actor, upload_id, at_step)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _send(settings: Settings, actor: Actor, upload_id: str, at_step: int) -> None:
    left = at_step

    def step(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def dangerous(content: bytes) -> Iterator[bytes]:
        for piece in pieces(content):
            step("write")
            yield piece

    with open_runtime(settings) as rt, pytest.MonkeyPatch.context() as patch:
        watch_steps(patch, step)
        objects.append_to_upload(lambda: rt.begin(actor), settings.lake, upload_id, 0, dangerous(CONTENT))


def test_killed_at_any_step_it_goes_on_and_makes_one_object(rt: Runtime, ada: Actor) -> None:
    for at_step in range(1, STEPS_AT_MOST):
        upload_id = announce(rt, ada, f"file-{at_step}")
        was_killed = send_and_die(rt.settings, ada, upload_id, at_step)
        done = go_on(rt, ada, upload_id)
        assert done.is_done
        with rt.begin(ada) as uow:
            versions = objects.object_versions(uow, "shelf", f"file-{at_step}")
            events = uow.rows("SELECT 1 FROM object_event WHERE key = %s", (f"file-{at_step}",))
        assert [version.id for version in versions] == [done.version_id], f"step {at_step}"
        assert len(events) == 1
        assert versions[0].path is not None
        assert versions[0].path.read_bytes() == CONTENT
        if not was_killed:
            break
    else:
        raise AssertionError("the upload never came to its end")
    assert at_step > 20
    _nothing_else_is_left(rt, at_step)


def _nothing_else_is_left(rt: Runtime, count: int) -> None:
    service = rt.service("sweeper")
    sweep_uploads(lambda: rt.begin(service), rt.settings.lake)
    sweep_contents(lambda: rt.begin(service), rt.settings.lake, now=rt.clock.now() + timedelta(days=2))
    files = [path for path in rt.settings.lake.rglob("*") if path.is_file()]
    assert len(files) == count
    assert {path.read_bytes() for path in files} == {CONTENT}


def test_what_is_told_is_on_the_disk_first(rt: Runtime, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of steps: the bytes are forced to the disk before the commit that speaks of them."""
    upload_id = announce(rt, ada, "file")
    steps: list[str] = []

    def recorded(content: bytes) -> Iterator[bytes]:
        for piece in pieces(content):
            steps.append("write")
            yield piece

    watch_steps(monkeypatch, steps.append)

    def send(start: int, end: int) -> list[str]:
        steps.clear()
        objects.append_to_upload(
            lambda: rt.begin(ada), rt.settings.lake, upload_id, start, recorded(CONTENT[start:end])
        )
        return [step for step in steps if step != "committed"]

    send(0, 100)
    assert send(100, 200) == ["commit", "commit", "write", "fsync", "commit", "commit"]
    assert send(200, 1400)[2:] == [*["write"] * 3, "fsync", "commit", "commit"]
    made = "unlink link fsync fsync replace fsync fsync commit"  # the bytes, both names, the object
    after = "commit unlink fsync commit"  # the bell for who waits for uploads; the upload itself goes
    assert send(1400, len(CONTENT))[-12:] == [*made.split(), *after.split()]
