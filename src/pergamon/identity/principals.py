"""People and service accounts."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from pergamon.identity.events import PrincipalChanged
from pergamon.identity.model import PrincipalSpec
from pergamon.kernel import Actor, ActorKind, Invalid, NotFound
from pergamon.store import UnitOfWork, asked_once

EVERYONE = "everyone"
"""The role of every active person and service account. Nobody is given it, and no policy hangs on it."""


def no_such_principal(principal_id: str) -> NotFound:
    """The error for a name that no active person or service account has; a name alone lacks its kind."""
    hint = "write person:NAME or service:NAME, as `pergamon ls` does; who is deployed is active"
    return NotFound(f"no active principal {principal_id}", hint=hint)


def person_id(name: str) -> str:
    """The identifier of a person as people write it: `ada` is `person:ada`."""
    return name if ":" in name else f"person:{name}"


def require_person(uow: UnitOfWork, principal_id: str) -> None:
    """Raises NotFound when there is no such active person."""
    found = uow.row("SELECT 1 AS one FROM principal WHERE id = %s AND kind = 'person' AND active", (principal_id,))
    if found is None:
        raise NotFound("no such active person", hint="`pergamon person ls` lists who there is")


def put_principal(uow: UnitOfWork, principal_id: str, spec: PrincipalSpec, tags: Mapping[str, str]) -> None:
    """Make or change a person or service account. `principal_id`: `person:<name>` or `service:<name>`.

    Raises:
        Invalid: the identifier does not begin with its kind, or a role does not exist.
    """
    if not principal_id.startswith(f"{spec.kind}:"):
        raise Invalid(f"{principal_id} is not the identifier of a {spec.kind}", hint=f"write {spec.kind}:<name>")
    uow.execute(
        "INSERT INTO principal (id, kind, display_name, active, attributes, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, active = excluded.active, "
        "attributes = excluded.attributes",
        (principal_id, spec.kind, spec.display_name, spec.active, Jsonb(spec.attributes), uow.now),
    )
    known = {row["name"] for row in uow.rows("SELECT name FROM role WHERE name = ANY (%s)", (sorted(spec.roles),))}
    if known != spec.roles:
        missing = ", ".join(sorted(spec.roles - known))
        raise Invalid(f"{principal_id} is given roles that do not exist: {missing}", hint="deploy the roles first")
    uow.execute("DELETE FROM membership WHERE principal_id = %s", (principal_id,))
    for role in sorted(spec.roles):
        uow.execute("INSERT INTO membership (principal_id, role) VALUES (%s, %s)", (principal_id, role))
    uow.record(
        PrincipalChanged(
            subject=principal_id, roles=sorted(spec.roles), active=spec.active, attributes=sorted(spec.attributes)
        )
    )


@asked_once
def read_principals(uow: UnitOfWork) -> dict[str, PrincipalSpec]:
    rows = uow.rows(
        "SELECT p.id, p.kind, p.display_name, p.active, p.attributes, "
        "coalesce(array_agg(m.role) FILTER (WHERE m.role IS NOT NULL), '{}') AS roles "
        "FROM principal p LEFT JOIN membership m ON m.principal_id = p.id GROUP BY p.id"
    )
    return {
        r["id"]: PrincipalSpec(
            kind=r["kind"],
            display_name=r["display_name"],
            active=r["active"],
            roles=frozenset(r["roles"]),
            attributes=r["attributes"],
        )
        for r in rows
    }


@dataclass(frozen=True)
class PersonInfo:
    """A person as the operator sees them: never their password, only whether there is one."""

    id: str
    display_name: str
    active: bool
    has_password: bool
    roles: list[str]


def list_people(uow: UnitOfWork) -> list[PersonInfo]:
    """Every person, by name; those that were dropped too, because the trail names them."""
    rows = uow.rows(
        "SELECT p.id, p.display_name, p.active, p.password_hash IS NOT NULL AS has_password, "
        "coalesce(array_agg(m.role ORDER BY m.role) FILTER (WHERE m.role IS NOT NULL), '{}') AS roles "
        "FROM principal p LEFT JOIN membership m ON m.principal_id = p.id WHERE p.kind = 'person' "
        "GROUP BY p.id ORDER BY p.id"
    )
    return [PersonInfo(**row) for row in rows]


def drop_principal(uow: UnitOfWork, principal_id: str) -> None:
    """Deactivate a principal and take its roles; the row stays, because the trail names it."""
    uow.execute("UPDATE principal SET active = false, attributes = '{}' WHERE id = %s", (principal_id,))
    uow.execute("DELETE FROM membership WHERE principal_id = %s", (principal_id,))
    uow.record(PrincipalChanged(subject=principal_id, roles=[], active=False, attributes=[]))


def display_name_of(uow: UnitOfWork, principal_id: str) -> str:
    """What a principal is called by people; empty: the configuration says nothing else than the identifier."""
    row = uow.row("SELECT display_name FROM principal WHERE id = %s", (principal_id,))
    return str(row["display_name"]).strip() if row else ""


def attributes_of(uow: UnitOfWork, principal_id: str) -> dict[str, str]:
    """What the configuration says of a principal; nothing of one that is not active, or that there is not."""
    row = uow.row("SELECT attributes FROM principal WHERE id = %s AND active", (principal_id,))
    return dict(row["attributes"]) if row else {}


def principal_actor(uow: UnitOfWork, principal_id: str) -> Actor:
    """The actor that an active principal is, with the roles it holds now.

    Raises:
        NotFound: no such principal, or it is not active.
    """
    row = uow.row(
        "SELECT p.id, p.kind, ARRAY(SELECT role FROM membership m WHERE m.principal_id = p.id "
        "UNION SELECT team || '/' || role FROM team_member t WHERE t.principal_id = p.id) AS roles "
        "FROM principal p WHERE p.id = %s AND p.active",
        (principal_id,),
    )
    if row is None:
        raise no_such_principal(principal_id)
    return Actor(id=row["id"], kind=ActorKind(row["kind"]), roles=frozenset(row["roles"]) | {EVERYONE})
