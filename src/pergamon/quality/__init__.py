"""Quality: what a table's columns hold, as far as it identifies nobody, and how well it keeps its rules (ADR 0019).

Whoever changes a table calls `request_profile` in the same unit of work; a thread of the worker makes the profile with
`profile_step`, applies the rules, and puts the score on the table's assets. `visible_profile` shows what one may see.
"""

from pergamon.quality.configuration import drop_quality_rules, put_quality_rules, read_quality_rules
from pergamon.quality.expire import Retention, expire_profiles
from pergamon.quality.manage import run_profile, set_rules
from pergamon.quality.model import (
    BadRule,
    ColumnProfile,
    EngineFailed,
    Family,
    NoProfile,
    Outcome,
    Profile,
    RuleResult,
    RulesMovedOn,
    State,
    StatementRefused,
    StatementTimedOut,
    StatementTooLarge,
    TableColumn,
    family_of,
)
from pergamon.quality.ports import Limits, MeasuredTable, ProfileEngine, ProfilePlace
from pergamon.quality.request import notice_changes, request_profile
from pergamon.quality.rules import AnyRule, Dimension, QualityRulesSpec, RuleSet, rule_set
from pergamon.quality.show import ProfileView, profile_history, table_named, visible_profile, visible_rules
from pergamon.quality.step import ClaimLost, measured_table, profile_step, release

__all__ = [
    "AnyRule",
    "BadRule",
    "ClaimLost",
    "ColumnProfile",
    "Dimension",
    "EngineFailed",
    "Family",
    "Limits",
    "MeasuredTable",
    "NoProfile",
    "Outcome",
    "Profile",
    "ProfileEngine",
    "ProfilePlace",
    "ProfileView",
    "QualityRulesSpec",
    "Retention",
    "RuleResult",
    "RuleSet",
    "RulesMovedOn",
    "State",
    "StatementRefused",
    "StatementTimedOut",
    "StatementTooLarge",
    "TableColumn",
    "drop_quality_rules",
    "expire_profiles",
    "family_of",
    "measured_table",
    "notice_changes",
    "profile_history",
    "profile_step",
    "put_quality_rules",
    "read_quality_rules",
    "release",
    "request_profile",
    "rule_set",
    "run_profile",
    "set_rules",
    "table_named",
    "visible_profile",
    "visible_rules",
]
