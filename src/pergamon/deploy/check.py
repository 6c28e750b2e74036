"""From a directory to a plan, with every check between: the way that `synth`, `diff` and `deploy` share."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pergamon.deploy.configuration import Configuration, Module, load_configuration
from pergamon.deploy.documents.base import Desired
from pergamon.deploy.encryption import encrypted_device
from pergamon.deploy.hygiene import hygiene_problems
from pergamon.deploy.kinds import KINDS, Spec
from pergamon.deploy.live import read_live
from pergamon.deploy.plan import Plan, make_plan
from pergamon.deploy.problems import InvalidConfiguration, Problem, did_you_mean
from pergamon.identity import PolicySpec
from pergamon.policy import Action
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Checked:
    """A configuration that may be deployed, with the rooms' specs by subject."""

    configuration: Configuration
    specs: Mapping[str, Spec]


def checked_configuration(
    folder: Path, lake_root: Path, *, domain: str | None = None, env: str | None = None
) -> Checked:
    """Read and check a whole configuration against itself and this host.

    Raises:
        InvalidConfiguration: with every problem that was found.
    """
    configuration = load_configuration(folder, domain=domain, env=env)
    problems: list[Problem] = []
    specs = parsed_specs(configuration, problems)
    problems += hygiene_problems(configuration, specs, encrypted_device(lake_root))
    if problems:
        raise InvalidConfiguration(problems)
    return Checked(configuration, specs)


def planned(uow: UnitOfWork, checked: Checked, lake_root: Path) -> Plan:
    """The steps from what is there to what is wanted.

    Raises:
        AccessDenied: the actor may not see deployments.
        InvalidConfiguration: another deployment owns something that this one wants.
    """
    problems: list[Problem] = []
    plan = make_plan(checked.configuration, checked.specs, read_live(uow, lake_root), problems)
    if problems:
        raise InvalidConfiguration(problems)
    return plan


def parsed_specs(configuration: Configuration, problems: list[Problem]) -> dict[str, Spec]:
    """Each resource as its room's spec, by subject; what a room does not accept is a problem at the resource."""
    specs: dict[str, Spec] = {}
    for module in configuration.modules:
        for desired in module.resources:
            spec = _parsed(module, desired, problems)
            if spec is not None:
                specs[desired.subject] = spec
    return specs


def _parsed(module: Module, desired: Desired, problems: list[Problem]) -> Spec | None:
    place = module.place_of(desired)
    try:
        spec = KINDS[desired.kind].parse(desired.name, desired.spec)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            where = ".".join(str(part) for part in fault["loc"])
            message = str(fault["msg"]).removeprefix("Value error, ")
            problems.append(Problem(place, desired.path, f"{where}: {message}" if where else message))
        return None
    if isinstance(spec, PolicySpec):
        problems += _unknown_actions(module, desired, spec)
    return spec


def _unknown_actions(module: Module, desired: Desired, spec: PolicySpec) -> list[Problem]:
    known = [action.value for action in Action]
    place = module.place_of(desired)
    return [
        Problem(place, desired.path, f"there is no action `{name}`", did_you_mean(name, known, what="actions"))
        for name in sorted(spec.actions - set(known))
    ]
