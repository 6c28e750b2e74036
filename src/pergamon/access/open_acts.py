"""What may an actor do to a request or a grant now? For whoever shows it, so that nothing is offered that is refused.

The same policy and the same states decide as in the acts themselves; asking is no attempt, and leaves nothing behind.
"""

from pergamon.access.look import asset_at
from pergamon.access.model import TRANSITIONS, AccessRequest, Grant, GrantState, RequestAct
from pergamon.access.rules import verdict
from pergamon.catalog import asset_resource
from pergamon.identity import actions_of_roles
from pergamon.policy import Action, decide
from pergamon.store import UnitOfWork


def open_acts(uow: UnitOfWork, request: AccessRequest) -> frozenset[RequestAct]:
    """What the actor may do to a request that they see, as it stands."""
    asset, held = asset_at(uow, request.asset_id), actions_of_roles(uow, uow.actor.roles)
    acts = {act for state, act in TRANSITIONS if state is request.state}
    if any(approval.by == uow.actor.id for approval in request.approvals):
        acts.discard(RequestAct.APPROVE)
    return frozenset(act for act in acts if verdict(uow.actor, act, request, asset, actions=held).allowed)


def may_revoke(uow: UnitOfWork, grant: Grant) -> bool:
    """Would the actor's `revoke_grant` be allowed now?"""
    if grant.state(uow.now) is not GrantState.ACTIVE:
        return False
    held = actions_of_roles(uow, uow.actor.roles)
    resource = asset_resource(asset_at(uow, grant.asset_id))
    return decide(uow.actor, Action.ACCESS_REVOKE, resource, actions=held).allowed
