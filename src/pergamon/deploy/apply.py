"""Carries out a plan: each step in a unit of work of its own, with its event; stopped anywhere, a new plan goes on."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from pergamon import catalog, lake, objects
from pergamon.deploy import tables
from pergamon.deploy.events import (
    CommandFinished,
    CommandStarted,
    DeploymentFinished,
    DeploymentStarted,
    FilesDeleted,
    RuleSuppressed,
    StepApplied,
)
from pergamon.deploy.kinds import KINDS
from pergamon.deploy.plan import Drop, Plan, Put, RunCommand, Step, comparable, spec_digest
from pergamon.deploy.tables import Remembered
from pergamon.kernel import PergamonError, require
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork

Begin = Callable[[], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work for whoever deploys."""
RunProgram = Callable[[RunCommand], int]
"""Runs a command, shows its output, and returns its exit code; -1 when it could not start or took too long."""
DeleteFiles = Callable[[str], None]
"""Deletes every file of a bucket; doing it again does nothing."""
Progress = Callable[[Step, int, int], None]
"""Told before each step: the step, its number from 1, and how many there are."""


class CommandFailed(PergamonError):
    """A command that may not fail did; what was deployed before it stands, and deploying again goes on from there."""

    code = "deploy.command_failed"


def apply_plan(
    plan: Plan, begin: Begin, *, run_program: RunProgram, delete_files: DeleteFiles, progress: Progress
) -> int:
    """Carry out every step, in order. Returns: how many steps were carried out.

    Raises:
        AccessDenied: the actor may not deploy; nothing was done.
        CommandFailed: a command with `exit_if_fail` failed.
        PergamonError: a room refused a step. Nothing was done, unless the step comes after a command, or what it
            needs has changed since the rehearsal: then the steps before it stand.
    """
    with begin() as uow:
        require(decide(uow.actor, Action.DEPLOY_APPLY, Resource("deployment", plan.organization)))
    if not plan.steps:
        return 0
    rehearse(plan, begin)
    with begin() as uow:
        for deployment in plan.deployments:
            tables.save_deployment(uow, deployment, plan.digest)
        uow.record(DeploymentStarted(subject=_subject(plan), steps=len(plan.steps), digest=plan.digest))
    for number, step in enumerate(plan.steps, start=1):
        progress(step, number, len(plan.steps))
        _apply(step, begin, run_program, delete_files)
    with begin() as uow:
        owned = {item.deployment for item in tables.remembered_resources(uow)}
        for deployment in plan.deployments:
            if deployment not in owned:
                tables.forget_deployment(uow, deployment)
        uow.record(DeploymentFinished(subject=_subject(plan), steps=len(plan.steps), digest=plan.digest))
    return len(plan.steps)


class _Rehearsed(Exception):
    """Takes a rehearsal back."""


def rehearse(plan: Plan, begin: Begin) -> None:
    """Let every room refuse before the first step is taken: the steps in one unit of work that is taken back.

    It ends at the first command of a module, whose work could not be taken back and may be what a later step needs.

    Raises:
        PergamonError: a room refused a step.
    """
    with suppress(_Rehearsed), begin() as uow:
        for deployment in plan.deployments:
            tables.save_deployment(uow, deployment, plan.digest)
        for step in plan.steps:
            match step:
                case Put():
                    put_resource(uow, step)
                case Drop():
                    drop_resource(uow, step)
                case RunCommand():
                    break
        raise _Rehearsed


def _subject(plan: Plan) -> str:
    return f"deployment:{plan.organization}"


def _apply(step: Step, begin: Begin, run_program: RunProgram, delete_files: DeleteFiles) -> None:
    match step:
        case Put():
            with begin() as uow:
                put_resource(uow, step)
        case Drop():
            if step.delete_data and step.kind == "bucket":
                delete_bucket_files(step, begin, delete_files)
            with begin() as uow:
                drop_resource(uow, step)
        case RunCommand():
            run_command(step, begin, run_program)


def put_resource(uow: UnitOfWork, step: Put) -> None:
    """Put one resource through the verb of its room, and remember whose it is."""
    require(decide(uow.actor, Action.DEPLOY_APPLY, Resource("deployment", step.deployment)))
    KINDS[step.kind].put(uow, step.name, step.spec, dict(step.tags))
    spec = comparable(step.after)
    tables.remember_resource(uow, Remembered(step.kind, step.name, step.deployment, step.module, dict(step.tags), spec))
    for rule, reason in sorted(step.suppressions.items()):
        uow.record(RuleSuppressed(subject=step.subject, rule=rule, reason=reason))
    digest = spec_digest(step.after)
    uow.record(StepApplied(step.subject, step.deployment, step.module, step.action, digest))


def drop_resource(uow: UnitOfWork, step: Drop) -> None:
    """Drop one resource through the verb of its room; one that is already gone is only forgotten."""
    require(decide(uow.actor, Action.DEPLOY_APPLY, Resource("deployment", step.deployment)))
    kind = KINDS[step.kind]
    if step.delete_data and step.kind == "database":
        for record in lake.list_tables(uow, step.name):
            lake.drop_table(uow, record.id)
            catalog.table_dropped(uow, record.id)
    if step.name in kind.read(uow):
        kind.drop(uow, step.name)
    tables.forget_resource(uow, step.kind, step.name)
    uow.record(StepApplied(step.subject, step.deployment, step.module, step.action, ""))


def delete_bucket_files(step: Drop, begin: Begin, delete_files: DeleteFiles) -> None:
    """Delete a bucket's files: the intent is in the trail before the first of them is gone (law 3)."""
    with begin() as uow:
        require(decide(uow.actor, Action.DEPLOY_APPLY, Resource("deployment", step.deployment)))
        objects.forget_bucket(uow, step.name)
        uow.record(FilesDeleted(subject=step.subject))
    delete_files(step.name)


def run_command(step: RunCommand, begin: Begin, run_program: RunProgram) -> None:
    """Run a module's command between two units of work: its start and its end are both in the trail (law 3).

    Raises:
        CommandFailed: it failed, and the configuration says `exit_if_fail`.
    """
    program = step.hook.argv[0]
    with begin() as uow:
        require(decide(uow.actor, Action.DEPLOY_APPLY, Resource("deployment", step.deployment)))
        uow.record(CommandStarted(step.subject, step.phase, program))
    exit_code = run_program(step)
    with begin() as uow:
        uow.record(CommandFinished(step.subject, step.phase, program, exit_code))
        if exit_code == 0:
            tables.remember_command(uow, (step.deployment, step.module, step.phase), step.digest)
    if exit_code != 0 and step.hook.exit_if_fail:
        hint = "correct it and deploy again: what is done is not done twice"
        raise CommandFailed(f"{step.phase} of {step.module}: {program} ended with {exit_code}", hint=hint)
