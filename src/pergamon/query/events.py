"""What queries tell the trail. Never the text of a query, whose literals may be data: its SHA-256 stands for it."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


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
    workgroup: str
    tables: list[str]
    snapshots: dict[str, int | None]
    sql_sha256: str


@dataclass(frozen=True)
class QueryRan(Event):
    code: ClassVar[str] = "query.ran"
    workgroup: str
    tables: list[str]
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
