"""How the verbs of the catalog ask: this host as the operator, or a server with one's token; in the same words."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from pergamon.cli.client import Client, client_at
from pergamon.cli.context import CliContext
from pergamon.cli.query import server_option, token_file_option

if TYPE_CHECKING:
    from pergamon.store import UnitOfWork

LARGEST_PAGE = 1000

Json = dict[str, Any]  # Any: whatever JSON can hold
Command = Callable[..., Any]


class LoadedWhenUsed:
    """A module that is imported with its first use: a client of a server starts without the room and its engines."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


@dataclass(frozen=True)
class Door:
    """Who is asked. Each question says how a server is asked for it, and how it is answered here."""

    context: CliContext
    server: str | None
    token_file: Path | None

    def get(self, path: str, here: Callable[[UnitOfWork], Any]) -> Any:
        """Read something."""
        return self._here(here) if self.server is None else self.client().get(path)

    def post(self, path: str, body: Json, here: Callable[[UnitOfWork], Any]) -> Any:
        """Do something."""
        return self._here(here) if self.server is None else self.client().post(path, body)

    def delete(self, path: str, here: Callable[[UnitOfWork], Any]) -> Any:
        """Remove something."""
        return self._here(here) if self.server is None else self.client().delete(path)

    def pages(
        self, path: str, key: str, limit: int, here: Callable[[UnitOfWork], list[Json]], **selected: object
    ) -> list[Json]:
        """A list, as long as `limit` allows. A server is asked page by page."""
        if self.server is None:
            return list(self._here(here))[:limit]
        found: list[Json] = []
        given = {name: str(value) for name, value in selected.items() if value is not None}
        after: str | None = None
        client = self.client()
        while len(found) < limit:
            asked = given | {"limit": str(min(LARGEST_PAGE, limit - len(found)))} | ({"after": after} if after else {})
            told = client.get(f"{path}?{urlencode(asked)}")
            found += told[key]
            after = told["next"]
            if after is None:
                break
        return found

    def client(self) -> Client:
        """The server, when there is one.

        Raises:
            click.UsageError: `--as` and `--server` together.
        """
        if self.server is None:
            raise click.UsageError("this needs --server")
        if self.context.as_person is not None:
            raise click.UsageError("--as belongs to operator mode: with --server you are who your token says")
        return client_at(self.server, self.token_file)

    def _here(self, here: Callable[[UnitOfWork], Any]) -> Any:
        with self.context.open() as runtime, runtime.begin(self.context.actor(runtime)) as uow:
            return here(uow)


def door_options(command: Command) -> Command:
    """`--server` and `--token-file`, as every verb of the catalog has them."""
    return server_option(token_file_option(command))


def limit_option(command: Command) -> Command:
    """How long a list may be."""
    limit = click.IntRange(1, 1_000_000)
    return click.option("--limit", type=limit, default=1000, show_default=True, help="How many at most.")(command)


def in_path(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="")


def plain(text: object) -> str:
    """Text for one line of a terminal: what would move its cursor is shown as a dot."""
    return "".join(c if c.isprintable() else "·" for c in str(text))


def plain_lines(text: str, indent: str = "  ") -> Iterable[str]:
    """Text of several lines, each fit for a terminal."""
    return (f"{indent}{plain(line)}" for line in text.splitlines())


def echo_table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Aligned columns; nothing but a word when there are no rows."""
    cells = [head, *(tuple("" if cell is None else plain(cell) for cell in row) for row in rows)]
    if len(cells) == 1:
        click.echo("none that you may see", err=True)
        return
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def note_if_more(found: list[Json], limit: int) -> None:
    """Say that a list may go on."""
    if len(found) == limit:
        click.echo(f"the first {limit}; for more, --limit", err=True)
