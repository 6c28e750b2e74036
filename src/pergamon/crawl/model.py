"""The words of crawling: a crawler looks after prefixes of a bucket; a folder becomes a table; a file has a state.

Pure values; what happens when is in `step.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Self

from croniter import croniter  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pergamon.formats import FormatHints
from pergamon.kernel import Conflict, Event, NotFound

PURPOSE = "crawl"
"""Of a lease: the only commits that `crawl` makes."""


class UnknownCrawler(NotFound):
    code = "crawl.unknown_crawler"
    usual_hint = "`pergamon crawl ls` lists them"


class UnknownCrawledFile(NotFound):
    code = "crawl.unknown_file"


class UnknownCrawledTable(NotFound):
    code = "crawl.unknown_table"


class CrawledNameTaken(Conflict):
    code = "crawl.name_taken"


class CrawlerHasTables(Conflict):
    """A crawler's tables would stay behind in another database."""

    code = "crawl.has_tables"


class CrawlerSpec(BaseModel):
    """What to look after, where its tables go, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bucket: str
    prefixes: tuple[str, ...] = ("",)
    database: str
    include: tuple[str, ...] = ()
    """Patterns of keys below the prefix, as a shell writes them; none: every key."""
    exclude: tuple[str, ...] = ()
    on_event: bool = True
    schedule: str | None = None
    one_table: bool = False
    most_tables: int = Field(default=10_000, ge=1)
    """More are not made; files that would need one are blocked, and say so."""
    hints: FormatHints = FormatHints()
    description: str = ""

    @field_validator("prefixes")
    @classmethod
    def _prefixes_end_at_a_folder(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        plain = sorted({normal_prefix(prefix) for prefix in prefixes})
        if not plain:
            raise ValueError("name at least one prefix; an empty one is the whole bucket")
        inside = [b for a in plain for b in plain if a != b and b.startswith(a)]
        if inside:
            raise ValueError(f"one prefix lies inside another: {inside[0]}")
        return tuple(plain)

    @field_validator("schedule")
    @classmethod
    def _schedule_is_cron(cls, schedule: str | None) -> str | None:
        if schedule is not None and (len(schedule.split()) != 5 or not croniter.is_valid(schedule)):
            raise ValueError("a schedule is five cron fields in UTC, as 0 3 * * *")
        return schedule

    @model_validator(mode="after")
    def _one_table_has_one_prefix(self) -> Self:
        if self.one_table and (len(self.prefixes) != 1 or not self.prefixes[0]):
            raise ValueError("one table has exactly one prefix, which names it")
        return self

    def prefix_of(self, key: str) -> str | None:
        """The prefix below which a key lies, when this crawler looks after that key."""
        for prefix in self.prefixes:
            if key.startswith(prefix) and self._wants(key[len(prefix) :]):
                return prefix
        return None

    def _wants(self, rest: str) -> bool:
        if not rest or _is_hidden(rest):
            return False
        included = not self.include or any(fnmatchcase(rest, pattern) for pattern in self.include)
        return included and not any(fnmatchcase(rest, pattern) for pattern in self.exclude)


def normal_prefix(written: str) -> str:
    """`data/visits/` for `/data/visits`; empty for the whole bucket.

    Raises:
        ValueError: it has `.` or `..` segments, empty ones, or control characters.
    """
    plain = written.strip("/")
    segments = plain.split("/") if plain else []
    if any(part in ("", ".", "..") for part in segments) or re.search(r"[\x00-\x1f\\]", plain):
        raise ValueError("a prefix is a plain folder path: data/visits")
    return f"{plain}/" if plain else ""


def _is_hidden(rest: str) -> bool:
    """`_SUCCESS`, `.crc`, `_delta_log/…`: what engines leave beside data."""
    parts = rest.split("/")
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


class FileState(StrEnum):
    PENDING = "pending"
    """A version that nobody has looked into yet."""
    INSPECTED = "inspected"
    """What it holds is known; its rows are not in a table yet."""
    ADDED = "added"
    QUARANTINED = "quarantined"
    """It cannot be read, or does not fit; the reason stands there. Rows of the version before it stay."""
    BLOCKED = "blocked"
    """The name of its table belongs to somebody else."""
    REMOVED = "removed"


@dataclass(frozen=True)
class FileOutcome:
    """What one crawler made of one file. tables: by name; rows: of the file in them, once they are there."""

    crawler: str
    state: FileState
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    rows: int | None = None


@dataclass(frozen=True)
class Claim:
    """The right to work on one folder now."""

    id: str
    crawler: str
    folder: str
    base: str


@dataclass(frozen=True)
class CrawlerStatus:
    """A crawler as people ask for it."""

    name: str
    bucket: str
    prefixes: tuple[str, ...]
    database: str
    on_event: bool
    schedule: str | None
    is_listing: bool
    files: Mapping[str, int]
    """State -> how many."""
    folders_at_work: int
    tables: tuple[Mapping[str, object], ...] = ()
    failures: tuple[Mapping[str, object], ...] = ()
    last_listed_at: datetime | None = None

    @property
    def is_idle(self) -> bool:
        return not self.is_listing and self.folders_at_work == 0

    def as_json(self) -> dict[str, Any]:
        """As the API and the command line tell it."""
        said = asdict(self) | {"prefixes": list(self.prefixes), "is_idle": self.is_idle}
        said["last_listed_at"] = _iso(self.last_listed_at)
        said["tables"] = [dict(table) for table in self.tables]
        said["failures"] = [dict(failure) | {"due_at": _iso(failure["due_at"])} for failure in self.failures]
        return said


def _iso(at: object) -> str | None:
    return at.isoformat(timespec="seconds") if isinstance(at, datetime) else None


@dataclass(frozen=True)
class CrawlerPut(Event):
    code: ClassVar[str] = "crawl.crawler_put"
    bucket: str
    prefixes: tuple[str, ...]
    database: str


@dataclass(frozen=True)
class CrawlerDropped(Event):
    code: ClassVar[str] = "crawl.crawler_dropped"


@dataclass(frozen=True)
class CrawlRequested(Event):
    code: ClassVar[str] = "crawl.requested"
    cause: str


@dataclass(frozen=True)
class TableCrawled(Event):
    """Files came into a table, or went, in one commit."""

    code: ClassVar[str] = "crawl.table_crawled"
    crawler: str
    snapshot_id: int
    files_added: int
    files_removed: int
    in_place: int
    rows_added: int


@dataclass(frozen=True)
class FileQuarantined(Event):
    code: ClassVar[str] = "crawl.file_quarantined"
    crawler: str
    version: str
    reason: str


@dataclass(frozen=True)
class FilesReplayed(Event):
    code: ClassVar[str] = "crawl.files_replayed"
    files: int


@dataclass(frozen=True)
class RebuildAsked(Event):
    """The files of a folder are read again, and its tables built anew."""

    code: ClassVar[str] = "crawl.rebuild_asked"
    crawler: str
    folder: str
    files: int


@dataclass(frozen=True)
class TableReleased(Event):
    """The name of a table was taken from its folder. now_called: what its table is called; empty: it is gone."""

    code: ClassVar[str] = "crawl.table_released"
    crawler: str
    folder: str
    now_called: str


@dataclass(frozen=True)
class TableBlocked(Event):
    code: ClassVar[str] = "crawl.table_blocked"
    crawler: str
    folder: str
    reason: str


@dataclass(frozen=True)
class Limits:
    """How much one step takes on."""

    quiet_s: float = 0.12
    """A folder is left alone until nothing has changed in it for so long: a burst of uploads is one crawl."""
    longest_wait_s: float = 1.0
    """But not longer than this after the first change."""
    inspect_files: int = 256
    commit_files: int = 5_000
    commit_bytes: int = 2 * 1024**3
    """Of files that are converted, in one commit."""
    small_bytes: int = 4 * 1024**2
    """Converted files up to this size share data files."""
    together_bytes: int = 32 * 1024**2
    """Of the files that share one: so much is written again at most when one of them changes."""
    together_files: int = 500
    page: int = 1_000
    turn_s: float = 5.0
    """So long a worker stays with a folder while others of the same crawler wait."""
    silence_s: float = 30.0
    """A worker that has not been heard of for so long has lost its folder."""


@dataclass(frozen=True)
class Did:
    """What one step did, for progress and tests."""

    what: str = "nothing"
    files: int = 0
    rows: int = 0
    folder: str = field(default="", compare=False)
