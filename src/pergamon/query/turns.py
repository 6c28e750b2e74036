"""Whose query runs next, when more are asked for than can run? One person after the other, each in their own order.

Everything takes its turn here: queries whose caller waits, and statements that were submitted. Nobody waits behind
more than one statement of each other person. A workgroup bounds how many of its statements, and of one person's, run
at once; who may not run more is passed over, and is the first when that has changed.

A query whose caller waits keeps a thread of the process that serves everybody. So one person may have few of them, and
all together fewer than there are threads: signing in and asking for one's tables still work.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pergamon.query.model import QueryBusy


@dataclass(frozen=True, eq=False)
class Turn:
    """Something that waits for its turn. most, most_of_one: of its workgroup at once, and of one person in it."""

    person: str
    workgroup: str
    begin: Callable[[], None]
    """Called once, when the turn has come; it must return at once."""
    most: int | None = None
    most_of_one: int | None = None


@dataclass
class FairQueue:
    """Who waits and who runs. Not thread-safe: `Turns` is."""

    at_once: int
    _waiting: dict[str, "deque[Turn]"] = field(default_factory=dict)
    """By person; whoever was served last stands last."""
    _running: set[Turn] = field(default_factory=set)

    def add(self, turn: Turn) -> None:
        self._waiting.setdefault(turn.person, deque()).append(turn)

    def withdraw(self, turn: Turn) -> bool:
        """Returns: whether it was still waiting."""
        of_person = self._waiting.get(turn.person, deque())
        if turn not in of_person:
            return False
        of_person.remove(turn)
        if not of_person:
            del self._waiting[turn.person]
        return True

    def next(self) -> Turn | None:
        """The one whose turn it is; it counts as running from now on. None: nothing may begin now."""
        if len(self._running) >= self.at_once:
            return None
        turn = next((first for own in self._waiting.values() for first in own if self._may_begin(first)), None)
        if turn is None:
            return None
        self.withdraw(turn)
        if turn.person in self._waiting:
            self._waiting[turn.person] = self._waiting.pop(turn.person)
        self._running.add(turn)
        return turn

    def ended(self, turn: Turn) -> None:
        self._running.discard(turn)

    def _may_begin(self, turn: Turn) -> bool:
        of_group = [other for other in self._running if other.workgroup == turn.workgroup]
        of_person = sum(other.person == turn.person for other in of_group)
        return (turn.most is None or len(of_group) < turn.most) and (
            turn.most_of_one is None or of_person < turn.most_of_one
        )


@dataclass
class Turns:
    """The turns of this process. Thread-safe.

    at_once: how many run. each, together: how many callers of one person, and of all, may wait for rows.
    """

    each: int = 3
    together: int = 24
    at_once: int = 4
    longest_wait_s: float = 60.0
    _taken: "Counter[str]" = field(default_factory=Counter, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self._queue = FairQueue(self.at_once)

    @contextmanager
    def of(
        self, actor: str, workgroup: str = "", *, most: int | None = None, most_of_one: int | None = None
    ) -> Iterator[None]:
        """Wait for a turn, and hold it while the block runs.

        Raises:
            QueryBusy: this actor has as many callers waiting as one may, or everybody together has; or no turn came.
        """
        with self._lock:
            if self._taken[actor] >= self.each:
                raise QueryBusy(f"{self.each} of your queries are under way", hint=_LATER)
            if self._taken.total() >= self.together:
                raise QueryBusy("as many queries are under way as this host takes", hint=_LATER)
            self._taken[actor] += 1
        come = threading.Event()
        turn = Turn(actor, workgroup, come.set, most, most_of_one)
        try:
            self.enter(turn)
            if not come.wait(self.longest_wait_s) and self.withdraw(turn):
                raise QueryBusy(f"your turn did not come within {self.longest_wait_s:.0f} s", hint=_LATER)
            yield
        finally:
            self.leave(turn)
            with self._lock:
                self._taken[actor] -= 1
                self._taken += Counter()  # forgets who has none

    def enter(self, turn: Turn) -> None:
        """Stand in the queue; `turn.begin` is called when the turn has come, perhaps at once. Then `leave`."""
        with self._lock:
            self._queue.add(turn)
        self._begin_next()

    def withdraw(self, turn: Turn) -> bool:
        """Leave the queue. Returns: whether the turn had not come yet."""
        with self._lock:
            return self._queue.withdraw(turn)

    def leave(self, turn: Turn) -> None:
        """The turn is over; whoever is next begins."""
        with self._lock:
            self._queue.withdraw(turn)
            self._queue.ended(turn)
        self._begin_next()

    def _begin_next(self) -> None:
        with self._lock:
            while (turn := self._queue.next()) is not None:
                turn.begin()


_LATER = "wait until one of them has ended; or submit it (`pergamon query --background`), and fetch the rows later"
