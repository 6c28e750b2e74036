"""Beside the worker's runs: copy what is dropped into directories, free removed contents, sweep what is lost or over.

A thread of its own, so that a long merge holds up no upload, and a long copy no merge.
"""

import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pergamon import objects
from pergamon.kernel import PergamonError, durable_write, new_id
from pergamon.runtime import Runtime

LOOK_EVERY_S = 0.5
FREE_EVERY_S = 2.0
SWEEP_EVERY_S = 3600.0
REST_AFTER_TROUBLE_S = 5.0


@contextmanager
def dropping(runtime: Runtime) -> Iterator[None]:
    """Watch drop directories while this block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(runtime, stop), name="drop-directories", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=objects.LONGEST_STEP_S)


def _run(runtime: Runtime, stop: threading.Event) -> None:
    place = runtime.drop_place()
    turns = _Turns(runtime)
    while not stop.is_set():
        try:
            turns.take()
            rest_s = 0.0 if objects.drop_step(place) else LOOK_EVERY_S
        except PergamonError:
            rest_s = REST_AFTER_TROUBLE_S  # PostgreSQL is away; it is asked again
        except Exception as bug:  # one file's bug must not end the watching of all others
            _keep_incident(runtime, bug)
            rest_s = REST_AFTER_TROUBLE_S
        stop.wait(rest_s)


class _Turns:
    """What comes round less often than a look."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._free_at, self._sweep_at = 0.0, time.monotonic() + SWEEP_EVERY_S / 60
        self._expire_at = self._sweep_at

    def take(self) -> None:
        now = time.monotonic()
        if now >= self._free_at:
            self._free_at = now + FREE_EVERY_S
            self._runtime.free_contents()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_S
            self._runtime.sweep_contents()
        if now >= self._expire_at:
            self._expire_at = now + (FREE_EVERY_S if self._runtime.expire() else SWEEP_EVERY_S)


def _keep_incident(runtime: Runtime, bug: Exception) -> None:
    """A traceback may hold names of files: it goes to a 0600 log, and only its number to the terminal."""
    incident = new_id("incident")
    durable_write(runtime.settings.logs / f"{incident}.log", "".join(traceback.format_exception(bug)).encode())
    sys.stderr.write(f"internal error {incident} ({type(bug).__name__}) while watching drop directories\n")
