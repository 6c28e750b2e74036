"""What queries tell the trail. Never the text of a query, whose literals may be data: its SHA-256 stands for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event

READS = {"tables": "table", "lake_tables": "table", "assets": "asset"}
"""What a query reads is found by each of its names: the query's own, and, where a grant gives it, the lake's table
and the asset."""


@dataclass(frozen=True)
class WorkgroupPut(Event):
    code: ClassVar[str] = "query.workgroup_put"
    users: list[str]
    admins: list[str]


@dataclass(frozen=True)
class WorkgroupDropped(Event):
    code: ClassVar[str] = "query.workgroup_dropped"


@dataclass(frozen=True)
class QueryStarted(Event):
    """The intent: these tables at these snapshots are about to be read by this query."""

    code: ClassVar[str] = "query.started"
    speaks_of: ClassVar[Mapping[str, str]] = READS
    workgroup: str
    tables: list[str]
    lake_tables: list[str]
    assets: list[str]
    snapshots: dict[str, int | None]
    sql_sha256: str


@dataclass(frozen=True)
class QueryRan(Event):
    code: ClassVar[str] = "query.ran"
    speaks_of: ClassVar[Mapping[str, str]] = READS
    workgroup: str
    tables: list[str]
    lake_tables: list[str]
    assets: list[str]
    snapshots: dict[str, int | None]
    rows: int
    truncated: bool
    duration_ms: int
    sql_sha256: str


@dataclass(frozen=True)
class QueryFailed(Event):
    code: ClassVar[str] = "query.failed"
    workgroup: str
    error_code: str
    duration_ms: int
    sql_sha256: str


@dataclass(frozen=True)
class QueryQueued(Event):
    """A statement was submitted; it waits for its turn, and is decided anew when that comes."""

    code: ClassVar[str] = "query.queued"
    speaks_of: ClassVar[Mapping[str, str]] = {"tables": "table"}
    workgroup: str
    tables: list[str]
    sql_sha256: str


@dataclass(frozen=True)
class QueryTakenUp(Event):
    """The process that had it in its queue is gone; another one took it up."""

    code: ClassVar[str] = "query.taken_up"
    workgroup: str


@dataclass(frozen=True)
class QueryWasCancelled(Event):
    """It was ended because who ran it asked for its end; it may have been waiting for its turn still."""

    code: ClassVar[str] = "query.cancelled"
    workgroup: str


@dataclass(frozen=True)
class QueryResultRead(Event):
    """Rows that were kept were handed out. form: `json`, of which first_row and rows say what; or a whole file."""

    code: ClassVar[str] = "query.result_read"
    workgroup: str
    form: str
    first_row: int
    rows: int


@dataclass(frozen=True)
class QueryResultExpired(Event):
    """The time of a kept result is over; its file is removed."""

    code: ClassVar[str] = "query.result_expired"
    workgroup: str


@dataclass(frozen=True)
class QuerySaved(Event):
    """A text was kept under a name; project: whose members may read it, too."""

    code: ClassVar[str] = "query.saved"
    project: str | None
    sql_sha256: str


@dataclass(frozen=True)
class SavedQueryRemoved(Event):
    code: ClassVar[str] = "query.saved_removed"


@dataclass(frozen=True)
class QueryCancelAsked(Event):
    """Somebody asked for the end of a query of theirs."""

    code: ClassVar[str] = "query.cancel_asked"
    workgroup: str


@dataclass(frozen=True)
class QueryAbandoned(Event):
    """The process that ran it ended before it could say how it went; rows may have reached the user."""

    code: ClassVar[str] = "query.abandoned"
    workgroup: str


@dataclass(frozen=True)
class QueryTextRead(Event):
    """An auditor read the text of somebody else's query."""

    code: ClassVar[str] = "query.text_read"
    person: str


@dataclass(frozen=True)
class PreviewStarted(Event):
    """Somebody who may decide on a request is about to see what it would give. narrowed: of what less."""

    code: ClassVar[str] = "query.preview_started"
    speaks_of: ClassVar[Mapping[str, str]] = {"table": "table"}
    table: str
    snapshot: int | None
    narrowed: list[str]


@dataclass(frozen=True)
class PreviewEnded(Event):
    """What they were told of it: how many rows, or why not."""

    code: ClassVar[str] = "query.preview_ended"
    rows_given: int | None
    rows_total: int | None
    error_code: str | None
    duration_ms: int
