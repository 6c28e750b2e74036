"""The lake, the endpoint on a real port, and Sail: those of the integration tests."""

from tests.integration.catalog_endpoint.conftest import endpoint, engine, iceberg, token, wire, world

__all__ = ["endpoint", "engine", "iceberg", "token", "wire", "world"]
