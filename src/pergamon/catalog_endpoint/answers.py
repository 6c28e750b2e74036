"""How an answer is written: tables, and errors as the specification's `ErrorModel`.

Never 409: on 409 an engine rebases an INSERT OVERWRITE by itself, and a rival's rows are lost. A conflict is a 403.
"""

import json
from functools import lru_cache

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pyiceberg.table.metadata import TableMetadata

from pergamon import lake
from pergamon.kernel import Kind, PergamonError

ENDPOINTS = (
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
    "POST /v1/{prefix}/transactions/commit",
    "GET /v1/{prefix}/namespaces/{namespace}/views",
    "GET /v1/{prefix}/namespaces/{namespace}/views/{view}",
)
"""Clients that do not find this list assume fourteen calls, some of which we do not have."""

STATUS = {
    Kind.DENIED: (403, "ForbiddenException"),
    Kind.CONFLICT: (403, "ForbiddenException"),
    Kind.INVALID: (400, "BadRequestException"),
    Kind.NOT_FOUND: (404, "NoSuchTableException"),
    Kind.UNAVAILABLE: (503, "ServiceUnavailableException"),
}


def table_answer(location: str, metadata: TableMetadata) -> Response:
    """`LoadTableResult` and `CommitTableResponse`: they have the same two fields that matter."""
    return Response(_table_body(location, metadata), media_type="application/json")


@lru_cache(maxsize=128)
def stored_table_body(location: str) -> bytes:
    """The answer for a stored metadata file. An engine asks about six times a statement, and a file never changes.

    Raises:
        MetadataMissing: it is not there or not whole.
    """
    return _table_body(location, lake.read_metadata(location))


def _table_body(location: str, metadata: TableMetadata) -> bytes:
    table = metadata.model_dump_json(exclude_none=True)
    return f'{{"metadata-location":{json.dumps(location)},"metadata":{table},"config":{{}}}}'.encode()


def error_answer(request: Request, error: Exception) -> JSONResponse:
    """A domain error as the specification writes it."""
    kind = error.kind if isinstance(error, PergamonError) else Kind.UNAVAILABLE
    status, name = STATUS[kind]
    if isinstance(error, lake.UnknownDatabase | lake.UnknownLease):
        name = "NoSuchNamespaceException"
    return JSONResponse({"error": {"message": str(error), "type": name, "code": status}}, status_code=status)


def nothing_here(name: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": name, "code": 404}}, status_code=404)
