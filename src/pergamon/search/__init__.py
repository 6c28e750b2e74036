"""Search: text and facets over what the catalog says, as far as the asker may see."""

from pergamon.search.ask import Seer
from pergamon.search.catalog_feed import CatalogFeed
from pergamon.search.discard import IndexDiscarded, discard_index
from pergamon.search.model import (
    LARGEST_PAGE,
    LONGEST_TEXT,
    MOST_SELECTED,
    Facet,
    FacetCounts,
    FacetValue,
    Hit,
    Notice,
    Range,
    SearchBehind,
    SearchPage,
    SearchRequest,
    Sort,
    WrongCursor,
    WrongSearch,
    request_of,
)
from pergamon.search.search import Search
from pergamon.search.seer import seer_of

__all__ = [
    "LARGEST_PAGE",
    "LONGEST_TEXT",
    "MOST_SELECTED",
    "CatalogFeed",
    "Facet",
    "FacetCounts",
    "FacetValue",
    "Hit",
    "IndexDiscarded",
    "Notice",
    "Range",
    "Search",
    "SearchBehind",
    "SearchPage",
    "SearchRequest",
    "Seer",
    "Sort",
    "WrongCursor",
    "WrongSearch",
    "discard_index",
    "request_of",
    "seer_of",
]
