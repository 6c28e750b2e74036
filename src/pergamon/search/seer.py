"""Who sees what in search: asked of the one decision point, as a rule that an index can apply to many."""

from pergamon import identity
from pergamon.policy import Action, Resource, decide
from pergamon.search.ask import Seer
from pergamon.store import UnitOfWork


def seer_of(uow: UnitOfWork) -> Seer:
    """The actor as search sees it. Whoever may find an asset that has no readers looks after all of them."""
    held = identity.actions_of_roles(uow, uow.actor.roles) if uow.actor.roles else frozenset[str]()
    unread = Resource("asset", "without-readers")
    sees_all = decide(uow.actor, Action.ASSET_FIND, unread, actions=held).allowed
    return Seer(uow.actor.roles, sees_all=sees_all)
