"""Who may see a request or a grant, ask, decide, take back? The roles of two projects, for the policy to decide with.

Who asks: owners and contributors of the project that asks. Who decides: owners and stewards of the asset's project, and
whoever owns the unit, while the asset is listed; the operator never. Nobody decides on what they wrote or amended.
Members of the asking project see its requests and grants; so does whoever may decide on them.
"""

from collections.abc import Iterable

from pergamon.access.model import AccessRequest, RequestAct
from pergamon.catalog import Asset, Place, asset_resource, project_roles, resource_at
from pergamon.kernel import Actor, Decision
from pergamon.policy import Action, Resource, decide

ASKERS = ("owner", "contributor")
USERS = ("owner", "contributor", "consumer")
"""Who queries what a project was granted."""
MEMBERS = ("owner", "contributor", "consumer", "steward")

ACTION_OF: dict[RequestAct, Action] = {
    RequestAct.AMEND: Action.ACCESS_ASK,
    RequestAct.WITHDRAW: Action.ACCESS_ASK,
    RequestAct.ASK_FOR_CHANGES: Action.ACCESS_DECIDE,
    RequestAct.APPROVE: Action.ACCESS_DECIDE,
    RequestAct.REJECT: Action.ACCESS_DECIDE,
}
NOBODY_DECIDES_ON_THEIR_OWN = "nobody-decides-on-a-request-of-their-own"


def asking_resource(project: str) -> Resource:
    """A project that asks for access."""
    return Resource(
        "project",
        project,
        readers=project_roles(project, *MEMBERS),
        writers=project_roles(project, *ASKERS),
        supers=project_roles(project, "owner"),
    )


def shared_resource(kind: str, name: str, *, project: str, owner: Place) -> Resource:
    """A request or a grant: seen from both sides. owner: where the asset stands."""
    deciders = resource_at(owner, name, is_published=True).supers
    return Resource(
        kind,
        name,
        readers=project_roles(project, *MEMBERS) | deciders,
        writers=project_roles(project, *ASKERS),
        supers=deciders,
    )


def seen(actor: Actor, kind: str, name: str, *, project: str, owner: Place, actions: Iterable[str]) -> Decision:
    """May the actor see a request or a grant?"""
    resource = shared_resource(kind, name, project=project, owner=owner)
    return decide(actor, Action.ACCESS_SEE, resource, actions=actions)


def verdict(actor: Actor, act: RequestAct, request: AccessRequest, asset: Asset, *, actions: Iterable[str]) -> Decision:
    """May the actor do this to the request? Its state is another question."""
    action = ACTION_OF[act]
    if action is Action.ACCESS_ASK:
        return decide(actor, action, asking_resource(request.project), actions=actions)
    decision = decide(actor, action, asset_resource(asset), actions=actions)
    if decision.allowed and actor.id in request.shaped_by:
        return Decision(
            allowed=False,
            action=action.value,
            resource=request.subject,
            reason="nobody decides on a request that they wrote or amended",
            decided_by=(NOBODY_DECIDES_ON_THEIR_OWN,),
        )
    return decision
