"""`pergamon token`: tokens for people and service accounts. People and roles themselves come from the configuration."""

from datetime import timedelta
from pathlib import Path

import click

from pergamon import identity
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.kernel import durable_write, require
from pergamon.policy import Action, Resource


@click.group("token")
def token_group() -> None:
    """Issue, list and revoke tokens."""


@token_group.command("issue")
@click.argument("principal")
@click.option("--label", default="command line", show_default=True)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366))
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file (0600) instead of printing it.")
@click.pass_obj
def issue_command(context: CliContext, principal: str, label: str, days: int, out: Path | None) -> None:
    """Issue a token for PRINCIPAL (person:<name> or service:<name>). It is shown once."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("principal", principal)))
        secret = identity.issue_token(uow, principal, label=label, lifetime=timedelta(days=days))
    if out is None:
        click.echo(secret)
        return
    durable_write(out.absolute(), secret.encode())
    click.echo(f"written to {out}")


@token_group.command("ls")
@click.argument("principal")
@json_option
@click.pass_obj
def list_command(context: CliContext, principal: str, as_json: bool) -> None:
    """List the tokens of PRINCIPAL, without their secrets."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("principal", principal)))
        tokens = identity.list_tokens(uow, principal)
    if as_json:
        echo_json([vars(token) for token in tokens])
        return
    for token in tokens:
        state = "revoked" if token.revoked_at else f"valid until {token.valid_until:%Y-%m-%d}"
        click.echo(f"{token.id}  {state}  {token.label}")


@token_group.command("revoke")
@click.argument("token_id")
@click.pass_obj
def revoke_command(context: CliContext, token_id: str) -> None:
    """Revoke a token; it is refused from now on."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("token", token_id)))
        identity.revoke_token(uow, token_id)
    click.echo("revoked")
