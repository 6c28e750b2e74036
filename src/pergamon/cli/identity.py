"""`pergamon token`: tokens for people and service accounts. People and roles themselves come from the configuration."""

from datetime import timedelta
from pathlib import Path

import click

from pergamon import identity
from pergamon.cli.context import CliContext, echo_json, json_option, tell
from pergamon.kernel import durable_write, require
from pergamon.policy import Action, Resource


@click.group("token")
def token_group() -> None:
    """Issue, list and revoke tokens."""


@token_group.command("issue")
@click.argument("principals", metavar="PRINCIPAL…", nargs=-1, required=True)
@click.option("--label", default="command line", show_default=True)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366))
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file (0600) instead of printing it.")
@click.option(
    "--out-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each to the file NAME.token (0600) in this directory.",
)
@json_option
@click.pass_obj
def issue_command(
    context: CliContext,
    principals: tuple[str, ...],
    *,
    label: str,
    days: int,
    out: Path | None,
    out_dir: Path | None,
    as_json: bool,
) -> None:
    """Issue a token for each PRINCIPAL (person:<name> or service:<name>), for all or for none. It is shown once."""
    if out is not None and (out_dir is not None or len(principals) > 1):
        raise click.UsageError("--out takes one token; for several, name a directory with --out-dir")
    secrets = {}
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        for principal in dict.fromkeys(principals):
            require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("principal", principal)))
            secrets[principal] = identity.issue_token(uow, principal, label=label, lifetime=timedelta(days=days))
    issued = []
    for principal, secret in secrets.items():
        file = out if out_dir is None else out_dir / f"{principal.rpartition(':')[2]}.token"
        if file is not None:
            durable_write(file.absolute(), secret.encode())
        issued.append({"principal": principal} | ({"token": secret} if file is None else {"file": str(file)}))
        if not as_json:
            click.echo(secret if file is None else f"written to {file}")
    if as_json:
        echo_json(issued)


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
@json_option
@click.pass_obj
def revoke_command(context: CliContext, token_id: str, as_json: bool) -> None:
    """Revoke a token; it is refused from now on."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("token", token_id)))
        identity.revoke_token(uow, token_id)
    tell({"id": token_id}, "revoked", as_json=as_json)
