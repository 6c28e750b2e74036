"""Every route has a line in the permission table, and every line a route; every kind of error has a status."""

import ast
from pathlib import Path

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import pergamon.web.api
from pergamon.kernel import Kind
from pergamon.runtime import Runtime
from pergamon.web import create_app
from pergamon.web.authentication import Authentication, current_actor
from pergamon.web.errors import STATUS_OF_KIND
from pergamon.web.permissions import PAGE_PERMISSIONS, PUBLIC, ROUTE_PERMISSIONS


def routes_of(app: FastAPI) -> dict[tuple[str, str], APIRoute]:
    found = {}
    for route in app.router.routes:
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            assert isinstance(inner, APIRoute), f"{inner} is not a plain route"
            found |= {(method, inner.path): inner for method in inner.methods}
    return found


def test_every_route_has_a_line_and_every_line_a_route(rt: Runtime) -> None:
    assert set(routes_of(create_app(rt))) == set(ROUTE_PERMISSIONS) | set(PAGE_PERMISSIONS)


def test_every_route_that_is_not_public_knows_who_asks(rt: Runtime) -> None:
    for key, route in routes_of(create_app(rt)).items():
        permission = (ROUTE_PERMISSIONS | PAGE_PERMISSIONS)[key]
        assert knows_who_asks(route.dependant) is not permission.startswith(PUBLIC), key


def knows_who_asks(dependant: Dependant) -> bool:
    """Does a route, or what it depends on, ask for the actor?"""
    return dependant.call is current_actor or any(map(knows_who_asks, dependant.dependencies))


def test_authentication_stands_before_every_route(rt: Runtime) -> None:
    assert any(middleware.cls is Authentication for middleware in create_app(rt).user_middleware)


def test_only_exact_paths_are_public() -> None:
    public = [path for (_, path), permission in ROUTE_PERMISSIONS.items() if permission == PUBLIC]
    assert public == ["/healthz", "/api/v1/login"]
    pages = [path for (_, path), permission in PAGE_PERMISSIONS.items() if permission == PUBLIC]
    assert pages == ["/sign-in", "/sign-in", "/preferences"]


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUS_OF_KIND) == set(Kind)


def test_routes_are_plain_functions_so_that_they_run_in_threads() -> None:
    folder = Path(pergamon.web.api.__file__).parent
    for path in (*folder.glob("*.py"), *folder.with_name("pages").glob("*.py")):
        tree = ast.parse(path.read_text())
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
        assert found <= {"require_genuine", "_bounded_body", "told_as_it_changes"}, path.name  # bodies; a stream
