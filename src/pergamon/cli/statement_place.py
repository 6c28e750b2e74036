"""Where statements are submitted and fetched from: a server, with a token; or this host's installation, as a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import httpx

from pergamon.cli.client import Client, ServerNotReached, ServerRefused, client_at
from pergamon.cli.context import CliContext
from pergamon.kernel import Actor

if TYPE_CHECKING:
    from pergamon.runtime import Runtime

STATEMENTS = "/api/v1/statements"
SAVED = "/api/v1/saved-queries"
LIST_AT_ONCE = 1000


class StatementPlace(Protocol):
    """What both ways can do. Answers are what the API tells."""

    def submit(self, sql: str, workgroup: str | None) -> dict[str, Any]: ...
    def state(self, query_id: str) -> dict[str, Any]: ...
    def history(self, text: str, limit: int) -> list[dict[str, Any]]: ...
    def cancel(self, query_id: str) -> dict[str, Any]: ...
    def rows(self, query_id: str) -> dict[str, Any]: ...
    def file(self, query_id: str, form: str) -> Iterator[bytes]: ...
    def save(self, name: str, sql: str, project: str | None) -> dict[str, Any]: ...
    def saved(self) -> list[dict[str, Any]]: ...
    def saved_text(self, name: str, owner: str | None) -> str: ...
    def remove_saved(self, name: str) -> None: ...


@dataclass(frozen=True)
class AtServer:
    """Client mode."""

    client: Client

    def submit(self, sql: str, workgroup: str | None) -> dict[str, Any]:
        return dict(self.client.post(STATEMENTS, {"sql": sql, "workgroup": workgroup}))

    def state(self, query_id: str) -> dict[str, Any]:
        return dict(self.client.get(f"{STATEMENTS}/{_part(query_id)}"))

    def history(self, text: str, limit: int) -> list[dict[str, Any]]:
        return list(self.client.get(f"/api/v1/queries?text={_part(text)}&limit={limit}")["queries"])

    def cancel(self, query_id: str) -> dict[str, Any]:
        return dict(self.client.post(f"{STATEMENTS}/{_part(query_id)}/cancel", {}))

    def rows(self, query_id: str) -> dict[str, Any]:
        """All of them, page by page."""
        path = f"{STATEMENTS}/{_part(query_id)}/results?limit={LIST_AT_ONCE}"
        told = page = dict(self.client.get(path))
        while page["next"] is not None:
            page = self.client.get(f"{path}&after={_part(page['next'])}")
            told["rows"] += page["rows"]
        return told

    def file(self, query_id: str, form: str) -> Iterator[bytes]:
        path = f"{STATEMENTS}/{_part(query_id)}/results"
        try:
            with self.client.connection() as http, http.stream("GET", path, params={"format": form}) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise ServerRefused(answer.status_code, answer.json())
                yield from answer.iter_bytes()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerNotReached(f"the rows did not come whole ({type(error).__name__})", hint="try again") from None

    def save(self, name: str, sql: str, project: str | None) -> dict[str, Any]:
        try:
            with self.client.connection() as http:
                answer = http.put(f"{SAVED}/{_part(name)}", json={"sql": sql, "project": project})
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerNotReached(f"no answer of Pergamon ({type(error).__name__})", hint="is it up?") from None
        if answer.status_code >= 400:
            raise ServerRefused(answer.status_code, told)
        return dict(told)

    def saved(self) -> list[dict[str, Any]]:
        page = self.client.get(f"{SAVED}?limit={LIST_AT_ONCE}")
        found = list(page["saved_queries"])
        while page["next"] is not None:
            page = self.client.get(f"{SAVED}?limit={LIST_AT_ONCE}&after={_part(page['next'])}")
            found += page["saved_queries"]
        return found

    def saved_text(self, name: str, owner: str | None) -> str:
        whose = f"?owner={_part(owner)}" if owner else ""
        return str(self.client.get(f"{SAVED}/{_part(name)}{whose}")["sql"])

    def remove_saved(self, name: str) -> None:
        self.client.delete(f"{SAVED}/{_part(name)}")


@dataclass(frozen=True)
class Here:
    """Operator mode. What is submitted is run by the process that serves, once there is one."""

    runtime: "Runtime"
    actor: Actor

    def submit(self, sql: str, workgroup: str | None) -> dict[str, Any]:
        with self.runtime.begin(self.actor) as uow:
            return self.runtime.submit_statement(uow, sql, workgroup=workgroup).as_json()

    def state(self, query_id: str) -> dict[str, Any]:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            return query.own_statement(uow, query_id).as_json()

    def history(self, text: str, limit: int) -> list[dict[str, Any]]:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            return [entry.as_json() for entry in query.own_queries(uow, text=text, limit=limit)]

    def cancel(self, query_id: str) -> dict[str, Any]:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            query.cancel_query(uow, query_id)
            return query.own_statement(uow, query_id).as_json()

    def rows(self, query_id: str) -> dict[str, Any]:
        found = self.runtime.result_page(self.actor, query_id, limit=10_000_000)
        return found.rows.as_json()

    def file(self, query_id: str, form: str) -> Iterator[bytes]:
        yield from self.runtime.result_file(self.actor, query_id, form)

    def save(self, name: str, sql: str, project: str | None) -> dict[str, Any]:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            return query.save_query(uow, name, sql, project=project).as_json()

    def saved(self) -> list[dict[str, Any]]:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            return [one.as_json() for one in query.saved_queries(uow, limit=LIST_AT_ONCE)]

    def saved_text(self, name: str, owner: str | None) -> str:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            return query.saved_query(uow, name, owner=owner).sql

    def remove_saved(self, name: str) -> None:
        from pergamon import query

        with self.runtime.begin(self.actor) as uow:
            query.remove_saved_query(uow, name)


@contextmanager
def statement_place(context: CliContext, server: str | None, token_file: Path | None) -> Iterator[StatementPlace]:
    """The way that the options ask for."""
    if server is not None:
        context.refuse_impersonation()
        yield AtServer(client_at(server, token_file))
        return
    with context.open() as runtime:
        yield Here(runtime, context.actor(runtime))


def _part(text: str) -> str:
    return quote(text, safe="")
