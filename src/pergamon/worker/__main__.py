"""`python -m pergamon.worker --home DIR`: the process that merges and transforms.

Outside, it keeps PostgreSQL open, relays to it where it is on the network, and starts itself again inside a network of
its own; inside, it serves the catalog endpoint, starts the engine, and carries out runs (law 8). One process of each
name: a second one ends at once.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from pergamon.kernel import PergamonError, Unavailable
from pergamon.runtime import Runtime, is_isolated, open_runtime, require_database_in_reach, settings_inside
from pergamon.settings import settings_from_environment


class NotIsolated(Unavailable):
    """The worker was started inside a network that others can reach."""

    code = "worker.not_isolated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker. Returns: the exit status."""
    given = _parser().parse_args(arguments)
    settings = replace(settings_from_environment(given.home), without_landlock=given.without_landlock)
    try:
        if not given.trusted_host:
            require_database_in_reach(settings)
        with settings_inside(settings, given.database_relay) as within, open_runtime(within) as runtime:
            return _inside(runtime, given) if given.inside else _outside(runtime, given)
    except PergamonError as error:
        sys.stderr.write(f"error: {error}\n")
        return 6


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pergamon.worker", description="Merge, transform, run workflows.")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--name", default="worker", help="stable name; its unfinished runs go on when it starts again")
    parser.add_argument("--until-idle", action="store_true", help="end when no run is left")
    parser.add_argument(
        "--trusted-host", action="store_true", help="run where namespaces are forbidden; nobody else uses the host"
    )
    parser.add_argument("--without-landlock", action="store_true", help="see `pergamon --help`")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--database-relay", type=Path, help=argparse.SUPPRESS)
    return parser


def _outside(runtime: Runtime, given: argparse.Namespace) -> int:
    passed = ["--name", given.name]
    passed += ["--until-idle"] if given.until_idle else []
    passed += ["--trusted-host"] if given.trusted_host else []
    passed += ["--without-landlock"] if given.without_landlock else []
    child = runtime.launch_worker(passed, trusted_host=given.trusted_host)
    _pass_on_signals(child)
    return child.wait()


def _pass_on_signals(child: subprocess.Popen[bytes]) -> None:
    """bwrap does not hand a signal on to what runs in it, but dies of it, and its child with it: that is an end,
    too."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)


def _inside(runtime: Runtime, given: argparse.Namespace) -> int:
    if not (given.trusted_host or is_isolated()):
        raise NotIsolated("the worker does not run in a network of its own", hint="start it without --inside")
    from pergamon.worker.inside import work  # only here: who starts it in its network needs none of it

    return work(runtime, given.name, until_idle=given.until_idle)


if __name__ == "__main__":
    sys.exit(main())
