"""Client mode (law 10): the command line as one more caller of the API, with a token and nothing else.

The token comes from `PERGAMON_TOKEN`, else from the file of `--token-file`, else from what `pergamon login` keeps for
this very server; never from an argument: arguments are seen by every user of a host and stay in a shell's history.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import httpx

from pergamon.cli.one_line import one_line
from pergamon.client.confinement import HEADER, in_words
from pergamon.client.errors import NoToken, ServerNotReached, ServerRefused
from pergamon.client.token import find_token, login_file, require_encrypted, token_in
from pergamon.settings import token_from_environment

__all__ = [
    "Client",
    "NoToken",
    "ServerNotReached",
    "ServerRefused",
    "client_at",
    "login_file",
    "token_in",
    "token_is_in_environment",
    "without_token",
]

TIMEOUT_S = 3700
"""Longer than any workgroup lets a query run: the server ends it, not the client."""


@dataclass(frozen=True)
class Client:
    """One server and one token; none to log in."""

    server: str
    token: str | None

    def with_token(self, token: str) -> "Client":
        """The same server with this token."""
        return replace(self, token=token)

    def get(self, path: str) -> Any:  # Any: JSON
        """Raises: ServerRefused, ServerNotReached."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Raises: ServerRefused, ServerNotReached."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> Any:
        """Raises: ServerRefused, ServerNotReached."""
        return self._call("DELETE", path, None)

    def connection(self) -> httpx.Client:
        """A connection that carries the token, to be closed by its user."""
        proxies = self.server.startswith("https:")  # a proxy would read the token of a plain connection
        timeout = httpx.Timeout(TIMEOUT_S, connect=10)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        hooks = {"response": [_say_if_weak]}
        return httpx.Client(
            base_url=self.server, timeout=timeout, trust_env=proxies, headers=headers, event_hooks=hooks
        )

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            with self.connection() as http:
                answer = http.request(method, path, json=body)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerNotReached(
                f"no answer of Pergamon at {self.server} ({type(error).__name__})",
                hint="is it up? see `pergamon status`",
            ) from None
        if answer.status_code >= 400:
            raise ServerRefused(answer.status_code, told if isinstance(told, dict) else {})
        return told


def client_at(server: str, token_file: Path | None) -> Client:
    """The client for a server.

    Raises:
        NotAnAddress: this is not the address of a server.
        NoToken: there is no token, its file can be read by others, or it would travel unencrypted to another host.
    """
    client = without_token(server)
    if token_file is not None and token_is_in_environment():
        click.echo(f"note: PERGAMON_TOKEN is set, and goes before {token_file}", err=True)
    return client.with_token(find_token(server, token_file))


def without_token(server: str) -> Client:
    """The client of somebody who is not logged in yet; raises what `client_at` does."""
    require_encrypted(server)
    return Client(server.rstrip("/"), None)


def token_is_in_environment() -> bool:
    """Is `PERGAMON_TOKEN` set? It goes before any file."""
    return token_from_environment() is not None


def _say_if_weak(answer: httpx.Response) -> None:
    """The server says with every answer that it confines queries less than it should."""
    left = answer.headers.get(HEADER)
    if left is not None:
        click.echo(one_line(f"warning: {in_words(left)}"), err=True)
