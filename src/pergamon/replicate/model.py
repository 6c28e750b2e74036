"""What a replication task is: its configuration, where it stands, and the order of changes. No I/O."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from psycopg.conninfo import make_conninfo
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pergamon.kernel import Invalid
from pergamon.replicate.mapping_rules import MappingRules, parse_rules

FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_REFERENCE = re.compile(r"\{\{\s*secret:([A-Za-z0-9._-]+)\s*\}\}")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class SecretNotAReference(Invalid):
    """A secret stands in the configuration as a value."""

    code = "replicate.secret_not_a_reference"


class SourceSpec(BaseModel):
    """Where the source database is: either `conninfo`, a secret holding a whole libpq string or URL, or the parts."""

    model_config = FROZEN

    conninfo: str | None = None
    host: str | None = None
    port: int = Field(default=5432, ge=1, le=65535)
    dbname: str | None = None
    user: str | None = None
    password: str | None = None
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = None
    connect_timeout_s: int = Field(default=10, ge=1, le=300)

    @model_validator(mode="after")
    def _one_way(self) -> "SourceSpec":
        if self.conninfo is None and (self.host is None or self.dbname is None or self.user is None):
            raise ValueError("write conninfo: '{{secret:name}}', or host, dbname and user")
        if self.conninfo is not None and any(
            part is not None for part in (self.host, self.dbname, self.user, self.password)
        ):
            raise ValueError("conninfo already says host, dbname, user and password: write one or the other")
        for name in ("conninfo", "password"):
            value = getattr(self, name)
            if value is not None and not _REFERENCE.fullmatch(value):
                raise ValueError(f"{name} is a secret: write '{{{{secret:name}}}}', never the value")
        return self

    def resolved(self, secret: Callable[[str], str]) -> str:
        """The libpq connection string, with the secrets that `secret(name)` gives. Never print it."""

        def read(reference: str) -> str:
            found = _REFERENCE.fullmatch(reference)
            if found is None:
                raise SecretNotAReference("a secret of the source is not a reference", hint="write '{{secret:name}}'")
            return secret(found[1])

        if self.conninfo is not None:
            return make_conninfo(read(self.conninfo), connect_timeout=self.connect_timeout_s)
        given: dict[str, Any] = {"host": self.host, "port": self.port, "dbname": self.dbname, "user": self.user}
        if self.password is not None:
            given["password"] = read(self.password)
        if self.sslmode is not None:
            given["sslmode"] = self.sslmode
        return make_conninfo("", connect_timeout=self.connect_timeout_s, **given)


class MigrationType(StrEnum):
    FULL_LOAD = "full-load"
    CDC = "cdc"
    FULL_LOAD_AND_CDC = "full-load-and-cdc"

    @property
    def loads(self) -> bool:
        return self is not MigrationType.CDC

    @property
    def captures(self) -> bool:
        return self is not MigrationType.FULL_LOAD


class ReplicationTaskSpec(BaseModel):
    """The configuration of one replication task."""

    model_config = FROZEN

    source: SourceSpec
    migration_type: MigrationType = MigrationType.FULL_LOAD_AND_CDC
    rules: tuple[dict[str, Any], ...]
    """AWS DMS table-mapping rules, verbatim."""
    publication: str | None = None
    """An existing publication, or the name of the one to make; by default made from the task's name."""
    slot: str | None = None
    """An existing replication slot, or the name of the one to make; by default made from the task's name."""
    bucket: str = "staging"
    prefix: str = "landing"
    max_batch_interval_s: float = Field(default=1.0, ge=0.05, le=3600)
    """Changes wait at most so long before they land."""
    max_file_rows: int = Field(default=200_000, ge=1)
    max_file_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    """Of values in memory before a file is cut; a file on disk is smaller."""
    max_load_file_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    """Of a full load's file on disk before the next is begun."""
    heartbeat_interval_s: float = Field(default=10.0, ge=0, le=3600)
    """How often a mark is written into the source's log, so that quiet tables do not hold it back. 0: never."""
    max_lag_bytes: int | None = Field(default=None, ge=1)
    """Warn when the source keeps back more log than this."""

    @field_validator("rules")
    @classmethod
    def _rules_are_usable(cls, rules: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        try:
            parse_rules(list(rules))
        except Invalid as error:
            raise ValueError(str(error)) from None
        return rules

    @field_validator("publication", "slot")
    @classmethod
    def _plain_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError("use lower-case letters, digits and underscores, at most 63")
        return name

    @field_validator("prefix", "bucket")
    @classmethod
    def _plain_path(cls, path: str) -> str:
        if any(part in ("", ".", "..") or part.startswith(".") for part in path.split("/")):
            raise ValueError("write names joined by slashes, without dots in front")
        return path

    def mapping_rules(self) -> MappingRules:
        return parse_rules(list(self.rules))


def own_name(task: str) -> str:
    """The publication and slot of a task that names none: `pergamon_<task>`."""
    return ("pergamon_" + re.sub(r"[^a-z0-9_]", "_", task.lower()))[:63]


class TaskState(StrEnum):
    CREATED = "created"
    STARTING = "starting"
    LOADING = "loading"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    PARKED = "parked"
    """It would lose changes if it went on: somebody has to decide."""


@dataclass(frozen=True)
class ReplicationTask:
    """A task as deployed."""

    name: str
    spec: ReplicationTaskSpec

    @property
    def slot(self) -> str:
        return self.spec.slot or own_name(self.name)

    @property
    def publication(self) -> str:
        return self.spec.publication or own_name(self.name)


@dataclass(frozen=True)
class TaskStatus:
    """Where a task stands."""

    name: str
    state: TaskState
    since: datetime
    message: str | None
    landed_lsn: int
    """Everything of the source up to here is on disk."""
    source_lsn: int
    """The source's own position when this was last written."""
    rows_landed: int
    seen_at: datetime | None
    warnings: tuple[str, ...] = field(default_factory=tuple)

    @property
    def lag_bytes(self) -> int:
        return max(0, self.source_lsn - self.landed_lsn)


@dataclass(frozen=True)
class LagPoint:
    """How far behind its source a task was at most in the minute that begins `at`, and how many rows landed in it."""

    at: datetime
    lag_bytes: int
    rows: int


# --- the order of changes ---


class Position(NamedTuple):
    """Where a change stands: the log position of its transaction's commit, and its number in the transaction.

    A full load has the position of its snapshot, with ordinal 0.
    """

    lsn: int
    ordinal: int

    def __str__(self) -> str:
        return f"{self.lsn:016X}.{self.ordinal:010d}"


def position_from_text(text: str) -> Position:
    """Raises: Invalid: not 16 hexadecimal digits, a point and 10 digits."""
    if not re.fullmatch(r"[0-9A-F]{16}\.\d{10}", text):
        raise Invalid(
            "a position is not 16 hexadecimal digits, a point and 10 digits", hint="is this a manifest of ours?"
        )
    lsn, ordinal = text.split(".")
    return Position(int(lsn, 16), int(ordinal))


def lsn_from_text(text: str) -> int:
    """PostgreSQL's `16/B374D848`."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def lsn_text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def commit_time(commit_us: int) -> datetime:
    """commit_us: microseconds since 2000-01-01 UTC, as pgoutput gives it."""
    return _POSTGRES_EPOCH + timedelta(microseconds=commit_us)


CHANGE_SEQ_START = "0" * 35


def next_change_seq(last: str, commit_us: int) -> str:
    """`AR_H_CHANGE_SEQ`: 16 digits of time (to a hundredth of a second) and a counter of 19; always greater.

    A clock that goes back does not make it smaller.
    """
    stamp = commit_time(commit_us).strftime("%Y%m%d%H%M%S%f")[:16]
    return f"{max(stamp, last[:16])}{int(last[16:]) + 1:019d}"
