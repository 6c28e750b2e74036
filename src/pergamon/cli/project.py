"""`pergamon project` and `pergamon data-source`: where assets stand, who belongs to it, and where assets come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import (
    Command,
    Door,
    Json,
    answering,
    asking,
    echo_table,
    in_path,
    listing,
    plain,
)
from pergamon.cli.context import counted, json_option, tell
from pergamon.kernel import LoadedWhenUsed

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


def _echo_projects(found: list[Json]) -> None:
    echo_table(("project", "unit", "description"), ((p["name"], p["unit"], p["description"]) for p in found))


@project_group.command("ls")
@listing(_echo_projects)
def list_projects_command(door: Door, *, limit: int) -> list[Json]:
    """List the projects that you may see."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [project.summary() for project in catalog.list_projects(uow, limit=limit)]

    return door.pages("/api/v1/projects", "projects", limit, here)


def _echo_project(told: Json) -> None:
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


@project_group.command("show")
@click.argument("project")
@answering(_echo_project)
def show_project_command(door: Door, *, project: str) -> Any:
    """Show a PROJECT: its members and where each comes from, environments, data sources."""
    path = f"/api/v1/projects/{in_path(project)}"
    return door.get(path, lambda uow: catalog.read_project(uow, project).as_json())


def _membership(work: Command) -> Command:
    """The arguments of a verb that gives or ends a membership."""
    for argument in (click.argument("role", type=ROLES), click.argument("principal"), click.argument("project")):
        work = argument(work)
    return work


@project_group.command("add-member")
@_membership
@asking
@json_option
def add_member_command(door: Door, *, project: str, principal: str, role: Any, as_json: bool) -> None:
    """Make PRINCIPAL (person:NAME or service:NAME) a member of PROJECT. A deployment does not undo it."""
    door.post(
        f"/api/v1/projects/{in_path(project)}/members",
        {"principal": principal, "role": role},
        lambda uow: catalog.add_member(uow, project, principal, role),
    )
    told = {"project": project, "principal": principal, "role": role}
    tell(told, f"{plain(principal)} is {role} of {plain(project)}", as_json=as_json)


@project_group.command("remove-member")
@_membership
@asking
@json_option
def remove_member_command(door: Door, *, project: str, principal: str, role: Any, as_json: bool) -> None:
    """End a membership that was given with `add-member`."""
    door.delete(
        f"/api/v1/projects/{in_path(project)}/members/{role}/{in_path(principal)}",
        lambda uow: catalog.remove_member(uow, project, principal, role),
    )
    told = {"project": project, "principal": principal, "role": role}
    tell(told, f"{plain(principal)} is no longer {role} of {plain(project)}", as_json=as_json)


@click.group("data-source")
def data_source_group() -> None:
    """Data sources: which tables become assets of which project."""


def _echo_sources(found: list[Json]) -> None:
    head = ("data source", "project", "databases", "schedule", "publishes", "last run")
    echo_table(head, (_source_row(source) for source in found))


@data_source_group.command("ls")
@listing(_echo_sources)
def list_sources_command(door: Door, *, limit: int) -> list[Json]:
    """List the data sources of your projects, each with its newest run."""
    return door.pages(
        "/api/v1/data-sources", "data_sources", limit, lambda uow: catalog.list_data_sources(uow, limit=limit)
    )


def _echo_run(run: Json) -> None:
    counts = ", ".join(f"{run['counts'][name]} {name}" for name in OUTCOMES if run["counts"][name]) or "nothing there"
    click.echo(f"{run['started_at']}  {run['state']}: {counts}")
    for fault in run["faults"]:
        click.echo(f"  {plain(fault['table'])}: {plain(fault['message'])} ({fault['code']})", err=True)
    if run["counts"]["held"]:
        told = f"{counted(run['counts']['held'], 'asset')} not published: metadata forms are to be filled in first"
        click.echo(f"  {told}", err=True)


@data_source_group.command("run")
@click.argument("name")
@answering(_echo_run)
def run_source_command(door: Door, *, name: str) -> Any:
    """Look at every table of the data source NAME now."""
    if door.server is not None:
        return door.client().post(f"/api/v1/data-sources/{in_path(name)}/run", {})
    with door.context.open() as runtime:
        actor = door.context.actor(runtime)
        return catalog.run_data_source(lambda: runtime.begin(actor), name).as_json()


def _echo_runs(found: list[Json]) -> None:
    for run in found:
        _echo_run(run)


@data_source_group.command("runs")
@click.argument("name")
@listing(_echo_runs)
def list_runs_command(door: Door, *, name: str, limit: int) -> list[Json]:
    """List the runs of the data source NAME, newest first, with what could not be read."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [run.as_json() for run in catalog.list_runs(uow, name, limit=limit)]

    return door.pages(f"/api/v1/data-sources/{in_path(name)}/runs", "runs", limit, here)


def _source_row(source: Json) -> tuple[object, ...]:
    last = source["last_run"]
    publishes = "automatically" if source["publish_automatically"] else "by hand"
    told = f"{last['state']} {last['started_at']}" if last else "none yet"
    return source["name"], source["project"], ", ".join(source["databases"]), source["schedule"], publishes, told
