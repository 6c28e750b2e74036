"""How long are profiles kept? All of a week, the last of each day for a year or so, a table's newest ones always."""

from dataclasses import dataclass
from datetime import timedelta

from pergamon.quality import tables
from pergamon.store import UnitOfWork

BATCH = 500


@dataclass(frozen=True)
class Retention:
    """What a trend needs. A table's newest profile, and its newest that is done, are kept for ever."""

    all_of: timedelta = timedelta(days=7)
    """Every profile that is not older than this."""
    days_of: timedelta = timedelta(days=400)
    """Beyond it the last of each day (UTC), done or failed, until it is as old as this."""


def expire_profiles(uow: UnitOfWork, *, retention: Retention | None = None, limit: int = BATCH) -> bool:
    """Forget one batch of profiles that nobody needs for a trend. Returns: may there be more?"""
    kept = retention or Retention()
    return tables.delete_old_profiles(uow, uow.now - kept.all_of, uow.now - kept.days_of, limit) >= limit
