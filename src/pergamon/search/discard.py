"""Having every index made anew: after a restore, or when search answers what the catalog does not say."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event
from pergamon.search import tables
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class IndexDiscarded(Event):
    """Every search index that there is was told to be made anew from the catalog."""

    code: ClassVar[str] = "search.index_discarded"


def discard_index(uow: UnitOfWork) -> None:
    """From this transaction on no index that is there is read; a new one follows the catalog from its beginning."""
    tables.draw_origin(uow)
    uow.record(IndexDiscarded(subject="search:index"))
