"""How one server is spoken to: JSON asked and told, lists page by page, rows as an Arrow stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from pergamon.client.confinement import warn_of_weakness
from pergamon.client.errors import ServerNotReached, ServerRefused
from pergamon.kernel import LoadedWhenUsed, as_file

if TYPE_CHECKING:
    import pyarrow as pa
else:
    pa = LoadedWhenUsed("pyarrow")

ARROW = "application/vnd.apache.arrow.stream"
TIMEOUT_S = 3700
"""Longer than any workgroup lets a query run: the server ends it, not the client."""
LARGEST_PAGE = 100

Json = dict[str, Any]  # Any: whatever JSON can hold


class Channel:
    """One server and one token. Thread-safe, as `httpx.Client` is. Whatever goes wrong is a `ClientError`."""

    def __init__(self, server: str, token: str) -> None:
        proxies = server.startswith("https:")  # a proxy would read the token of a plain connection
        self.server = server
        self._http = httpx.Client(
            base_url=server,
            timeout=httpx.Timeout(TIMEOUT_S, connect=10),
            trust_env=proxies,
            headers={"Authorization": f"Bearer {token}"},
            event_hooks={"response": [warn_of_weakness]},
        )

    def close(self) -> None:
        self._http.close()

    def told(self, method: str, path: str, **more: Any) -> Any:  # Any: JSON
        """What the server answers.

        Raises:
            ServerRefused, ServerNotReached: see there.
        """
        try:
            answer = self._http.request(method, path, **more)
            if answer.is_error:
                raise _refused(answer)
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._not_reached(error) from None

    def pages(self, path: str, key: str, next_key: str, limit: int, asked: Json) -> list[Json]:
        """A list, as long as `limit` allows, asked for page by page."""
        found: list[Json] = []
        after: str | None = None
        while len(found) < limit:
            page = asked | {"limit": min(LARGEST_PAGE, limit - len(found))} | ({"after": after} if after else {})
            told = self.told("GET", path, params=page)
            found += told[key]
            after = told[next_key]
            if after is None:
                break
        return found

    @contextmanager
    def rows(self, method: str, path: str, **more: Any) -> Iterator[tuple[httpx.Headers, "pa.RecordBatchReader"]]:
        """Rows while they come, and the answer's headers."""
        try:
            with self._answering(method, path, headers={"Accept": ARROW}, **more) as answer:
                pieces = as_file(answer.iter_bytes())
                yield answer.headers, pa.ipc.open_stream(pieces)
        except (httpx.HTTPError, pa.ArrowException, OSError) as error:
            raise self._not_reached(error) from None

    def to_file(self, path: str, file: Path, **more: Any) -> None:
        """Write an answer into a file as it comes; what was there before stays until all of it is there."""
        unfinished = file.with_name(f".{file.name}.part")
        try:
            with self._answering("GET", path, **more) as answer, unfinished.open("wb") as written:
                for piece in answer.iter_bytes():
                    written.write(piece)
            unfinished.replace(file)
        except httpx.HTTPError as error:
            raise self._not_reached(error) from None
        finally:
            unfinished.unlink(missing_ok=True)

    @contextmanager
    def _answering(self, method: str, path: str, **more: Any) -> Iterator[httpx.Response]:
        with self._http.stream(method, path, **more) as answer:
            if answer.is_error:
                raise _refused(answer)
            yield answer

    def _not_reached(self, error: Exception) -> ServerNotReached:
        return ServerNotReached(f"no answer of Pergamon at {self.server} ({type(error).__name__})", hint="is it up?")


def _refused(answer: httpx.Response) -> ServerRefused:
    answer.read()
    try:
        told = answer.json()
    except ValueError:
        told = {}
    return ServerRefused(answer.status_code, told if isinstance(told, dict) else {})
