"""The application, put together: who may come in, how large a request may be, which routes, how errors look."""

from fastapi import FastAPI

from pergamon.runtime import Runtime
from pergamon.web.api import health, login, me, queries, tables
from pergamon.web.authentication import Authentication
from pergamon.web.body_limit import BodyLimit
from pergamon.web.errors import Incidents, add_error_handlers


def create_app(rt: Runtime) -> FastAPI:
    """The ASGI application of an opened installation. The caller closes the runtime."""
    app = FastAPI(title="Pergamon", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.rt = rt
    for module in (health, login, me, tables, queries):
        app.include_router(module.router)
    add_error_handlers(app)
    app.add_middleware(BodyLimit)  # added last, runs first: incidents, then authentication, then the body's size
    app.add_middleware(Authentication, rt=rt)
    app.add_middleware(Incidents, logs=rt.settings.logs)
    return app
