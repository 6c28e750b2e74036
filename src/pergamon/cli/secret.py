"""`pergamon secret`: what the configuration refers to as `{{secret:NAME}}`. A value is no argument, and never shown."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pergamon.cli.context import CliContext, echo_json, json_option, tell
from pergamon.kernel import Invalid, LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import deploy
else:
    deploy = LoadedWhenUsed("pergamon.deploy")


@click.group("secret")
def secret_group() -> None:
    """Set, list and remove secrets."""


@secret_group.command("set")
@click.argument("name")
@click.option("--from-file", type=click.Path(), help="Read the value from this file; `-` is standard input.")
@json_option
@click.pass_obj
def set_command(context: CliContext, name: str, from_file: str | None, as_json: bool) -> None:
    """Keep the value of NAME, one line, in a 0600 file of the installation. Without --from-file it is asked for."""
    with context.open() as runtime:
        begin = partial(runtime.begin, context.actor(runtime))
        with begin() as uow:
            deploy.may_manage_secret(uow, name)
        deploy.set_secret(begin, runtime.settings, name, _asked(name) if from_file is None else _read(from_file))
    kept = context.settings.secrets / name
    tell({"name": name, "file": str(kept)}, f"{name}: kept in {kept}, readable by you alone", as_json=as_json)


@secret_group.command("ls")
@json_option
@click.pass_obj
def ls_command(context: CliContext, as_json: bool) -> None:
    """List the names of secrets, and where each is found; the first place counts. Values are never shown."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        found = deploy.list_secrets(uow, runtime.settings)
    if as_json:
        echo_json([{"name": name, "places": places} for name, places in found.items()])
        return
    for name, places in found.items():
        click.echo(f"{name}: {', '.join(places) or f'nowhere, and a task needs it: pergamon secret set {name}'}")


@secret_group.command("rm")
@click.argument("name")
@json_option
@click.pass_obj
def rm_command(context: CliContext, name: str, as_json: bool) -> None:
    """Remove the file of NAME. What needs it fails from the next start on."""
    with context.open() as runtime:
        deploy.remove_secret(partial(runtime.begin, context.actor(runtime)), runtime.settings, name)
    tell({"name": name}, f"{name}: removed", as_json=as_json)


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at: give the value with --from-file FILE, or --from-file -")
    return str(click.prompt(f"Value of {name} (not shown)", hide_input=True, err=True))


def _read(from_file: str) -> str:
    """One byte more than a value may have is enough to refuse it.

    Raises:
        Invalid: there is no such file, it cannot be read, or it is not text.
    """
    most = deploy.LARGEST_SECRET_BYTES + 3
    try:
        if from_file == "-":
            return sys.stdin.buffer.read(most).decode()
        with Path(from_file).open("rb") as file:
            return file.read(most).decode()
    except OSError as error:
        raise Invalid(
            f"{from_file} cannot be read: {error.strerror}",
            hint="give a file of one line of text, or `-` for standard input",
        ) from None
    except UnicodeDecodeError:
        raise Invalid(
            "the value is not text in UTF-8", hint="give a file of one line of text, or `-` for standard input"
        ) from None
