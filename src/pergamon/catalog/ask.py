"""Asks the policy for the catalog's verbs. What may not be seen is answered as not found, and recorded as a denial."""

import re

from pergamon.identity import actions_of_roles
from pergamon.kernel import Decision, NotFound
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork

_SLUG = re.compile(r"[a-z][a-z0-9-]{0,62}")


def is_slug(name: str) -> bool:
    """Could this be the name of a project, a unit, a term, a form or a product?"""
    return _SLUG.fullmatch(name) is not None


def decide_on(uow: UnitOfWork, action: Action, resource: Resource) -> Decision:
    """The policy's verdict, with what the actor's roles allow at all."""
    return decide(uow.actor, action, resource, actions=actions_of_roles(uow, uow.actor.roles))


def require_or_hide(uow: UnitOfWork, action: Action, resource: Resource, hidden: NotFound, *, exists: bool) -> None:
    """Raise `hidden` when the act is refused: with the refusal, so that the trail has it. The same without the thing.

    exists: is there such a thing? The policy is asked in any case, so that both answers take as long.
    """
    decision = decide_on(uow, action, resource)
    if not decision.allowed:
        hidden.decision = decision
        raise hidden
    if not exists:
        raise hidden
