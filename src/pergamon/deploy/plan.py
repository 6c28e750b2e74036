"""Compares what a configuration wants with what is there, and says every step between the two, in order.

`explain` prints these steps and `apply` carries out these same steps (law 5). A plan for a state that is already
reached is empty. Only what this configuration deployed earlier is ever dropped, and never what holds data.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pergamon.deploy.configuration import Configuration, Hook, Module
from pergamon.deploy.documents.base import Desired
from pergamon.deploy.kinds import KINDS, Spec, Specs, plain_spec
from pergamon.deploy.problems import Problem
from pergamon.deploy.tables import Remembered
from pergamon.kernel import canonical_bytes, sha256_hex

JsonDict = dict[str, Any]  # Any: JSON values


@dataclass(frozen=True)
class Put:
    """Make a thing, or change it."""

    kind: str
    name: str
    deployment: str
    module: str
    spec: Spec
    before: JsonDict | None
    after: JsonDict
    tags_before: Mapping[str, str] | None
    tags: Mapping[str, str]
    suppressions: Mapping[str, str]

    @property
    def subject(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def action(self) -> str:
        if self.before is None:
            return "create"
        if self.before != self.after:
            return "update"
        return "adopt" if self.tags_before in (None, self.tags) else "tag"


@dataclass(frozen=True)
class Drop:
    """Remove a thing that an earlier deployment of this configuration made. Data stays."""

    kind: str
    name: str
    deployment: str
    module: str
    before: JsonDict | None
    delete_data: bool = False

    @property
    def action(self) -> str:
        return "delete" if self.delete_data else "drop"

    @property
    def subject(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True)
class RunCommand:
    """Run a module's command."""

    deployment: str
    module: str
    phase: str
    hook: Hook
    digest: str
    action: str = "run"

    @property
    def subject(self) -> str:
        return f"module:{self.module}"


Step = Put | Drop | RunCommand


@dataclass(frozen=True)
class Kept:
    """Something that would be dropped, but holds data."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Every step, in order. `unchanged` counts resources that are already as the configuration wants them."""

    organization: str
    deployments: tuple[str, ...]
    digest: str
    steps: tuple[Step, ...]
    unchanged: int
    kept: tuple[Kept, ...] = ()
    strangers: tuple[str, ...] = ()
    """Deployments of the same organization that this configuration does not name; they are left alone."""


@dataclass(frozen=True)
class Live:
    """What is there: the rooms' specs by kind and name, and what deployments remember."""

    specs: Mapping[str, Specs]
    resources: tuple[Remembered, ...]
    commands: Mapping[tuple[str, str, str], str]
    deployments: Mapping[str, str]
    data: Mapping[tuple[str, str], str]
    """Things that hold data, each with a word about how much."""

    def remembered(self, kind: str, name: str) -> Remembered | None:
        return next((item for item in self.resources if (item.kind, item.name) == (kind, name)), None)


def make_plan(configuration: Configuration, specs: Mapping[str, Spec], live: Live, problems: list[Problem]) -> Plan:
    """The steps from what is there to what is wanted.

    specs: subject -> the room's spec, from `parsed_specs`. A resource that another deployment owns is a problem.
    """
    steps: list[Step] = []
    unchanged = 0
    for module in configuration.modules:
        ranked = [desired for desired in _ranked(module) if desired.subject in specs]
        name = deployment_of(configuration, module)
        puts = [_put(name, module, item, specs[item.subject], live=live, problems=problems) for item in ranked]
        needed = [put for put in puts if put is not None]
        unchanged += len(puts) - len(needed)
        steps += [
            *_hook(configuration, module, "predeploy", live),
            *needed,
            *_hook(configuration, module, "postdeploy", live),
        ]
    drops, kept = _drops(configuration, live)
    ours = configuration.deployments
    prefix = f"{configuration.organization}/"
    strangers = tuple(name for name in live.deployments if name.startswith(prefix) and name not in ours)
    return Plan(
        organization=configuration.organization,
        deployments=ours,
        digest=configuration_digest(configuration),
        steps=(*steps, *drops),
        unchanged=unchanged,
        kept=kept,
        strangers=strangers,
    )


def make_removal(deployments: tuple[str, ...], live: Live, *, delete_data: bool) -> Plan:
    """The steps that remove everything that these deployments made. What holds data is kept unless `delete_data`."""
    owned = [item for item in live.resources if item.deployment in deployments]
    drops, kept = _split(owned, live, delete_data=delete_data)
    organization = deployments[0].partition("/")[0] if deployments else ""
    return Plan(organization, deployments, "", drops, 0, kept)


def deployment_of(configuration: Configuration, module: Module) -> str:
    """The name of the deployment that a module belongs to."""
    return f"{configuration.organization}/{module.domain}/{module.env}"


def configuration_digest(configuration: Configuration) -> str:
    """One digest for everything that the configuration wants."""
    wanted = [
        [module.label, desired.subject, _text(desired.spec), sorted(module.tags.items())]
        for module in configuration.modules
        for desired in module.resources
    ]
    return sha256_hex(canonical_bytes(wanted))


def spec_digest(spec: JsonDict) -> str:
    return sha256_hex(canonical_bytes(_text(spec)))


def comparable(spec: JsonDict) -> JsonDict:
    """A plain spec as it is kept and compared: JSON values alone, numbers with a point as text."""
    return json.loads(canonical_bytes(_text(spec)))  # type: ignore[no-any-return]  # an object, as it was given


def _ranked(module: Module) -> list[Desired]:
    return sorted(module.resources, key=lambda desired: KINDS[desired.kind].rank)


def _put(
    deployment: str, module: Module, desired: Desired, spec: Spec, *, live: Live, problems: list[Problem]
) -> Put | None:
    before = live.specs[desired.kind].get(desired.name)
    remembered = live.remembered(desired.kind, desired.name)
    if remembered is not None and remembered.deployment != deployment:
        message = f"the {desired.kind} `{desired.name}` belongs to the deployment {remembered.deployment}"
        hint = "give it another name, or remove it there first"
        problems.append(Problem(module.place_of(desired), desired.path, message, hint))
        return None
    known_tags = remembered.tags if remembered else None
    is_remembered = remembered is not None and remembered.spec == comparable(plain_spec(spec))
    if before == spec and known_tags == module.tags and is_remembered:
        return None
    return Put(
        kind=desired.kind,
        name=desired.name,
        deployment=deployment,
        module=module.label,
        spec=spec,
        before=plain_spec(before) if before is not None else None,
        after=plain_spec(spec),
        tags_before=known_tags,
        tags=module.tags,
        suppressions=desired.suppressions,
    )


def _hook(configuration: Configuration, module: Module, phase: str, live: Live) -> list[Step]:
    """A command runs once for each state of its module: again when the command or the module changes, or it failed."""
    hook = module.predeploy if phase == "predeploy" else module.postdeploy
    if hook is None:
        return []
    deployment = deployment_of(configuration, module)
    wanted = [[desired.subject, _text(desired.spec)] for desired in module.resources]
    digest = sha256_hex(canonical_bytes([list(hook.argv), wanted]))
    if live.commands.get((deployment, module.label, phase)) == digest:
        return []
    return [RunCommand(deployment, module.label, phase, hook, digest)]


def _drops(configuration: Configuration, live: Live) -> tuple[tuple[Drop, ...], tuple[Kept, ...]]:
    wanted = {(desired.kind, desired.name) for module in configuration.modules for desired in module.resources}
    ours = set(configuration.deployments)
    gone = [item for item in live.resources if item.deployment in ours and (item.kind, item.name) not in wanted]
    return _split(gone, live, delete_data=False)


def _split(gone: list[Remembered], live: Live, *, delete_data: bool) -> tuple[tuple[Drop, ...], tuple[Kept, ...]]:
    held = (
        {}
        if delete_data
        else {(i.kind, i.name): live.data[i.kind, i.name] for i in gone if (i.kind, i.name) in live.data}
    )
    falling = [item for item in gone if (item.kind, item.name) not in held]
    falling.sort(key=lambda item: (-KINDS[item.kind].rank, item.name))
    drops = [_drop(item, live, (item.kind, item.name) in live.data and delete_data) for item in falling]
    return tuple(drops), tuple(Kept(kind, name, reason) for (kind, name), reason in sorted(held.items()))


def _drop(item: Remembered, live: Live, delete_data: bool) -> Drop:
    return Drop(item.kind, item.name, item.deployment, item.module, _before(live, item.kind, item.name), delete_data)


def _before(live: Live, kind: str, name: str) -> JsonDict | None:
    spec = live.specs[kind].get(name)
    return plain_spec(spec) if spec is not None else None


def _text(value: Any) -> Any:  # Any: JSON values; a float has no canonical text, its repr does
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _text(item) for key, item in value.items()}
    return [_text(item) for item in value] if isinstance(value, list | tuple) else value
