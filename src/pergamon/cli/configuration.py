"""`pergamon configuration`: what is in force, and where it is not what was deployed; the installation alone knows."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from pergamon import deploy
from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.cli.one_line import one_line
from pergamon.cli.query import server_option, token_file_option

Told = dict[str, Any]  # Any: JSON
DRIFTED = 5
SAID = {"changed": "changed since it was deployed", "gone": "gone", "undeployed": "of no deployment"}


@click.group("configuration")
def configuration_group() -> None:
    """What configuration is in force, and its drift."""


@configuration_group.command("ls")
@server_option
@token_file_option
@json_option
@click.pass_obj
def list_command(context: CliContext, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Count what is in force, by kind."""
    if server is not None:
        counts: dict[str, int] = client_at(server, token_file).get("/api/v1/configuration")["kinds"]
    else:
        with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
            counts = deploy.count_in_force(uow)
    if as_json:
        echo_json(counts)
        return
    for kind, count in counts.items():
        if count:
            click.echo(f"{count:>7}  {kind}")


@configuration_group.command("show")
@click.argument("kind")
@server_option
@token_file_option
@json_option
@click.pass_obj
def show_command(context: CliContext, kind: str, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Print the parts of one kind as they are in force, and which deployment brought each."""
    if server is not None:
        parts: list[Told] = client_at(server, token_file).get(f"/api/v1/configuration/{quote(kind, safe='')}")["parts"]
    else:
        with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
            parts = [part.as_json() for part in deploy.read_in_force(uow, kind)]
    if as_json:
        echo_json(parts)
        return
    for part in parts:
        brought = f"{part['deployment']}, {part['module']}" if part["deployment"] else "no deployment"
        click.echo(one_line(f"{part['kind']}:{part['name']}  ({brought})"))
        for key, value in part["spec"].items():
            click.echo(one_line(f"    {key}: {json.dumps(value, ensure_ascii=False, default=str)}"))


@configuration_group.command("drift")
@server_option
@token_file_option
@json_option
@click.pass_obj
def drift_command(context: CliContext, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Print where what is in force is not what was deployed. Exit code 5 if anything is."""
    if server is not None:
        found: list[Told] = client_at(server, token_file).get("/api/v1/drift")["drifts"]
    else:
        with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
            found = [one.as_json() for one in deploy.find_drift(uow)]
    if as_json:
        echo_json(found)
    else:
        _print_drift(found)
    if found:
        raise SystemExit(DRIFTED)


def _print_drift(found: list[Told]) -> None:
    for one in found:
        brought = f"  ({one['deployment']})" if one["deployment"] else ""
        click.echo(one_line(f"{one['kind']}:{one['name']}: {SAID[one['state']]}{brought}"))
        for each in one["differences"]:
            before, after = (json.dumps(each[side], ensure_ascii=False) for side in ("deployed", "in_force"))
            click.echo(one_line(f"    {each['key']}: {before} -> {after}"))
    told = f"{counted(len(found), 'part')} not as deployed" if found else "everything is as it was deployed"
    click.echo(told)
