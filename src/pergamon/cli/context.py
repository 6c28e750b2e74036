"""What every verb of the command line is handed: the settings, and how to open the installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pergamon.kernel import Actor, Kind, PergamonError
from pergamon.settings import Settings

if TYPE_CHECKING:
    from pergamon.runtime import Runtime


AS_A_PERSON = (
    "--as gives their impersonable roles alone, never what they are in a project: there they act themselves, "
    "with --server and a token"
)


@dataclass(frozen=True)
class CliContext:
    """Operator mode: the service user at this host (law 10). `as_person` is impersonation, refused unless allowed."""

    settings: Settings
    as_person: str | None = None

    @contextmanager
    def open(self) -> Iterator[Runtime]:
        """Open the installation; whatever the command recorded is sealed before it ends, even when it fails."""
        from pergamon.runtime import open_runtime  # here: a client of a server needs no engine, and starts at once

        with open_runtime(self.settings) as runtime:
            if runtime.weak_confinement:
                from pergamon.client.confinement import in_words  # here: hardly ever needed, and it loads the client

                click.echo(f"warning: {in_words(runtime.weak_confinement)}", err=True)
            try:
                yield runtime
            except PergamonError as error:
                if self.as_person and error.kind in {Kind.DENIED, Kind.NOT_FOUND}:
                    error.hint = "; ".join(filter(None, (error.hint, AS_A_PERSON)))
                raise
            finally:
                _seal(runtime)

    def actor(self, runtime: Runtime) -> Actor:
        """The operator, or the person the operator acts as.

        Raises:
            ImpersonationRefused: none of the person's roles allows it.
        """
        return runtime.operator_as(self.as_person) if self.as_person else runtime.operator()

    def refuse_impersonation(self) -> None:
        """Raises: click.UsageError: `--as` and `--server` together."""
        if self.as_person is not None:
            raise click.UsageError("--as belongs to operator mode: with --server you are who your token says")


def _seal(runtime: Runtime) -> None:
    """Seal the trail; a trail that cannot be sealed is told, and does not undo what the command did."""
    try:
        runtime.seal_trail()
    except PergamonError as error:
        click.echo(f"warning: the trail is not sealed: {error}", err=True)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


def echo_json(value: Any) -> None:  # Any: whatever JSON can hold
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def tell(told: Any, words: str, *, as_json: bool) -> None:  # Any: as above
    """Say what was done: to a program as JSON, to a person in words."""
    if as_json:
        echo_json(told)
    else:
        click.echo(words)


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`: how a person would say it."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
