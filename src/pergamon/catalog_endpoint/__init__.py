"""The Iceberg REST protocol over the lake (ADR-0003, 0004).

The worker serves `create_app` to its own engine, which writes under a lease. Outside engines come through `web`, each
in its caller's name: `outside` is what they may ask.
"""

from pergamon.catalog_endpoint import outside
from pergamon.catalog_endpoint.answers import (
    OUTSIDE_ENDPOINTS,
    error_model,
    staged_answer,
    stored_table_body,
    table_answer,
)
from pergamon.catalog_endpoint.app import create_app
from pergamon.catalog_endpoint.requests import read_change, read_changes, read_created
from pergamon.catalog_endpoint.serve import RunningEndpoint, serve

__all__ = [
    "OUTSIDE_ENDPOINTS",
    "RunningEndpoint",
    "create_app",
    "error_model",
    "outside",
    "read_change",
    "read_changes",
    "read_created",
    "serve",
    "staged_answer",
    "stored_table_body",
    "table_answer",
]
