"""How much of a table's profile may this actor see? Asked of the policy, for the asset and for the table (law 1).

Counts: whoever may find an asset of the table (where it has none: whoever runs workflows), rounded, so that no few rows
can be told apart. Everything: whoever may read the table without obligations. An obligation to mask columns takes their
values away; any other obligation (rows that may not be seen, whatever comes later) leaves counts only: the values of
the whole table would tell of the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pergamon import catalog, lake
from pergamon.identity import actions_of_roles
from pergamon.kernel import Decision
from pergamon.lake import TableId
from pergamon.policy import Action, Resource, decide
from pergamon.quality.model import NoProfile
from pergamon.quality.rules import AnyRule, speaks_of_values
from pergamon.store import UnitOfWork

MASK = "mask:"
"""How an obligation begins that masks the column whose name follows."""


@dataclass(frozen=True)
class Sight:
    """What an actor may see of a table's quality. masked: lower-case names of columns whose values are not shown."""

    may_read: bool
    sees_values: bool
    masked: frozenset[str]
    may_curate: bool

    def sees_values_of(self, column: str) -> bool:
        return self.sees_values and column.lower() not in self.masked

    def sees_text_of(self, rule: AnyRule) -> bool:
        """What a rule says in full: one that speaks of values is for who could have written it."""
        return (self.sees_values and not self.masked) or (self.may_curate and not speaks_of_values(rule))


def sight_of(uow: UnitOfWork, table: TableId) -> Sight:
    """What the actor of this unit of work may see.

    Raises:
        NoProfile: the actor may neither find an asset of the table nor read it, or there is no such table.
    """
    held = actions_of_roles(uow, uow.actor.roles)

    def asked(action: Action, resource: Resource) -> Decision:
        return decide(uow.actor, action, resource, actions=held)

    try:
        resource = lake.table_resource(uow, table)
        is_there = True
    except lake.UnknownTable:
        resource, is_there = Resource("table", str(table)), False
    reads = asked(Action.TABLE_READ, resource)
    assets = [asset for asset in catalog.assets_of_tables(uow, [str(table)]) if asset.retired_at is None]
    finds = [asked(Action.ASSET_FIND, catalog.asset_resource(asset)) for asset in assets]
    curates = [asked(Action.ASSET_CURATE, catalog.draft_resource(asset)) for asset in assets]
    operates = not assets and asked(Action.WORKFLOW_RUN, resource).allowed
    may_see = reads.allowed or operates or any(decision.allowed for decision in finds)
    if not (is_there and may_see):
        refused = None if may_see else reads
        raise NoProfile(f"there is no table {table} that you may find", hint=_HINT, decision=refused)
    sees_values, masked = values_allowed(reads)
    return Sight(
        may_read=reads.allowed,
        sees_values=sees_values,
        masked=masked,
        may_curate=operates or any(decision.allowed for decision in curates),
    )


_HINT = "`pergamon asset ls` lists what you may find, `pergamon tables` what you may read"


def values_allowed(decision: Decision) -> tuple[bool, frozenset[str]]:
    """May values be shown, and of which columns not? Pure; an obligation that is not known here shows none."""
    if not decision.allowed:
        return False, frozenset()
    masked = masked_columns(decision.obligations)
    return masked is not None, masked or frozenset()


def masked_columns(obligations: Mapping[str, str]) -> frozenset[str] | None:
    """The columns that obligations mask; None: they ask for more than that."""
    if any(not name.startswith(MASK) or name == MASK for name in obligations):
        return None
    return frozenset(name.removeprefix(MASK).lower() for name in obligations)
