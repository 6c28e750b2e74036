"""People and service accounts."""

from collections.abc import Mapping

from argon2 import PasswordHasher

from pergamon.identity.events import MemberChanged, PrincipalChanged
from pergamon.identity.model import PrincipalSpec
from pergamon.kernel import Actor, ActorKind, Invalid, NotFound
from pergamon.store import UnitOfWork

SHORTEST_PASSWORD = 12


class WeakPassword(Invalid):
    """A password is shorter than twelve characters."""

    code = "identity.weak_password"


def no_such_principal(principal_id: str) -> NotFound:
    """The error for a name that no active person or service account has; a name alone lacks its kind."""
    hint = "write person:NAME or service:NAME, as `pergamon ls` does; who is deployed is active"
    return NotFound(f"no active principal {principal_id}", hint=hint)


def put_principal(uow: UnitOfWork, principal_id: str, spec: PrincipalSpec, tags: Mapping[str, str]) -> None:
    """Make or change a person or service account. `principal_id`: `person:<name>` or `service:<name>`.

    Raises:
        Invalid: the identifier does not begin with its kind, or a role does not exist.
    """
    if not principal_id.startswith(f"{spec.kind}:"):
        raise Invalid(f"{principal_id} is not the identifier of a {spec.kind}", hint=f"write {spec.kind}:<name>")
    uow.execute(
        "INSERT INTO principal (id, kind, display_name, active, created_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, active = excluded.active",
        (principal_id, spec.kind, spec.display_name, spec.active, uow.now),
    )
    known = {row["name"] for row in uow.rows("SELECT name FROM role WHERE name = ANY (%s)", (sorted(spec.roles),))}
    if known != spec.roles:
        missing = ", ".join(sorted(spec.roles - known))
        raise Invalid(f"{principal_id} is given roles that do not exist: {missing}", hint="deploy the roles first")
    uow.execute("DELETE FROM membership WHERE principal_id = %s", (principal_id,))
    for role in sorted(spec.roles):
        uow.execute("INSERT INTO membership (principal_id, role) VALUES (%s, %s)", (principal_id, role))
    uow.record(PrincipalChanged(subject=principal_id, roles=sorted(spec.roles), active=spec.active))


def read_principals(uow: UnitOfWork) -> dict[str, PrincipalSpec]:
    rows = uow.rows(
        "SELECT p.id, p.kind, p.display_name, p.active, "
        "coalesce(array_agg(m.role) FILTER (WHERE m.role IS NOT NULL), '{}') AS roles "
        "FROM principal p LEFT JOIN membership m ON m.principal_id = p.id GROUP BY p.id"
    )
    return {
        r["id"]: PrincipalSpec(
            kind=r["kind"], display_name=r["display_name"], active=r["active"], roles=frozenset(r["roles"])
        )
        for r in rows
    }


def drop_principal(uow: UnitOfWork, principal_id: str) -> None:
    """Deactivate a principal and take its roles; the row stays, because the trail names it."""
    uow.execute("UPDATE principal SET active = false WHERE id = %s", (principal_id,))
    uow.execute("DELETE FROM membership WHERE principal_id = %s", (principal_id,))
    uow.record(PrincipalChanged(subject=principal_id, roles=[], active=False))


def set_password(uow: UnitOfWork, principal_id: str, password: str) -> None:
    """Set a local account's password, kept as an argon2id hash (RFC 9106).

    Raises:
        WeakPassword: shorter than twelve characters.
        NotFound: no such person.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword("a password has at least twelve characters", hint="a short sentence is easy to remember")
    changed = uow.execute(
        "UPDATE principal SET password_hash = %s WHERE id = %s AND kind = 'person'",
        (PasswordHasher().hash(password), principal_id),
    )
    if not changed:
        raise NotFound(f"no person {principal_id}")
    uow.record(MemberChanged(subject=principal_id))


def principal_actor(uow: UnitOfWork, principal_id: str) -> Actor:
    """The actor that an active principal is, with the roles it holds now.

    Raises:
        NotFound: no such principal, or it is not active.
    """
    row = uow.row(
        "SELECT p.id, p.kind, coalesce(array_agg(m.role) FILTER (WHERE m.role IS NOT NULL), '{}') AS roles "
        "FROM principal p LEFT JOIN membership m ON m.principal_id = p.id WHERE p.id = %s AND p.active GROUP BY p.id",
        (principal_id,),
    )
    if row is None:
        raise no_such_principal(principal_id)
    return Actor(id=row["id"], kind=ActorKind(row["kind"]), roles=frozenset(row["roles"]))
