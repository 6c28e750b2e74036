"""What a notebook asks one server: search, ask for access, query. Answers are the API's own JSON, rows are Arrow."""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pergamon.client.channel import Channel, Json
from pergamon.client.result import Result, warn_of_more
from pergamon.client.shown import Found
from pergamon.client.statement import Statement
from pergamon.client.token import find_token, require_encrypted

Forms = Mapping[str, Mapping[str, Any]]


def connect(server: str, token: str | None = None, *, token_file: Path | None = None) -> "Client":
    """A client of a server. The token: this one, else that of `PERGAMON_TOKEN`, of the file, of `pergamon login`.

    >>> site = connect("https://pergamon.example")

    Raises:
        NotAnAddress, NoToken: see there.
    """
    require_encrypted(server)
    return Client(server.rstrip("/"), token or find_token(server, token_file))


class Client:
    """What one person may ask of one server. Thread-safe; close it, or use it in a `with`."""

    def __init__(self, server: str, token: str) -> None:
        self.server = server
        self._channel = Channel(server, token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.server!r})"

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    # find

    def search(self, text: str = "", *, limit: int = 20, **facets: str | Sequence[str]) -> Found:
        """Assets by words and facets, the best first. A facet may be given several values: any of them.

        >>> site.search("vitals", unit="clinic", format=["csv", "parquet"])
        """
        return self._listed("/api/v1/search", "results", "after", limit, {"text": text, **facets})

    def asset(self, name: str) -> Json:
        """All that is said of an asset, by its id or its name; its columns, and what it demands of whoever asks.

        >>> site.asset("curated_db.vitals")["conditions"]["text"]
        """
        return self._got(f"/api/v1/assets/{_part(name)}")

    # ask

    def request(
        self,
        asset: str,
        *,
        project: str,
        reason: str,
        purpose: str | None = None,
        columns: Sequence[str] | None = None,
        rows: str | None = None,
        days: int | None = None,
        accept_conditions: bool = False,
        forms: Forms | None = None,
        renews: str | None = None,
    ) -> Json:
        """Ask for access. `["grant"]` says what was granted, where the asset's conditions grant it at once.

        >>> asked = site.request("curated_db.vitals", project="study", reason="to learn", rows="site = 'north'")
        >>> asked["id"], asked["state"]
        """
        wish = _wish(reason, purpose, columns, rows, days, accept=accept_conditions, forms=forms)
        return self._posted("/api/v1/requests", wish | {"asset": asset, "project": project, "renews": renews})

    def requests(self, *, limit: int = 1000, waiting_for_me: bool = False, **filters: str) -> Found:
        """The requests that you may see, oldest first. filters: `project`, `asset`, `state`.

        >>> site.requests(state="open")
        """
        asked: Json = dict(filters) | ({"waiting_for_me": "true"} if waiting_for_me else {})
        return self._listed("/api/v1/requests", "requests", "next", limit, asked)

    def read_request(self, request_id: str) -> Json:
        """A request with what was said and decided on it, and the grant that it became.

        >>> [(said["by"], said["text"]) for said in site.read_request(asked["id"])["comments"]]
        """
        return self._got(_request(request_id))

    def comment(self, request_id: str, text: str) -> Json:
        """Say something on a request; both sides read it.

        >>> site.comment(asked["id"], "we need the north only")
        """
        return self._posted(f"{_request(request_id)}/comment", {"text": text})

    def amend(
        self,
        request_id: str,
        *,
        reason: str | None = None,
        purpose: str | None = None,
        columns: Sequence[str] | None = None,
        rows: str | None = None,
        days: int | None = None,
        accept_conditions: bool = False,
        forms: Forms | None = None,
        clear: Sequence[str] = (),
        note: str = "",
    ) -> Json:
        """Change what a request asks for; what is not named stays, and what `clear` names is asked for no more.

        >>> site.amend(asked["id"], days=30, clear=["rows"])
        """
        wish = _wish(reason, purpose, columns, rows, days, accept=accept_conditions, forms=forms)
        return self._posted(f"{_request(request_id)}/amend", wish | {"clear": list(clear), "note": note})

    def withdraw(self, request_id: str, *, note: str = "") -> Json:
        """Take a request back that is not decided.

        >>> site.withdraw(asked["id"])
        """
        return self._posted(f"{_request(request_id)}/withdraw", {"note": note})

    def grants(self, *, limit: int = 1000, **filters: str) -> Found:
        """What was granted: the table to query, until when, which columns and rows, and why. filters as of `requests`.

        >>> [grant["table"] for grant in site.grants(state="active")]
        """
        return self._listed("/api/v1/grants", "grants", "next", limit, dict(filters))

    # decide

    def preview(self, request_id: str, **narrowing: Any) -> Json:
        """What approving a request would give, rows counted. narrowing: as of `approve`.

        >>> site.preview(asked["id"], rows="age >= 18")["counted"]
        """
        return self._posted(f"{_request(request_id)}/preview", narrowing)

    def approve(self, request_id: str, *, note: str, **narrowing: Any) -> Json:
        """Give what is asked, or less: `columns`, `rows`, `masks`, `days`; `own_masks`.

        >>> site.approve(asked["id"], note="as agreed", masks={"born": "truncate-to-year"})
        """
        return self._posted(f"{_request(request_id)}/approve", {"note": note, **narrowing})

    def ask_for_changes(self, request_id: str, *, note: str) -> Json:
        """Send a request back to be amended.

        >>> site.ask_for_changes(asked["id"], note="for how long?")
        """
        return self._posted(f"{_request(request_id)}/ask-for-changes", {"note": note})

    def reject(self, request_id: str, *, note: str) -> Json:
        """Say no for good.

        >>> site.reject(asked["id"], note="not for this purpose")
        """
        return self._posted(f"{_request(request_id)}/reject", {"note": note})

    def revoke(self, grant_id: str, *, reason: str) -> Json:
        """Take a grant back, at once.

        >>> site.revoke(grant["id"], reason="the study is over")
        """
        return self._posted(f"/api/v1/grants/{_part(grant_id)}/revoke", {"reason": reason})

    # query

    def tables(self) -> list[str]:
        """The tables that you may query, as `database.table`."""
        return [f"{one['database']}.{one['table']}" for one in self._got("/api/v1/tables")["tables"]]

    def query(self, sql: str, *, workgroup: str | None = None) -> Result:
        """Run one SELECT over the tables that you may read. Warns when there were more rows than are returned.

        >>> site.query("SELECT site, count(*) AS n FROM study_sub.vitals GROUP BY site").arrow()
        """
        asked = {"sql": sql, "workgroup": workgroup}
        with self._channel.rows("POST", "/api/v1/query", json=asked) as (headers, reader):
            table = reader.read_all()
        truncated = headers.get("X-Pergamon-Truncated") == "true"
        duration_ms = int(headers.get("X-Pergamon-Duration-Ms", 0))
        return warn_of_more(Result(headers.get("X-Pergamon-Query", ""), truncated, duration_ms, table))

    def submit(self, sql: str, *, workgroup: str | None = None) -> Statement:
        """Have one SELECT run without waiting for it; its rows are kept for a while.

        >>> running = site.submit("SELECT * FROM study_sub.vitals")
        >>> running.result().polars()
        """
        told = self._posted("/api/v1/statements", {"sql": sql, "workgroup": workgroup})
        return Statement(self._channel, told)

    def statement(self, statement_id: str) -> Statement:
        """A statement that you submitted, from wherever it was.

        >>> site.statement("query_0123456789abcdef0123456789abcdef").status
        """
        return Statement(self._channel, self._got(f"/api/v1/statements/{_part(statement_id)}"))

    def history(self, text: str = "", *, limit: int = 50) -> Found:
        """Your queries, newest first; with a text, those in which it stands.

        >>> site.history("encounters")
        """
        return Found(self._channel.told("GET", "/api/v1/queries", params={"text": text, "limit": limit})["queries"])

    # saved queries

    def saved_queries(self, *, limit: int = 1000) -> Found:
        """The texts that you keep under names, and those that your projects share."""
        return self._listed("/api/v1/saved-queries", "saved_queries", "next", limit, {})

    def save_query(self, name: str, sql: str, *, project: str | None = None) -> Json:
        """Keep a text under a name of your own; project: whose members may read it too.

        >>> site.save_query("how-many", "SELECT count(*) FROM study_sub.vitals", project="study")
        """
        told: Json = self._channel.told("PUT", _saved(name), json={"sql": sql, "project": project})
        return told

    def run_saved(self, name: str, *, owner: str | None = None, workgroup: str | None = None) -> Statement:
        """Submit a text that is kept; owner: of whom, when it is not yours. Every table is decided on for you.

        >>> site.run_saved("how-many", owner="person:ada").result()
        """
        told = self._channel.told("GET", _saved(name), params={"owner": owner} if owner else {})
        return self.submit(told["sql"], workgroup=workgroup)

    def remove_saved_query(self, name: str) -> None:
        """Remove a text of your own."""
        self._channel.told("DELETE", _saved(name))

    def _got(self, path: str) -> Json:
        told: Json = self._channel.told("GET", path)
        return told

    def _posted(self, path: str, body: Json) -> Json:
        told: Json = self._channel.told("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        return told

    def _listed(self, path: str, key: str, next_key: str, limit: int, asked: Json) -> Found:
        return Found(self._channel.pages(path, key, next_key, limit, asked))


def _wish(
    reason: str | None,
    purpose: str | None,
    columns: Sequence[str] | None,
    rows: str | None,
    days: int | None,
    *,
    accept: bool,
    forms: Forms | None,
) -> Json:
    return {
        "reason": reason,
        "purpose": purpose,
        "columns": list(columns) if columns is not None else None,
        "rows": rows,
        "days": days,
        "accept": accept,
        "forms": {name: dict(values) for name, values in forms.items()} if forms else None,
    }


def _request(request_id: str) -> str:
    return f"/api/v1/requests/{_part(request_id)}"


def _saved(name: str) -> str:
    return f"/api/v1/saved-queries/{_part(name)}"


def _part(name: str) -> str:
    return quote(name, safe="")
