"""The words of the lake: buckets, databases, tables, leases; and the rules that need no I/O.

A table is an Apache Iceberg v2 table. Its pointer is a row in our PostgreSQL (ADR-0003); it is written under a lease
(ADR-0004).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pergamon.kernel import AccessDenied, Conflict, Invalid, NotFound

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
LEASE_PREFIX = "lease_"
"""Namespaces that begin so are aliases of leased tables; no database may."""


class UnknownBucket(NotFound):
    code = "lake.unknown_bucket"
    usual_hint = "buckets stand in the configuration: module type datalake"


class UnknownDatabase(NotFound):
    code = "lake.unknown_database"
    usual_hint = "databases stand in the configuration: module type catalog-databases"


class UnknownTable(NotFound):
    code = "lake.unknown_table"
    usual_hint = "`pergamon tables` lists those that you may read"


class UnknownLease(NotFound):
    code = "lake.unknown_lease"


class InUse(Conflict):
    """Something still stands on what was to be dropped."""

    code = "lake.in_use"


class TableExists(Conflict):
    code = "lake.table_exists"
    usual_hint = "take another name, or drop the one that is there"


class TableLeased(Conflict):
    """The table has an open lease: one writer at a time."""

    code = "lake.table_leased"


class LeaseRefused(AccessDenied):
    """A write came without a lease, or under one that is closed, spent, stale or for another table."""

    code = "lake.lease_refused"


class ChangeRefused(AccessDenied):
    """An outside engine's change stands on a table that is not so any more, or is leased.

    Denied, not a conflict: on a conflict engines try again by themselves, on what others wrote.
    """

    code = "lake.change_refused"


class BadCommit(Invalid):
    """A commit asks for something that no commit may."""

    code = "lake.bad_commit"


SUBSCRIPTIONS = "_sub"
"""How the names of the databases end that hold what projects are granted (`heart_study_sub`); none of ours ends so."""


class BadName(Invalid):
    code = "lake.bad_name"


class BadSchema(Invalid):
    """A schema, or a change of one, that our engines cannot all read and write."""

    code = "lake.bad_schema"


class BadLocation(Invalid):
    """A path outside its table, or one that engines spell differently."""

    code = "lake.bad_location"


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class AccessRuleSpec(_Spec):
    """Who may reach the objects and tables below `prefix` (seed words: ReadRoles and so on).

    With `tags`, only objects that carry all of them, and no tables.
    """

    prefix: str = ""
    tags: dict[str, str] = Field(default={})
    read_roles: tuple[str, ...] = Field(default=(), alias="ReadRoles")
    read_write_roles: tuple[str, ...] = Field(default=(), alias="ReadWriteRoles")
    read_write_super_roles: tuple[str, ...] = Field(default=(), alias="ReadWriteSuperRoles")

    @field_validator("prefix")
    @classmethod
    def _prefix_is_a_plain_path(cls, prefix: str) -> str:
        return plain_prefix(prefix)


class VersionsSpec(_Spec):
    """Which superseded versions of objects may go: those that neither `keep` nor `days` keeps.

    keep: the newest superseded versions of an object, however old; days: every version so long after it was superseded.
    """

    keep: int | None = Field(default=None, ge=1, le=10_000)
    days: int | None = Field(default=None, ge=1, le=36_500)

    @model_validator(mode="after")
    def _something_is_kept(self) -> Self:
        if self.keep is None and self.days is None:
            raise ValueError("say how many versions are kept, or for how many days, or both")
        return self


class BucketSpec(_Spec):
    """A place for files. `volume`: the disk below is encrypted, the hygiene check looks; `none` needs a suppression."""

    access_rules: tuple[AccessRuleSpec, ...] = ()
    encryption: Literal["volume", "none"] = "volume"
    audited: bool = True
    versions: VersionsSpec | None = None
    """None: every version of an object stays until it is removed for good."""
    description: str = ""

    @model_validator(mode="after")
    def _each_prefix_once(self) -> Self:
        reaches = [(rule.prefix, *sorted(rule.tags.items())) for rule in self.access_rules]
        if len(set(reaches)) != len(reaches):
            raise ValueError("two access rules have the same prefix and tags: write one rule with the roles of both")
        return self


class DatabaseSpec(_Spec):
    """A set of tables whose files lie in `bucket`, below `prefix`."""

    bucket: str
    prefix: str = ""
    description: str = ""

    @field_validator("prefix")
    @classmethod
    def _prefix_is_a_plain_path(cls, prefix: str) -> str:
        return plain_prefix(prefix)


def plain_prefix(prefix: str) -> str:
    """A prefix without slashes around it: `data/raw`.

    Raises:
        ValueError: it has empty, `.` or `..` segments, or characters that engines escape differently.
    """
    plain = prefix.strip("/")
    if plain and not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._=-]*", part) for part in plain.split("/")):
        raise ValueError("a prefix is made of names with letters, digits and . _ = - between single slashes")
    return plain


def require_name(kind: str, name: str) -> str:
    """Return `name` when every engine spells it the same without quotes.

    Raises:
        BadName: it is not lower-case letters, digits and underscores, or begins like a lease.
    """
    if not NAME.fullmatch(name) or name.startswith(LEASE_PREFIX):
        raise BadName(
            f"{kind} {name!r} has a name that cannot be used",
            hint=f"up to 63 lower-case letters, digits and _, a letter first, not {LEASE_PREFIX}…",
        )
    return name


@dataclass(frozen=True, order=True)
class TableId:
    """A table's full name: `raw_db.patients`."""

    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def subject(self) -> str:
        return f"table:{self}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `database.table`.

        Raises:
            BadName: it is not two names with a dot between them.
        """
        database, dot, name = text.partition(".")
        if not dot:
            raise BadName(f"{text!r} is not a table's full name", hint="write database.table")
        return cls(require_name("database", database), require_name("table", name))


@dataclass(frozen=True)
class TableRecord:
    """The pointer of one table: which metadata file is the table now."""

    key: str
    id: TableId
    location: str
    metadata_location: str
    snapshot_id: int | None
    created_at: datetime
    changed_at: datetime


class LeaseState(StrEnum):
    OPEN = "open"
    COMMITTED = "committed"
    """Its one commit stands; it still keeps others out until it is closed."""
    CLOSED = "closed"


@dataclass(frozen=True)
class Lease:
    """The right to one commit on one table, as long as its head is still `parent_snapshot_id`."""

    id: str
    table: TableId
    table_key: str
    purpose: str
    facts: Mapping[str, Any]  # Any: whatever JSON can hold; the pipeline's positions and file ids
    parent_snapshot_id: int | None
    opened_at: datetime
    opened_by: str
    committed_snapshot_id: int | None = None
    committed_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def alias(self) -> str:
        """What an engine writes to: the lease is the namespace, the table keeps its name (ADR-0004)."""
        return f"{self.id}.{self.table.name}"

    @property
    def state(self) -> LeaseState:
        if self.closed_at is not None:
            return LeaseState.CLOSED
        return LeaseState.OPEN if self.committed_snapshot_id is None else LeaseState.COMMITTED

    def summary(self) -> dict[str, str]:
        """What stands in the snapshot's summary: the lease, its purpose, and facts of one text or number."""
        own = {"pergamon.lease": self.id, "pergamon.purpose": self.purpose, "pergamon.table": str(self.table)}
        facts = {
            f"pergamon.{name}": str(fact)
            for name, fact in self.facts.items()
            if isinstance(fact, str | int) and not isinstance(fact, bool)
        }
        return facts | own


@dataclass(frozen=True)
class LeaseOutcome:
    """What became of a lease: the only truth about a write, whatever the engine said of it."""

    lease: Lease
    committed_snapshot_id: int | None

    @property
    def committed(self) -> bool:
        return self.committed_snapshot_id is not None


@dataclass(frozen=True)
class TableFile:
    """One data or delete file of a snapshot. `path` is absolute on this host."""

    path: str
    size_bytes: int
    rows: int


@dataclass(frozen=True)
class TableFiles:
    """Every file that a reader of one snapshot must open, and no other."""

    table: TableId
    snapshot_id: int | None
    metadata: str
    manifest_list: str | None
    manifests: tuple[str, ...]
    data: tuple[TableFile, ...]
    position_deletes: tuple[TableFile, ...]
    is_parquet_alone: bool
    """Nothing in the data files is deleted, and each is Parquet."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, for a sandbox that opens exactly these."""
        lists = (self.manifest_list,) if self.manifest_list else ()
        return (self.metadata, *lists, *self.manifests, *(file.path for file in self.data + self.position_deletes))

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.data + self.position_deletes)


@dataclass(frozen=True)
class SnapshotRecord:
    """One state of a table, as its metadata tells it."""

    snapshot_id: int
    parent_snapshot_id: int | None
    committed_at: datetime
    operation: str
    summary: Mapping[str, str]
