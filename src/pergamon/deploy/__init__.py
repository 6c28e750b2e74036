"""Configuration documents, the plan that they ask for, and its carrying out: what is shown is what is done (law 5)."""

from pergamon.deploy.apply import CommandFailed, apply_plan
from pergamon.deploy.check import Checked, checked_configuration, planned
from pergamon.deploy.commands import run_program
from pergamon.deploy.configuration import Configuration, load_configuration
from pergamon.deploy.explain import (
    action_lines,
    changes,
    plan_json,
    plan_lines,
    reach_lines,
    reaches,
    step_line,
    summary,
    tree_json,
    tree_lines,
)
from pergamon.deploy.live import read_live
from pergamon.deploy.plan import Drop, Plan, Put, RunCommand, Step, make_removal
from pergamon.deploy.problems import InvalidConfiguration, Place, Problem

__all__ = [
    "Checked",
    "CommandFailed",
    "Configuration",
    "Drop",
    "InvalidConfiguration",
    "Place",
    "Plan",
    "Problem",
    "Put",
    "RunCommand",
    "Step",
    "action_lines",
    "apply_plan",
    "changes",
    "checked_configuration",
    "load_configuration",
    "make_removal",
    "plan_json",
    "plan_lines",
    "planned",
    "reach_lines",
    "reaches",
    "read_live",
    "run_program",
    "step_line",
    "summary",
    "tree_json",
    "tree_lines",
]
