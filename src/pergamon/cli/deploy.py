"""`pergamon init`, `ls`, `synth`, `diff`, `deploy`, `destroy`, `schema`, `quickstart`: the configuration's verbs.

`synth`, `diff` and `deploy` make the same plan; `synth` prints it and `deploy` carries it out (law 5).
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pergamon import starter_kits
from pergamon.cli.configuration_options import directory_option, domain_option, env_option
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.kernel import Actor, Invalid, LoadedWhenUsed, Unavailable, durable_write, size_text
from pergamon.runtime import Runtime, inspect_postgres, make_private_home, without_password
from pergamon.store import UnitOfWork

if TYPE_CHECKING:
    from pergamon import deploy, lake
else:
    deploy = LoadedWhenUsed("pergamon.deploy")
    lake = LoadedWhenUsed("pergamon.lake")


@dataclass(frozen=True)
class _Opened:
    """An installation with a plan for it."""

    runtime: Runtime
    actor: Actor
    checked: deploy.Checked
    plan: deploy.Plan


@contextmanager
def _planned(
    context: CliContext, directory: Path, domain: str | None, env: str | None, *, alone: bool = False
) -> Iterator[_Opened]:
    """Check everything that the files alone can tell, then open the installation and compare.

    alone: nobody else deploys from before the comparison until the end.
    """
    lake_root = context.settings.lake
    checked = deploy.checked_configuration(directory, lake_root, domain=domain, env=env)
    with context.open() as runtime:
        actor = context.actor(runtime)
        with _alone(runtime, actor) if alone else nullcontext():
            with runtime.begin(actor) as uow:
                plan = deploy.planned(uow, checked, lake_root)
            _check_sources(runtime, checked, plan)
            yield _Opened(runtime, actor, checked, plan)


def _alone(runtime: Runtime, actor: Actor) -> AbstractContextManager[None]:
    """Two deployments beside each other would each carry out a plan for what the other is changing."""
    return runtime.store.alone("deployment", f"by {actor}, process {os.getpid()} on {socket.gethostname()}")


def _check_sources(runtime: Runtime, checked: deploy.Checked, plan: deploy.Plan) -> None:
    """Look whether the sources can feed the raw tables. A source that does not answer is said and does not stop a plan.

    Raises:
        InvalidConfiguration: a source has no such table, or keys lie outside a replica identity.
    """
    problems: list[deploy.Problem] = []
    for subject, task in deploy.tasks_to_check(checked.specs, plan).items():
        try:
            found = inspect_postgres(task.source.resolved(runtime.secret), None)
        except (Unavailable, deploy.SecretMissing) as error:
            click.echo(f"note: the source of {subject} was not looked at: {error.message}", err=True)
            continue
        problems += deploy.source_problems(checked.configuration, checked.specs, task, found)
    if problems:
        raise deploy.InvalidConfiguration(problems)


@click.command("init")
@click.argument("kit", type=click.Choice(starter_kits.kit_names()))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--organization", help="Your organization: small letters, digits and dashes.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A context value of pergamon.yaml.")
@click.option("--beside", is_flag=True, help="Leave out what an installation has once, for one that has it already.")
@json_option
def init_command(
    kit: str, directory: Path, *, organization: str | None, values: tuple[str, ...], beside: bool, as_json: bool
) -> None:
    """Copy the starter KIT into DIRECTORY, which must be new or empty."""
    context = dict(map(_assignment, values))
    files = starter_kits.copy_kit(kit, directory, organization=organization, context=context, beside=beside)
    if as_json:
        echo_json({"directory": str(directory), "files": [str(file) for file in files]})
        return
    click.echo(f"{directory}: {len(files)} files; it is yours to edit. Next:")
    click.echo(f"  cd {directory} && pergamon ls && pergamon synth")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Invalid(f"--set {name}: there is no value", hint="write --set NAME=VALUE")
    return name, value


@click.command("synth")
@directory_option
@domain_option
@env_option
@json_option
@click.pass_obj
def synth_command(context: CliContext, directory: Path, domain: str | None, env: str | None, as_json: bool) -> None:
    """Print the very steps that `deploy` would run, and who may then reach what."""
    with _planned(context, directory, domain, env) as opened:
        specs = opened.checked.specs
        if as_json:
            reach = [vars(line) for line in deploy.reaches(specs)]
            echo_json({**deploy.plan_json(opened.plan), "who_may_reach_what": reach})
            return
        _section("Steps", deploy.plan_lines(opened.plan))
        _section("Who may reach what", deploy.reach_lines(specs))
        _section("Which role may do what", deploy.action_lines(specs))


@click.command("diff")
@directory_option
@domain_option
@env_option
@json_option
@click.pass_obj
def diff_command(context: CliContext, directory: Path, domain: str | None, env: str | None, as_json: bool) -> None:
    """What differs between the configuration and what is deployed: your edits, and drift. Exit code 5 if it does."""
    with _planned(context, directory, domain, env) as opened:
        if as_json:
            echo_json(deploy.plan_json(opened.plan))
        else:
            for line in deploy.plan_lines(opened.plan):
                click.echo(line)
        if opened.plan.steps:
            raise SystemExit(5)


@click.command("deploy")
@directory_option
@domain_option
@env_option
@json_option
@click.pass_obj
def deploy_command(context: CliContext, directory: Path, domain: str | None, env: str | None, as_json: bool) -> None:
    """Carry the steps out. A second time changes nothing; after a failure, run it again to go on."""
    with _planned(context, directory, domain, env, alone=True) as opened:
        _apply(context, opened.runtime, opened.actor, opened.plan, directory, quiet=as_json)
        if as_json:
            echo_json(deploy.plan_json(opened.plan))


@click.command("destroy")
@directory_option
@domain_option
@env_option
@click.option(
    "--deployment", help="One deployment by name (organization/domain/environment), also of a lost configuration."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--delete-data", is_flag=True, help="Also delete tables and files. There is no way back.")
@json_option
@click.pass_obj
def destroy_command(  # noqa: PLR0917 - click passes by name
    context: CliContext,
    directory: Path,
    domain: str | None,
    env: str | None,
    deployment: str | None,
    yes: bool,
    delete_data: bool,
    as_json: bool,
) -> None:
    """Remove what was deployed. Asks first; never deletes data without --delete-data."""
    if deployment:
        names: tuple[str, ...] = (deployment,)
    else:
        names = deploy.load_configuration(directory, domain=domain, env=env).deployments
    with context.open() as runtime:
        actor = context.actor(runtime)
        with _alone(runtime, actor):
            _remove(context, runtime, actor, names, directory, yes=yes, delete_data=delete_data, as_json=as_json)


def _remove(
    context: CliContext,
    runtime: Runtime,
    actor: Actor,
    names: tuple[str, ...],
    directory: Path,
    *,
    yes: bool,
    delete_data: bool,
    as_json: bool,
) -> None:
    with runtime.begin(actor) as uow:
        plan = deploy.make_removal(names, deploy.read_live(uow, context.settings.lake), delete_data=delete_data)
    if not as_json:
        for line in deploy.plan_lines(plan, details=False):
            click.echo(line)
    if plan.steps and not yes:
        deploy.rehearse(plan, partial(runtime.begin, actor))  # nobody is asked about what would be refused
        question = "Remove all this AND DELETE ITS DATA?" if delete_data else "Remove all this? Data is kept."
        click.confirm(question, abort=True, err=True)
    _apply(context, runtime, actor, plan, directory, quiet=as_json)
    if as_json:
        echo_json(deploy.plan_json(plan))


@click.command("schema")
@click.argument("name", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Write every schema into this directory.")
def schema_command(name: str | None, out: Path | None) -> None:
    """Print the JSON Schema of NAME (`pergamon`, `tags` or a module type), or the names there are."""
    if out is not None:
        for each in deploy.schema_names():
            durable_write(out.absolute() / f"{each}.schema.json", deploy.schema_text(each).encode(), mode=0o644)
        click.echo(f"{out}: {len(deploy.schema_names())} schemas")
        return
    click.echo(deploy.schema_text(name) if name else "\n".join(deploy.schema_names()), nl=name is None)


@click.command("quickstart")
@click.argument("source")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--organization", default="my-hospital", show_default=True, help="Small letters, digits and dashes.")
@click.option("--unencrypted", metavar="REASON", default="", help="The disk below is open, and this is why it may be.")
@json_option
@click.pass_obj
def quickstart_command(  # noqa: PLR0917 - click passes by name
    context: CliContext, source: str, directory: Path, organization: str, unencrypted: str, as_json: bool
) -> None:
    """Write a working configuration into DIRECTORY from what SOURCE holds (postgresql://user@host/database).

    The password is asked for, or taken from PERGAMON_SECRET_SOURCE_PASSWORD. It goes into the secrets of the
    installation, never into the configuration.
    """
    deploy.require_organization(organization)
    starter_kits.refuse_to_overwrite(directory)
    make_private_home(context.settings.home)
    conninfo, password = _credentials(context, source)
    found = inspect_postgres(conninfo, password)
    choices = deploy.choose(found)
    if not any(choice.versioning for choice in choices):
        raise Invalid("the source has no table that can be replicated", hint="may this user see the tables?")
    if password is not None:
        deploy.keep_secret(context.settings, SOURCE_PASSWORD, password)
    secret = SOURCE_PASSWORD if password is not None else ""
    if unencrypted and len(unencrypted) < deploy.SHORTEST_REASON:
        raise click.UsageError(f"--unencrypted: the reason has at least {deploy.SHORTEST_REASON} characters")
    files = deploy.quickstart_files(found, choices, organization=organization, secret=secret, unencrypted=unencrypted)
    for name, text in files.items():
        durable_write(directory.absolute() / name, text.encode(), mode=0o644)
    _report(directory, found, choices, as_json=as_json)


SOURCE_PASSWORD = "source-password"  # noqa: S105 - the name of a secret, not a secret


def _credentials(context: CliContext, source: str) -> tuple[str, str | None]:
    """The connection string without its password, and the password: given, kept, in the environment, or asked for."""
    conninfo, password = without_password(source)
    if password is not None:
        click.echo(
            "warning: the password stood on the command line, where other users of this host and your shell's history "
            "see it; leave it out and you are asked for it",
            err=True,
        )
        return conninfo, password
    try:
        return conninfo, deploy.read_secret(context.settings, SOURCE_PASSWORD)
    except deploy.SecretMissing:
        asked = click.prompt("Password (empty for none)", hide_input=True, default="", show_default=False, err=True)
        return conninfo, asked or None


def _report(directory: Path, found: deploy.FoundSource, choices: list[deploy.Choice], *, as_json: bool) -> None:
    warnings = deploy.warnings_for(found, choices)
    if as_json:
        tables = [{**vars(choice.table), **vars(choice), "table": choice.table.full_name} for choice in choices]
        echo_json({"directory": str(directory), "tables": tables, "warnings": warnings})
        return
    rows: list[tuple[str, ...]] = [("table", "size", "rows", "key", "versioning")]
    for choice in choices:
        table = choice.table
        size, count = size_text(table.size_bytes), deploy.rows_text(table.rows)
        rows.append((table.full_name, size, count, ", ".join(choice.keys) or "-", choice.versioning or "left out"))
    for line in deploy.table_lines(rows):
        click.echo(line)
    for warning in warnings:
        click.echo(f"note: {warning}", err=True)
    click.echo(f"written to {directory}. Next: cd {directory} && pergamon ls && pergamon synth")


def _apply(
    context: CliContext, runtime: Runtime, actor: Actor, plan: deploy.Plan, directory: Path, *, quiet: bool
) -> None:
    show = partial(click.echo, err=quiet)

    @contextmanager
    def begin() -> Iterator[UnitOfWork]:
        with runtime.begin(actor) as uow:
            yield uow

    def progress(step: deploy.Step, number: int, count: int) -> None:
        show(f"[{number}/{count}] {deploy.step_line(step)}")

    def run_program(step: deploy.RunCommand) -> int:
        return deploy.run_program(step, directory.absolute(), lambda line: show(f"    {line}"))

    done = deploy.apply_plan(
        plan,
        begin,
        run_program=run_program,
        delete_files=partial(_delete_files, context.settings.lake),
        progress=progress,
    )
    show(f"done: {counted(done, 'step')}" if done else deploy.summary(plan))


def _delete_files(lake_root: Path, bucket: str) -> None:
    directory = lake.bucket_path(lake_root, bucket)
    if directory.exists():
        shutil.rmtree(directory)


def _section(title: str, lines: Iterator[str]) -> None:
    click.secho(title, bold=True)
    for line in lines:
        click.echo(f"  {line}" if line else "")
    click.echo()
