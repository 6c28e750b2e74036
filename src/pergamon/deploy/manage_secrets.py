"""Setting, removing and listing secrets, each on the record by name; the trail knows before a file changes (law 3)."""

import re

from pergamon.deploy.apply import Begin
from pergamon.deploy.events import SecretRemoved, SecretSet
from pergamon.deploy.secrets import (
    NAME,
    forget_secret,
    keep_secret,
    kept_secret_file,
    places_of_secrets,
    require_secret_value,
    secret_file,
)
from pergamon.identity import actions_of_roles
from pergamon.kernel import require
from pergamon.policy import Action, Resource, decide
from pergamon.replicate import read_replication_tasks
from pergamon.settings import Settings
from pergamon.store import UnitOfWork

_REFERENCE = re.compile(r"\{\{\s*secret:([A-Za-z0-9._-]+)\s*\}\}")


def may_manage_secret(uow: UnitOfWork, name: str) -> None:
    """
    Raises:
        AccessDenied: the actor may not. What cannot be a name may be a value, and does not reach the trail.
    """
    held = actions_of_roles(uow, uow.actor.roles) if uow.actor.roles else frozenset[str]()
    require(
        decide(
            uow.actor,
            Action.SECRET_MANAGE,
            Resource("secret", name if NAME.fullmatch(name) else "(not a name)"),
            actions=held,
        )
    )


def set_secret(begin: Begin, settings: Settings, name: str, value: str) -> None:
    """Keep a value under a name, in place of the one before.

    Raises:
        AccessDenied: the actor may not.
        BadSecretName, BadSecretValue: it cannot be one.
    """
    text = require_secret_value(value)
    with begin() as uow:
        may_manage_secret(uow, name)
        secret_file(settings, name)
        uow.record(SecretSet(subject=f"secret:{name}"))
    keep_secret(settings, name, text, replace=True)


def remove_secret(begin: Begin, settings: Settings, name: str) -> None:
    """Remove a secret's file.

    Raises:
        AccessDenied: the actor may not.
        BadSecretName: the name cannot be one.
        SecretMissing: no file keeps it.
    """
    with begin() as uow:
        may_manage_secret(uow, name)
        kept_secret_file(settings, name)
        uow.record(SecretRemoved(subject=f"secret:{name}"))
    forget_secret(settings, name)


def list_secrets(uow: UnitOfWork, settings: Settings) -> dict[str, list[str]]:
    """Names and places; with those that deployed replication tasks need and that are nowhere.

    Raises:
        AccessDenied: the actor may not.
    """
    may_manage_secret(uow, "all")
    places = places_of_secrets(settings)
    needed = {name for spec in read_replication_tasks(uow).values() for name in _REFERENCE.findall(str(spec.source))}
    return dict(sorted({name: places.get(name, []) for name in {*places, *needed}}.items()))
