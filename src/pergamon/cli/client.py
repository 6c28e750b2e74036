"""Client mode (law 10): the command line as one more caller of the API, with a token and nothing else.

The token comes from `PERGAMON_TOKEN`, else from the file of `--token-file`, else from what `pergamon login` keeps for
this very server; never from an argument: arguments are seen by every user of a host and stay in a shell's history.
"""

import hashlib
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx

from pergamon.kernel import Invalid, Kind, PergamonError
from pergamon.settings import logins_directory, token_from_environment

TIMEOUT_S = 3700
"""Longer than any workgroup lets a query run: the server ends it, not the client."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class NoToken(PergamonError):
    """Client mode needs a token and found none that it may use."""

    code, kind = "client.no_token", Kind.DENIED


class ServerNotReached(PergamonError):
    """The server does not answer, or what answers is not Pergamon."""

    code, kind = "client.server_not_reached", Kind.UNAVAILABLE


class ServerRefused(PergamonError):
    """The server answered with an error; its own code, message and hint are told."""

    code = "client.server_refused"

    def __init__(self, status: int, told: dict[str, Any]) -> None:
        hint = told.get("hint")
        super().__init__(str(told.get("message") or f"the server answered {status}"), hint=str(hint) if hint else None)
        self.told_code = str(told.get("code") or "")
        self.status = status
        self.kind = _KIND_OF_STATUS.get(status, Kind.UNAVAILABLE)  # type: ignore[misc]  # one class for every kind


_KIND_OF_STATUS = {
    400: Kind.INVALID,
    401: Kind.DENIED,
    403: Kind.DENIED,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    412: Kind.CONFLICT,
    413: Kind.INVALID,
    422: Kind.INVALID,
}


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
        return httpx.Client(base_url=self.server, timeout=timeout, trust_env=proxies, headers=headers)

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
        Invalid: this is not the address of a server.
        NoToken: there is no token, its file can be read by others, or it would travel unencrypted to another host.
    """
    return without_token(server).with_token(_token(server, token_file))


def without_token(server: str) -> Client:
    """The client of somebody who is not logged in yet; raises what `client_at` does."""
    address = _address(server)
    if not address.startswith("https:") and urlsplit(address).hostname not in LOOPBACK:
        raise NoToken(
            "neither token nor password is sent to another host without encryption", hint="use an https:// address"
        )
    return Client(server.rstrip("/"), None)


def login_file(server: str) -> Path:
    """Where the token of a login at a server is kept: its host to be recognised by, its whole address to be exact."""
    address = _address(server)
    host = re.sub(r"[^a-z0-9.-]", "_", urlsplit(address).hostname or "")
    return logins_directory() / f"token-{host}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def token_is_in_environment() -> bool:
    """Is `PERGAMON_TOKEN` set? It goes before any file."""
    return token_from_environment() is not None


def _address(server: str) -> str:
    """One spelling of a server's address: two that differ by scheme, host, port or path are two servers."""
    try:
        parts = urlsplit(server)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        host = httpx.URL(server).raw_host.decode()
    except (ValueError, httpx.InvalidURL):
        port, host = None, ""
    if not host or port is None or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise Invalid("this is not the address of a server", hint="write https://HOST, or http://127.0.0.1:PORT")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}{parts.path.rstrip('/')}"


def _token(server: str, token_file: Path | None) -> str:
    token = token_from_environment()
    if token is not None:
        if token_file is not None:
            click.echo(f"note: PERGAMON_TOKEN is set, and goes before {token_file}", err=True)
        return token
    path = token_file or login_file(server)
    if token_file is None and not path.exists():
        raise NoToken(
            "there is no token", hint=f"`pergamon login --server {server}`; or PERGAMON_TOKEN, or --token-file"
        )
    return token_in(path)


def token_in(path: Path) -> str:
    """The token in a file; raises NoToken when others may read it, or it cannot be read."""
    try:
        with path.open() as file:
            rights = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if rights & 0o077:
                raise NoToken(f"the token file {path} can be read by others", hint=f"chmod 600 {path}")
            return file.read(1000).strip()
    except OSError as error:
        raise NoToken(f"the token file {path} cannot be read ({type(error).__name__})") from None
