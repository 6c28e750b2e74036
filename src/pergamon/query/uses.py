"""How much is an asset queried, under whatever name? For those who give it: counts by week, never texts or people."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pergamon import access
from pergamon.catalog import asset_resource, read_asset
from pergamon.identity import actions_of_roles
from pergamon.kernel import require
from pergamon.policy import Action, decide
from pergamon.query import tables
from pergamon.store import UnitOfWork

WEEKS = 26
"""Of which is told, where nobody asks for others."""


@dataclass(frozen=True)
class WeekOfUse:
    """One week, by its Monday in UTC. people: how many different ones asked something that was answered."""

    week: date
    queries: int = 0
    people: int = 0

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        return {"week": self.week.isoformat(), "queries": self.queries, "people": self.people}


def uses_of(uow: UnitOfWork, asset_id: str, *, weeks: int = WEEKS) -> list[WeekOfUse]:
    """The last weeks, this one last, oldest first: also those in which nobody queried it.

    Cost: index lookups, and the history's entries that name one of its tables.

    Raises:
        UnknownAsset: no such asset, or the actor may not find it.
        AccessDenied: the actor is none of those who take its grants back.
    """
    asset = read_asset(uow, asset_id).asset
    held = actions_of_roles(uow, uow.actor.roles)
    require(decide(uow.actor, Action.ACCESS_REVOKE, asset_resource(asset), actions=held))
    today = uow.now.date()
    monday = today - timedelta(days=today.weekday())
    every = [monday - timedelta(weeks=back) for back in reversed(range(weeks))]
    names = [asset.name, *access.names_given(uow, asset.id)]
    found = {row["week"]: WeekOfUse(**row) for row in tables.uses(uow, names, every[0])}
    return [found.get(week, WeekOfUse(week)) for week in every]
