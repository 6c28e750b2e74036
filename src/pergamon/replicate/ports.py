"""What replication needs from a source database. `adapters/postgres_source.py` is the one that exists."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pyarrow as pa

from pergamon.kernel import Invalid, Unavailable


class SourceUnavailable(Unavailable):
    """The source database does not answer, or broke off."""

    code = "replicate.source_unavailable"


class SourceRefused(Invalid):
    """The source database answers, and does not let us do what replication needs."""

    code = "replicate.source_refused"


class SlotInUse(Unavailable):
    """Another process reads the replication slot."""

    code = "replicate.slot_in_use"


class SlotLost(Invalid):
    """The replication slot is gone, or the source has thrown away log that it needed."""

    code = "replicate.slot_lost"


@dataclass(frozen=True)
class SourceColumn:
    name: str
    type_oid: int
    typmod: int
    type_name: str
    """For a type that is not built in: schema and name."""
    not_null: bool


@dataclass(frozen=True)
class SourceTable:
    """A table as the source's catalog has it."""

    schema: str
    table: str
    columns: tuple[SourceColumn, ...]
    primary_key: tuple[str, ...]
    identity: str
    """`d` default, `n` nothing, `f` full, `i` index."""
    identity_columns: tuple[str, ...]
    """What an update or a delete is told by; empty: it is not told at all."""
    estimated_rows: int
    partitioned: bool
    owned: bool
    """The connecting role owns it (and could publish it)."""
    readable: bool

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Slot:
    name: str
    plugin: str
    confirmed_lsn: int
    active: bool
    wal_status: str | None
    retained_bytes: int


@dataclass(frozen=True)
class Publication:
    name: str
    tables: frozenset[tuple[str, str]]
    actions: frozenset[str]
    """Of insert, update, delete, truncate."""
    via_root: bool
    filtered: frozenset[tuple[str, str]]
    """Tables of which it publishes only some columns or rows."""


@dataclass(frozen=True)
class ServerFacts:
    """What the endpoint test asks the server."""

    version: int
    wal_level: str
    can_replicate: bool
    can_create: bool
    """May make a publication in this database."""
    free_slots: int
    free_senders: int
    user: str
    database: str
    is_standby: bool


class Data(NamedTuple):
    payload: bytes


class Keepalive(NamedTuple):
    lsn: int
    """Everything before it has been sent."""


class ChangeStream(Protocol):
    """An open replication stream."""

    def receive(self, timeout_s: float) -> Sequence[Data | Keepalive]:
        """What has come, in order; empty when nothing came in time. Raises SourceUnavailable, SlotLost."""
        ...

    def confirm(self, lsn: int, *, reply: bool = False) -> None:
        """Tell the source that everything before `lsn` is durable here; it may then forget its log."""
        ...

    def close(self) -> None: ...


class Snapshot(Protocol):
    """One moment of the source: every table read under it is of that moment."""

    @property
    def lsn(self) -> int:
        """Transactions that commit at or after it are not in the snapshot; all before are."""
        ...

    def read(self, table: SourceTable, columns: Sequence[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
        """Stream a table. columns: (name in the result, SQL expression)."""
        ...


class Source(Protocol):
    def facts(self) -> ServerFacts: ...

    def tables(self) -> list[SourceTable]: ...

    def publication(self, name: str) -> Publication | None: ...

    def create_publication(self, name: str, tables: Sequence[SourceTable], *, inserts_only: bool) -> None: ...

    def extend_publication(self, name: str, tables: Sequence[SourceTable]) -> None: ...

    def slot(self, name: str) -> Slot | None: ...

    def create_slot(self, name: str) -> int:
        """Returns: the log position from which the slot tells changes."""
        ...

    def drop_slot(self, name: str) -> None: ...

    def snapshot(self, *, consistent_with_slots: bool) -> AbstractContextManager[Snapshot]: ...

    def current_lsn(self) -> int: ...

    def heartbeat(self) -> None: ...

    def stream(
        self, slot: str, publications: Sequence[str], start_lsn: int
    ) -> AbstractContextManager[ChangeStream]: ...

    def quote(self, name: str) -> str:
        """A name as SQL writes it."""
        ...
