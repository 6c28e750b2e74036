"""A process of its own, started by `test_a_watch_killed_anywhere`: watches a directory, and dies where it is told."""

import itertools
import os
import sys
from pathlib import Path

from psycopg import Connection

from pergamon import objects
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
from pergamon.store import UnitOfWork
from tests.integration.objects.put_and_die import Fate

STEPS = 8


def main(dies_at: int, conninfo: str, home: Path) -> None:
    fate = Fate(dies_at)
    for owner, names in (
        (os, ("fsync", "replace", "unlink")),
        (UnitOfWork, ("execute", "row", "rows")),
        (Connection, ("commit",)),
    ):
        for name in names:
            fate.guard(owner, name)
    with open_runtime(Settings(home=home, database_url=conninfo)) as rt:
        fate.armed = True
        seconds = itertools.count()
        place = objects.DropPlace(rt.begin, rt.settings.lake, clock_s=lambda: float(next(seconds)))
        for _ in range(STEPS):
            objects.drop_step(place)
        fate.armed = False


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
