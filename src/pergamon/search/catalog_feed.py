"""The catalog's feed for the index, each look in a transaction of its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pergamon import catalog
from pergamon.search import tables
from pergamon.search.ports import Batch, Outlook
from pergamon.store import FeedPosition, UnitOfWork


class CatalogFeed:
    """`Feed` on the platform's own PostgreSQL."""

    def __init__(self, begin: Callable[[], AbstractContextManager[UnitOfWork]]) -> None:
        """begin: a unit of work of the platform's own service for search."""
        self._begin = begin

    def outlook(self, after: FeedPosition, limit: int) -> Outlook:
        with self._begin() as uow:
            return _outlook(uow, after, limit)

    def read(self, after: FeedPosition, limit: int) -> Batch:
        with self._begin() as uow:
            outlook = _outlook(uow, after, limit)
            ids = sorted({change.asset_id for change in outlook.changes})
            return Batch(outlook, catalog.search_documents(uow, ids) if ids else [])


def _outlook(uow: UnitOfWork, after: FeedPosition, limit: int) -> Outlook:
    return Outlook(tables.origin(uow), catalog.read_changes(uow, after, limit))
