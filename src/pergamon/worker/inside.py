"""Inside its own network, one worker of each name: the catalog endpoint, the engine, and the runs.

In a file of its own, for it brings every room: who only starts a worker does not load it.
"""

import fcntl
import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pergamon import pipeline
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import new_secret
from pergamon.runtime import Runtime
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


def work(runtime: Runtime, name: str, *, until_idle: bool) -> int:
    """Carry out runs until told to end, or, `until_idle`, until none is left. Returns: the exit status."""
    gc.freeze()  # what is loaded stays
    with _only_one(runtime.settings.home / f"worker-{name}.lock") as is_only:
        if not is_only:
            return ALREADY_THERE
        token = new_secret()
        app = create_app(runtime, token=token, on_commit=pipeline.on_commit)
        with serve(app) as endpoint, runtime.engine(endpoint.uri, token) as engine:
            place = runtime.workplace(engine, name)
            runs = DurableRuns(place, runtime.store.conninfo, runtime.settings.logs)
            bell = Bell()
            loop = WorkerLoop(place, runs, bell, until_idle=until_idle)
            _stop_on_signal(loop)
            with (
                bell.listening(runtime.store.conninfo),
                crawling(runtime, name, bell),
                dropping(runtime),
                looking_at_sources(runtime),
                looking_after_grants(runtime),
                measuring(runtime, name),
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
