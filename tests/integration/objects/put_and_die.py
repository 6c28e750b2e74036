"""A process of its own, started by `test_killed_anywhere`: puts, tags, removes, and dies where its seed says.

A boundary is each fsync, rename and removal of a file, each statement, and each commit; before it and after it. What
has certainly been done is told on standard output, a line for each act, after it was committed.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg import Connection

from pergamon import objects
from pergamon.kernel import PergamonError
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings
from pergamon.store import UnitOfWork
from tests.reference.stacks import BUCKET, KEEPER, WRITER

ACTS = 30
CROSSINGS = 700
"""About as many boundaries as the acts have."""


class Fate:
    """Counts boundaries, and dies at one of them."""

    def __init__(self, dies_at: int) -> None:
        self.dies_at, self.crossed, self.armed = dies_at, 0, False

    def cross(self) -> None:
        if not self.armed:
            return
        self.crossed += 1
        if self.crossed == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def guard(self, owner: Any, name: str) -> None:
        """Let a function cross a boundary before and after."""
        act: Callable[..., Any] = getattr(owner, name)

        def guarded(*given: Any, **named: Any) -> Any:
            self.cross()
            outcome = act(*given, **named)
            self.cross()
            return outcome

        setattr(owner, name, guarded)


def main(seed: int, conninfo: str, home: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    fate = Fate(chance.randint(1, CROSSINGS))
    for owner, names in (
        (os, ("fsync", "replace", "unlink", "link")),
        (UnitOfWork, ("execute", "row", "rows")),
        (Connection, ("commit",)),
    ):
        for name in names:
            fate.guard(owner, name)
    with open_runtime(Settings(home=home, database_url=conninfo)) as rt:
        fate.armed = True
        for number in range(ACTS):
            told = act(rt, chance, f"open/{chance.randint(0, 4)}", f"{seed}:{number}".encode())
            if told:
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()
        fate.armed = False


def act(rt: Runtime, chance: random.Random, key: str, data: bytes) -> dict[str, str] | None:
    """One act. Returns: what has now certainly happened."""
    match chance.choice(["put", "put", "put", "adopt", "remove", "destroy", "tag", "free"]):
        case "put":
            version = rt.put_object(WRITER, BUCKET, key, [data[:2], data[2:]])
            return {"act": "put", "key": key, "version": version.id, "data": data.decode()}
        case "adopt":
            piece = rt.settings.home / "piece"
            piece.write_bytes(data)
            content = objects.adopt_content(rt.settings.lake, BUCKET, key, piece)
            version = objects.finish_upload(lambda: rt.begin(WRITER), content, BUCKET, key)
            return {"act": "put", "key": key, "version": version.id, "data": data.decode()}
        case "free":
            rt.free_contents()
            return None
        case what:
            try:
                with rt.begin(KEEPER) as uow:
                    if what == "tag":
                        objects.put_tags(uow, BUCKET, key, {"n": data.decode()})
                    else:
                        objects.remove_object(uow, BUCKET, key, for_good=what == "destroy")
            except PergamonError:
                return None
            return {"act": what, "key": key}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
