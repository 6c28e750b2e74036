"""What quality tells the trail: counts, names of columns and rules, never a value."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class TableProfiled(Event):
    """The platform has read a table and measured it. score_percent: None without a rule that could judge anything."""

    code: ClassVar[str] = "quality.table_profiled"
    profile: str
    snapshot_id: int | None
    rows: int | None
    columns: int
    sampled: bool
    rules: int
    rules_failed: int
    score_percent: int | None
    duration_ms: int


@dataclass(frozen=True)
class ProfileFailed(Event):
    """A table could not be measured; reason: the code of the error."""

    code: ClassVar[str] = "quality.profile_failed"
    profile: str
    snapshot_id: int | None
    reason: str


@dataclass(frozen=True)
class ProfileRequested(Event):
    """Somebody has asked for a table to be measured now."""

    code: ClassVar[str] = "quality.profile_requested"


@dataclass(frozen=True)
class TableRulesChanged(Event):
    """Somebody has set the rules of one table; rules: their names."""

    code: ClassVar[str] = "quality.table_rules_changed"
    version: int
    rules: list[str]


@dataclass(frozen=True)
class QualityRulesPut(Event):
    """The configuration has set rules for tables by their names."""

    code: ClassVar[str] = "quality.rules_put"
    tables: list[str]
    rules: list[str]


@dataclass(frozen=True)
class QualityRulesDropped(Event):
    code: ClassVar[str] = "quality.rules_dropped"
