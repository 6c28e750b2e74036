"""kill -9 at any boundary of put and remove: what was told stands, nothing stands half, nothing stands twice."""

import hashlib
import json
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pergamon import objects
from pergamon.runtime import Runtime
from pergamon.store import FeedPosition
from tests import prepared_processes
from tests.reference.stacks import BUCKET, KEEPER, OPERATOR, put, stack

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("seed", range(10))
def test_what_was_told_stands_whatever_dies(rt: Runtime, postgres_url: str, seed: int) -> None:
    check(rt, postgres_url, [seed])


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1000, 1100, 10))
def test_a_hundred_deaths(rt: Runtime, postgres_url: str, first: int) -> None:
    check(rt, postgres_url, list(range(first, first + 10)))


def check(rt: Runtime, postgres_url: str, seeds: list[int]) -> None:
    """Die, look, go on; in the end sweep, and look again."""
    stack(rt)
    told: list[dict[str, str]] = []
    for seed in seeds:
        told += killed(rt, postgres_url, seed)
        rows = versions(rt)
        require_whole(rows)
        require_told(rows, told)
        require_heard_once(rt, rows)
    put(rt, "open/0", b"life goes on", by=KEEPER)
    while rt.free_contents():
        pass
    later = rt.clock.now() + timedelta(days=2)
    objects.sweep_contents(lambda: rt.begin(rt.service("sweeper")), rt.settings.lake, now=later)
    kept = {str(path) for path in (rt.settings.lake / BUCKET).rglob("*") if path.is_file()}
    assert kept == {row["path"] for row in versions(rt) if row["path"]}, "no content without a name, no name without"


def killed(rt: Runtime, postgres_url: str, seed: int) -> list[dict[str, str]]:
    words = (str(seed), postgres_url, str(rt.settings.home))
    done = prepared_processes.run("tests.integration.objects.put_and_die", *words, env=os.environ)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def versions(rt: Runtime) -> list[dict[str, Any]]:
    with rt.begin(OPERATOR) as uow:
        return uow.rows("SELECT * FROM object_version ORDER BY id")


def require_whole(rows: list[dict[str, Any]]) -> None:
    """Every row's content is there, and is what its row says; one version of a key is current."""
    for row in rows:
        if row["path"]:
            data = Path(row["path"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (row["size_bytes"], row["sha256"])
    keys = {row["key"] for row in rows}
    assert sorted(row["key"] for row in rows if row["is_current"]) == sorted(keys)


def require_told(rows: list[dict[str, Any]], told: list[dict[str, str]]) -> None:
    """What was told to have been put is there, unless its key was destroyed later; at most one act is not told yet."""
    there = {row["id"]: row for row in rows}
    for index, act in enumerate(told):
        if act["act"] != "put":
            continue
        destroyed = any(later["act"] == "destroy" and later["key"] == act["key"] for later in told[index:])
        if destroyed:
            assert act["version"] not in there
        elif act["version"] in there:
            assert there[act["version"]]["sha256"] == hashlib.sha256(act["data"].encode()).hexdigest()
        else:
            assert not [row for row in rows if row["key"] == act["key"]], "only an untold destroy explains its absence"


def require_heard_once(rt: Runtime, rows: list[dict[str, Any]]) -> None:
    """One event of the feed and one of the trail for each version that was put, also for those destroyed since."""
    with rt.begin(OPERATOR) as uow:
        events = objects.read_events(uow, FeedPosition(), 10_000)
        trail = uow.rows("SELECT facts FROM audit_event WHERE code = 'objects.put'")
    put_events = [event.version_id for event in events if event.kind is objects.ObjectEventKind.CREATED]
    assert len(put_events) == len(set(put_events))
    assert sorted(put_events) == sorted(json.loads(row["facts"])["version"] for row in trail)
    assert {row["id"] for row in rows if not row["is_deletion"]} <= set(put_events)
