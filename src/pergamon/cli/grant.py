"""`pergamon grant`: what was given to whom, under which table's name, until when; and to take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import Door, Json, answering, echo_table, in_path, listing, plain, plain_lines
from pergamon.kernel import LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import access
    from pergamon.store import UnitOfWork
else:
    access = LoadedWhenUsed("pergamon.access")

LONGEST_WHY = 60
STATES = ("active", "expired", "revoked")
AT = "/api/v1/grants"


@click.group("grant")
def grant_group() -> None:
    """Grants: what was given to whom, until when."""


def echo_granted(grant: Json) -> None:
    """Until when, and what to query: after it was given."""
    click.echo(f"granted {_until(grant)}; query it as {plain(grant['table'])}")


def echo_grant(grant: Json) -> None:
    """All of a grant."""
    click.echo(f"{grant['id']}  [{grant['state']}, {_until(grant)}]")
    click.echo(f"  table       {plain(grant['table'])}")
    click.echo(f"  asset       {grant['asset_id']} of {plain(grant['asset_project'])}")
    click.echo(f"  project     {plain(grant['project'])}")
    click.echo(f"  columns     {', '.join(_column(column) for column in grant['columns'])}")
    click.echo(f"  rows        {plain(grant['rows']) or 'all'}")
    if grant["own_masks"]:
        click.echo("  own masks   in its rows, whatever other grants say")
    click.echo(f"  asked by    {plain(grant['requested_by'])}{_purpose(grant)}")
    click.echo("\n".join(plain_lines(grant["reason"], "  why         ")))
    click.echo(f"  granted by  {plain(', '.join(grant['granted_by']))} at {grant['granted_at']}")
    if grant["revoked_at"]:
        click.echo(
            f"  revoked by  {plain(grant['revoked_by'])} at {grant['revoked_at']}: {plain(grant['revoked_why'])}"
        )


def _purpose(grant: Json) -> str:
    return f" for {plain(grant['purpose'])}" if grant["purpose"] else ""


def _until(grant: Json) -> str:
    return f"until {grant['valid_until']}" if grant["valid_until"] else "without an end"


def _column(column: Json) -> str:
    return plain(column["name"] + (f" ({column['mask']})" if column["mask"] else ""))


def _short(text: str) -> str:
    """One line of it, for a table."""
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_WHY else f"{words[: LONGEST_WHY - 1]}…"


def _echo_grants(found: list[Json]) -> None:
    echo_table(
        ("grant", "state", "table", "until", "project", "asked by", "granted by", "why"),
        (
            (
                g["id"],
                g["state"],
                g["table"],
                g["valid_until"] or "",
                g["project"],
                g["requested_by"],
                ", ".join(g["granted_by"]),
                _short(g["reason"]),
            )
            for g in found
        ),
    )


@grant_group.command("ls")
@click.option("--project", help="Only what this project was given.")
@click.option("--asset", help="Only on this asset.")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@listing(_echo_grants)
def list_command(door: Door, *, project: str | None, asset: str | None, state: Any, limit: int) -> list[Json]:
    """List the grants that you may see, oldest first."""

    def here(uow: UnitOfWork) -> list[Json]:
        chosen = access.GrantState(state) if state else None
        found = access.list_grants(uow, project=project, asset=asset, state=chosen, limit=limit)
        return access.grants_as_told(found, uow)

    return door.pages(AT, "grants", limit, here, project=project, asset=asset, state=state)


@grant_group.command("show")
@click.argument("grant")
@answering(echo_grant)
def show_command(door: Door, *, grant: str) -> Any:
    """Show a GRANT: what it gives, under which table's name, until when."""
    return door.get(f"{AT}/{in_path(grant)}", lambda uow: access.grant_as_told(access.read_grant(uow, grant), uow))


def _echo_revoked(told: Json) -> None:
    click.echo(f"{told['id']} is {told['state']}: {plain(told['table'])} gives nothing of it any more")


@grant_group.command("revoke")
@click.argument("grant")
@click.option("--reason", required=True, help="Why; kept with the grant.")
@answering(_echo_revoked)
def revoke_command(door: Door, *, grant: str, reason: str) -> Any:
    """Take a GRANT back, at once; queries that run on it are stopped."""
    return door.post(
        f"{AT}/{in_path(grant)}/revoke",
        {"reason": reason},
        lambda uow: access.grant_as_told(access.revoke_grant(uow, grant, reason), uow),
    )
