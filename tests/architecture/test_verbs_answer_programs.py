"""Every verb that prints a result prints it as JSON for a program that asks."""

from collections.abc import Iterator

import click

from pergamon.cli.main import COMMANDS, group

NO_RESULT = {
    "schema": "what it prints is JSON",
    "replication script": "what it prints is SQL, to be run",
    "lineage export": "what it prints is lines of JSON",
    "sample serve": "stays until it is ended",
    "up": "stays until it is ended",
    "down": "ends what `up` has started, and prints nothing else",
    "demo": "is looked at",
}


def test_every_verb_that_prints_a_result_takes_json() -> None:
    with click.Context(group) as context:
        silent = {
            name
            for first in COMMANDS
            for name, command in verbs(first, group.get_command(context, first))
            if "--json" not in {option for parameter in command.params for option in parameter.opts}
        }
    assert silent == set(NO_RESULT)


def verbs(name: str, command: click.Command | None) -> Iterator[tuple[str, click.Command]]:
    """A command, or those of a group, by the words that call it."""
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from verbs(f"{name} {word}", inner)
    elif command is not None:
        yield name, command
