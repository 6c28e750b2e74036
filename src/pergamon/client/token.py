"""Which token goes to which server? `PERGAMON_TOKEN`, else a file that is named, else what `pergamon login` keeps for
this very server; and none goes unencrypted to another host.
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pergamon.client.errors import NotAnAddress, NoToken
from pergamon.settings import logins_directory, token_from_environment

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def require_encrypted(server: str) -> None:
    """Raises: NotAnAddress; NoToken: what is sent there could be read on the way."""
    address = _address(server)
    if not address.startswith("https:") and urlsplit(address).hostname not in LOOPBACK:
        raise NoToken(
            "neither token nor password is sent to another host without encryption", hint="use an https:// address"
        )


def login_file(server: str) -> Path:
    """Where the token of a login at a server is kept: its host to be recognised by, its whole address to be exact."""
    address = _address(server)
    host = re.sub(r"[^a-z0-9.-]", "_", urlsplit(address).hostname or "")
    return logins_directory() / f"token-{host}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def find_token(server: str, token_file: Path | None = None) -> str:
    """The token for a server.

    Raises:
        NoToken: there is none, or its file can be read by others.
    """
    token = token_from_environment()
    if token is not None:
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
        raise NoToken(
            f"the token file {path} cannot be read ({type(error).__name__})",
            hint="`pergamon login` gets one, or the operator: `pergamon token issue`",
        ) from None


def _address(server: str) -> str:
    """One spelling of a server's address: two that differ by scheme, host, port or path are two servers."""
    try:
        parts = urlsplit(server)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        host = httpx.URL(server).raw_host.decode()
    except (ValueError, httpx.InvalidURL):
        port, host = None, ""
    if not host or port is None or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise NotAnAddress("this is not the address of a server", hint="write https://HOST, or http://127.0.0.1:PORT")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}{parts.path.rstrip('/')}"
