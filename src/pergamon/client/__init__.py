"""A small client for notebooks and programs: find assets, ask for access, query what was granted.

    >>> import pergamon.client
    >>> site = pergamon.client.connect("https://pergamon.example")        # token: PERGAMON_TOKEN, or your login
    >>> site.search("vitals", unit="clinic")
    >>> site.request("curated_db.vitals", project="study", reason="to learn")
    >>> site.query("SELECT count(*) FROM study_sub.vitals").pandas()
    >>> site.submit("SELECT * FROM study_sub.vitals").wait().save("vitals.parquet")

It speaks the API and nothing else. Whatever goes wrong is a `ClientError` with `code`, `message` and `hint`.
"""

from pergamon.client.connection import Client, connect
from pergamon.client.errors import (
    ClientError,
    NotAnAddress,
    NotDoneYet,
    NotInstalled,
    NoToken,
    ServerNotReached,
    ServerRefused,
    StatementEnded,
)
from pergamon.client.result import Result
from pergamon.client.shown import Found
from pergamon.client.statement import Statement
from pergamon.client.token import find_token, login_file, require_encrypted, token_in

__all__ = [
    "Client",
    "ClientError",
    "Found",
    "NoToken",
    "NotAnAddress",
    "NotDoneYet",
    "NotInstalled",
    "Result",
    "ServerNotReached",
    "ServerRefused",
    "Statement",
    "StatementEnded",
    "connect",
    "find_token",
    "login_file",
    "require_encrypted",
    "token_in",
]
