"""Can what is configured come from the source as it is? Pure: what was found at the source is passed in.

A change carries the replica identity of its row and nothing else, so the keys of a raw table must lie inside it.
"""

from collections.abc import Iterator, Mapping

from pergamon.deploy.configuration import Configuration, Module
from pergamon.deploy.documents.base import Desired
from pergamon.deploy.kinds import Spec
from pergamon.deploy.plan import Plan, Put
from pergamon.deploy.problems import Problem, did_you_mean
from pergamon.deploy.quickstart import FoundSource, FoundTable
from pergamon.pipeline import BadKeys, RawTableSpec, check_keys
from pergamon.replicate import MappingRules, ReplicationTaskSpec


def tasks_to_check(specs: Mapping[str, Spec], plan: Plan) -> dict[str, ReplicationTaskSpec]:
    """The replication tasks whose source is worth a look: something of replication or of raw tables changes."""
    kinds = {step.kind for step in plan.steps if isinstance(step, Put)}
    if not kinds & {"replication-task", "raw-table"}:
        return {}
    return {subject: spec for subject, spec in specs.items() if isinstance(spec, ReplicationTaskSpec)}


def source_problems(
    configuration: Configuration, specs: Mapping[str, Spec], task: ReplicationTaskSpec, found: FoundSource
) -> list[Problem]:
    """Raw tables of a task that the source cannot feed: no such table, or keys outside its replica identity."""
    rules = task.mapping_rules()
    tables = {(table.schema, table.name): table for table in found.tables}
    problems: list[Problem] = []
    for module in configuration.modules:
        for desired in module.resources:
            spec = specs.get(desired.subject)
            if isinstance(spec, RawTableSpec) and rules.selects(spec.source_schema, spec.source_table):
                problems += _of_table(module, desired, spec, rules, tables)
    return problems


def _of_table(
    module: Module,
    desired: Desired,
    spec: RawTableSpec,
    rules: MappingRules,
    tables: Mapping[tuple[str, str], FoundTable],
) -> Iterator[Problem]:
    table = tables.get((spec.source_schema, spec.source_table))
    if table is None:
        name = f"{spec.source_schema}.{spec.source_table}"
        hint = did_you_mean(name, [known.full_name for known in tables.values()], what="tables there")
        path = (*desired.path, "source_table")
        yield Problem(module.node.place_of(path), path, f"the source has no table {name} that this user sees", hint)
        return
    landed = rules.plan(table.schema, table.name, table.identity_columns).columns
    try:
        check_keys(spec, tuple(name for _, name in landed))
    except BadKeys as error:
        path = (*desired.path, "keys")
        yield Problem(module.node.place_of(path), path, error.message, error.hint or "")
