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
    Returns: the verdict with the policies that made it. Anything that cannot be evaluated is a refusal.
    """
    group = GROUP_OF[action]
    principal = {"type": actor.kind.value.capitalize(), "id": actor.id}
    request = {
        "principal": _reference(principal["type"], actor.id),
        "action": _reference("Action", action.value),
        "resource": _reference("Resource", str(resource)),
        "context": {"action": action.value},
    }
    entities = [
        {"uid": principal, "attrs": {"roles": sorted(actor.roles), "actions": sorted(actions)}, "parents": []},
        {
            "uid": {"type": "Action", "id": action.value},
            "attrs": {},
            "parents": [{"type": "Action", "id": group.value}],
        },
        {"uid": {"type": "Resource", "id": str(resource)}, "attrs": _rights(resource), "parents": []},
    ]
    result = cedarpy.is_authorized(request, policies_text(), entities)
    decided_by = tuple(sorted(policy_names()[reason] for reason in result.diagnostics.reasons))
    allowed = bool(result.allowed) and not result.diagnostics.errors
    return Decision(
        allowed=allowed,
        action=action.value,
        resource=str(resource),
        reason=_reason(allowed, group, decided_by),
        decided_by=decided_by,
    )


@cache
def policies_text() -> str:
    """The Cedar policies, as they are shipped and as `synth` prints them."""
    return (resources.files("pergamon.policy") / "policies.cedar").read_text()


@cache
def policy_names() -> dict[str, str]:
    """Cedar numbers the policies of a text (policy0, …); ours are named by their `@id`."""
    ids = [line.split('"')[1] for line in policies_text().splitlines() if line.startswith("@id(")]
    return {f"policy{number}": name for number, name in enumerate(ids)}


def _rights(resource: Resource) -> dict[str, Any]:
    return {
        "readers": sorted(resource.readers),
        "writers": sorted(resource.writers),
        "supers": sorted(resource.supers),
    }


def _reference(kind: str, name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{kind}::"{escaped}"'


def _reason(allowed: bool, group: ActionGroup, decided_by: tuple[str, ...]) -> str:
    if allowed:
        return f"allowed by {', '.join(decided_by)}"
    if decided_by:
        return f"forbidden by {', '.join(decided_by)}"
    return f"nothing gives this actor the right to {group.value} here"
