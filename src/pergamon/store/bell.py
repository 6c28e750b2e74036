"""A bell that is heard in every process: something was committed that somebody waits for.

It is a hint and no message, and it may be lost. It is rung after the commit, by a statement of its own (a transaction
that notifies holds up every other one that does, until it has committed), and at most once a second. So whoever waits
also looks by itself: often while things happen, now and then while nothing does, and often when it cannot hear.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

CHANNEL = "pergamon_bell"
RUNG_AGAIN_AFTER_S = 1.0
AWAKE_S = 5.0
"""After a ring or after work: longer than a ring is left out for."""
LISTEN_AGAIN_AFTER_S = 2.0
LOOK_AT_STOP_EVERY_S = 2.0
JITTER = 0.2


class Bell:
    """What one process hears. Thread-safe; without `listening` it is deaf, and whoever waits looks often."""

    def __init__(self) -> None:
        self.is_heard = False
        self._ears: list[threading.Event] = []

    def ring_here(self) -> None:
        """Wake who waits in this process."""
        for ear in self._ears:
            ear.set()

    def ear(self) -> threading.Event:
        """Set at each ring; one for each who waits."""
        ear = threading.Event()
        self._ears.append(ear)
        return ear

    @contextmanager
    def listening(self, conninfo: str) -> Iterator["Bell"]:
        """Hear what other processes ring while the block lasts; who waits is woken at its end."""
        stop = threading.Event()
        thread = threading.Thread(target=self._listen, args=(conninfo, stop), name="bell", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            self.ring_here()

    def _listen(self, conninfo: str, stop: threading.Event) -> None:
        while not stop.is_set():
            with suppress(psycopg.Error), psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                self.is_heard = True
                self.ring_here()  # what was rung before this is not heard
                while not stop.is_set():
                    for _ in connection.notifies(timeout=LOOK_AT_STOP_EVERY_S):
                        self.ring_here()
            self.is_heard = False
            stop.wait(LISTEN_AGAIN_AFTER_S)


class Pace:
    """How long one thread rests between two looks: `busy_s` while things happen, about `idle_s` while nothing does."""

    def __init__(self, bell: Bell, *, busy_s: float, idle_s: float) -> None:
        self._bell, self._busy_s, self._idle_s = bell, busy_s, idle_s
        self._ear = bell.ear()
        self._awake_until = time.monotonic() + AWAKE_S

    def stay_awake(self) -> None:
        """There was something to do, and more may come."""
        self._awake_until = time.monotonic() + AWAKE_S

    def rest(self) -> None:
        """Return when it is time to look again, or at once when the bell rings."""
        is_busy = time.monotonic() < self._awake_until or not self._bell.is_heard
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - so that many do not look at the same moment
        if self._ear.wait(self._busy_s if is_busy else self._idle_s * spread):
            self._ear.clear()
            self.stay_awake()
