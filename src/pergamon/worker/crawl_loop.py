"""Beside the worker's runs: follow what happens to objects, and make tables of files.

Threads of their own: one that follows, so that nothing that is uploaded waits to be noticed; and two that crawl, so
that one large file does not hold up every small one.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pergamon import crawl
from pergamon.kernel import PergamonError, durable_write, new_id
from pergamon.runtime import Runtime

CRAWLERS = 2
FOLLOW_EVERY_S = 0.05
CRAWL_EVERY_S = 0.08
CLOCK_EVERY_S = 5.0
REST_AFTER_TROUBLE_S = 2.0
PATIENCE_S = 5.0
"""At the end; what is cut off then goes on when the worker starts again."""


@contextmanager
def crawling(runtime: Runtime, worker: str) -> Iterator[None]:
    """Crawl while this block lasts."""
    stop = threading.Event()
    place = runtime.crawl_place(worker)
    places = [replace(place, worker=f"{worker}/{number}") for number in range(1, CRAWLERS + 1)]
    works: list[tuple[str, Callable[[], float]]] = [
        ("follow", lambda: 0.0 if crawl.follow(place) else FOLLOW_EVERY_S),
        ("clock", lambda: _clock(runtime, place, places)),
        *((each.worker, lambda each=each: 0.0 if crawl.crawl_step(each) else CRAWL_EVERY_S) for each in places),
    ]
    threads = [
        threading.Thread(target=_run, args=(runtime, stop, work), name=f"crawl-{name}", daemon=True)
        for name, work in works
    ]
    for thread in threads:
        thread.start()
    runtime.file_reader.prewarm()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=PATIENCE_S)


def _clock(runtime: Runtime, place: crawl.Place, places: list[crawl.Place]) -> float:
    """Say that we live, and begin what a schedule wants."""
    for each in places:
        crawl.beat(each)
    with place.begin() as uow:
        crawl.begin_due_listings(uow)
    return CLOCK_EVERY_S


def _run(runtime: Runtime, stop: threading.Event, work: Callable[[], float]) -> None:
    while not stop.is_set():
        try:
            rest_s = work()
        except PergamonError:
            rest_s = REST_AFTER_TROUBLE_S  # PostgreSQL is away; it is asked again
        except Exception as bug:  # a bug met by one folder must not end the crawling of all others
            _keep_incident(runtime, bug)
            rest_s = REST_AFTER_TROUBLE_S
        stop.wait(rest_s)


def _keep_incident(runtime: Runtime, bug: Exception) -> None:
    """A traceback may hold names of files: it goes to a 0600 log, and only its number to the terminal."""
    incident = new_id("incident")
    durable_write(runtime.settings.logs / f"{incident}.log", "".join(traceback.format_exception(bug)).encode())
    sys.stderr.write(f"internal error {incident} ({type(bug).__name__}) while crawling\n")
