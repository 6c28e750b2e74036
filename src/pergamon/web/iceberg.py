"""`/iceberg/v1`: the Iceberg REST catalog for trusted outside engines, each in its caller's name.

Follows the Iceberg REST Catalog specification. No prefix, one level of namespaces, no views, no credentials: whoever
loads a table reads its files with rights of its own on the store. Errors: see `iceberg_errors.py`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import JSONResponse, Response

from pergamon.catalog_endpoint import (
    OUTSIDE_ENDPOINTS,
    outside,
    read_change,
    read_changes,
    read_created,
    staged_answer,
    stored_table_body,
    table_answer,
)
from pergamon.kernel import NotFound
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.iceberg_errors import NotOffered
from pergamon.web.pagination import LARGEST_PAGE, LONGEST_CURSOR, cursor, place_in

router = APIRouter(tags=["iceberg"])

Namespace = Annotated[str, Path(max_length=200, description="A database.")]
Name = Annotated[str, Path(max_length=200, description="A table of it.")]
PageToken = Annotated[
    str | None, Query(alias="pageToken", max_length=LONGEST_CURSOR, description="`next-page-token` of the page before.")
]
PageSize = Annotated[int | None, Query(alias="pageSize", ge=1, description="How many at most; without it, all.")]
Json = Annotated[dict[str, Any], Body(description="As the Iceberg REST specification has it.")]
LOADED: dict[int | str, dict[str, Any]] = {
    200: {"description": "`LoadTableResult`.", "content": {"application/json": {"schema": {"type": "object"}}}},
}


class UnknownView(NotFound):
    """There are no views in this catalog."""

    code = "catalog_endpoint.unknown_view"


@router.get("/iceberg/v1/config")
def config(actor: ActorDep, warehouse: Annotated[str | None, Query(max_length=200)] = None) -> dict[str, Any]:
    """Which calls there are. One warehouse, called `lake`; no prefix."""
    outside.require_warehouse(warehouse)
    return {"defaults": {}, "overrides": {}, "endpoints": list(OUTSIDE_ENDPOINTS)}


@router.get("/iceberg/v1/namespaces")
def namespaces(
    rt: RuntimeDep,
    actor: ActorDep,
    parent: Annotated[str | None, Query(max_length=200)] = None,
    page_token: PageToken = None,
    page_size: PageSize = None,
) -> dict[str, Any]:
    """The databases of which I may read something."""
    found, following = _page(outside.namespaces(rt, actor, parent=parent), page_token, page_size)
    return {"namespaces": [[name] for name in found], "next-page-token": following}


@router.get("/iceberg/v1/namespaces/{namespace}")
def namespace(namespace: Namespace, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One database, when I may read something of it."""
    outside.require_seen(rt, actor, namespace)
    return {"namespace": [namespace], "properties": {}}


@router.head("/iceberg/v1/namespaces/{namespace}", status_code=204)
def namespace_exists(namespace: Namespace, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Is there such a database, of which I may read something?"""
    outside.require_seen(rt, actor, namespace)
    return Response(status_code=204)


@router.get("/iceberg/v1/namespaces/{namespace}/tables")
def tables(
    namespace: Namespace, rt: RuntimeDep, actor: ActorDep, page_token: PageToken = None, page_size: PageSize = None
) -> dict[str, Any]:
    """The tables of a database that I may read."""
    found, following = _page(outside.table_names(rt, actor, namespace), page_token, page_size)
    return {
        "identifiers": [{"namespace": [namespace], "name": name} for name in found],
        "next-page-token": following,
    }


@router.post("/iceberg/v1/namespaces/{namespace}/tables", response_class=Response, responses=LOADED)
def create(namespace: Namespace, asked: Json, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Make a table, at the place that its name gives it; staged, only say what it would be."""
    metadata, location = outside.create(rt, actor, namespace, read_created(asked))
    return staged_answer(metadata) if location is None else table_answer(location, metadata)


@router.get("/iceberg/v1/namespaces/{namespace}/tables/{table}", response_class=Response, responses=LOADED)
def load(
    namespace: Namespace,
    table: Name,
    rt: RuntimeDep,
    actor: ActorDep,
    snapshots: Annotated[str | None, Query(pattern="^(all|refs)$", description="Both are all: none is let go.")] = None,
) -> Response:
    """Where a table's files are, and what they mean; never of a table of which only a part is given."""
    return Response(stored_table_body(outside.load(rt, actor, namespace, table)), media_type="application/json")


@router.head("/iceberg/v1/namespaces/{namespace}/tables/{table}", status_code=204)
def exists(namespace: Namespace, table: Name, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Is there such a table, which I may load?"""
    outside.require_raw(rt, actor, namespace, table)
    return Response(status_code=204)


@router.post("/iceberg/v1/namespaces/{namespace}/tables/{table}", response_class=Response, responses=LOADED)
def commit(namespace: Namespace, table: Name, asked: Json, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Change one table: rows, columns, properties. What the change names must lie in the table."""
    ((metadata, location),) = outside.change(rt, actor, [read_change(namespace, table, asked)]).values()
    return table_answer(location, metadata)


@router.delete(
    "/iceberg/v1/namespaces/{namespace}/tables/{table}",
    status_code=204,
    responses={406: {"description": "Files are not purged."}},
)
def drop(
    namespace: Namespace,
    table: Name,
    rt: RuntimeDep,
    actor: ActorDep,
    purge: Annotated[bool, Query(alias="purgeRequested", description="Not offered: maintenance does it.")] = False,
) -> Response:
    """Forget a table. Its files stay until maintenance removes what nothing names."""
    if purge:
        raise NotOffered("a table's files are not removed with it", hint="drop it without purge; maintenance follows")
    outside.drop(rt, actor, namespace, table)
    return Response(status_code=204)


@router.get("/iceberg/v1/namespaces/{namespace}/tables/{table}/credentials")
def credentials(namespace: Namespace, table: Name, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """None: an engine reads the store with rights of its own."""
    outside.require_raw(rt, actor, namespace, table)
    return {"storage-credentials": []}


@router.post("/iceberg/v1/namespaces/{namespace}/tables/{table}/metrics", status_code=204)
def metrics(namespace: Namespace, table: Name, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Engines tell how a scan or a commit went. Nothing of it is kept."""
    outside.require_raw(rt, actor, namespace, table)
    return Response(status_code=204)


@router.post("/iceberg/v1/transactions/commit", status_code=204)
def transaction(asked: Json, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Change several tables, all or none."""
    outside.change(rt, actor, read_changes(asked))
    return Response(status_code=204)


@router.get("/iceberg/v1/namespaces/{namespace}/views")
def views(namespace: Namespace, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """None: this catalog has no views."""
    outside.require_seen(rt, actor, namespace)
    return {"identifiers": [], "next-page-token": None}


@router.get("/iceberg/v1/namespaces/{namespace}/views/{view}")
def view(namespace: Namespace, view: str, rt: RuntimeDep, actor: ActorDep) -> JSONResponse:
    """Not there: this catalog has no views."""
    outside.require_seen(rt, actor, namespace)
    raise UnknownView("there are no views here")


def _page(names: list[str], page_token: str | None, page_size: int | None) -> tuple[list[str], str | None]:
    """One page of sorted names, and the token of the next. A client that asks for no pages gets all at once."""
    if page_token is None and page_size is None:
        return names, None
    (after,) = place_in(page_token or None, str) or ("",)
    rest = [name for name in names if name > after]
    shown = rest[: min(page_size or LARGEST_PAGE, LARGEST_PAGE)]
    return shown, cursor(shown[-1]) if len(rest) > len(shown) else None
