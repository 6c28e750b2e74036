"""Search: text and facets over what the catalog says, as far as the asker may see."""

from pergamon.search.ask import Seer
from pergamon.search.catalog_feed import CatalogFeed
from pergamon.search.model import (
    Facet,
    FacetCounts,
    FacetValue,
    Hit,
    Range,
    SearchBehind,
    SearchPage,
    SearchRequest,
    Sort,
    WrongCursor,
    WrongSearch,
)
from pergamon.search.search import Search
from pergamon.search.seer import seer_of

__all__ = [
    "CatalogFeed",
    "Facet",
    "FacetCounts",
    "FacetValue",
    "Hit",
    "Range",
    "Search",
    "SearchBehind",
    "SearchPage",
    "SearchRequest",
    "Seer",
    "Sort",
    "WrongCursor",
    "WrongSearch",
    "seer_of",
]
