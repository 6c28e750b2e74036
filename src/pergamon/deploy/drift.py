"""Where what is in force is not what was deployed: changed since, gone, or come without any deployment.

It is asked of the installation alone, without the configuration's files: `pergamon diff` compares with those.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from pergamon.deploy import tables
from pergamon.deploy.in_force import require_read
from pergamon.deploy.kinds import KINDS, Kind, Spec, plain_spec
from pergamon.deploy.plan import comparable
from pergamon.deploy.tables import Remembered
from pergamon.store import UnitOfWork


class DriftState(StrEnum):
    """How a part stands to its deployment."""

    CHANGED = "changed"
    GONE = "gone"
    """It was deployed, and is not in force any more."""
    UNDEPLOYED = "undeployed"
    """It is in force, and no deployment that is remembered brought it."""


@dataclass(frozen=True)
class Difference:
    """One key of a spec that is otherwise."""

    key: str
    deployed: Any  # Any: JSON
    in_force: Any  # Any: JSON


@dataclass(frozen=True)
class Drift:
    """One part that is otherwise than it was deployed. deployment: which one brought it last."""

    kind: str
    name: str
    state: DriftState
    deployment: str | None
    module: str | None
    differences: tuple[Difference, ...] = ()

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        return asdict(self)


def find_drift(uow: UnitOfWork) -> list[Drift]:
    """Every part that has drifted, by kind and name; nothing where all is as it was deployed.

    Raises:
        AccessDenied: the actor may not see deployments.
    """
    require_read(uow)
    remembered: dict[str, dict[str, Remembered]] = {name: {} for name in KINDS}
    for item in tables.remembered_resources(uow):
        remembered.setdefault(item.kind, {})[item.name] = item
    found = []
    for kind in KINDS.values():
        live, deployed = kind.read(uow), remembered[kind.name]
        found += [_drift(kind, name, deployed.get(name), live.get(name)) for name in live.keys() | deployed.keys()]
    return sorted((one for one in found if one is not None), key=lambda one: (one.kind, one.name))


def _drift(kind: Kind, name: str, deployed: Remembered | None, live: Spec | None) -> Drift | None:
    if deployed is None:
        return Drift(kind.name, name, DriftState.UNDEPLOYED, None, None)
    if live is None:
        return Drift(kind.name, name, DriftState.GONE, deployed.deployment, deployed.module)
    if _is_as_deployed(kind, deployed, live):
        return None
    in_force = comparable(plain_spec(live))
    differences = tuple(
        Difference(key, deployed.spec[key], in_force[key])
        for key in sorted(deployed.spec.keys() & in_force.keys())  # one that a version lacks was not changed
        if deployed.spec[key] != in_force[key]
    )
    if not differences:
        return None
    return Drift(kind.name, name, DriftState.CHANGED, deployed.deployment, deployed.module, differences)


def _is_as_deployed(kind: Kind, deployed: Remembered, live: Spec) -> bool:
    """Surely, in a fraction of the time that it takes to say what differs; most parts are."""
    try:
        return kind.parse(deployed.name, deployed.spec) == live
    except ValidationError:
        return False
