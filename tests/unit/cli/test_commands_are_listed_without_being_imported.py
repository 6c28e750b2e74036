"""`pergamon --help` is quick: it imports no command, and says of each what the command says of itself."""

import subprocess
import sys
from inspect import cleandoc

import click
import pytest
from click.testing import CliRunner

from pergamon.cli.main import COMMANDS, COMMANDS_BY_PURPOSE, group
from pergamon.cli.short_help import short_help

HEAVY = ("pyiceberg", "pyarrow", "pydantic", "psycopg", "fastapi", "httpx")
ROOMS = ("pergamon.lake", "pergamon.catalog", "pergamon.query", "pergamon.deploy")


def loaded_by(code: str) -> set[str]:
    """The modules that are imported after this has run in a process of its own."""
    told = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(told, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_what_it_says_of_itself(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert short_help(COMMANDS[name]) == cleandoc(command.help or "")


def test_the_list_holds_every_command() -> None:
    """Each once, below what it is for."""
    said = CliRunner().invoke(group, ["--help"]).output
    first = next(iter(COMMANDS_BY_PURPOSE))
    listed = f"{first}:{said.partition(first + ':')[2]}".splitlines()
    assert [line.split()[0] for line in listed if line.startswith("  ")] == list(COMMANDS)
    assert [line for line in listed if line and not line.startswith("  ")] == [f"{one}:" for one in COMMANDS_BY_PURPOSE]
    assert sum(map(len, COMMANDS_BY_PURPOSE.values())) == len(COMMANDS)
    assert group.list_commands(click.Context(group)) == list(COMMANDS), "which a shell completes"


def test_the_list_of_commands_loads_no_engine_and_no_room() -> None:
    code = (
        "from click.testing import CliRunner\nfrom pergamon.cli.main import group\nCliRunner().invoke(group, '--help')"
    )
    assert not loaded_by(code) & {*HEAVY, *ROOMS}


def test_who_opens_an_installation_loads_no_engine() -> None:
    assert not loaded_by("import pergamon.runtime") & {"pyiceberg", "pyarrow", "tantivy", "duckdb", *ROOMS}


def test_who_starts_a_worker_in_its_network_loads_no_engine() -> None:
    heavy = {"pyiceberg", "pyarrow", "dbos", "fastapi", "pergamon.pipeline"}
    assert not loaded_by("import pergamon.worker.__main__") & heavy
