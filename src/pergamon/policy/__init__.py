"""The one decision point: decide() for one thing, visible() for many. Pure: no I/O but the policies' own text."""

from pergamon.policy.actions import Action, ActionGroup
from pergamon.policy.decide import decide
from pergamon.policy.model import AccessRule, Resource
from pergamon.policy.paths import NO_TAGS, normal_prefix, prefix_covers, resource_for_path, rule_reaches
from pergamon.policy.visible import visible

__all__ = [
    "NO_TAGS",
    "AccessRule",
    "Action",
    "ActionGroup",
    "Resource",
    "decide",
    "normal_prefix",
    "prefix_covers",
    "resource_for_path",
    "rule_reaches",
    "visible",
]
