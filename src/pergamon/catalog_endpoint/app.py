"""Which REST calls there are, and which room answers them. Follows the Iceberg REST Catalog specification, v1.

What is not listed in `ENDPOINTS` is not there: tables are made, changed and dropped by Pergamon itself. A table's own
name can be read; it can be written only as `lease_….<table>` while that lease is open.
"""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from pergamon import lake
from pergamon.catalog_endpoint.answers import ENDPOINTS, error_answer, nothing_here, stored_table_body, table_answer
from pergamon.catalog_endpoint.bearer import BearerOnly
from pergamon.catalog_endpoint.requests import CommitRequest, read_body, read_commit, read_transaction
from pergamon.kernel import PergamonError
from pergamon.runtime import Runtime


def create_app(rt: Runtime, *, token: str, on_commit: lake.OnCommit = lake.no_hook) -> FastAPI:
    """The endpoint of one process.

    token: the bearer secret that every call must carry; made anew for each process.
    on_commit: runs inside each commit's unit of work.
    """
    app = FastAPI(title="Pergamon catalog", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(BearerOnly, token=token)
    app.add_exception_handler(PergamonError, error_answer)
    _add_reads(app, rt)
    _add_writes(app, rt, on_commit)
    return app


def _add_reads(app: FastAPI, rt: Runtime) -> None:
    actor = rt.service("catalog-endpoint")

    @app.get("/v1/config")
    def config() -> dict[str, Any]:
        return {"defaults": {}, "overrides": {}, "endpoints": list(ENDPOINTS)}

    @app.get("/v1/namespaces")
    def namespaces() -> dict[str, Any]:
        with rt.begin(actor) as uow:
            return {"namespaces": [[name] for name in lake.read_databases(uow)]}

    @app.api_route("/v1/namespaces/{namespace}", methods=["GET", "HEAD"])
    def namespace(namespace: str) -> dict[str, Any]:
        with rt.begin(actor) as uow:
            if namespace.startswith(lake.LEASE_PREFIX):
                lake.read_lease(uow, namespace)
            elif namespace not in lake.read_databases(uow):
                raise lake.UnknownDatabase(f"there is no database {namespace}")
        return {"namespace": [namespace], "properties": {}}

    @app.get("/v1/namespaces/{namespace}/tables")
    def tables(namespace: str) -> dict[str, Any]:
        with rt.begin(actor) as uow:
            found = [record.id.name for record in lake.list_tables(uow, namespace)]
        return {"identifiers": [{"namespace": [namespace], "name": name} for name in found]}

    @app.api_route("/v1/namespaces/{namespace}/tables/{table}", methods=["GET", "HEAD"])
    def load(namespace: str, table: str) -> Response:
        with rt.begin(actor) as uow:
            if namespace.startswith(lake.LEASE_PREFIX):
                _, record = lake.writable(uow, namespace, table)
            else:
                record = lake.read_table(uow, lake.TableId(namespace, table))
        return Response(stored_table_body(record.metadata_location), media_type="application/json")

    @app.get("/v1/namespaces/{namespace}/views")
    def views(namespace: str) -> dict[str, Any]:
        return {"identifiers": []}

    @app.api_route("/v1/namespaces/{namespace}/views/{view}", methods=["GET", "HEAD"])
    def view(namespace: str, view: str) -> JSONResponse:
        return nothing_here("NoSuchViewException", "there are no views")


def _add_writes(app: FastAPI, rt: Runtime, on_commit: lake.OnCommit) -> None:
    actor = rt.service("catalog-endpoint")

    def commit_once(request: CommitRequest) -> Response:
        with rt.begin(actor) as uow:
            planned = lake.plan_commit(uow, request.namespace, request.table, request.updates, request.requirements)
        durable = lake.make_durable(planned)
        with rt.begin(actor) as uow:
            metadata, location = lake.finish_commit(uow, durable, on_commit)
        return table_answer(location, metadata)

    @app.post("/v1/namespaces/{namespace}/tables/{table}")
    async def commit(namespace: str, table: str, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(lambda: commit_once(read_commit(namespace, table, read_body(body))))

    @app.post("/v1/transactions/commit")
    async def transaction(request: Request) -> Response:
        body = await request.body()
        await run_in_threadpool(lambda: commit_once(read_transaction(read_body(body))))
        return Response(status_code=204)

    @app.post("/v1/namespaces/{namespace}/tables/{table}/metrics")
    def metrics(namespace: str, table: str) -> Response:
        return Response(status_code=204)
