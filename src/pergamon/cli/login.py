"""`pergamon login` and `logout`: a password for a token, kept in a 0600 file where client mode looks for it."""

import sys
from pathlib import Path

import click

from pergamon.cli.ask_password import ask_password, from_stdin_option
from pergamon.cli.client import (
    Client,
    ServerNotReached,
    ServerRefused,
    login_file,
    token_in,
    token_is_in_environment,
    without_token,
)
from pergamon.cli.context import CliContext, json_option, tell
from pergamon.cli.one_line import one_line
from pergamon.kernel import Kind, NotFound, durable_write

server_option = click.option("--server", metavar="URL", required=True, help="The server, as in client mode.")


ANSWER = ("token", "person", "valid_until")


@click.command("login")
@server_option
@click.option("--person", metavar="NAME", help="Who you are; asked for when it is left out.")
@from_stdin_option
@json_option
@click.pass_obj
def login_command(context: CliContext, server: str, person: str | None, from_stdin: bool, as_json: bool) -> None:
    """Log in at a server by a password, for eight hours. The token is kept in a 0600 file, for this server alone."""
    _refuse_impersonation(context)
    client, path = without_token(server), login_file(server)
    name = person or _ask_name()
    asked = {"person": name, "password": ask_password(f"Password of {name}", from_stdin=from_stdin)}
    previous = token_in(path) if path.exists() else ""
    told = client.post("/api/v1/login", asked | ({"previous_token": previous} if previous else {}))
    if not isinstance(told, dict) or not all(isinstance(told.get(key), str) for key in ANSWER):
        raise ServerNotReached(
            f"what answers at {server} is not Pergamon", hint="give --server the address that `pergamon up` prints"
        )
    durable_write(path, told["token"].encode())
    words = one_line(f"{told['person']}: logged in at {server} until {told['valid_until']}")
    tell({name: told[name] for name in ("person", "valid_until")}, words, as_json=as_json)
    if token_is_in_environment():
        click.echo("note: PERGAMON_TOKEN is set, and goes before this login", err=True)


@click.command("logout")
@server_option
@json_option
@click.pass_obj
def logout_command(context: CliContext, server: str, as_json: bool) -> None:
    """Log out at a server: your token of `pergamon login` is revoked there, and removed here."""
    _refuse_impersonation(context)
    path = login_file(server)
    if not path.exists():
        raise NotFound(f"nobody is logged in at {server} from here", hint="a token of PERGAMON_TOKEN is not a login")
    words = f"logged out at {server}{_revoke(without_token(server), path)}"
    tell({"server": server}, words, as_json=as_json)


def _ask_name() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at: say who you are with --person NAME")
    return str(click.prompt("Person", err=True))


def _revoke(client: Client, path: Path) -> str:
    """What is to be added. Unless the server knows that the token is over, its file stays, to try again."""
    added = ""
    try:
        client.with_token(token_in(path)).post("/api/v1/logout", {})
    except ServerRefused as refused:
        if refused.kind not in {Kind.DENIED, Kind.NOT_FOUND}:
            raise
        added = "; the token was over already"
    path.unlink()
    return added


def _refuse_impersonation(context: CliContext) -> None:
    if context.as_person is not None:
        raise click.UsageError("--as belongs to operator mode: at a server you are whom your password proves")
