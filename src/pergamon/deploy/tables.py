"""What was deployed by which configuration: the SQL of this room."""

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Remembered:
    """A resource as the last deployment left it. spec: as `plan.comparable` writes it."""

    kind: str
    name: str
    deployment: str
    module: str
    tags: dict[str, str]
    spec: dict[str, Any]  # Any: JSON


def remembered_resources(uow: UnitOfWork) -> list[Remembered]:
    rows = uow.rows(
        "SELECT kind, name, deployment_id AS deployment, module, tags, spec FROM deployment_resource "
        "ORDER BY kind, name"
    )
    return [Remembered(**row) for row in rows]


def modules_of_resources(uow: UnitOfWork, kind: str) -> dict[str, tuple[str, str]]:
    """Of one kind: which deployment made each of its resources, and which module."""
    rows = uow.rows("SELECT name, deployment_id, module FROM deployment_resource WHERE kind = %s", (kind,))
    return {row["name"]: (row["deployment_id"], row["module"]) for row in rows}


def count_resources(uow: UnitOfWork) -> dict[str, int]:
    """Deployment -> how many resources it made, by name."""
    rows = uow.rows("SELECT deployment_id AS name, count(*) AS n FROM deployment_resource GROUP BY 1 ORDER BY 1")
    return {row["name"]: row["n"] for row in rows}


def finished_commands(uow: UnitOfWork) -> dict[tuple[str, str, str], str]:
    """(deployment, module, phase) -> the digest of the state that the command last ran for."""
    rows = uow.rows("SELECT deployment_id, module, phase, digest FROM deployment_command")
    return {(row["deployment_id"], row["module"], row["phase"]): row["digest"] for row in rows}


def save_deployment(uow: UnitOfWork, deployment: str, digest: str) -> None:
    uow.execute(
        "INSERT INTO deployment (id, digest, deployed_at, deployed_by) VALUES (%s, %s, %s, %s) ON CONFLICT (id) "
        "DO UPDATE SET digest = excluded.digest, deployed_at = excluded.deployed_at, "
        "deployed_by = excluded.deployed_by",
        (deployment, digest, uow.now, str(uow.actor)),
    )


def deployments(uow: UnitOfWork) -> dict[str, str]:
    """Every deployment with the digest of its configuration."""
    return {row["id"]: row["digest"] for row in uow.rows("SELECT id, digest FROM deployment ORDER BY id")}


def forget_deployment(uow: UnitOfWork, deployment: str) -> None:
    """Forget a deployment that owns nothing any more."""
    uow.execute("DELETE FROM deployment_command WHERE deployment_id = %s", (deployment,))
    uow.execute("DELETE FROM deployment WHERE id = %s", (deployment,))


def remember_resource(uow: UnitOfWork, resource: Remembered) -> None:
    uow.execute(
        "INSERT INTO deployment_resource (kind, name, deployment_id, module, tags, spec, deployed_at) "
        "VALUES (%(kind)s, %(name)s, %(deployment)s, %(module)s, %(tags)s, %(spec)s, %(at)s) "
        "ON CONFLICT (kind, name) DO UPDATE SET deployment_id = excluded.deployment_id, module = excluded.module, "
        "tags = excluded.tags, spec = excluded.spec, deployed_at = excluded.deployed_at",
        vars(resource) | {"tags": Jsonb(resource.tags), "spec": Jsonb(resource.spec), "at": uow.now},
    )


def forget_resource(uow: UnitOfWork, kind: str, name: str) -> None:
    uow.execute("DELETE FROM deployment_resource WHERE kind = %s AND name = %s", (kind, name))


def remember_command(uow: UnitOfWork, key: tuple[str, str, str], digest: str) -> None:
    uow.execute(
        "INSERT INTO deployment_command (deployment_id, module, phase, digest, finished_at) "
        "VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (deployment_id, module, phase) "
        "DO UPDATE SET digest = excluded.digest, finished_at = excluded.finished_at",
        (*key, digest, uow.now),
    )
