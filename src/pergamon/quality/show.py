"""Show a profile, its history and its rules, as far as the actor may see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pergamon import catalog, lake
from pergamon.lake import TableId
from pergamon.quality import tables
from pergamon.quality.disclosure import FEWEST_ROWS, LEAST_TOLD, ROUNDED_TO, rounded_count
from pergamon.quality.model import ColumnProfile, NoProfile, Profile, RuleResult, State
from pergamon.quality.rules import AnyRule
from pergamon.quality.score import coarse
from pergamon.quality.sight import Sight, sight_of
from pergamon.quality.step import OWN_RULES
from pergamon.store import UnitOfWork

MOST_SHOWN = 1_001
"""One more than a page of the API, so that it is known whether there are more."""


@dataclass(frozen=True)
class ProfileView:
    """A profile as the actor sees it. pending: a newer one is asked for."""

    profile: Profile
    sight: Sight
    pending: bool

    def as_json(self) -> dict[str, Any]:
        """All that may be shown of it."""
        profile = self.profile
        exact = self.sight.sees_values
        return {
            **point(profile, self.sight),
            "columns": [_column(column, self.sight) for column in profile.columns],
            "columns_left_out": profile.left_out,
            "rules": [_rule(result, exact=exact) for result in profile.results],
            "counts_rounded_to": 1 if exact else ROUNDED_TO,
            "zero_is_below": 1 if exact else LEAST_TOLD,
            "pending": self.pending,
        }


def table_named(uow: UnitOfWork, name: str) -> TableId:
    """The table of `database.table`, of an asset's id, or of an asset's name.

    Raises:
        NoProfile: it is no table that the actor may find.
    """
    if name.startswith("asset_"):
        try:
            name = catalog.find_asset(uow, name).name
        except catalog.UnknownAsset as error:
            raise NoProfile("there is no such table", hint=error.hint, decision=error.decision) from None
    try:
        return TableId.parse(name.lower())
    except lake.BadName:
        raise NoProfile("there is no such table", hint="write DATABASE.TABLE, or the id of an asset") from None


def visible_profile(uow: UnitOfWork, table: TableId) -> ProfileView:
    """The newest profile of a table.

    Raises:
        NoProfile: there is none yet, or the actor may not find the table.
    """
    sight = sight_of(uow, table)
    profile = tables.newest_profile(uow, table)
    pending = tables.is_requested(uow, table)
    if profile is None:
        soon = "it is being measured" if pending else f"`pergamon quality run {table}` asks for one"
        raise NoProfile(f"{table} has no profile yet", hint=soon)
    return ProfileView(profile, sight, pending)


def profile_history(
    uow: UnitOfWork, table: TableId, *, before: tuple[datetime, str] | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Rows, share of missing values, scores: of each profile, newest first.

    Raises:
        NoProfile: the actor may not find the table.
    """
    sight = sight_of(uow, table)
    found = tables.profiles(uow, table, limit=min(limit, MOST_SHOWN), before=before)
    return [point(profile, sight) for profile in found]


def visible_rules(uow: UnitOfWork, table: TableId) -> dict[str, Any]:
    """The rules that hold for a table; what one says in full only to whom may write it or read the rows.

    Raises:
        NoProfile: the actor may not find the table.
    """
    sight = sight_of(uow, table)
    own, version = tables.own_rules(uow, table)
    sets = [(name, spec.rules) for name, spec in tables.all_rules(uow).items() if spec.takes(table)]
    sets.append((OWN_RULES, own.rules))
    return {
        "table": str(table),
        "version": version,
        "rules": [
            {"name": f"{name}/{rule.name}", "set": name, **_told(rule, full=sight.sees_text_of(rule))}
            for name, rules in sets
            for rule in rules
        ],
    }


def point(profile: Profile, sight: Sight) -> dict[str, Any]:
    """One profile without its columns: a point of the trend."""
    few = profile.rows is not None and profile.rows < FEWEST_ROWS and not sight.sees_values

    def told(score: float) -> float | None:
        return score if sight.sees_values else coarse(score, rows=profile.rows)

    dimensions = {name: told(score) for name, score in sorted(profile.dimensions.items())}
    return {
        "id": profile.id,
        "table": str(profile.table),
        "snapshot_id": None if profile.snapshot_id is None else str(profile.snapshot_id),
        "state": profile.state.value,
        "reason": profile.reason,
        "at": profile.at.isoformat(),
        "committed_at": profile.committed_at.isoformat() if profile.committed_at else None,
        "rows": profile.rows,
        "sampled_rows": profile.sampled_rows,
        "null_rate": None if few else _null_rate(profile, exact=sight.sees_values),
        "score": None if profile.score is None else told(profile.score),
        "dimensions": {} if few else {name: score for name, score in dimensions.items() if score is not None},
        "duration_ms": profile.duration_ms,
    }


def _null_rate(profile: Profile, *, exact: bool) -> float | None:
    """The share of cells without a value; to who may not read the rows, in steps as wide as ten rows, as counts are."""
    looked_at = profile.rows if profile.sampled_rows is None else profile.sampled_rows
    if profile.state is not State.DONE or not looked_at or not profile.columns:
        return None
    nulls = sum(column.nulls for column in profile.columns)
    if not exact:  # rounded once: a sum of rounded counts is wrong by five rows for every column
        nulls = rounded_count(round(nulls / len(profile.columns))) * len(profile.columns)
    return round(min(1.0, nulls / (looked_at * len(profile.columns))), 4)


def _column(column: ColumnProfile, sight: Sight) -> dict[str, Any]:
    """Counts as they are for who reads the table, rounded for who only finds it; values for who may see them."""
    counts = {name: getattr(column, name) for name in ("nulls", "empty", "not_finite", "distinct")}
    if not sight.sees_values:
        counts = {name: None if count is None else rounded_count(count) for name, count in counts.items()}
    told: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        **counts,
        "distinct_is_exact": column.distinct_is_exact and sight.sees_values,
    }
    if not sight.sees_values_of(column.name):
        return told | {"values": {}, "withheld": "shown to whom may read the table without a mask"}
    return told | {"values": dict(column.values), "withheld": column.withheld}


def _rule(result: RuleResult, *, exact: bool) -> dict[str, Any]:
    told = {
        "name": result.rule,
        "dimension": result.dimension,
        "check": result.check,
        "description": result.description,
        "outcome": result.outcome.value,
        "severity": result.severity,
        "threshold": result.threshold,
        "reason": result.reason,
    }
    judged, failed, score = result.judged, result.failed, result.score
    if not exact:
        judged, failed = rounded_count(judged), rounded_count(failed)
        score = 1 - min(failed, judged) / judged if judged and score is not None else None
    return told | {"judged": judged, "failed": failed, "score": None if score is None else round(score, 4)}


def _told(rule: AnyRule, *, full: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "check": rule.check,
        "dimension": rule.dimension.value,
        "description": rule.description,
        "threshold": rule.threshold,
        "severity": rule.severity,
    }
    if full:
        told["rule"] = rule.model_dump(mode="json", exclude_none=True)
    return told
