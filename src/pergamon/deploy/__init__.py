"""Configuration documents, the plan that they ask for, and its carrying out: what is shown is what is done (law 5)."""

from pergamon.deploy.apply import CommandFailed, apply_plan, rehearse
from pergamon.deploy.check import Checked, checked_configuration, planned
from pergamon.deploy.commands import run_program
from pergamon.deploy.configuration import Configuration, load_configuration
from pergamon.deploy.documents.base import SHORTEST_REASON
from pergamon.deploy.drift import Difference, Drift, DriftState, find_drift
from pergamon.deploy.explain import (
    action_lines,
    changes,
    plan_json,
    plan_lines,
    reach_lines,
    reaches,
    step_line,
    summary,
    table_lines,
    tree_json,
    tree_lines,
)
from pergamon.deploy.in_force import InForce, count_in_force, read_in_force
from pergamon.deploy.live import read_live
from pergamon.deploy.manage_secrets import list_secrets, may_manage_secret, remove_secret, set_secret
from pergamon.deploy.organization import BadOrganization, require_organization
from pergamon.deploy.plan import Drop, Plan, Put, RunCommand, Step, make_removal
from pergamon.deploy.problems import InvalidConfiguration, Place, Problem
from pergamon.deploy.quickstart import (
    Choice,
    FoundSource,
    FoundTable,
    choose,
    quickstart_files,
    rows_text,
    warnings_for,
)
from pergamon.deploy.schema import UnknownSchema, configuration_reference, json_schema, schema_names, schema_text
from pergamon.deploy.secrets import (
    LARGEST_BYTES as LARGEST_SECRET_BYTES,
)
from pergamon.deploy.secrets import (
    BadSecretName,
    BadSecretValue,
    SecretExists,
    SecretExposed,
    SecretMissing,
    keep_secret,
    read_secret,
)
from pergamon.deploy.source_check import source_problems, tasks_to_check
from pergamon.deploy.tables import count_resources

__all__ = [
    "LARGEST_SECRET_BYTES",
    "SHORTEST_REASON",
    "BadOrganization",
    "BadSecretName",
    "BadSecretValue",
    "Checked",
    "Choice",
    "CommandFailed",
    "Configuration",
    "Difference",
    "Drift",
    "DriftState",
    "Drop",
    "FoundSource",
    "FoundTable",
    "InForce",
    "InvalidConfiguration",
    "Place",
    "Plan",
    "Problem",
    "Put",
    "RunCommand",
    "SecretExists",
    "SecretExposed",
    "SecretMissing",
    "Step",
    "UnknownSchema",
    "action_lines",
    "apply_plan",
    "changes",
    "checked_configuration",
    "choose",
    "configuration_reference",
    "count_in_force",
    "count_resources",
    "find_drift",
    "json_schema",
    "keep_secret",
    "list_secrets",
    "load_configuration",
    "make_removal",
    "may_manage_secret",
    "plan_json",
    "plan_lines",
    "planned",
    "quickstart_files",
    "reach_lines",
    "reaches",
    "read_in_force",
    "read_live",
    "read_secret",
    "rehearse",
    "remove_secret",
    "require_organization",
    "rows_text",
    "run_program",
    "schema_names",
    "schema_text",
    "set_secret",
    "source_problems",
    "step_line",
    "summary",
    "table_lines",
    "tasks_to_check",
    "tree_json",
    "tree_lines",
    "warnings_for",
]
