"""Which buckets may this actor see anything in? The same rules that listing goes by."""

from pergamon import lake
from pergamon.objects.scopes import readable_rules
from pergamon.store import UnitOfWork


def visible_buckets(uow: UnitOfWork) -> list[str]:
    """The names of the buckets in which some rule lets the actor read something, sorted; they may be empty."""
    buckets = lake.read_buckets(uow).items()
    return sorted(name for name, spec in buckets if readable_rules(uow.actor, lake.access_rules(spec)))
