"""The catalog of the catalog's own tests, searched."""

from tests.integration.catalog.conftest import world

__all__ = ["world"]
