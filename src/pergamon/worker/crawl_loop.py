"""Beside the worker's runs: follow what happens to objects, and make tables of files.

Threads of their own: one that follows, so that nothing that is uploaded waits to be noticed; and two that crawl, so
that one large file does not hold up every small one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pergamon import crawl
from pergamon.runtime import Runtime
from pergamon.store import Bell, Pace
from pergamon.worker.beside import tried

CRAWLERS = 2
FOLLOW_EVERY_S = 0.05
CRAWL_EVERY_S = 0.08
IDLE_EVERY_S = 1.0
"""A look while nothing happens: an upload rings the bell, and is followed at once."""
CLOCK_EVERY_S = 5.0
REST_AFTER_TROUBLE_S = 2.0
PATIENCE_S = 5.0
"""At the end; what is cut off then goes on when the worker starts again."""


@contextmanager
def crawling(runtime: Runtime, worker: str, bell: Bell) -> Iterator[None]:
    """Crawl while this block lasts."""
    stop = threading.Event()
    place = runtime.crawl_place(worker)
    places = [replace(place, worker=f"{worker}/{number}") for number in range(1, CRAWLERS + 1)]
    works: list[tuple[str, Callable[[], object], Pace]] = [
        ("follow", lambda: _follow(place, bell), Pace(bell, busy_s=FOLLOW_EVERY_S, idle_s=IDLE_EVERY_S)),
        *(
            (
                each.worker,
                lambda each=each: crawl.crawl_step(each),
                Pace(bell, busy_s=CRAWL_EVERY_S, idle_s=IDLE_EVERY_S),
            )
            for each in places
        ),
    ]
    threads = [
        threading.Thread(target=_run, args=(runtime, stop, work, pace), name=f"crawl-{name}", daemon=True)
        for name, work, pace in works
    ]
    threads.append(threading.Thread(target=_tick, args=(runtime, stop, place, places), name="crawl-clock", daemon=True))
    for thread in threads:
        thread.start()
    runtime.file_reader.prewarm()
    try:
        yield
    finally:
        stop.set()
        bell.ring_here()
        for thread in threads:
            thread.join(timeout=PATIENCE_S)


def _follow(place: crawl.Place, bell: Bell) -> bool:
    """Take in what is new, and wake those who crawl."""
    moved = crawl.follow(place)
    if moved:
        bell.ring_here()
    return moved


def _tick(runtime: Runtime, stop: threading.Event, place: crawl.Place, places: list[crawl.Place]) -> None:
    while not stop.is_set():
        rest_s = REST_AFTER_TROUBLE_S if _tried(runtime, lambda: _clock(place, places)) is None else CLOCK_EVERY_S
        stop.wait(rest_s)


def _clock(place: crawl.Place, places: list[crawl.Place]) -> bool:
    """Say that we live, and begin what a schedule wants."""
    for each in places:
        crawl.beat(each)
    with place.begin() as uow:
        crawl.begin_due_listings(uow)
    return True


def _run(runtime: Runtime, stop: threading.Event, work: Callable[[], object], pace: Pace) -> None:
    while not stop.is_set():
        did = _tried(runtime, work)
        if did is None:
            stop.wait(REST_AFTER_TROUBLE_S)
        elif did:
            pace.stay_awake()
        else:
            pace.rest()


def _tried(runtime: Runtime, work: Callable[[], object]) -> bool | None:
    return tried(runtime.settings.logs, "crawling", work)
