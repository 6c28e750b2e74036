"""Apply a table's rules: those that are aggregates over the table itself in one reading, the others one by one.

What is wrong with one rule is the state of that rule; the others go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pergamon.kernel import PergamonError
from pergamon.quality import profile_sql
from pergamon.quality.measure import Asking
from pergamon.quality.model import (
    BadRule,
    EngineFailed,
    Outcome,
    RuleResult,
    StatementRefused,
    StatementTimedOut,
    StatementTooLarge,
)
from pergamon.quality.ports import MeasuredTable
from pergamon.quality.rule_sql import Aggregates, Said, Statement, compile_rule
from pergamon.quality.rules import AnyRule
from pergamon.quality.score import outcome_of

RULES_AT_ONCE = 50
STATEMENT_FAULTS = (StatementRefused, StatementTooLarge, StatementTimedOut, EngineFailed)


@dataclass(frozen=True)
class NamedRule:
    """A rule with its full name: that of its set and its own."""

    name: str
    rule: AnyRule


def judge(
    asking: Asking,
    table: MeasuredTable,
    others: Mapping[str, MeasuredTable],
    rules: Sequence[NamedRule],
    *,
    now: datetime,
    committed_at: datetime | None,
) -> list[RuleResult]:
    """What each rule finds, in their order. others: the reference tables that exist, by full name."""
    results: dict[str, RuleResult] = {}
    together: list[tuple[NamedRule, Aggregates]] = []
    for named in rules:
        try:
            compiled = compile_rule(named.rule, table, others, now=now, committed_at=committed_at)
        except BadRule as error:
            results[named.name] = _in_error(named, str(error))
            continue
        match compiled:
            case Said(judged, failed):
                results[named.name] = _result(named, judged, failed)
            case Aggregates():
                together.append((named, compiled))
            case Statement(sql, more):
                results[named.name] = _alone(asking, named, sql, [table, *more])
    for at in range(0, len(together), RULES_AT_ONCE):
        results |= _together(asking, table, together[at : at + RULES_AT_ONCE])
    return [results[named.name] for named in rules]


def _together(
    asking: Asking, table: MeasuredTable, rules: Sequence[tuple[NamedRule, Aggregates]]
) -> dict[str, RuleResult]:
    parts = [f"{a.judged} AS j{at}, {a.failed} AS f{at}" for at, (_, a) in enumerate(rules)]
    upto = max(aggregates.upto for _, aggregates in rules)
    sql = f"SELECT {', '.join(parts)} FROM {profile_sql.source(table, upto)}"  # noqa: S608 - by place, checked
    try:
        (row,) = asking.rows(sql, [table])
    except STATEMENT_FAULTS as error:
        if len(rules) == 1:
            return {rules[0][0].name: _in_error(rules[0][0], _reason(error))}
        halves = rules[: len(rules) // 2], rules[len(rules) // 2 :]
        return {name: said for half in halves for name, said in _together(asking, table, half).items()}
    return {named.name: _result(named, row[f"j{at}"], row[f"f{at}"]) for at, (named, _) in enumerate(rules)}


def _alone(asking: Asking, named: NamedRule, sql: str, tables: Sequence[MeasuredTable]) -> RuleResult:
    try:
        (row,) = asking.rows(sql, list({str(table.id): table for table in tables}.values()))
    except STATEMENT_FAULTS as error:
        return _in_error(named, _reason(error))
    return _result(named, row["judged"], row["failed"])


def _reason(error: PergamonError) -> str:
    if isinstance(error, StatementRefused):
        return "the engine does not accept the rule: a pattern or a value does not fit"
    return str(error)


def _result(named: NamedRule, judged: int, failed: int) -> RuleResult:
    rule = named.rule
    judged, failed = int(judged or 0), int(failed or 0)
    outcome = outcome_of(judged=judged, failed=failed, threshold=rule.threshold, severity=rule.severity)
    return _told(named, outcome, judged=judged, failed=failed)


def _in_error(named: NamedRule, reason: str) -> RuleResult:
    return _told(named, Outcome.ERROR, reason=reason)


def _told(
    named: NamedRule, outcome: Outcome, *, judged: int = 0, failed: int = 0, reason: str | None = None
) -> RuleResult:
    rule = named.rule
    return RuleResult(
        rule=named.name,
        dimension=rule.dimension.value,
        check=rule.check,
        description=rule.description,
        outcome=outcome,
        threshold=rule.threshold,
        severity=rule.severity,
        weight=rule.weight,
        judged=judged,
        failed=failed,
        reason=reason,
    )
