"""Beside the worker's runs: measure tables that have changed, and apply their rules.

A thread of its own: measuring a large table holds up neither a merge nor a crawl. The reading itself is done by a
process that is confined (ADR 0019); what happens in this thread is waiting.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pergamon import quality
from pergamon.kernel import PergamonError, durable_write, new_id
from pergamon.runtime import Runtime

LOOK_EVERY_S = 1.0
NOTICE_EVERY_S = 60.0
REST_AFTER_TROUBLE_S = 5.0
GRACE_S = 2.0
NICENESS = 10


@contextmanager
def measuring(runtime: Runtime, worker: str) -> Iterator[None]:
    """Make profiles while this block lasts. One that is cut off at its end is made by the next worker."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(runtime, worker, stop), name="quality", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=GRACE_S)


def _run(runtime: Runtime, worker: str, stop: threading.Event) -> None:
    _let_others_go_first()
    place = runtime.profile_place(worker)
    is_free, notice_at = False, 0.0
    while not stop.is_set():
        try:
            if not is_free:
                quality.release(place)
                is_free = True
            if time.monotonic() >= notice_at:
                notice_at = time.monotonic() + NOTICE_EVERY_S
                with place.begin() as uow:
                    quality.notice_changes(uow)
            rest_s = 0.0 if quality.profile_step(place) else LOOK_EVERY_S
        except PergamonError:
            rest_s = REST_AFTER_TROUBLE_S  # PostgreSQL is away; it is asked again
        except Exception as bug:  # one table's bug must not end the measuring of all others
            _keep_incident(runtime, bug)
            rest_s = REST_AFTER_TROUBLE_S
        stop.wait(rest_s)


def _let_others_go_first() -> None:
    """Who waits for an upload to be found does not wait for a profile: on Linux a thread has a niceness of its own, and
    what it starts has it too."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _keep_incident(runtime: Runtime, bug: Exception) -> None:
    """A traceback may hold values: it goes to a 0600 log, and only its number to the terminal."""
    incident = new_id("incident")
    durable_write(runtime.settings.logs / f"{incident}.log", "".join(traceback.format_exception(bug)).encode())
    sys.stderr.write(f"internal error {incident} ({type(bug).__name__}) while measuring a table\n")
