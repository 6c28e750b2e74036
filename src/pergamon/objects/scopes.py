"""Which stretches of a bucket may this actor list? The rules' prefixes and tags, cut to what was asked for.

The twin of `access.require_read`: a property test holds that what is listed is what can be read.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pergamon.kernel import Actor
from pergamon.policy import AccessRule, Action, Resource, visible

LAST = "\U0010ffff"
"""Stands behind every key with the same beginning: it is no character, so no key holds it."""


@dataclass(frozen=True)
class Scope:
    """Keys that begin with `prefix`, or are `exact`, and carry all of `tags`."""

    prefix: str
    exact: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        """Where the stretch ends, exclusively."""
        return self.prefix + LAST

    @property
    def tags_json(self) -> str:
        return json.dumps(dict(self.tags))

    def covers(self, other: "Scope") -> bool:
        """Is everything in `other` in this one?"""
        return (
            other.prefix.startswith(self.prefix)
            and (other.exact == self.exact or other.exact.startswith(self.prefix))
            and self.tags.items() <= other.tags.items()
        )


@dataclass(frozen=True)
class Folding:
    """Keys fall into folders at the first `delimiter` behind `prefix`."""

    prefix: str
    delimiter: str


def readable_rules(actor: Actor, rules: Iterable[AccessRule]) -> list[AccessRule]:
    """The rules that let this actor read what they reach."""
    return [rule for rule in rules if visible(actor, Action.OBJECT_READ, [resource_of(rule)])]


def resource_of(rule: AccessRule) -> Resource:
    """What a rule reaches, as far as it alone gives rights to it."""
    writers = rule.writers | rule.supers
    return Resource("object", "", readers=rule.readers | writers, writers=writers, supers=rule.supers)


def scopes(rules: Iterable[AccessRule], prefix: str) -> list[Scope]:
    """What the rules reach below a prefix, nothing twice where one stretch holds another."""
    found = [scope for rule in rules if (scope := _cut(rule, prefix)) is not None]
    kept: list[Scope] = []
    for scope in sorted(set_of(found), key=lambda scope: (len(scope.prefix), len(scope.exact), len(scope.tags))):
        if not any(wider.covers(scope) for wider in kept):
            kept.append(scope)
    return kept


def set_of(found: list[Scope]) -> list[Scope]:
    return [scope for index, scope in enumerate(found) if scope not in found[:index]]


def whole(prefix: str) -> list[Scope]:
    """Everything below a prefix, for the platform's own services."""
    return [Scope(prefix, prefix)]


def _cut(rule: AccessRule, prefix: str) -> Scope | None:
    """A rule on `data/` reaches `data/x`, and an object that is called `data`."""
    if prefix.startswith(rule.prefix):
        return Scope(prefix, prefix, rule.tags)
    if rule.prefix.startswith(prefix):
        itself = rule.prefix.removesuffix("/")
        return Scope(rule.prefix, itself if itself.startswith(prefix) else rule.prefix, rule.tags)
    return None
