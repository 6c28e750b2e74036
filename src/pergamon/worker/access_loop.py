"""Beside the worker's runs: tell the trail which grants have ended, and who should renew one soon.

A grant gives nothing from its end on, whether or not this has come by.
"""

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pergamon import access
from pergamon.kernel import PergamonError, durable_write, new_id
from pergamon.runtime import Runtime

LOOK_EVERY_S = 15.0
PATIENCE_S = 5.0


@contextmanager
def looking_after_grants(runtime: Runtime) -> Iterator[None]:
    """Tell of ends while this block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=_look, args=(runtime, stop), name="grants", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=PATIENCE_S)


def tell_of_ends(runtime: Runtime) -> int:
    """One look. Returns: how many grants were told of."""
    with runtime.begin(runtime.service("access")) as uow:
        return access.expire_grants(uow) + access.warn_of_ends(uow)


def _look(runtime: Runtime, stop: threading.Event) -> None:
    while not stop.is_set():
        rest_s = LOOK_EVERY_S
        try:
            rest_s = 0.0 if tell_of_ends(runtime) else LOOK_EVERY_S
        except PergamonError:
            pass  # PostgreSQL is away; it is asked again
        except Exception as bug:  # a bug met at one grant must not end the thread
            incident = new_id("incident")
            durable_write(runtime.settings.logs / f"{incident}.log", "".join(traceback.format_exception(bug)).encode())
            sys.stderr.write(f"internal error {incident} ({type(bug).__name__}) while looking after grants\n")
        stop.wait(rest_s)
