"""May this actor do this to that thing? Decided by Cedar over static policies and a slice of three entities."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import cedarpy

from pergamon.kernel import Actor, Decision
from pergamon.policy.actions import GROUP_OF, Action, ActionGroup
from pergamon.policy.model import Resource


def decide(actor: Actor, action: Action, resource: Resource, *, actions: Iterable[str] = ()) -> Decision:
    """Decide one act.

    Args: actions: what the actor's roles allow at all (`identity.actions_of_roles`); not needed for data acts,
        which the resource's access rules decide.
    Returns: the verdict with the policies that made it, and the resource's obligations when it allows. Anything that
        cannot be evaluated is a refusal.
    """
    group = GROUP_OF[action]
    principal = {"type": actor.kind.value.capitalize(), "id": actor.id}
    act = {"type": "Action", "id": action.value}
    thing = {"type": "Resource", "id": str(resource)}
    request = {"principal": principal, "action": act, "resource": thing, "context": {"action": action.value}}
    entities = [
        {"uid": principal, "attrs": {"roles": sorted(actor.roles), "actions": sorted(actions)}, "parents": []},
        {"uid": act, "attrs": {}, "parents": [{"type": "Action", "id": group.value}]},
        {"uid": thing, "attrs": _rights(resource), "parents": []},
    ]
    result = cedarpy.is_authorized(request, _policy_set(), entities)
    names = result.diagnostics.id_annotations_by_reason
    decided_by = tuple(sorted(names.values()))
    allowed = bool(result.allowed) and not result.diagnostics.errors
    return Decision(
        allowed=allowed,
        action=action.value,
        resource=str(resource),
        reason=_reason(allowed, group, decided_by),
        decided_by=decided_by,
        obligations=dict(resource.obligations) if allowed else {},
    )


@cache
def policies_text() -> str:
    """The Cedar policies, as they are shipped and as `synth` prints them."""
    return (resources.files("pergamon.policy") / "policies.cedar").read_text()


@cache
def _policy_set() -> cedarpy.PolicySet:
    """Parsed once; each policy is named by its `@id`."""
    return cedarpy.PolicySet.from_str(policies_text())


def _rights(resource: Resource) -> dict[str, Any]:
    return {
        "readers": sorted(resource.readers),
        "writers": sorted(resource.writers),
        "supers": sorted(resource.supers),
    }


def _reason(allowed: bool, group: ActionGroup, decided_by: tuple[str, ...]) -> str:
    if allowed:
        return f"allowed by {', '.join(decided_by)}"
    if decided_by:
        return f"forbidden by {', '.join(decided_by)}"
    return f"nothing gives this actor the right to {group.value} here"
