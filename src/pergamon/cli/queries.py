"""`pergamon queries`: one's own queries, and the end of one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import Door, Json, answering, echo_table, in_path, listing, plain
from pergamon.kernel import LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import query
    from pergamon.store import UnitOfWork
else:
    query = LoadedWhenUsed("pergamon.query")

WIDEST = 60
MOST = 1000


@click.group("queries")
def queries_group() -> None:
    """Queries that you ran: which, how they ended, and the end of one that still runs."""


def _echo_queries(found: list[Json]) -> None:
    echo_table(
        ("query", "status", "started at", "rows", "error", "sql"),
        ((q["id"], q["status"], q["started_at"], q["rows"], q["error_code"], _short(q["sql"] or "")) for q in found),
    )


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}…"


@queries_group.command("ls")
@listing(_echo_queries)
def list_command(door: Door, *, limit: int) -> list[Json]:
    """List your own queries, newest first."""
    limit = min(limit, MOST)

    def here(uow: UnitOfWork) -> Json:
        return {"queries": [entry.as_json() for entry in query.own_queries(uow, limit=limit)]}

    found: list[Json] = door.get(f"/api/v1/queries?limit={limit}", here)["queries"]
    return found


def _echo_cancelled(told: Json) -> None:
    click.echo(f"{plain(told['id'])} ends within a second")


@queries_group.command("cancel")
@click.argument("query_id", metavar="QUERY")
@answering(_echo_cancelled)
def cancel_command(door: Door, *, query_id: str) -> Any:
    """End a QUERY of yours that is running; `ls` tells its id."""

    def here(uow: UnitOfWork) -> Json:
        query.cancel_query(uow, query_id)
        return {"id": query_id, "status": "cancelling"}

    return door.post(f"/api/v1/queries/{in_path(query_id)}/cancel", {}, here)
