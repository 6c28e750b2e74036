"""A replicator as a process of its own, to be killed: `python -m tests.integration.replicate.replicator HOME URL`."""

import sys
from pathlib import Path

from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import open_runtime
from pergamon.settings import Settings


def main(home: str, database_url: str) -> None:
    operator = Actor(id="operator:test", kind=ActorKind.OPERATOR)
    with open_runtime(Settings(home=Path(home), database_url=database_url)) as runtime:
        runtime.run_replication(operator, "hospital")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
