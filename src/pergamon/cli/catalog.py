"""How the verbs of the catalog ask: this host as the operator, or a server with one's token; in the same words.

A verb says what it asks and how a person is told; its options `--server`, `--token-file`, `--json` and `--limit`, and
what they do, are written here once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from pergamon.cli.client import Client, client_at
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.cli.query import server_option, token_file_option

if TYPE_CHECKING:
    from pergamon.store import UnitOfWork

LARGEST_PAGE = 1000

Json = dict[str, Any]  # Any: whatever JSON can hold
Command = Callable[..., Any]


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
        self.context.refuse_impersonation()
        return client_at(self.server, self.token_file)

    def _here(self, here: Callable[[UnitOfWork], Any]) -> Any:
        with self.context.open() as runtime, runtime.begin(self.context.actor(runtime)) as uow:
            return here(uow)


def asking(work: Command) -> Command:
    """A verb with `--server` and `--token-file`: it is handed the door that they name, and tells by itself."""

    @server_option
    @token_file_option
    @click.pass_obj
    @wraps(work)
    def command(context: CliContext, /, *, server: str | None, token_file: Path | None, **given: Any) -> None:
        work(Door(context, server, token_file), **given)

    return command


def answering(echo: Callable[[Any], None]) -> Callable[[Command], Command]:
    """An asking verb that returns what is told: as JSON with `--json`, else as `echo` says it."""

    def frame(work: Command) -> Command:
        @asking
        @json_option
        @wraps(work)
        def command(door: Door, /, *, as_json: bool, **given: Any) -> None:
            told = work(door, **given)
            if as_json:
                echo_json(told)
            else:
                echo(told)

        return command

    return frame


def listing(echo: Callable[[list[Json]], None]) -> Callable[[Command], Command]:
    """An asking verb that returns a list, of `limit` at the most; that there may be more is said."""

    def frame(work: Command) -> Command:
        @limit_option
        @asking
        @json_option
        @wraps(work)
        def command(door: Door, /, *, as_json: bool, limit: int, **given: Any) -> None:
            found = work(door, limit=limit, **given)
            if as_json:
                echo_json(found)
                return
            echo(found)
            note_if_more(found, limit)

        return command

    return frame


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
