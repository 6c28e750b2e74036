"""`pergamon request`: ask for access to an asset, follow what becomes of it, decide on what others ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.asset import forms_at
from pergamon.cli.asset_edit import form_values, pairs_of
from pergamon.cli.catalog import (
    Command,
    Door,
    Json,
    answering,
    echo_table,
    in_path,
    listing,
    plain,
    plain_lines,
)
from pergamon.cli.grant import echo_grant, echo_granted
from pergamon.kernel import LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import access
    from pergamon.store import UnitOfWork
else:
    access = LoadedWhenUsed("pergamon.access")

STATES = ("open", "changes-asked", "approved", "rejected", "withdrawn")
MOST_DAYS = click.IntRange(min=1)
AT = "/api/v1/requests"


@click.group("request")
def request_group() -> None:
    """Requests: ask for access to an asset, and decide on what others ask for."""


def _wish_options(command: Command) -> Command:
    """What of an asset is asked for, and how."""
    options = (
        click.option("--purpose", help="What for, in one of the words that the asset's conditions allow."),
        click.option("--column", "columns", multiple=True, metavar="COLUMN", help="Only this column. Again for more."),
        click.option("--rows", metavar="FILTER", help="Only these rows, as in `site = 'north' and age >= 18`."),
        click.option("--days", type=MOST_DAYS, help="How long [as long as the conditions allow]."),
        click.option("--accept-conditions", "accept", is_flag=True, help="Accept the text of the asset's conditions."),
        click.option("--form", multiple=True, metavar="FORM.FIELD=VALUE", help="A field of a form that is demanded."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _echo_request(told: Json) -> None:
    click.echo(f"{told['id']}  [{told['state']}]")
    for name, value in _facts(told).items():
        if value not in (None, ""):
            click.echo(f"  {name:<10}  {plain(value)}")
    click.echo("\n".join(plain_lines(told["reason"], "  why         ")))
    for form, values in told["forms"].items():
        for field, value in values.items():
            click.echo(f"  {plain(form)}.{plain(field)}: {plain(value)}")
    for approval in told["approvals"]:
        click.echo(f"{approval['at']}  {plain(approval['by'])} approved: {plain(approval['note'])}")
    for comment in told["comments"]:
        click.echo(f"{comment['at']}  {plain(comment['by'])} ({comment['act']}): {plain(comment['text'])}")
    if told["grant"]:
        click.echo("")
        echo_grant(told["grant"])


def _facts(told: Json) -> Json:
    return {
        "asset": told["asset"],
        "project": told["project"],
        "asked by": f"{told['requested_by']} at {told['requested_at']}",
        "purpose": told["purpose"],
        "columns": ", ".join(told["columns"] or ()) or "all",
        "rows": told["rows"] or "all",
        "days": told["days"] or "as long as the conditions allow",
        "renews": told["renews"],
        "decided by": told["decided_by"] and f"{told['decided_by']} at {told['decided_at']}",
    }


def _echo_made(told: Json) -> None:
    click.echo(f"{told['id']} is {told['state']}")
    if told["grant"]:
        echo_granted(told["grant"])
    else:
        click.echo("it waits for the asset's owners; `pergamon request show` tells what they say", err=True)


@request_group.command("create")
@click.argument("asset")
@click.option("--project", required=True, help="For which of your projects.")
@click.option("--reason", required=True, help="Why; whoever decides reads it.")
@_wish_options
@click.option("--renews", metavar="GRANT", help="The grant that this goes on from.")
@answering(_echo_made)
def create_command(door: Door, /, *, asset: str, project: str, reason: str, form: Any, **given: Any) -> Any:
    """Ask for access to ASSET, by its id or its name. What its conditions grant by themselves, is granted at once."""
    wish = {"project": project, "reason": reason, **_given(door, form, given)}

    def here(uow: UnitOfWork) -> Json:
        return access.request_as_told(access.request_access(uow, asset, **wish), uow)

    return door.post(AT, {"asset": asset, **wish}, here)


def _echo_requests(found: list[Json]) -> None:
    echo_table(
        ("request", "state", "asset", "project", "asked by", "asked at"),
        ((r["id"], r["state"], r["asset"], r["project"], r["requested_by"], r["requested_at"]) for r in found),
    )


@request_group.command("ls")
@click.option("--project", help="Only those that this project asks.")
@click.option("--asset", help="Only for this asset.")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--waiting-for-me", is_flag=True, help="Only those that you are to decide on, or to amend.")
@listing(_echo_requests)
def list_command(
    door: Door, *, project: str | None, asset: str | None, state: Any, waiting_for_me: bool, limit: int
) -> list[Json]:
    """List the requests that you may see, oldest first."""

    def here(uow: UnitOfWork) -> list[Json]:
        found = access.list_requests(
            uow,
            project=project,
            asset=asset,
            state=access.RequestState(state) if state else None,
            waiting_for_me=waiting_for_me,
            limit=limit,
        )
        return access.requests_as_lines(found, uow)

    waiting = "true" if waiting_for_me else None
    return door.pages(AT, "requests", limit, here, project=project, asset=asset, state=state, waiting_for_me=waiting)


@request_group.command("show")
@click.argument("request")
@answering(_echo_request)
def show_command(door: Door, *, request: str) -> Any:
    """Show a REQUEST with what was said and decided on it, and what was granted."""
    return door.get(_path(request), lambda uow: access.request_as_told(access.read_request(uow, request), uow))


def _echo_state(told: Json) -> None:
    click.echo(f"{told['id']} is {told['state']}")


@request_group.command("amend")
@click.argument("request")
@click.option("--reason", help="Why, anew.")
@_wish_options
@click.option("--clear", multiple=True, type=click.Choice(["purpose", "columns", "rows", "days"]), help="Ask no more.")
@click.option("--note", default="", help="What to say with it.")
@answering(_echo_state)
def amend_command(
    door: Door, /, *, request: str, reason: str | None, clear: tuple[str, ...], note: str, form: Any, **given: Any
) -> Any:
    """Change what a REQUEST asks for, under the conditions as they are now. What is not named stays."""
    change = {"reason": reason, "clear": list(clear), "note": note, **_given(door, form, given)}
    return _act(door, request, "amend", change, lambda uow: access.amend_request(uow, request, **change))


@request_group.command("withdraw")
@click.argument("request")
@click.option("--note", default="", help="What to say with it.")
@answering(_echo_state)
def withdraw_command(door: Door, *, request: str, note: str) -> Any:
    """Take a REQUEST back that is not decided."""
    return _act(door, request, "withdraw", {"note": note}, lambda uow: access.withdraw_request(uow, request, note=note))


def _echo_comment(told: Json) -> None:
    click.echo(f"said at {told['at']}")


@request_group.command("comment")
@click.argument("request")
@click.argument("text")
@answering(_echo_comment)
def comment_command(door: Door, *, request: str, text: str) -> Any:
    """Say TEXT on a REQUEST; both sides read it."""
    return door.post(
        f"{_path(request)}/comment", {"text": text}, lambda uow: access.comment_on(uow, request, text).as_json()
    )


def _narrowing_options(command: Command) -> Command:
    """What an approver takes away."""
    options = (
        click.option("--column", "columns", multiple=True, metavar="COLUMN", help="Give only this. Again for more."),
        click.option("--rows", metavar="FILTER", help="Give only those of the rows that pass this too."),
        click.option("--mask", multiple=True, metavar="COLUMN=MASK", help="Give a column under this mask too."),
        click.option("--days", type=MOST_DAYS, help="Give it for fewer days."),
        click.option("--own-masks/--shared-masks", default=None, help="Its masks hold in its own rows, or for all."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _echo_decided(told: Json) -> None:
    _echo_state(told)
    if told["grant"]:
        echo_granted(told["grant"])
    elif told["state"] == "open":
        click.echo("it waits for others to approve it too", err=True)


@request_group.command("approve")
@click.argument("request")
@click.option("--note", required=True, help="Why; kept with the request.")
@_narrowing_options
@answering(_echo_decided)
def approve_command(door: Door, /, *, request: str, note: str, **given: Any) -> Any:
    """Approve a REQUEST: give what it asks for, or less."""
    body = {"note": note, **_narrowing(given)}
    return _act(door, request, "approve", body, lambda uow: access.approve_request(uow, request, **body))


@request_group.command("reject")
@click.argument("request")
@click.option("--note", required=True, help="Why; kept with the request.")
@answering(_echo_state)
def reject_command(door: Door, *, request: str, note: str) -> Any:
    """Say no to a REQUEST, for good."""
    return _act(door, request, "reject", {"note": note}, lambda uow: access.reject_request(uow, request, note=note))


@request_group.command("ask-for-changes")
@click.argument("request")
@click.option("--note", required=True, help="What is to be changed.")
@answering(_echo_state)
def ask_for_changes_command(door: Door, *, request: str, note: str) -> Any:
    """Send a REQUEST back to be amended."""
    return _act(
        door,
        request,
        "ask-for-changes",
        {"note": note},
        lambda uow: access.ask_for_changes(uow, request, note=note),
    )


def _echo_preview(told: Json) -> None:
    click.echo(f"approving it would give {plain(told['project'])}, of {plain(told['asset'])}:")
    click.echo(f"  {_rows_told(told)}")
    if told["rows"]:
        click.echo(f"  rows where {plain(told['rows'])}")
    click.echo(f"  {'for ' + str(told['days']) + ' days' if told['days'] else 'without an end'}")
    if told["not_given"]:
        click.echo(f"  not given: {', '.join(map(plain, told['not_given']))}")
    if told["own_masks"]:
        click.echo("  its masks hold in its own rows, whatever other grants say")
    echo_table(("column", "type", "mask"), ((c["name"], c["type"], c["mask"]) for c in told["columns"]))
    if told["changes"]:
        click.echo(f"and change what {plain(told['project'])} has by other grants:")
        echo_table(("column", "now", "then"), ((c["name"], c["before"], c["after"]) for c in told["changes"]))


def _rows_told(told: Json) -> str:
    counted = told["counted"]
    if counted is None:
        return str(told["not_counted"])
    rounded = "" if counted["rounded_to"] == 1 else f" (rounded to {counted['rounded_to']})"
    return f"{counted['given']:,} of {counted['total']:,} rows{rounded}"


@request_group.command("preview")
@click.argument("request")
@_narrowing_options
@answering(_echo_preview)
def preview_command(door: Door, /, *, request: str, **given: Any) -> Any:
    """Show what approving a REQUEST would give: columns, masks, rows counted. Nothing is decided by it."""
    narrowing = _narrowing(given)
    if door.server is not None:
        return door.client().post(f"{_path(request)}/preview", narrowing)
    with door.context.open() as runtime:
        return runtime.preview_request(door.context.actor(runtime), request, **narrowing).as_json()


def _act(door: Door, request: str, act: str, body: Json, work: Any) -> Any:
    return door.post(f"{_path(request)}/{act}", body, lambda uow: access.request_as_told(work(uow), uow))


def _path(request: str) -> str:
    return f"{AT}/{in_path(request)}"


def _given(door: Door, form: tuple[str, ...], given: Json) -> Json:
    """The options of a wish as the API takes them: what was not said is None."""
    forms = form_values(form, forms_at(door)) if form else None
    return given | {"columns": list(given["columns"]) or None, "forms": forms}


def _narrowing(given: Json) -> Json:
    masks = dict(pairs_of(given["mask"], "--mask")) or None
    return {
        "columns": list(given["columns"]) or None,
        "rows": given["rows"],
        "masks": masks,
        "days": given["days"],
        "own_masks": given["own_masks"],
    }
