"""A statement that was submitted: where it is, its end, its rows."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pergamon.client.channel import Channel, Json
from pergamon.client.errors import NotDoneYet, StatementEnded
from pergamon.client.result import Result, warn_of_more
from pergamon.client.shown import html_table

if TYPE_CHECKING:
    import pyarrow as pa

UNFINISHED = frozenset({"queued", "running"})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
FORMS = ("parquet", "arrow", "csv")


class Statement:
    """One statement of one's own. `told`: what the server said of it last.

    >>> running = site.submit("SELECT site, count(*) FROM study_sub.vitals GROUP BY site")
    >>> running.wait().result().pandas()
    """

    def __init__(self, channel: Channel, told: Json) -> None:
        self._channel = channel
        self.told = told

    def __repr__(self) -> str:
        return f"Statement({self.id!r}, {self.status!r})"

    @property
    def id(self) -> str:
        return str(self.told["id"])

    @property
    def status(self) -> str:
        """As it was told last: queued, running, done, failed, cancelled or abandoned."""
        return str(self.told["status"])

    def refresh(self) -> "Statement":
        """Ask where it is now."""
        self.told = self._channel.told("GET", self._path)
        return self

    def wait(self, timeout_s: float | None = None) -> "Statement":
        """Come back when it is done, whatever else is done meanwhile; asked more and more seldom.

        Raises:
            NotDoneYet: it is not, after `timeout_s`; it goes on.
            StatementEnded: it failed, or was cancelled or abandoned; with the server's own code and hint.
        """
        give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
        pause = FIRST_PAUSE_S
        while self.refresh().status in UNFINISHED:
            left = pause if give_up_at is None else give_up_at - time.monotonic()
            if left <= 0:
                raise NotDoneYet(f"the statement {self.id} is {self.status}", hint="wait again, or cancel it")
            time.sleep(min(pause, left))
            pause = min(LONGEST_PAUSE_S, pause * 1.5)
        if self.status != "done":
            raise StatementEnded(self.told)
        return self

    def cancel(self) -> "Statement":
        """End it: at once while it waits for its turn, within a second while it runs."""
        self.told = self._channel.told("POST", f"{self._path}/cancel")
        return self

    def result(self, timeout_s: float | None = None) -> Result:
        """All its rows, when it is done; they are kept as long as its workgroup says.

        Raises:
            NotDoneYet, StatementEnded: see `wait`. ServerRefused: the rows are not there, or not given, any more.
        """
        self.wait(timeout_s)
        with self._channel.rows("GET", f"{self._path}/results") as (_, reader):
            table = reader.read_all()
        return warn_of_more(Result(self.id, bool(self.told["truncated"]), int(self.told["duration_ms"]), table))

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Its rows piece by piece while they come: for more than should stand in memory at once. It must be done."""
        with self._channel.rows("GET", f"{self._path}/results") as (_, reader):
            yield from reader

    def pages(self, size: int = 1000) -> Iterator[list[list[object]]]:
        """Its rows as JSON, page by page, each a list of values in the order of the columns. It must be done."""
        after: dict[str, str] = {}
        while True:
            told = self._channel.told("GET", f"{self._path}/results", params={"limit": size} | after)
            yield told["rows"]
            if told["next"] is None:
                return
            after = {"after": told["next"]}

    def save(self, file: Path | str) -> Path:
        """Write all its rows into a file; its ending says the format: `.parquet`, `.arrow` or `.csv`. It must be done.

        Raises:
            ValueError: another ending.
        """
        path = Path(file)
        form = path.suffix.removeprefix(".").lower()
        if form not in FORMS:
            raise ValueError(f"a file of rows ends in .{', .'.join(FORMS)}")
        self._channel.to_file(f"{self._path}/results", path, params={"format": form})
        return path

    def _repr_html_(self) -> str:
        names = ("id", "status", "rows", "duration_ms", "error_code", "error_message")
        return html_table(names, [[self.told.get(name) for name in names]], str(self.told.get("sql") or ""))

    @property
    def _path(self) -> str:
        return f"/api/v1/statements/{quote(self.id, safe='')}"
