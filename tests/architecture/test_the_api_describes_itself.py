"""The OpenAPI document is whole: every route with its right, its errors, its group; and nothing that does not exist."""

from typing import Any

import pytest

from pergamon.runtime import Runtime
from pergamon.web import create_app
from pergamon.web.body_limit import LARGER_BODIES, STREAMED
from pergamon.web.errors import STATUS_OF_CODE, WebError
from pergamon.web.openapi import ERRORS
from pergamon.web.permissions import PAGE_PERMISSIONS, PUBLIC, ROUTE_PERMISSIONS
from tests.docs.test_documents_are_whole import load_generator


@pytest.fixture
def document(rt: Runtime) -> dict[str, Any]:
    document: dict[str, Any] = create_app(rt).openapi()
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): said for path, methods in document["paths"].items() for method, said in methods.items()
    }


def as_told(key: tuple[str, str]) -> tuple[str, str]:
    return key[0], key[1].replace(":path}", "}")


def test_every_route_is_told_and_nothing_else(document: dict[str, Any]) -> None:
    assert set(operations(document)) == {as_told(key) for key in ROUTE_PERMISSIONS}


def test_every_route_tells_its_right_its_errors_and_what_it_does(document: dict[str, Any]) -> None:
    permissions = {as_told(key): permission for key, permission in ROUTE_PERMISSIONS.items()}
    for key, said in operations(document).items():
        is_public = permissions[key] == PUBLIC
        assert (said.get("security") == []) is is_public, key
        assert said.get("x-pergamon-permission") == (None if is_public else permissions[key]), key
        assert {str(status) for status in ERRORS} <= set(said["responses"]), key
        assert any(status.startswith(("2", "3")) for status in said["responses"]), key
        assert said["tags"], key
        assert said.get("description"), f"{key} has no docstring"


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [said["operationId"] for said in operations(document).values()]
    assert len(set(names)) == len(names)


def test_who_asks_is_told_once(document: dict[str, Any]) -> None:
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in str(document)


def test_routes_with_a_bound_of_their_own_exist() -> None:
    named = set(LARGER_BODIES) | set(STREAMED)
    assert named <= set(ROUTE_PERMISSIONS) | set(PAGE_PERMISSIONS) | {("POST", "/api/v1/lineage")}


def test_every_code_with_a_status_of_its_own_exists() -> None:
    generator = load_generator()
    generator.import_every_room()
    errors = generator.our_errors()
    assert set(STATUS_OF_CODE) <= {error.code for error in errors}
    assert all(400 <= error.status < 600 for error in errors if issubclass(error, WebError))
