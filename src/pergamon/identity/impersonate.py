"""May the operator act as this person? Only where a role of theirs allows it, and always on the record (law 10)."""

from dataclasses import replace

from pergamon.identity.principals import EVERYONE, principal_actor
from pergamon.kernel import Actor, ActorKind, Decision, Kind, PergamonError
from pergamon.store import UnitOfWork


class ImpersonationRefused(PergamonError):
    """None of the person's roles allows the operator to act as them."""

    code, kind = "identity.impersonation_refused", Kind.DENIED


def operator_as(uow: UnitOfWork, principal_id: str) -> Actor:
    """The actor "operator as person", with the roles that are impersonable, and no others.

    Raises:
        NotFound: no such active principal.
        ImpersonationRefused: the caller is not the operator, or no role of the person is impersonable.
    """
    person = principal_actor(uow, principal_id)
    rows = uow.rows("SELECT name FROM role WHERE impersonable AND name = ANY (%s)", (sorted(person.roles),))
    roles = frozenset(row["name"] for row in rows)
    if uow.actor.kind is not ActorKind.OPERATOR or not roles:
        refusal = Decision(False, "identity.impersonate", principal_id, "no role of this person is impersonable")
        raise ImpersonationRefused(
            f"the operator may not act as {principal_id}",
            hint="say `impersonable: true` on one of this person's roles in roles.yaml, and deploy",
            decision=refusal,
        )
    return replace(person, roles=roles | {EVERYONE}, operator=uow.actor.id)
