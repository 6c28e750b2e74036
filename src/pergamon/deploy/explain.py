"""Says a plan and its consequences in words: the very steps that `deploy` runs, and who may then reach what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pergamon.deploy.configuration import Configuration
from pergamon.deploy.kinds import Spec, plain_spec
from pergamon.deploy.plan import Drop, JsonDict, Plan, Put, RunCommand, Step
from pergamon.identity import PrincipalSpec, RoleSpec
from pergamon.lake import BucketSpec, DatabaseSpec

LONGEST_VALUE = 60


@dataclass(frozen=True)
class Reach:
    """One line of "who may reach what": a role below a prefix of a bucket."""

    bucket: str
    prefix: str
    role: str
    may: str
    databases: tuple[str, ...]
    holders: tuple[str, ...]


def step_line(step: Step) -> str:
    """One step in one line: `create  bucket:raw  (shared/dev/datalake)`."""
    what = f"{step.phase}: {' '.join(step.hook.argv)}" if isinstance(step, RunCommand) else step.subject
    return f"{step.action:<7} {what}  ({step.module})"


def changes(step: Put) -> Iterator[str]:
    """What a Put changes, key by key: `encryption: none -> volume`. A new thing shows all its keys."""
    before = step.before or {}
    for key in sorted({*before, *step.after}):
        old, new = before.get(key), step.after.get(key)
        if step.before is None and new not in (None, "", [], {}):
            yield f"{key}: {_short(new)}"
        elif step.before is not None and old != new:
            yield f"{key}: {_short(old)} -> {_short(new)}"
    if step.tags_before is not None and dict(step.tags_before) != dict(step.tags):
        yield f"tags: {tags_text(step.tags_before)} -> {tags_text(step.tags)}"


def tags_text(tags: Mapping[str, str]) -> str:
    """Tags in one line."""
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items())) or "none"


def plan_lines(plan: Plan, *, details: bool = True) -> Iterator[str]:
    """A whole plan, ready to print."""
    shown: Mapping[str, str] | None = None
    for number, step in enumerate(plan.steps, start=1):
        if isinstance(step, Put) and details and step.tags_before is None and step.tags != shown:
            yield f"     tags: {tags_text(step.tags)}"
            shown = step.tags
        yield f"{number:>3}. {step_line(step)}"
        if isinstance(step, Put) and details:
            yield from (f"       {line}" for line in changes(step))
    for kept in plan.kept:
        yield f"kept   {kept.kind}:{kept.name}: {kept.reason}; only `destroy --delete-data` deletes data"
    for stranger in plan.strangers:
        yield f"note: {stranger} was deployed earlier and is not named here; it is left alone (`destroy --deployment`)"
    yield summary(plan)


def summary(plan: Plan) -> str:
    """One line: how many steps, and how much is already as wanted."""
    if not plan.steps and not plan.digest:
        return "nothing to remove"
    if not plan.steps:
        return f"no change: {plan.unchanged} resources are as the configuration says"
    count = f"{len(plan.steps)} step{'' if len(plan.steps) == 1 else 's'}"
    return f"{count}; {plan.unchanged} resources are already as the configuration says" if plan.digest else count


def reaches(specs: Mapping[str, Spec]) -> list[Reach]:
    """Who may reach what once this is deployed, from the access rules of every bucket."""
    found: list[Reach] = []
    for subject, spec in specs.items():
        if isinstance(spec, BucketSpec):
            found += _reaches_of_bucket(subject.partition(":")[2], spec, specs)
    return sorted(found, key=lambda reach: (reach.bucket, reach.prefix, reach.role))


def _reaches_of_bucket(bucket: str, spec: BucketSpec, specs: Mapping[str, Spec]) -> Iterator[Reach]:
    for rule in spec.access_rules:
        levels = dict.fromkeys(rule.read_roles, "read")
        levels |= dict.fromkeys(rule.read_write_roles, "read, write")
        levels |= dict.fromkeys(rule.read_write_super_roles, "read, write, delete")
        for role, may in levels.items():
            databases = () if rule.tags else tuple(_databases_below(bucket, rule.prefix, specs))
            tagged = "".join(f" [{name}={value}]" for name, value in sorted(rule.tags.items()))
            yield Reach(bucket, f"/{rule.prefix}{tagged}", role, may, databases, tuple(_holders(role, specs)))


def _databases_below(bucket: str, prefix: str, specs: Mapping[str, Spec]) -> Iterator[str]:
    """The databases whose tables all lie below a prefix."""
    for subject, spec in specs.items():
        if isinstance(spec, DatabaseSpec) and spec.bucket == bucket:
            place = f"{spec.prefix}/" if spec.prefix else ""
            if place.startswith(f"{prefix}/" if prefix else ""):
                yield subject.partition(":")[2]


def _holders(role: str, specs: Mapping[str, Spec]) -> Iterator[str]:
    for subject, spec in sorted(specs.items()):
        if isinstance(spec, PrincipalSpec) and role in spec.roles:
            yield subject


def reach_lines(specs: Mapping[str, Spec]) -> Iterator[str]:
    """The table "who may reach what", ready to print."""
    rows: list[tuple[str, ...]] = [("bucket", "prefix", "databases", "role", "may", "held by")]
    for reach in reaches(specs):
        databases, holders = ", ".join(reach.databases) or "-", ", ".join(reach.holders) or "nobody yet"
        rows.append((reach.bucket, reach.prefix, databases, reach.role, reach.may, holders))
    yield from table_lines(rows)


def action_lines(specs: Mapping[str, Spec]) -> Iterator[str]:
    """The table "which role may do what at all", ready to print."""
    rows: list[tuple[str, ...]] = [("role", "may", "held by")]
    for subject, spec in sorted(specs.items()):
        if isinstance(spec, RoleSpec):
            name = subject.partition(":")[2]
            actions = sorted({action for policy in spec.policies for action in _actions(policy, specs)})
            rows.append((name, ", ".join(actions) or "-", ", ".join(_holders(name, specs)) or "nobody yet"))
    yield from table_lines(rows)


def _actions(policy: str, specs: Mapping[str, Spec]) -> list[str]:
    spec = specs.get(f"policy:{policy}")
    return list(plain_spec(spec)["actions"]) if spec is not None else []


def table_lines(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows as aligned columns; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def tree_lines(configuration: Configuration) -> Iterator[str]:
    """What would be deployed, as a tree: domains, environments, modules, resources."""
    yield configuration.organization
    for domain in dict.fromkeys(module.domain for module in configuration.modules):
        yield f"  {domain}"
        for env in dict.fromkeys(module.env for module in configuration.modules if module.domain == domain):
            yield f"    {env}"
            for module in configuration.modules:
                if (module.domain, module.env) == (domain, env):
                    yield f"      {module.name}  ({module.type.name}: {', '.join(module.files)})"
                    yield from (f"        {desired.subject}" for desired in module.resources)


def tree_json(configuration: Configuration) -> list[JsonDict]:
    """The tree for a program: one entry per module."""
    return [
        {
            "organization": configuration.organization,
            "domain": module.domain,
            "environment": module.env,
            "module": module.name,
            "type": module.type.name,
            "files": list(module.files),
            "tags": module.tags,
            "resources": [desired.subject for desired in module.resources],
        }
        for module in configuration.modules
    ]


def plan_json(plan: Plan) -> JsonDict:
    """A plan for a program."""
    return {
        "organization": plan.organization,
        "deployments": list(plan.deployments),
        "digest": plan.digest,
        "unchanged": plan.unchanged,
        "steps": [_step_json(step) for step in plan.steps],
        "kept": [vars(kept) for kept in plan.kept],
        "not_named_here": list(plan.strangers),
    }


def _step_json(step: Step) -> JsonDict:
    common = {"action": step.action, "subject": step.subject, "deployment": step.deployment, "module": step.module}
    match step:
        case Put():
            tags = {
                "tags_before": dict(step.tags_before) if step.tags_before is not None else None,
                "tags": dict(step.tags),
            }
            return {**common, "before": step.before, "after": step.after, **tags}
        case Drop():
            return {**common, "before": step.before, "delete_data": step.delete_data}
        case RunCommand():
            hook = {
                "argv": list(step.hook.argv),
                "exit_if_fail": step.hook.exit_if_fail,
                "timeout_s": step.hook.timeout_s,
            }
            return {**common, "phase": step.phase, **hook}


def _short(value: Any) -> str:  # Any: JSON values
    if isinstance(value, list) and len(value) > 3 and all(isinstance(item, dict) for item in value):
        return f"[{len(value)} entries]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_short(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    text = str(value).replace("\n", " ")
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"
