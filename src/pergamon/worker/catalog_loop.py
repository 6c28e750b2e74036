"""Beside the worker's runs: look at data sources when their schedule says so, or when they were just deployed."""

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pergamon import catalog
from pergamon.kernel import PergamonError, durable_write, new_id
from pergamon.runtime import Runtime

LOOK_EVERY_S = 2.0
REST_AFTER_TROUBLE_S = 10.0
PATIENCE_S = 5.0
"""At the end; a run that is cut off then is told as abandoned, and done again when the worker starts again."""


@contextmanager
def looking_at_sources(runtime: Runtime) -> Iterator[None]:
    """Run due data sources while this block lasts, one at a time."""
    stop = threading.Event()
    thread = threading.Thread(target=_look, args=(runtime, stop), name="data-sources", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=PATIENCE_S)


def _look(runtime: Runtime, stop: threading.Event) -> None:
    actor = runtime.service("catalog")
    is_begun = False
    while not stop.is_set():
        rest_s = LOOK_EVERY_S
        try:
            if not is_begun:
                with runtime.begin(actor) as uow:
                    catalog.abandon_unfinished_runs(uow)
                is_begun = True
            if catalog.run_due_data_source(lambda: runtime.begin(actor)) is not None:
                rest_s = 0.0
        except PergamonError:
            rest_s = REST_AFTER_TROUBLE_S  # PostgreSQL is away, or the lake is; they are asked again
        except Exception as bug:  # a bug met by one data source must not end all others
            _keep_incident(runtime, bug)
            rest_s = REST_AFTER_TROUBLE_S
        stop.wait(rest_s)


def _keep_incident(runtime: Runtime, bug: Exception) -> None:
    """A traceback goes to a 0600 log, and only its number to the terminal."""
    incident = new_id("incident")
    durable_write(runtime.settings.logs / f"{incident}.log", "".join(traceback.format_exception(bug)).encode())
    sys.stderr.write(f"internal error {incident} ({type(bug).__name__}) while looking at a data source\n")
