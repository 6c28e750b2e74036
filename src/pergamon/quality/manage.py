"""What people do: set the rules of one table, and have it measured now."""

from collections.abc import Sequence

from pergamon import lake
from pergamon.identity import actions_of_roles
from pergamon.kernel import AccessDenied, Decision
from pergamon.lake import TableId
from pergamon.policy import Action, decide
from pergamon.quality import tables
from pergamon.quality.events import ProfileRequested, TableRulesChanged
from pergamon.quality.model import BadRule, RulesMovedOn, TableColumn
from pergamon.quality.ports import MeasuredTable
from pergamon.quality.request import request_profile, request_rules
from pergamon.quality.rule_sql import compile_rule
from pergamon.quality.rules import AnyRule, RuleSet, other_table, rule_set, speaks_of_values
from pergamon.quality.sight import sight_of, values_allowed
from pergamon.store import UnitOfWork


def run_profile(uow: UnitOfWork, table: TableId) -> None:
    """Have a table measured now, although nothing has changed.

    Raises:
        NoProfile: the actor may not find the table.
        AccessDenied: the actor does not look after an asset of the table.
    """
    _require_curator(uow, table)
    request_profile(uow, table, again=True)
    uow.record(ProfileRequested(subject=table.subject))


def set_rules(uow: UnitOfWork, table: TableId, rules: RuleSet, *, expected_version: int) -> int:
    """Set the rules that people have for one table; all of them, in place of those before. Returns: their version.

    A rule that speaks of values tells by its counts what stands in the rows, so who adds or changes one must be
    allowed to read them: of this table, and of the one that the rule refers to. Rules whose text the actor may not see
    stay, unless one of the same name is given.

    Raises:
        NoProfile: the actor may not find the table.
        AccessDenied: the actor does not look after an asset of the table, or may not read what a rule speaks of.
        RulesMovedOn: the rules are not at `expected_version` any more.
        BadRule: a new rule cannot be applied to the table as it is: a column, its type, a value does not fit.
    """
    _require_curator(uow, table)
    before, version = tables.own_rules(uow, table, lock=True)
    if version != expected_version:
        raise RulesMovedOn(
            f"the rules of {table} are at version {version}, not {expected_version} any more",
            hint="look at them again, then repeat the change",
        )
    rules = _with_unseen(uow, table, rules, before)
    new = [rule for rule in rules.rules if rule not in before.rules]
    for rule in new:
        _require_readable(uow, table, rule)
    _require_fitting(uow, table, new)
    if rules == before:
        return version
    tables.save_own_rules(uow, table, rules, version + 1)
    request_rules(uow, table)
    names = [rule.name for rule in rules.rules]
    uow.record(TableRulesChanged(subject=table.subject, version=version + 1, rules=names))
    return version + 1


def _with_unseen(uow: UnitOfWork, table: TableId, given: RuleSet, before: RuleSet) -> RuleSet:
    """What is given, and what stood before and was not shown to the actor, who could not give it back.

    Raises:
        BadRule: together they are too many.
    """
    sight, named = sight_of(uow, table), {rule.name for rule in given.rules}
    unseen = [rule for rule in before.rules if not sight.sees_text_of(rule) and rule.name not in named]
    return rule_set([*unseen, *given.rules])


def _require_curator(uow: UnitOfWork, table: TableId) -> None:
    if sight_of(uow, table).may_curate:
        return
    refused = Decision(False, Action.ASSET_CURATE.value, table.subject, "nobody has given this actor the asset's care")
    raise AccessDenied("a table's quality is the business of those who describe its asset", decision=refused)


def _require_fitting(uow: UnitOfWork, table: TableId, rules: Sequence[AnyRule]) -> None:
    """A rule that would only ever be in error is refused where it is written. Rules that stood before stay."""
    if not rules:
        return
    named = {table, *(other for rule in rules if (other := other_table(rule)) is not None)}
    schemas = {str(one): _as_it_is(uow, one) for one in named}
    for rule in rules:
        try:
            compile_rule(rule, schemas[str(table)], schemas, now=uow.now, committed_at=None)
        except BadRule as error:
            raise BadRule(f"rule {rule.name}: {error.message}", hint=error.hint) from None


def _as_it_is(uow: UnitOfWork, table: TableId) -> MeasuredTable:
    """The table's columns; nothing is read."""
    record = lake.read_table(uow, table)
    schema = lake.read_metadata(record.metadata_location).schema()
    columns = tuple(TableColumn(column.name, lake.type_text(column.field_type)) for column in schema.columns)
    return MeasuredTable(table, record.snapshot_id, record.metadata_location, (), columns, 0)


def _require_readable(uow: UnitOfWork, table: TableId, rule: AnyRule) -> None:
    other = other_table(rule)
    for needed in (table, other) if speaks_of_values(rule) else ():
        if needed is None:
            continue
        try:
            resource = lake.table_resource(uow, needed)
        except lake.UnknownTable:
            raise BadRule(f"rule {rule.name}: there is no table {needed} that you may read") from None
        decision = decide(uow.actor, Action.TABLE_READ, resource, actions=actions_of_roles(uow, uow.actor.roles))
        sees_values, masked = values_allowed(decision)
        if not sees_values or masked:
            refused = Decision(
                False, decision.action, decision.resource, "a rule would tell of rows that the actor may not read"
            )
            raise AccessDenied(
                f"rule {rule.name} speaks of values: who writes it must be allowed to read {needed} without a mask",
                decision=refused,
            )
