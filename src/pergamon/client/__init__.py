"""A small client for notebooks and programs: find assets, ask for access, query what was granted.

    >>> import pergamon.client
    >>> site = pergamon.client.connect("https://pergamon.example")        # token: PERGAMON_TOKEN, or your login
    >>> site.search("vitals", unit="clinic")
    >>> site.request("curated_db.vitals", project="study", reason="to learn")
    >>> site.query("SELECT count(*) FROM study_sub.vitals").pandas()

It speaks the API and nothing else. Whatever goes wrong is a `ClientError` with `code`, `message` and `hint`.
"""

from pergamon.client.connection import Client, connect
from pergamon.client.errors import ClientError, NotAnAddress, NotInstalled, NoToken, ServerNotReached, ServerRefused
from pergamon.client.result import Result
from pergamon.client.token import find_token, login_file, require_encrypted, token_in

__all__ = [
    "Client",
    "ClientError",
    "NoToken",
    "NotAnAddress",
    "NotInstalled",
    "Result",
    "ServerNotReached",
    "ServerRefused",
    "connect",
    "find_token",
    "login_file",
    "require_encrypted",
    "token_in",
]
