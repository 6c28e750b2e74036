"""`pergamon project` and `pergamon data-source`: where assets stand, who belongs to it, and where assets come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import (
    Door,
    Json,
    LoadedWhenUsed,
    door_options,
    echo_table,
    in_path,
    limit_option,
    note_if_more,
    plain,
)
from pergamon.cli.context import CliContext, counted, echo_json, json_option

if TYPE_CHECKING:
    from pergamon import catalog
    from pergamon.store import UnitOfWork
else:
    catalog = LoadedWhenUsed("pergamon.catalog")

ROLES = click.Choice(["owner", "contributor", "consumer", "steward"])
OUTCOMES = ("added", "updated", "unchanged", "removed", "failed", "held")


@click.group("project")
def project_group() -> None:
    """Projects: who belongs to them, and what they work with."""


@project_group.command("ls")
@limit_option
@door_options
@json_option
@click.pass_obj
def list_projects_command(
    context: CliContext, *, limit: int, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the projects that you may see."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [project.summary() for project in catalog.list_projects(uow, limit=limit)]

    found = Door(context, server, token_file).pages("/api/v1/projects", "projects", limit, here)
    if as_json:
        echo_json(found)
        return
    echo_table(("project", "unit", "description"), ((p["name"], p["unit"], p["description"]) for p in found))
    note_if_more(found, limit)


@project_group.command("show")
@click.argument("project")
@door_options
@json_option
@click.pass_obj
def show_project_command(
    context: CliContext, *, project: str, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Show a PROJECT: its members and where each comes from, environments, data sources."""
    told = Door(context, server, token_file).get(
        f"/api/v1/projects/{in_path(project)}", lambda uow: catalog.read_project(uow, project).as_json()
    )
    if as_json:
        echo_json(told)
        return
    click.echo(f"{told['name']}  in {told['unit'] or 'no unit'}")
    if told["description"]:
        click.echo(f"  {plain(told['description'])}")
    click.echo("members")
    for member in told["members"]:
        origin = "configuration" if member["origin"] == "configuration" else f"added by {plain(member['added_by'])}"
        click.echo(f"  {member['role']:<11}  {plain(member['principal'])}  ({origin})")
    for name, environment in told["environments"].items():
        click.echo(f"environment {name}: {', '.join(environment['databases']) or 'no databases'}")
    for source in told["data_sources"]:
        click.echo(f"data source {source}")


@project_group.command("add-member")
@click.argument("project")
@click.argument("principal")
@click.argument("role", type=ROLES)
@door_options
@click.pass_obj
def add_member_command(
    context: CliContext, *, project: str, principal: str, role: Any, server: str | None, token_file: Path | None
) -> None:
    """Make PRINCIPAL (person:NAME or service:NAME) a member of PROJECT. A deployment does not undo it."""
    Door(context, server, token_file).post(
        f"/api/v1/projects/{in_path(project)}/members",
        {"principal": principal, "role": role},
        lambda uow: catalog.add_member(uow, project, principal, role),
    )
    click.echo(f"{plain(principal)} is {role} of {plain(project)}")


@project_group.command("remove-member")
@click.argument("project")
@click.argument("principal")
@click.argument("role", type=ROLES)
@door_options
@click.pass_obj
def remove_member_command(
    context: CliContext, *, project: str, principal: str, role: Any, server: str | None, token_file: Path | None
) -> None:
    """End a membership that was given with `add-member`."""
    Door(context, server, token_file).delete(
        f"/api/v1/projects/{in_path(project)}/members/{role}/{in_path(principal)}",
        lambda uow: catalog.remove_member(uow, project, principal, role),
    )
    click.echo(f"{plain(principal)} is no longer {role} of {plain(project)}")


@click.group("data-source")
def data_source_group() -> None:
    """Data sources: which tables become assets of which project."""


@data_source_group.command("ls")
@limit_option
@door_options
@json_option
@click.pass_obj
def list_sources_command(
    context: CliContext, *, limit: int, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the data sources of your projects, each with its newest run."""
    found = Door(context, server, token_file).pages(
        "/api/v1/data-sources", "data_sources", limit, lambda uow: catalog.list_data_sources(uow, limit=limit)
    )
    if as_json:
        echo_json(found)
        return
    echo_table(
        ("data source", "project", "databases", "schedule", "publishes", "last run"), (_source_row(s) for s in found)
    )
    note_if_more(found, limit)


@data_source_group.command("run")
@click.argument("name")
@door_options
@json_option
@click.pass_obj
def run_source_command(
    context: CliContext, *, name: str, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Look at every table of the data source NAME now."""
    door = Door(context, server, token_file)
    if server is not None:
        told = door.client().post(f"/api/v1/data-sources/{in_path(name)}/run", {})
    else:
        with context.open() as runtime:
            actor = context.actor(runtime)
            told = catalog.run_data_source(lambda: runtime.begin(actor), name).as_json()
    if as_json:
        echo_json(told)
        return
    _echo_run(told)


@data_source_group.command("runs")
@click.argument("name")
@limit_option
@door_options
@json_option
@click.pass_obj
def list_runs_command(
    context: CliContext, *, name: str, limit: int, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the runs of the data source NAME, newest first, with what could not be read."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [run.as_json() for run in catalog.list_runs(uow, name, limit=limit)]

    found = Door(context, server, token_file).pages(f"/api/v1/data-sources/{in_path(name)}/runs", "runs", limit, here)
    if as_json:
        echo_json(found)
        return
    for run in found:
        _echo_run(run)
    note_if_more(found, limit)


def _source_row(source: Json) -> tuple[object, ...]:
    last = source["last_run"]
    publishes = "automatically" if source["publish_automatically"] else "by hand"
    told = f"{last['state']} {last['started_at']}" if last else "none yet"
    return source["name"], source["project"], ", ".join(source["databases"]), source["schedule"], publishes, told


def _echo_run(run: Json) -> None:
    counts = ", ".join(f"{run['counts'][name]} {name}" for name in OUTCOMES if run["counts"][name]) or "nothing there"
    click.echo(f"{run['started_at']}  {run['state']}: {counts}")
    for fault in run["faults"]:
        click.echo(f"  {plain(fault['table'])}: {plain(fault['message'])} ({fault['code']})", err=True)
    if run["counts"]["held"]:
        told = f"{counted(run['counts']['held'], 'asset')} not published: metadata forms are to be filled in first"
        click.echo(f"  {told}", err=True)
