"""The worker as it runs, in a network of its own: what is uploaded beside it is soon a table."""

import time
from pathlib import Path

from pergamon.kernel import Actor
from pergamon.runtime import Runtime

from .conftest import World

PATIENCE_S = 60


def test_an_upload_beside_a_running_worker_becomes_a_table(rt: Runtime, world: World, operator: Actor) -> None:
    world.deploy()
    worker = rt.launch_worker(["--name", "w1"], trusted_host=False)
    try:
        world.put_csv("in/first.csv", "id,born", "1,13/3/39")
        _until(world, "first")
        started = time.monotonic()
        world.put_csv("in/visits/second.csv", "id;price", "1;2,50", "2;")
        _until(world, "visits")
        took = time.monotonic() - started
        print(f"upload to table: {took:.2f} s")
        assert took < 10
    finally:
        worker.terminate()
        worker.wait(30)
    assert [row["id"] for row in world.rows("visits", "id")] == [1, 2]
    assert not list(Path(rt.settings.logs).glob("incident_*")), "a bug was met"


def _until(world: World, table: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while table not in world.tables() or not world.rows(table):
        assert time.monotonic() < until, world.states()
        time.sleep(0.02)
