"""Keeping the index up to date with the catalog: one thread of one process writes, whoever asks may wait for it.

The writer reads the catalog's feed from the position that stands in its index; a batch of changes and the new position
are one commit. A search that finds its view behind the feed pokes the writer and waits, for a while.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pergamon.kernel import PergamonError
from pergamon.search.index import SearchIndex, View, Writer, is_damage, remove_other_indexes
from pergamon.search.model import SearchBehind
from pergamon.search.ports import Feed
from pergamon.store import FeedPosition

BATCH = 1_000
COMMIT_EVERY_S = 0.2
"""When far behind: a commit costs ten to twenty milliseconds, whatever its size."""
POLL_S = 0.5
"""A search that finds the index behind pokes the writer, so nothing waits for this."""
RETRY_S = 1.0
PATIENCE_S = 1.0
"""How long a search waits for the index to hold what was committed before it."""
GLANCE_S = 0.004
MOST_LEFT_OUT = 10_000
"""So many changed assets a search can leave out; further behind it does not answer."""

log = logging.getLogger(__name__)


class Follower:
    """The index of an installation and its way to follow the catalog. Thread-safe."""

    def __init__(
        self,
        root: Path,
        feed: Feed,
        *,
        patience_s: float = PATIENCE_S,
        most_left_out: int = MOST_LEFT_OUT,
        batch: int = BATCH,
        commit_every_s: float = COMMIT_EVERY_S,
    ) -> None:
        """batch: how many changes are read at once."""
        self.patience_s = patience_s
        self.most_left_out = most_left_out
        self.batch = batch
        self.commit_every_s = commit_every_s
        self._root = root
        self._feed = feed
        self._index: tuple[str, SearchIndex] | None = None
        self._lock = threading.Lock()
        self._poked = threading.Event()
        self._is_followed_here = threading.Event()

    # --- for whoever asks ---

    def current_view(self, patience_s: float | None = None) -> tuple[View, tuple[str, ...]]:
        """The index with everything that was committed before this call, or with what it does not hold yet, by id.

        Raises: SearchBehind: it is too far behind.
        """
        deadline = time.monotonic() + (self.patience_s if patience_s is None else patience_s)
        view, waiting = self._view_and_waiting()
        target = waiting[-1][0] if waiting else None
        while target is not None and (view is None or view.position < target) and time.monotonic() < deadline:
            self._advance(deadline)
            view = self._view(self._origin())
        if view is None or (target is not None and view.position < target):
            view, waiting = self._view_and_waiting()
            if view is None or len(waiting) > self.most_left_out:
                raise SearchBehind("the search index is being brought up to date", hint="try again in a moment")
            return view, tuple(sorted({asset_id for _, asset_id in waiting}))
        return view, ()

    def _view_and_waiting(self) -> tuple[View | None, list[tuple[FeedPosition, str]]]:
        origin = self._origin()
        view = self._view(origin)
        outlook = self._feed.outlook(view.position if view else FeedPosition(), self.most_left_out + 1)
        if outlook.origin != origin:  # every index is to be made anew
            self._index_of(outlook.origin)
            return self._view_and_waiting()
        if view is None and not outlook.changes:
            self._advance(time.monotonic() + RETRY_S)  # nothing is there yet: an index of nothing
            view = self._view(origin)
        return view, [(change.position, change.asset_id) for change in outlook.changes]

    def _view(self, origin: str) -> View | None:
        try:
            return self._index_of(origin).view()
        except SearchBehind:
            return None

    def _advance(self, deadline: float) -> None:
        """Bring the index on: by the thread that follows here, else here, else by waiting for another process."""
        if self._is_followed_here.is_set():
            self._poked.set()
            time.sleep(GLANCE_S)
            return
        with self._index_of(self._origin()).writing() as writer:
            if writer is None:
                time.sleep(GLANCE_S)
                return
            while self._step(writer) and time.monotonic() < deadline:
                pass

    # --- for the process that follows ---

    @contextmanager
    def following(self) -> Iterator[None]:
        """A thread follows the catalog while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self.follow, args=(stop.is_set,), name="search-follower", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self._poked.set()
            thread.join(timeout=10)

    def follow(self, should_stop: Callable[[], bool]) -> None:
        """Follow the catalog until told to stop; what goes wrong is tried again, a damaged index made anew."""
        while not should_stop():
            try:
                self._follow_as_writer(should_stop)
            except PergamonError as error:
                log.warning("search does not follow the catalog for now: %s", error.code)
            if not should_stop():
                self._wait(RETRY_S)

    def _follow_as_writer(self, should_stop: Callable[[], bool]) -> None:
        origin = self._origin(anew=True)
        index = self._index_of(origin)
        with index.writing() as writer:
            if writer is None:
                return
            remove_other_indexes(self._root, origin)
            self._is_followed_here.set()
            try:
                while not should_stop() and self._origin() == origin:
                    if not self._step(writer):
                        self._wait(POLL_S)
            except BaseException as error:  # a panic of the engine is no Exception
                if isinstance(error, PergamonError) or not is_damage(error):
                    raise
                log.warning("the search index is damaged, and is made anew (%s)", type(error).__name__)
                index.discard()
            finally:
                self._is_followed_here.clear()

    def _step(self, writer: Writer) -> bool:
        """Take over what has changed, one commit. Returns: whether there may be more."""
        position = writer.position
        started = time.monotonic()
        is_enough = False
        while not is_enough:
            batch = self._feed.read(position, self.batch)
            self._index_of(batch.outlook.origin)
            changes = batch.outlook.changes
            if changes:
                writer.put({change.asset_id for change in changes}, batch.documents)
                position = changes[-1].position
            is_enough = len(changes) < self.batch or time.monotonic() - started > self.commit_every_s
        if position == writer.position:
            return False
        writer.commit(position)
        return True

    def _wait(self, seconds: float) -> None:
        self._poked.wait(seconds)
        self._poked.clear()

    # --- which index ---

    def _origin(self, *, anew: bool = False) -> str:
        """Which catalog the index is of, as last heard; `anew`: asked now."""
        with self._lock:
            known = self._index
        return known[0] if known is not None and not anew else self._heard()

    def _heard(self) -> str:
        origin = self._feed.outlook(FeedPosition(), 1).origin
        self._index_of(origin)
        return origin

    def _index_of(self, origin: str) -> SearchIndex:
        """The index of this catalog, which from now on is the one."""
        with self._lock:
            if self._index is None or self._index[0] != origin:
                self._index = (origin, SearchIndex(self._root, origin))
            return self._index[1]
