"""`pergamon lineage`: where a table comes from and what hangs on it; and our runs as OpenLineage events, for others.

As a client of a server, or as the operator on the host.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import click

from pergamon.cli.client import Client, NoToken, client_at, token_in, without_token
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.cli.lineage_tree import tree_lines
from pergamon.cli.query import server_option, token_file_option
from pergamon.kernel import Invalid, Unavailable, durable_write

if TYPE_CHECKING:
    from pergamon.kernel import Actor
    from pergamon.runtime import Runtime

Json = dict[str, Any]  # Any: JSON
Read = Callable[[str], Json]
"""Asks for the page of events after a position."""

LOOK_EVERY_S = 1.0
PAGE = 100
BEGINNING = "0.0"
POSITION = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}")


class TargetRefused(Unavailable):
    """The OpenLineage endpoint does not answer, or does not take an event. It is sent again next time."""

    code = "client.lineage_target_refused"


@click.group("lineage")
def lineage_group() -> None:
    """What came from what, to the column."""


@lineage_group.command("show")
@click.argument("name", metavar="DATABASE.TABLE")
@click.option("--column", help="Follow this column.")
@click.option("--up", "direction", flag_value="up", default=True, help="What it comes from (the default).")
@click.option("--down", "direction", flag_value="down", help="What comes from it.")
@click.option("--depth", type=click.IntRange(1, 20), default=3, show_default=True, help="How many steps.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def show_command(
    context: CliContext,
    *,
    name: str,
    column: str | None,
    direction: Literal["up", "down"],
    depth: int,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Show a table's lineage as a tree, as far as you may see it. Also of files, as pergamon://BUCKET/FOLDER/."""
    if server is not None:
        context.refuse_impersonation()
        asked = {"dataset": name, "direction": direction, "depth": depth} | ({"field": column} if column else {})
        told = client_at(server, token_file).get(f"/api/v1/lineage?{urlencode(asked)}")
    else:
        told = _read_here(context, name, column or "", direction, depth)
    if as_json:
        echo_json(told)
        return
    for line in tree_lines(told, direction):
        click.echo(line)
    if told["cut"]:
        click.echo("there is more: ask with a larger --depth, or of one of these", err=True)


@lineage_group.command("export")
@click.option("--after", metavar="POSITION", help="Go on from here: what an earlier export said.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Keep the position in this file.")
@click.option("--to", "target", metavar="URL", help="Send to this OpenLineage endpoint; without it, JSON lines.")
@click.option(
    "--to-token-file", type=click.Path(path_type=Path, dir_okay=False), help="A 0600 file with that endpoint's token."
)
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@server_option
@token_file_option
@click.pass_obj
def export_command(
    context: CliContext,
    *,
    after: str | None,
    state: Path | None,
    target: str | None,
    to_token_file: Path | None,
    follow: bool,
    server: str | None,
    token_file: Path | None,
) -> None:
    """Tell what the platform did as OpenLineage events. What is sent twice after a cut is the same run."""
    position = _beginning(after, state)
    send = _sender(target, to_token_file)
    with _reader(context, server, token_file) as read:
        sent = 0
        while True:
            page = read(position)
            for event in page["events"]:
                send(event)
            sent += len(page["events"])
            if page["position"] != position:
                position = page["position"]
                _keep(state, position)
            if not page["has_more"]:
                if not follow:
                    break
                time.sleep(LOOK_EVERY_S)
    click.echo(f"{counted(sent, 'event')}; go on with --after {position}", err=True)


def _read_here(context: CliContext, name: str, column: str, direction: Literal["up", "down"], depth: int) -> Json:
    from pergamon import catalog, lineage

    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        start = lineage.Dataset.parse(name)
        graph = catalog.read_lineage(uow, start, field=column, direction=direction, depth=depth)
    return graph.as_json()


@contextmanager
def _reader(context: CliContext, server: str | None, token_file: Path | None) -> Iterator[Read]:
    """Where events come from: a server, or this host's installation."""
    if server is not None:
        context.refuse_impersonation()
        client = client_at(server, token_file)
        yield lambda after: client.get(f"/api/v1/lineage/events?{urlencode({'after': after, 'limit': PAGE})}")
        return
    with context.open() as runtime:
        actor = context.actor(runtime)
        yield lambda after: _events_here(runtime, actor, after)


def _events_here(runtime: Runtime, actor: Actor, after: str) -> Json:
    from pergamon import lineage
    from pergamon.store import FeedPosition

    with runtime.begin(actor) as uow:
        return lineage.read_run_events(uow, FeedPosition.parse(after), PAGE).as_json()


def _sender(target: str | None, token_file: Path | None) -> Callable[[Json], None]:
    if target is None:
        return lambda event: click.echo(json.dumps(event, ensure_ascii=False))
    try:
        endpoint = without_token(target)
    except NoToken:
        raise Invalid(
            "lineage is not sent to another host without encryption: it says names", hint="use an https:// address"
        ) from None
    if token_file is not None:
        endpoint = endpoint.with_token(token_in(token_file))
    return lambda event: _post(endpoint, event)


def _post(endpoint: Client, event: Json) -> None:
    import httpx

    try:
        with endpoint.connection() as http:
            answer = http.post(endpoint.server, json=event)
    except httpx.HTTPError as error:
        raise TargetRefused(
            f"{endpoint.server} does not answer ({type(error).__name__})",
            hint="is it up? the export goes on where it stopped",
        ) from None
    if not answer.is_success:
        raise TargetRefused(f"{endpoint.server} answered {answer.status_code}", hint="run it again to go on from there")


def _beginning(after: str | None, state: Path | None) -> str:
    """Where to go on: what was asked for, else what the file says, else the beginning.

    Raises:
        Invalid: it is no position.
    """
    kept = state.read_text().strip() if state is not None and state.exists() else BEGINNING
    position = after or kept
    if not POSITION.fullmatch(position):
        raise Invalid("this is not a position of an export", hint="leave --after out to begin at the beginning")
    return position


def _keep(state: Path | None, position: str) -> None:
    if state is not None:
        durable_write(state, f"{position}\n".encode())
