"""The OpenAPI document of this very application: every route, who may call it, and every error it may answer.

FastAPI writes what it knows from the routes; what all of them have in common is added here, once. The document is at
`GET /api/v1/openapi.json`, for whoever has a token: what there is to ask is nobody else's business.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import pergamon
from pergamon.web.permissions import PUBLIC, ROUTE_PERMISSIONS

ERROR_SCHEMA = {
    "type": "object",
    "description": "What went wrong, for programs (`code`, which is for ever) and for people.",
    "properties": {
        "code": {"type": "string", "description": "`room.what_happened`; see the list of errors."},
        "message": {"type": "string", "description": "What happened, and where. Never a value of what was sent."},
        "hint": {"type": ["string", "null"], "description": "What to do about it."},
        "error": {"type": "object", "description": "Below `/iceberg`: the same, as the Iceberg specification has it."},
        "incident": {"type": "string", "description": "The number of a fault of ours, for the operator."},
    },
    "required": ["code", "message", "hint"],
    "additionalProperties": False,
}

ERRORS = {
    400: "what was given cannot be used as it is",
    401: "no token, or one that is not valid (any more)",
    403: "not allowed",
    404: "there is no such thing, or it may not be known of",
    405: "this route has no such method",
    408: "the request's body did not come in time",
    409: "the state has moved on since the caller looked",
    413: "the request's body is too large",
    422: "the request does not have the form that this route needs",
    429: "too many attempts; see Retry-After",
    500: "a fault of ours; tell the operator the incident's number",
    503: "something that is needed does not answer, or has no room; the same request may succeed later",
}
"""What any route may answer; a route adds its own."""

SUCCESS = "2"


def document_of(app: FastAPI) -> dict[str, Any]:
    """The document, made anew. `app.openapi` is set to this, so it is made once for each application."""
    told = get_openapi(
        title="Pergamon",
        version=pergamon.__version__,
        description="The API of one installation. Every route but the public ones needs a token.",
        routes=app.routes,
    )
    told["paths"] = {path: _operations(path, methods) for path, methods in sorted(told.get("paths", {}).items())}
    parts = told.setdefault("components", {})
    parts["schemas"] = {
        name: schema
        for name, schema in sorted(parts.get("schemas", {}).items())
        if name not in {"HTTPValidationError", "ValidationError"}
    } | {"Error": ERROR_SCHEMA}
    parts["responses"] = {f"Error{status}": _error_response(status, said) for status, said in ERRORS.items()}
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "RFC 6750"}}
    told["security"] = [{"token": []}]
    return told


def _operations(path: str, methods: dict[str, Any]) -> dict[str, Any]:
    return {method: _operation(method.upper(), path, said) for method, said in methods.items()}


def _operation(method: str, path: str, said: dict[str, Any]) -> dict[str, Any]:
    """One route with its errors, its right, and the group that it is listed in."""
    permission = _permission(method, path)
    own = {status: answer for status, answer in said["responses"].items() if status != "422"}
    shared = {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in ERRORS}
    more = {"tags": said.get("tags") or [_group(path)], "responses": dict(sorted((shared | own).items()))}
    if permission == PUBLIC:
        return said | more | {"security": []}
    return said | more | {"x-pergamon-permission": permission}


def _permission(method: str, path: str) -> str:
    """The line of the permission table; there a path parameter may carry its converter: `{key:path}`."""
    for (its_method, its_path), permission in ROUTE_PERMISSIONS.items():
        if its_method == method and its_path.replace(":path}", "}") == path:
            return permission
    return "not listed"


def _group(path: str) -> str:
    """The first word of a route after the version: `tables`, `buckets`."""
    words = [word for word in path.removeprefix("/api/v1").split("/") if word]
    return words[0].removesuffix(".json") if words else "api"


def _error_response(status: int, said: str) -> dict[str, Any]:
    headers = {
        401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
        429: {"Retry-After": {"schema": {"type": "string"}}},
        503: {"Retry-After": {"schema": {"type": "string"}}},
    }
    answer: dict[str, Any] = {
        "description": said[0].upper() + said[1:] + ".",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    return answer | ({"headers": headers[status]} if status in headers else {})
