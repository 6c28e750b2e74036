"""`GET /api/v1/openapi.json`: this API's own description, for programs that read it."""

from typing import Any

from fastapi import APIRouter, Request

from pergamon.web.authentication import ActorDep

router = APIRouter()


@router.get("/api/v1/openapi.json")
def openapi(request: Request, actor: ActorDep) -> dict[str, Any]:
    """OpenAPI 3.1: every route with its parameters, answers, errors, and the right that it asks for."""
    document: dict[str, Any] = request.app.openapi()
    return document
