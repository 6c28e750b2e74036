"""What search needs of the catalog: which assets have changed, and what they are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pergamon.catalog import CatalogChange, SearchDocument
from pergamon.store import FeedPosition


@dataclass(frozen=True)
class Outlook:
    """What an index has yet to follow, in order. origin: which catalog an index has to be of."""

    origin: str
    changes: Sequence[CatalogChange]


@dataclass(frozen=True)
class Batch:
    """Changes in order, and each changed asset as it is now; one that is gone has no document."""

    outlook: Outlook
    documents: Sequence[SearchDocument]


class Feed(Protocol):
    """The catalog as a follower sees it. Thread-safe."""

    def outlook(self, after: FeedPosition, limit: int) -> Outlook:
        """Up to `limit` changes after a position."""

    def read(self, after: FeedPosition, limit: int) -> Batch:
        """Up to `limit` changes after a position, with what has changed."""
