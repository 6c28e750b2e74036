"""The words of quality: profiles of tables and their columns, what rules found, and what can go wrong.

A profile says of a table, at one of its snapshots, what its columns hold: counts, and as far as it identifies nobody,
values (`disclosure.py`). Rules judge it in the six dimensions of Art. 78 of Regulation (EU) 2025/327.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pergamon.kernel import Conflict, Invalid, NotFound, Unavailable
from pergamon.lake import TableId

MOST_COLUMNS = 2_000
"""Columns of one profile; the others are said to be left out."""


class NoProfile(NotFound):
    """The table has no profile, or the actor may neither find nor read the table: the two are answered alike."""

    code = "quality.no_profile"


class BadRule(Invalid):
    """A rule is not as it can be; the message says which and why."""

    code = "quality.bad_rule"
    usual_hint = "docs/how-to/measure-quality.md shows how rules are written"


class RulesMovedOn(Conflict):
    """Somebody has changed the rules since the caller looked at them."""

    code = "quality.rules_moved_on"


class StatementTooLarge(Unavailable):
    """Measuring needs more memory, or gives more, than it may."""

    code = "quality.too_large"


class StatementTimedOut(Unavailable):
    """Measuring takes longer than it may."""

    code = "quality.timed_out"


class StatementRefused(Invalid):
    """The engine does not understand the statement, or a value does not fit it: the fault of a rule."""

    code = "quality.statement_refused"


class EngineFailed(Unavailable):
    """The engine died, or cannot be had; the reason is in the operator's log."""

    code = "quality.engine_failed"


class Family(StrEnum):
    """What can be measured of a column depends on its type's family."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    OTHER = "other"
    """Times of day, UUIDs and bytes: counts, no values."""
    NESTED = "nested"
    """Lists, maps and structs: nulls only."""


_FAMILIES = {
    "boolean": Family.BOOLEAN,
    "int": Family.NUMBER,
    "long": Family.NUMBER,
    "float": Family.NUMBER,
    "double": Family.NUMBER,
    "date": Family.DATE,
    "timestamp": Family.TIMESTAMP,
    "timestamptz": Family.TIMESTAMP,
    "string": Family.TEXT,
    "time": Family.OTHER,
    "uuid": Family.OTHER,
    "binary": Family.OTHER,
}


def family_of(iceberg_type: str) -> Family:
    """The family of a type in Iceberg's words."""
    if iceberg_type.startswith("decimal("):
        return Family.NUMBER
    if iceberg_type.startswith("fixed["):
        return Family.OTHER
    return _FAMILIES.get(iceberg_type, Family.NESTED)


@dataclass(frozen=True)
class TableColumn:
    """A column as the table's schema has it."""

    name: str
    type: str

    @property
    def family(self) -> Family:
        return family_of(self.type)

    @property
    def is_whole(self) -> bool:
        """Are its numbers whole?"""
        return self.type in ("int", "long")

    @property
    def is_floating(self) -> bool:
        return self.type in ("float", "double")


class State(StrEnum):
    DONE = "done"
    FAILED = "failed"
    """The profile could not be made, for the reason that stands with it."""


Statistics = Mapping[str, Any]  # Any: JSON; the names stand in docs/explanation/quality.md


@dataclass(frozen=True)
class ColumnProfile:
    """What is known of one column. Counts are of the rows that were measured.

    distinct: None for nested columns; `distinct_is_exact` says whether it was counted or estimated (HyperLogLog).
    values: what may be kept of its values; empty where that would single somebody out, and then `withheld` says why.
    """

    name: str
    type: str
    nulls: int
    empty: int | None = None
    not_finite: int | None = None
    distinct: int | None = None
    distinct_is_exact: bool = True
    values: Statistics = field(default_factory=dict)
    withheld: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "values": dict(self.values)}


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    """The rule could not be applied, for the reason that stands with it; it counts for no score."""


@dataclass(frozen=True)
class RuleResult:
    """What one rule found. judged: rows that it is about; failed: those of them that break it; never which."""

    rule: str
    dimension: str
    check: str
    description: str
    outcome: Outcome
    threshold: float
    severity: str
    weight: float
    judged: int = 0
    failed: int = 0
    reason: str | None = None

    @property
    def score(self) -> float | None:
        """The share of rows that keep the rule, 0 to 1; None where there was nothing to judge."""
        return None if self.outcome is Outcome.ERROR or not self.judged else 1 - self.failed / self.judged

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "outcome": self.outcome.value}


@dataclass(frozen=True)
class Profile:
    """A table, measured at one snapshot.

    rows: counted, never estimated. sampled_rows: how many of them the columns' figures rest on; None: all.
    score: 0 to 1, None without a rule that could judge anything. dimensions: the score of each dimension that has one.
    """

    id: str
    table: TableId
    snapshot_id: int | None
    state: State
    at: datetime
    committed_at: datetime | None
    rows: int | None
    sampled_rows: int | None
    columns: tuple[ColumnProfile, ...]
    left_out: int
    results: tuple[RuleResult, ...]
    score: float | None
    dimensions: Mapping[str, float]
    duration_ms: int
    reason: str | None = None
