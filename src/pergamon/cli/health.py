"""`pergamon health`: how each part of the installation is, as the portal's page of it shows."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.cli.one_line import one_line
from pergamon.cli.query import server_option, token_file_option

MARKS = {"good": "✓", "warn": "!", "bad": "✗"}
SOMETHING_IS_BAD = 6


@click.command("health")
@server_option
@token_file_option
@json_option
@click.pass_obj
def health_command(context: CliContext, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Say how each part of the installation is. Exit code 6 if one does not work."""
    if server is not None:
        found: list[dict[str, Any]] = client_at(server, token_file).get("/api/v1/health")["components"]
    else:
        with context.open() as runtime:
            found = [asdict(one) for one in runtime.health(context.actor(runtime))]
    if as_json:
        echo_json(found)
    else:
        for one in found:
            told = f": {one['told']}" if one["told"] else ""
            click.echo(one_line(f"{MARKS[one['state']]} {one['kind']} {one['name']}{told}"))
    if any(one["state"] == "bad" for one in found):
        raise SystemExit(SOMETHING_IS_BAD)
