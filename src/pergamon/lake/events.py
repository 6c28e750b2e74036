"""What the lake tells the trail."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class BucketPut(Event):
    code: ClassVar[str] = "lake.bucket_put"
    encryption: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True)
class BucketDropped(Event):
    code: ClassVar[str] = "lake.bucket_dropped"


@dataclass(frozen=True)
class DatabasePut(Event):
    code: ClassVar[str] = "lake.database_put"
    bucket: str
    prefix: str


@dataclass(frozen=True)
class DatabaseDropped(Event):
    code: ClassVar[str] = "lake.database_dropped"


@dataclass(frozen=True)
class TableCreated(Event):
    code: ClassVar[str] = "lake.table_created"
    columns: tuple[str, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True)
class TableEvolved(Event):
    code: ClassVar[str] = "lake.table_evolved"
    added: tuple[str, ...]
    widened: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class TableChanged(Event):
    """By an outside engine, through the catalog endpoint, without a lease."""

    code: ClassVar[str] = "lake.table_changed"
    actions: tuple[str, ...]
    snapshot_ids: tuple[int, ...]
    parent_snapshot_id: int | None


@dataclass(frozen=True)
class TableDropped(Event):
    code: ClassVar[str] = "lake.table_dropped"


@dataclass(frozen=True)
class LeaseOpened(Event):
    code: ClassVar[str] = "lake.lease_opened"
    lease: str
    purpose: str
    parent_snapshot_id: int | None


@dataclass(frozen=True)
class LeaseCommitted(Event):
    code: ClassVar[str] = "lake.lease_committed"
    lease: str
    purpose: str
    snapshot_id: int
    parent_snapshot_id: int | None


@dataclass(frozen=True)
class LeaseClosed(Event):
    code: ClassVar[str] = "lake.lease_closed"
    lease: str
    committed_snapshot_id: int | None
