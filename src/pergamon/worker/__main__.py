"""`python -m pergamon.worker --home DIR`: the process that merges and transforms.

Outside, it keeps PostgreSQL open, relays to it where it is on the network, and starts itself again inside a network of
its own; inside, it serves the catalog endpoint, starts the engine, and carries out runs (law 8). One process of each
name: a second one ends at once.
"""

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pergamon import pipeline
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import PergamonError, Unavailable, new_secret
from pergamon.runtime import Runtime, is_isolated, open_runtime, require_database_in_reach, settings_inside
from pergamon.settings import settings_from_environment
from pergamon.store import Bell
from pergamon.worker.access_loop import looking_after_grants
from pergamon.worker.catalog_loop import looking_at_sources
from pergamon.worker.crawl_loop import crawling
from pergamon.worker.drop_loop import dropping
from pergamon.worker.durable import DurableRuns
from pergamon.worker.loop import WorkerLoop
from pergamon.worker.quality_loop import measuring

GRACE_S = 10.0
"""After being asked to end: then the process goes, whatever it does. Nothing is lost by that (law 4)."""
ALREADY_THERE = 0


class NotIsolated(Unavailable):
    """The worker was started inside a network that others can reach."""

    code = "worker.not_isolated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker. Returns: the exit status."""
    given = _parser().parse_args(arguments)
    settings = settings_from_environment(given.home)
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
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--database-relay", type=Path, help=argparse.SUPPRESS)
    return parser


def _outside(runtime: Runtime, given: argparse.Namespace) -> int:
    passed = ["--name", given.name]
    passed += ["--until-idle"] if given.until_idle else []
    passed += ["--trusted-host"] if given.trusted_host else []
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
    with _only_one(runtime.settings.home / f"worker-{given.name}.lock") as is_only:
        if not is_only:
            return ALREADY_THERE
        token = new_secret()
        app = create_app(runtime, token=token, on_commit=pipeline.on_commit)
        with serve(app) as endpoint, runtime.engine(endpoint.uri, token) as engine:
            place = runtime.workplace(engine, given.name)
            runs = DurableRuns(place, runtime.store.conninfo, runtime.settings.logs)
            bell = Bell()
            loop = WorkerLoop(place, runs, bell, until_idle=given.until_idle)
            _stop_on_signal(loop)
            with (
                bell.listening(runtime.store.conninfo),
                crawling(runtime, given.name, bell),
                dropping(runtime),
                looking_at_sources(runtime),
                looking_after_grants(runtime),
                measuring(runtime, given.name),
            ):
                loop.run()
            runs.close()
    return 0


def _stop_on_signal(loop: WorkerLoop) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.request_stop()
        timer = threading.Timer(GRACE_S, os._exit, args=(0,))
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


@contextmanager
def _only_one(path: Path) -> Iterator[bool]:
    """Is this the only living worker of its name on this host?"""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_only = True
    except BlockingIOError:
        is_only = False
    try:
        yield is_only
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
