"""Which buckets may this actor see anything in? The same rules that listing goes by."""

from pergamon import lake
from pergamon.objects.scopes import readable_rules, resource_of
from pergamon.policy import Action, decide, resource_for_path, visible
from pergamon.store import UnitOfWork


def visible_buckets(uow: UnitOfWork) -> list[str]:
    """The names of the buckets in which some rule lets the actor read something, sorted; they may be empty."""
    buckets = lake.read_buckets(uow).items()
    return sorted(name for name, spec in buckets if readable_rules(uow.actor, lake.access_rules(spec)))


def writable_folders(uow: UnitOfWork) -> list[tuple[str, str]]:
    """The bucket and prefix of each rule that lets the actor put files of no tags there, sorted."""
    found = set()
    for name, spec in lake.read_buckets(uow).items():
        rules = lake.access_rules(spec)
        for rule in rules:
            resource = resource_for_path("object", f"{name}/{rule.prefix}", f"{rule.prefix}file", rules)
            if not rule.tags and decide(uow.actor, Action.OBJECT_WRITE, resource).allowed:
                found.add((name, rule.prefix))
    return sorted(found)


def writes_somewhere(uow: UnitOfWork) -> bool:
    """Is there a folder at all in which the actor may put files of no tags? Every page asks: no folder is looked at."""
    rules = [rule for spec in lake.read_buckets(uow).values() for rule in lake.access_rules(spec) if not rule.tags]
    return bool(visible(uow.actor, Action.OBJECT_WRITE, map(resource_of, rules)))
