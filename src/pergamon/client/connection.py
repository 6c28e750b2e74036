"""One server, one token: what a notebook asks. Answers are the API's own JSON; rows come as an Arrow stream."""

import io
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from pergamon.client.errors import ServerNotReached, ServerRefused
from pergamon.client.result import Result
from pergamon.client.token import find_token, require_encrypted
from pergamon.kernel import LoadedWhenUsed

if TYPE_CHECKING:
    import pyarrow as pa
else:
    pa = LoadedWhenUsed("pyarrow")

ARROW = "application/vnd.apache.arrow.stream"
TIMEOUT_S = 3700
"""Longer than any workgroup lets a query run: the server ends it, not the client."""
LARGEST_PAGE = 100

Json = dict[str, Any]  # Any: whatever JSON can hold


def connect(server: str, token: str | None = None, *, token_file: Path | None = None) -> "Client":
    """A client of a server. The token: this one, else that of `PERGAMON_TOKEN`, of the file, of `pergamon login`.

    >>> site = connect("https://pergamon.example")

    Raises:
        NotAnAddress, NoToken: see there.
    """
    require_encrypted(server)
    return Client(server.rstrip("/"), token or find_token(server, token_file))


class Client:
    """What one person may ask of one server. Thread-safe, as `httpx.Client` is; close it, or use it in a `with`."""

    def __init__(self, server: str, token: str) -> None:
        proxies = server.startswith("https:")  # a proxy would read the token of a plain connection
        self.server = server
        self._http = httpx.Client(
            base_url=server,
            timeout=httpx.Timeout(TIMEOUT_S, connect=10),
            trust_env=proxies,
            headers={"Authorization": f"Bearer {token}"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.server!r})"

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def search(self, text: str = "", *, limit: int = 20, **facets: str | Sequence[str]) -> list[Json]:
        """Assets by words and facets, the best first. A facet may be given several values: any of them.

        >>> site.search("vitals", unit="clinic", format=["csv", "parquet"])
        """
        asked: Json = {"text": text, **facets}
        return self._pages("/api/v1/search", "results", "after", limit, asked)

    def asset(self, name: str) -> Json:
        """All that is said of an asset, by its id or its name; its columns, and what it demands of whoever asks.

        >>> site.asset("curated_db.vitals")["conditions"]["text"]
        """
        return self._get(f"/api/v1/assets/{quote(name, safe='')}")

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
        forms: Mapping[str, Mapping[str, Any]] | None = None,
        renews: str | None = None,
    ) -> Json:
        """Ask for access. `["grant"]` says what was granted, where the asset's conditions grant it at once.

        >>> asked = site.request("curated_db.vitals", project="study", reason="to learn", rows="site = 'north'")
        >>> asked["id"], asked["state"]
        """
        wish = {
            "asset": asset,
            "project": project,
            "reason": reason,
            "purpose": purpose,
            "columns": list(columns) if columns is not None else None,
            "rows": rows,
            "days": days,
            "accept": accept_conditions,
            "forms": {name: dict(values) for name, values in forms.items()} if forms else None,
            "renews": renews,
        }
        told: Json = self._told("POST", "/api/v1/requests", json=wish, headers={"Idempotency-Key": str(uuid.uuid4())})
        return told

    def requests(self, *, limit: int = 1000, **filters: str) -> list[Json]:
        """The requests that you may see, oldest first. filters: `project`, `asset`, `state`.

        >>> site.requests(state="open")
        """
        return self._pages("/api/v1/requests", "requests", "next", limit, dict(filters))

    def grants(self, *, limit: int = 1000, **filters: str) -> list[Json]:
        """What was granted: the table to query, until when, which columns and rows. filters as of `requests`.

        >>> [grant["table"] for grant in site.grants(state="active")]
        """
        return self._pages("/api/v1/grants", "grants", "next", limit, dict(filters))

    def tables(self) -> list[str]:
        """The tables that you may query, as `database.table`."""
        return [f"{one['database']}.{one['table']}" for one in self._get("/api/v1/tables")["tables"]]

    def query(self, sql: str, *, workgroup: str | None = None) -> Result:
        """Run one SELECT over the tables that you may read. Warns when there were more rows than are returned.

        >>> site.query("SELECT site, count(*) AS n FROM study_sub.vitals GROUP BY site").arrow()
        """
        asked = {"sql": sql, "workgroup": workgroup}
        try:
            with self._http.stream("POST", "/api/v1/query", json=asked, headers={"Accept": ARROW}) as answer:
                if answer.is_error:
                    raise _refused(answer)
                rows = io.BufferedReader(_Pieces(answer.iter_bytes()))
                table = pa.ipc.open_stream(rows).read_all()
        except (httpx.HTTPError, pa.ArrowException, OSError) as error:
            raise self._not_reached(error) from None
        told = answer.headers
        result = Result(
            told.get("X-Pergamon-Query", ""),
            told.get("X-Pergamon-Truncated") == "true",
            int(told.get("X-Pergamon-Duration-Ms", 0)),
            table,
        )
        if result.truncated:
            warnings.warn(f"there are more rows: the workgroup returns at most {len(result):,}", stacklevel=2)
        return result

    def _get(self, path: str) -> Json:
        told: Json = self._told("GET", path)
        return told

    def _told(self, method: str, path: str, **more: Any) -> Any:  # Any: JSON
        try:
            answer = self._http.request(method, path, **more)
            if answer.is_error:
                raise _refused(answer)
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._not_reached(error) from None

    def _pages(self, path: str, key: str, next_key: str, limit: int, asked: Json) -> list[Json]:
        """A list, as long as `limit` allows, asked for page by page."""
        found: list[Json] = []
        after: str | None = None
        while len(found) < limit:
            page = asked | {"limit": min(LARGEST_PAGE, limit - len(found))} | ({"after": after} if after else {})
            told = self._told("GET", path, params=page)
            found += told[key]
            after = told[next_key]
            if after is None:
                break
        return found

    def _not_reached(self, error: Exception) -> ServerNotReached:
        return ServerNotReached(f"no answer of Pergamon at {self.server} ({type(error).__name__})", hint="is it up?")


def _refused(answer: httpx.Response) -> ServerRefused:
    answer.read()
    try:
        told = answer.json()
    except ValueError:
        told = {}
    return ServerRefused(answer.status_code, told if isinstance(told, dict) else {})


class _Pieces(io.RawIOBase):
    """What arrives, as a file that Arrow reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # Any: a writable buffer
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken
