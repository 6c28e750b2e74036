"""Roles and policies as deployed."""

from collections.abc import Iterable, Mapping

from psycopg.types.json import Jsonb

from pergamon.identity.events import PolicySetChanged, RoleChanged
from pergamon.identity.model import PolicySpec, RoleSpec
from pergamon.store import UnitOfWork, asked_once


def put_policy(uow: UnitOfWork, name: str, spec: PolicySpec, tags: Mapping[str, str]) -> None:
    uow.execute(
        "INSERT INTO policy_set (name, description, actions, tags) VALUES (%s, %s, %s, %s) ON CONFLICT (name) "
        "DO UPDATE SET description = excluded.description, actions = excluded.actions, tags = excluded.tags",
        (name, spec.description, sorted(spec.actions), Jsonb(dict(tags))),
    )
    uow.record(PolicySetChanged(subject=f"policy:{name}", actions=sorted(spec.actions), removed=False))


def read_policies(uow: UnitOfWork) -> dict[str, PolicySpec]:
    rows = uow.rows("SELECT name, description, actions FROM policy_set")
    return {r["name"]: PolicySpec(description=r["description"], actions=frozenset(r["actions"])) for r in rows}


def drop_policy(uow: UnitOfWork, name: str) -> None:
    uow.execute("DELETE FROM policy_set WHERE name = %s", (name,))
    uow.record(PolicySetChanged(subject=f"policy:{name}", actions=[], removed=True))


def put_role(uow: UnitOfWork, name: str, spec: RoleSpec, tags: Mapping[str, str]) -> None:
    uow.execute(
        "INSERT INTO role (name, description, impersonable, policies, tags) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET description = excluded.description, "
        "impersonable = excluded.impersonable, policies = excluded.policies, tags = excluded.tags",
        (name, spec.description, spec.impersonable, sorted(spec.policies), Jsonb(dict(tags))),
    )
    uow.record(RoleChanged(subject=f"role:{name}", policies=sorted(spec.policies), removed=False))


def read_roles(uow: UnitOfWork) -> dict[str, RoleSpec]:
    rows = uow.rows("SELECT name, description, impersonable, policies FROM role")
    return {
        r["name"]: RoleSpec(
            description=r["description"], policies=frozenset(r["policies"]), impersonable=r["impersonable"]
        )
        for r in rows
    }


def drop_role(uow: UnitOfWork, name: str) -> None:
    """Remove a role; whoever held it holds it no longer."""
    uow.execute("DELETE FROM membership WHERE role = %s", (name,))
    uow.execute("DELETE FROM role WHERE name = %s", (name,))
    uow.record(RoleChanged(subject=f"role:{name}", policies=[], removed=True))


def actions_of_roles(uow: UnitOfWork, roles: Iterable[str]) -> frozenset[str]:
    """Everything that the policies of these roles allow."""
    return _actions(uow, frozenset(roles))


@asked_once
def _actions(uow: UnitOfWork, roles: frozenset[str]) -> frozenset[str]:
    rows = uow.rows(
        "SELECT DISTINCT unnest(p.actions) AS action FROM role r JOIN policy_set p ON p.name = ANY (r.policies) "
        "WHERE r.name = ANY (%s)",
        (sorted(roles),),
    )
    return frozenset(row["action"] for row in rows)
