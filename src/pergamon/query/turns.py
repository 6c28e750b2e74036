"""How many queries may one person have under way, and all together? More are refused at once, not queued.

A query that waits keeps a thread of the process that serves everybody. So one person takes fewer turns than the engine
runs at a time, and all together fewer than there are threads: signing in and asking for one's tables still work.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pergamon.query.model import QueryBusy


@dataclass
class Turns:
    """The queries under way in this process. Thread-safe."""

    each: int = 3
    together: int = 24
    _taken: "Counter[str]" = field(default_factory=Counter, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def of(self, actor: str) -> Iterator[None]:
        """Hold a turn while the block runs.

        Raises:
            QueryBusy: this actor has as many queries under way as one may, or everybody together has.
        """
        with self._lock:
            if self._taken[actor] >= self.each:
                raise QueryBusy(f"{self.each} of your queries are under way", hint="wait until one of them has ended")
            if self._taken.total() >= self.together:
                raise QueryBusy("as many queries are under way as this host takes", hint="try again in a moment")
            self._taken[actor] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[actor] -= 1
                self._taken += Counter()  # forgets who has none
