"""A replicator as a process of its own, to be killed, or to die by itself at a named boundary.

`python -m tests.integration.replicate.replicator HOME URL [before|after NAME COUNT]`: it dies, as by kill -9, before or
after it gives the COUNTth file whose name ends in NAME its final name.
"""

import os
import sys
from pathlib import Path
from typing import Any

from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import open_runtime
from pergamon.settings import Settings


def die_when_naming(when: str, ending: str, count: int) -> None:
    real, seen = os.replace, 0

    def replace(source: Any, target: Any) -> None:
        nonlocal seen
        seen += str(target).endswith(ending)
        due = seen == count and str(target).endswith(ending)
        if due and when == "before":
            os._exit(9)
        real(source, target)
        if due:
            os._exit(9)

    os.replace = replace  # type: ignore[assignment]


def main(home: str, database_url: str, *boundary: str) -> None:
    operator = Actor(id="operator:test", kind=ActorKind.OPERATOR)
    with open_runtime(Settings(home=Path(home), database_url=database_url)) as runtime:
        if boundary:
            when, ending, count = boundary
            die_when_naming(when, ending, int(count))
        runtime.run_replication(operator, "hospital")


if __name__ == "__main__":
    main(*sys.argv[1:])
