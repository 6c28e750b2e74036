"""Which of many things may this actor do this to? The twin of `decide`, as sets and as SQL (a property test)."""

from collections.abc import Iterable
from typing import LiteralString

from pergamon.kernel import Actor, ActorKind
from pergamon.policy.actions import GROUP_OF, Action, ActionGroup
from pergamon.policy.model import Resource


def visible(
    actor: Actor, action: Action, resources: Iterable[Resource], *, actions: Iterable[str] = ()
) -> list[Resource]:
    """Those resources for which `decide` allows the act, in their order."""
    held = frozenset(actions)
    return [resource for resource in resources if _allows(actor, action, resource, held)]


def _allows(actor: Actor, action: Action, resource: Resource, held: frozenset[str]) -> bool:
    is_operator = actor.kind is ActorKind.OPERATOR
    match GROUP_OF[action]:
        case ActionGroup.ADMINISTER:
            return is_operator or action in held
        case ActionGroup.ACT:
            return action in held
        case ActionGroup.SERVE:
            return actor.kind is ActorKind.SERVICE and action in held
        case ActionGroup.READ:
            return not is_operator and bool(resource.readers & actor.roles)
        case ActionGroup.WRITE:
            return not is_operator and bool(resource.writers & actor.roles)
        case ActionGroup.DESTROY:
            return bool(resource.supers & actor.roles)


def visible_paths_sql() -> LiteralString:
    """The twin of `table.read` as an SQL condition, for listings that page in PostgreSQL.

    Over a row `t` with `bucket`, `path` (ending in `/`); parameters `roles` (text[]). Table `access_rule` as in lake/.
    """
    return (
        "EXISTS (SELECT 1 FROM access_rule r WHERE r.bucket = t.bucket AND starts_with(t.path, r.prefix) "
        "AND (r.readers || r.writers || r.supers) && %(roles)s::text[])"
    )
