"""Which of many things may this actor do this to? The twin of `decide`; a property test holds them equal."""

from collections.abc import Iterable

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
            return action in held and _belongs(actor, action, resource)
        case ActionGroup.SERVE:
            return actor.kind is ActorKind.SERVICE and action in held
        case ActionGroup.READ:
            return not is_operator and bool(resource.readers & actor.roles)
        case ActionGroup.WRITE:
            return not is_operator and bool(resource.writers & actor.roles)
        case ActionGroup.DESTROY:
            return bool(resource.supers & actor.roles)


def _belongs(actor: Actor, action: Action, resource: Resource) -> bool:
    """A workgroup runs queries for its users, and shows its history to its admins."""
    match action:
        case Action.QUERY_RUN:
            return bool(resource.readers & actor.roles)
        case Action.QUERY_HISTORY:
            return bool(resource.writers & actor.roles)
        case _:
            return True
