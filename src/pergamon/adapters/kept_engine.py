"""Keep one engine alive: when it has died, or did not answer in time, the next session gets a new one.

After a time-out nothing is known of what the old engine still does; it is ended before anybody writes again (law 4: its
lease is closed already, so a late commit of it is refused).
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pergamon.adapters.sail import RunningSail, start_sail
from pergamon.adapters.spark_connect import EngineFailed, EngineSession, EngineTimedOut, open_session

STATEMENT_TIMEOUT_S = 600.0


@dataclass
class KeptEngine:
    """Sail behind one catalog endpoint. Thread-safe; sessions run side by side."""

    catalog_uri: str
    token: str
    logs: Path
    spill: Path
    timeout_s: float = STATEMENT_TIMEOUT_S
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stack: ExitStack = field(default_factory=ExitStack)
    _sail: RunningSail | None = None

    @contextmanager
    def session(self) -> Iterator[EngineSession]:
        """A session of its own.

        Raises:
            SailDidNotStart, EngineFailed, EngineTimedOut.
        """
        sail = self._running()
        try:
            with open_session(sail.remote, logs=self.logs, timeout_s=self.timeout_s) as session:
                yield session
        except EngineTimedOut:
            self._discard(sail)
            raise
        except EngineFailed:
            if not sail.is_alive():
                self._discard(sail)
            raise

    def process_id(self) -> int:
        """The engine's process, for the tests that kill it."""
        return self._running().process.pid

    def close(self) -> None:
        """End the engine."""
        with self._lock:
            self._stack.close()
            self._sail = None

    def _running(self) -> RunningSail:
        with self._lock:
            if self._sail is None or not self._sail.is_alive():
                self._stack.close()
                self._sail = self._stack.enter_context(
                    start_sail(self.catalog_uri, self.token, logs=self.logs, spill=self.spill)
                )
            return self._sail

    def _discard(self, sail: RunningSail) -> None:
        """End this engine, unless another session has replaced it already."""
        with self._lock:
            if self._sail is sail:
                sail.kill()
                self._stack.close()
                self._sail = None
