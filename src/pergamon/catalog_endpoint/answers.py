"""How an answer is written: tables, and errors as the specification's `ErrorModel`.

Never 409 for a commit: on 409 an engine rebases an INSERT OVERWRITE by itself, and a rival's rows are lost. A conflict
is a 403. Outside engines meet a 409 only where a name is taken.
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

OUTSIDE_ENDPOINTS = (
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
    "POST /v1/{prefix}/transactions/commit",
    "GET /v1/{prefix}/namespaces/{namespace}/views",
    "GET /v1/{prefix}/namespaces/{namespace}/views/{view}",
)
"""What outside engines may call. Databases are declared by configuration, and tables are not renamed."""

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


def staged_answer(metadata: TableMetadata) -> Response:
    """`LoadTableResult` of a table that is not there yet: its metadata stands nowhere."""
    table = metadata.model_dump_json(exclude_none=True)
    return Response(f'{{"metadata":{table},"config":{{}}}}', media_type="application/json")


def error_model(status: int, code: str, message: str, hint: str | None) -> dict[str, str | int]:
    """The specification's `ErrorModel` of an error of ours; our own code stands at its end."""
    told = f"{message} ({hint})" if hint else message
    return {
        "message": f"{told} [{code}]",
        "type": _TYPES.get(code) or _TYPE_OF.get(status, "RESTException"),
        "code": status,
    }


_TYPES = {
    "lake.unknown_database": "NoSuchNamespaceException",
    "catalog_endpoint.unknown_warehouse": "NoSuchWarehouseException",
    "catalog_endpoint.unknown_view": "NoSuchViewException",
}
_TYPE_OF = {
    400: "BadRequestException",
    401: "NotAuthorizedException",
    403: "ForbiddenException",
    404: "NoSuchTableException",
    406: "UnsupportedOperationException",
    409: "AlreadyExistsException",
    422: "BadRequestException",
    500: "InternalServerError",
    503: "ServiceUnavailableException",
}


def error_answer(request: Request, error: Exception) -> JSONResponse:
    """A domain error as the specification writes it."""
    kind = error.kind if isinstance(error, PergamonError) else Kind.UNAVAILABLE
    status, name = STATUS[kind]
    if isinstance(error, lake.UnknownDatabase | lake.UnknownLease):
        name = "NoSuchNamespaceException"
    return JSONResponse({"error": {"message": str(error), "type": name, "code": status}}, status_code=status)


def nothing_here(name: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": name, "code": 404}}, status_code=404)
