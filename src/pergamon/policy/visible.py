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
    group = GROUP_OF[action]
    match group:
        case ActionGroup.ADMINISTER:
            return is_operator or action in held
        case ActionGroup.ACT:
            return action in held and _belongs(actor, action, resource)
        case ActionGroup.SERVE:
            return actor.kind is ActorKind.SERVICE and action in held
        case ActionGroup.READ | ActionGroup.WRITE | ActionGroup.ASK | ActionGroup.GIVE:
            return not is_operator and bool(_roles_for(group, resource) & actor.roles)
        case ActionGroup.DESTROY:
            return bool(resource.supers & actor.roles)
        case ActionGroup.DESCRIBE | ActionGroup.CURATE | ActionGroup.STEWARD:
            return _looks_after(actor, held) or bool(_roles_for(group, resource) & actor.roles)


def _roles_for(group: ActionGroup, resource: Resource) -> frozenset[str]:
    """The roles that have this kind of right on a resource."""
    match group:
        case ActionGroup.READ | ActionGroup.DESCRIBE:
            return resource.readers
        case ActionGroup.WRITE | ActionGroup.CURATE | ActionGroup.ASK:
            return resource.writers
        case _:
            return resource.supers


def _looks_after(actor: Actor, held: frozenset[str]) -> bool:
    """The operator and catalog managers look after every description; that gives them no data."""
    return actor.kind is ActorKind.OPERATOR or Action.CATALOG_MANAGE in held


def _belongs(actor: Actor, action: Action, resource: Resource) -> bool:
    """A workgroup runs queries for its users, and shows its history to its admins."""
    match action:
        case Action.QUERY_RUN:
            return bool(resource.readers & actor.roles)
        case Action.QUERY_HISTORY:
            return bool(resource.writers & actor.roles)
        case _:
            return True
