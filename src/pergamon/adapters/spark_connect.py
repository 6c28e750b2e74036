"""SQL to a trusted engine over Spark Connect (Sail now; a Spark or Sail cluster by its `sc://` address later).

What an engine says of a failure may hold row values: it goes to a 0600 log file under an incident's id, and callers get
the id (law 6). Whether a write happened is never read from here: close the lease and read its outcome (law 4).
"""

import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from pergamon.kernel import Unavailable, make_durable_directory, new_id

Result = TypeVar("Result")
LOG_NAME = "engine.log"
LOOK_EVERY_S = 0.5


class EngineFailed(Unavailable):
    """The engine refused or failed a statement; why stands in the log under the incident's id."""

    code = "engine.failed"


class EngineTimedOut(EngineFailed):
    """The engine did not answer in time. Nothing is known of what it did: ask the lease, and start a new engine."""

    code = "engine.timed_out"


@dataclass(frozen=True)
class EngineSession:
    """One session of an engine. One statement at a time."""

    spark: Any  # pyspark.sql.connect.session.SparkSession, which has no types
    logs: Path
    timeout_s: float
    is_alive: Callable[[], bool] = lambda: True
    id: str = field(default_factory=lambda: new_id("session"))

    def execute_sql(self, sql: str, *, timeout_s: float | None = None) -> None:
        """Run a statement for its effect.

        Raises:
            EngineFailed: the engine refused it or failed.
            EngineTimedOut: no answer in time.
        """
        self._run(lambda: self.spark.sql(sql).toArrow(), timeout_s)

    def sql_to_arrow(self, sql: str, *, timeout_s: float | None = None) -> pa.Table:
        """Run a query and fetch all of its rows.

        Raises:
            EngineFailed, EngineTimedOut: as `execute_sql`.
        """
        return self._run(lambda: self.spark.sql(sql).toArrow(), timeout_s)

    def create_view(self, name: str, rows: pa.Table) -> None:
        """Make rows known to this session's statements under a name.

        Raises:
            EngineFailed, EngineTimedOut: as `execute_sql`.
        """
        self._run(lambda: self.spark.createDataFrame(rows).createOrReplaceTempView(name), None)

    def run(self, work: Callable[[Any], Result], *, timeout_s: float | None = None) -> Result:
        """Give the Spark session itself to a job written in Python.

        Raises:
            EngineFailed, EngineTimedOut: as `execute_sql`; an error of the job's own is also an EngineFailed.
        """
        return self._run(lambda: work(self.spark), timeout_s)

    def _run(self, work: Callable[[], Result], timeout_s: float | None) -> Result:
        """Do the work in a thread of its own, because the client waits for an answer without end."""
        wait_s = self.timeout_s if timeout_s is None else timeout_s
        results: list[Result] = []
        errors: list[BaseException] = []

        def body() -> None:
            try:
                results.append(work())
            except BaseException as error:  # whatever it is, it belongs to the log and not to a user
                errors.append(error)

        thread = threading.Thread(target=body, name=f"engine-{self.id}", daemon=True)
        thread.start()
        self._wait_for(thread, wait_s)
        if thread.is_alive():
            if not self.is_alive():
                raise EngineFailed("the engine has died", hint="start it anew; the lease knows what happened")
            raise EngineTimedOut(f"the engine did not answer within {wait_s:g} s", hint="the lease knows what happened")
        if errors:
            incident = self._log(errors[0])
            raise EngineFailed(
                f"the engine failed: {type(errors[0]).__name__}, incident {incident}",
                hint=f"the operator finds the incident in {LOG_NAME}",
            ) from None
        return results[0]

    def _wait_for(self, thread: threading.Thread, wait_s: float) -> None:
        """Until the work is done, its time is over, or the engine has died."""
        deadline = time.monotonic() + wait_s
        while thread.is_alive() and self.is_alive() and (left_s := deadline - time.monotonic()) > 0:
            thread.join(min(left_s, LOOK_EVERY_S))

    def _log(self, error: BaseException) -> str:
        incident = new_id("incident")
        text = "".join(traceback.format_exception(error))
        descriptor = os.open(self.logs / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", errors="replace") as log:
            log.write(f"{incident}\n{text}\n")
        return incident


@contextmanager
def open_session(
    remote: str, *, logs: Path, timeout_s: float = 600, is_alive: Callable[[], bool] = lambda: True
) -> Iterator[EngineSession]:
    """A session of its own at `sc://host:port`.

    logs: the directory for `engine.log`. timeout_s: for each statement that names no other.
    is_alive: whether the engine still runs (`RunningSail.is_alive`); a dead one is not waited for.
    Raises:
        EngineFailed: the engine cannot be reached.
    """
    make_durable_directory(logs)
    connector = EngineSession(spark=None, logs=logs, timeout_s=timeout_s, is_alive=is_alive)
    spark = connector.run(lambda _: _connect(remote))
    session = EngineSession(spark=spark, logs=logs, timeout_s=timeout_s, is_alive=is_alive)
    try:
        yield session
    finally:
        closing = threading.Thread(target=_close, args=(spark,), name="engine-close", daemon=True)
        closing.start()
        closing.join(5)


def _connect(remote: str) -> Any:
    main = sys.modules["__main__"]
    if main.__spec__ is None and not hasattr(main, "__file__"):
        main.__file__ = __file__  # else PySpark takes us for a doctest (a program given as text), and exits
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        from pyspark.sql.connect.session import SparkSession

        spark = SparkSession.builder.remote(remote).create()
    spark.client.set_retry_policies(
        []
    )  # by default a statement is sent again for ten minutes; we ask the lease instead
    return spark


def _close(spark: Any) -> None:
    with suppress(Exception):  # the engine may be gone; there is nothing left to lose
        spark.stop()
