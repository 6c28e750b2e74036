"""The application, put together: who may come in, how large a request may be, which routes, how errors look."""

from typing import Any

from fastapi import FastAPI

from pergamon.runtime import Runtime
from pergamon.web import iceberg
from pergamon.web.api import (
    access,
    catalog_assets,
    catalog_glossary,
    catalog_projects,
    crawl,
    health,
    lineage,
    login,
    me,
    objects,
    openapi,
    operations,
    quality,
    queries,
    search,
    statements,
    tables,
    trail,
    uploads,
)
from pergamon.web.authentication import Authentication
from pergamon.web.body_limit import BodyLimit
from pergamon.web.errors import Incidents, add_error_handlers
from pergamon.web.iceberg_errors import IcebergErrors
from pergamon.web.openapi import document_of
from pergamon.web.pages import (
    administration,
    asset_use,
    assets,
    audit,
    catalog,
    grants,
    home,
    lake,
    pipelines,
    preferences,
    projects,
    publishing,
    query,
    requests,
    sign_in,
    static_files,
    styles,
    upload,
)
from pergamon.web.pages.error_page import error_page
from pergamon.web.patience import Patience
from pergamon.web.sweep import life_of
from pergamon.web.transfer import Transfers
from pergamon.web.tus import TusHeaders
from pergamon.web.weak_confinement import WeakConfinement

MODULES = (
    health,
    login,
    me,
    tables,
    queries,
    statements,
    crawl,
    search,
    lineage,
    openapi,
    objects,
    uploads,
    catalog_assets,
    catalog_projects,
    catalog_glossary,
    quality,
    access,
    operations,
    trail,
    iceberg,
)
"""The routes of the API, module by module; each one thing that can be asked."""

PAGE_MODULES = (
    static_files,
    sign_in,
    preferences,
    home,
    catalog,
    assets,
    asset_use,
    requests,
    grants,
    query,
    projects,
    upload,
    publishing,
    lake,
    pipelines,
    audit,
    administration,
    styles,
)
"""The pages of the portal, file by file."""


def create_app(rt: Runtime) -> FastAPI:
    """The ASGI application of an opened installation. The caller closes the runtime."""
    app = FastAPI(
        title="Pergamon", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=life_of(rt)
    )
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way of changing it
    app.state.rt = rt
    app.state.transfers = Transfers()
    app.state.error_page = error_page
    for module in (*MODULES, *PAGE_MODULES):
        app.include_router(module.router)
    add_error_handlers(app)
    app.add_middleware(BodyLimit)  # added last, runs first: incidents, patience, authentication, then the body
    app.add_middleware(Authentication, rt=rt)
    app.add_middleware(Patience)
    app.add_middleware(TusHeaders)
    app.add_middleware(Incidents, logs=rt.settings.logs)
    app.add_middleware(IcebergErrors)
    app.add_middleware(WeakConfinement, rt=rt)
    return app


def api_document() -> dict[str, Any]:
    """The OpenAPI document of this version, without an installation."""
    app = FastAPI(openapi_url=None)
    for module in MODULES:
        app.include_router(module.router)
    return document_of(app)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once for each application."""
    if app.openapi_schema is None:
        app.openapi_schema = document_of(app)
    return app.openapi_schema
