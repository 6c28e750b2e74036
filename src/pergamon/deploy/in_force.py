"""What configuration is in force: the rooms' own answers, and which deployment each part came with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pergamon.deploy import tables
from pergamon.deploy.kinds import KINDS, plain_spec
from pergamon.identity import actions_of_roles
from pergamon.kernel import NotFound, require
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class InForce:
    """One part of the configuration. deployment: which one brought it; None: none that is remembered."""

    kind: str
    name: str
    deployment: str | None
    module: str | None
    spec: Mapping[str, Any]  # Any: JSON

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        return asdict(self)


def count_in_force(uow: UnitOfWork) -> dict[str, int]:
    """Kind -> how many parts of it are in force, in the order in which they are deployed.

    Raises:
        AccessDenied: the actor may not see deployments.
    """
    require_read(uow)
    return {kind.name: len(kind.read(uow)) for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)}


def read_in_force(uow: UnitOfWork, kind: str, *, after: str = "", limit: int | None = None) -> list[InForce]:
    """The parts of one kind by name. Secrets stand in them by name alone. after: the last name of the page before.

    Raises:
        AccessDenied: the actor may not see deployments.
        NotFound: the configuration knows no such kind.
    """
    require_read(uow)
    if kind not in KINDS:
        raise NotFound(f"the configuration knows no {kind}", hint=f"there are {', '.join(sorted(KINDS))}")
    brought = tables.modules_of_resources(uow, kind)
    specs = KINDS[kind].read(uow)
    shown = sorted(name for name in specs if name > after)[:limit]
    told = [(name, *brought.get(name, (None, None))) for name in shown]
    return [InForce(kind, name, deployment, module, plain_spec(specs[name])) for name, deployment, module in told]


def require_read(uow: UnitOfWork) -> None:
    """Raises AccessDenied: the actor may not see deployments."""
    held = actions_of_roles(uow, uow.actor.roles) if uow.actor.roles else frozenset[str]()
    require(decide(uow.actor, Action.DEPLOY_READ, Resource("deployment", "all"), actions=held))
