"""Client mode (law 10): the command line as one more caller of the API, with a token and nothing else.

The token comes from `PERGAMON_TOKEN` or from a 0600 file, never from an argument: arguments are seen by every
user of a host and stay in a shell's history.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from pergamon.kernel import Kind, PergamonError
from pergamon.settings import token_from_environment

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
        self.kind = _KIND_OF_STATUS.get(status, Kind.UNAVAILABLE)  # type: ignore[misc]  # one class for every kind


_KIND_OF_STATUS = {
    400: Kind.INVALID,
    401: Kind.DENIED,
    403: Kind.DENIED,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    413: Kind.INVALID,
    422: Kind.INVALID,
}


@dataclass(frozen=True)
class Client:
    """One server and one token."""

    server: str
    token: str

    def get(self, path: str) -> Any:  # Any: JSON
        """Raises: ServerRefused, ServerNotReached."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Raises: ServerRefused, ServerNotReached."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            proxies = self.server.startswith("https:")  # a proxy would read the token of a plain connection
            timeout = httpx.Timeout(TIMEOUT_S, connect=10)
            with httpx.Client(base_url=self.server, timeout=timeout, trust_env=proxies) as http:
                answer = http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.token}"})
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
        NoToken: there is no token, its file can be read by others, or it would travel unencrypted to another host.
    """
    parts = urlsplit(server)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise NoToken("the token is not sent to another host without encryption", hint="use an https:// address")
    return Client(server.rstrip("/"), _token(token_file))


def _token(token_file: Path | None) -> str:
    if token_file is not None:
        return _token_in(token_file)
    token = token_from_environment()
    if token is None:
        raise NoToken("there is no token", hint="set PERGAMON_TOKEN, or name a 0600 file with --token-file")
    return token


def _token_in(path: Path) -> str:
    try:
        with path.open() as file:
            rights = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if rights & 0o077:
                raise NoToken(f"the token file {path} can be read by others", hint=f"chmod 600 {path}")
            return file.read(1000).strip()
    except OSError as error:
        raise NoToken(f"the token file {path} cannot be read ({type(error).__name__})") from None
