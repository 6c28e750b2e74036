"""The Iceberg REST protocol over the lake: trusted engines only, written only under a lease (ADR-0003, 0004)."""

from pergamon.catalog_endpoint.app import create_app
from pergamon.catalog_endpoint.serve import RunningEndpoint, serve

__all__ = ["RunningEndpoint", "create_app", "serve"]
