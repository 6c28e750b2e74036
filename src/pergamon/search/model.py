"""What can be asked of search, and what it answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pergamon.kernel import Invalid, Unavailable

LONGEST_TEXT = 500
MOST_WORDS = 12
MOST_SELECTED = 100
LARGEST_PAGE = 100
MOST_RELEVANT = 10_000
"""How deep the pages by relevance go; further down nothing is relevant, and the other orders have no end."""
SHOWN_VALUES = 50
"""How many values of a facet are told, the most frequent first; selected ones always."""


class Sort(StrEnum):
    RELEVANCE = "relevance"
    NAME = "name"
    UPDATED = "updated"
    QUALITY = "quality"


class Facet(StrEnum):
    """What results are narrowed by. A name here is part of the API."""

    TYPE = "type"
    PROJECT = "project"
    NODE = "node"
    ACCOUNT = "account"
    UNIT = "unit"
    TERM = "term"
    TAG = "tag"
    CLASSIFICATION = "classification"
    FORMAT = "format"
    FRESHNESS = "freshness"


FRESH_WITHIN: dict[str, timedelta] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
"""The values of the facet `freshness`: updated within; each holds the ones before it. `older` is the rest."""
OLDER = "older"


class SearchBehind(Unavailable):
    """The index is being brought up to date, and is too far behind to answer truly."""

    code = "search.behind"


class WrongCursor(Invalid):
    """`after` is not the cursor of a page of this search."""

    code = "search.wrong_cursor"


class WrongSearch(Invalid):
    """The search cannot be understood: what, and what may stand there."""

    code = "search.wrong_search"
    usual_hint = "select fewer, or search for a word"


@dataclass(frozen=True)
class SearchRequest:
    """What somebody looks for.

    text: every word must be met; empty: everything. The last word may be the beginning of one.
    facets: the values that were selected; of one facet any, of several facets each.
    after: the cursor of the page before.
    Raises: WrongSearch.
    """

    text: str = ""
    facets: Mapping[Facet, frozenset[str]] = field(default_factory=dict)
    sort: Sort = Sort.RELEVANCE
    limit: int = 20
    after: str | None = None

    def __post_init__(self) -> None:
        if len(self.text) > LONGEST_TEXT:
            raise WrongSearch(f"the text has more than {LONGEST_TEXT} characters", hint="search for fewer words")
        if not 1 <= self.limit <= LARGEST_PAGE:
            raise WrongSearch(f"a page has 1 to {LARGEST_PAGE} results", hint="ask for the next page with `after`")
        if any(len(values) > MOST_SELECTED for values in self.facets.values()):
            raise WrongSearch(f"more than {MOST_SELECTED} values of one facet are selected")
        unknown = self.facets.get(Facet.FRESHNESS, frozenset()) - {*FRESH_WITHIN, OLDER}
        if unknown:
            raise WrongSearch("freshness has no such value", hint=f"one of {', '.join([*FRESH_WITHIN, OLDER])}")


@dataclass(frozen=True)
class Range:
    """A word that was met: characters `start` to `end` of the text it stands in."""

    start: int
    end: int


@dataclass(frozen=True)
class Hit:
    """One asset that was found.

    highlights: by field (`title`, `name`, `description`, `terms.0`, `columns.3`), where the words were met.
    """

    document: Mapping[str, Any]  # Any: JSON, as it stands in the index
    score: float | None
    highlights: Mapping[str, tuple[Range, ...]]

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        marks = {name: [[mark.start, mark.end] for mark in marks] for name, marks in self.highlights.items()}
        return {**self.document, "highlights": marks, **({} if self.score is None else {"score": round(self.score, 3)})}


@dataclass(frozen=True)
class FacetValue:
    value: str
    count: int
    is_selected: bool


@dataclass(frozen=True)
class FacetCounts:
    """The values of one facet, the most frequent first, as if nothing of this facet were selected.

    has_more: there are more values than are told.
    """

    values: tuple[FacetValue, ...]
    has_more: bool = False

    def as_json(self) -> dict[str, Any]:
        told = [{"value": one.value, "count": one.count, "selected": one.is_selected} for one in self.values]
        return {"values": told, "has_more": self.has_more}


@dataclass(frozen=True)
class Notice:
    """A selected value that nothing has which the asker may see; no error, for it may come with the next asset.

    near: the values that were probably meant, the nearest first.
    """

    facet: Facet
    value: str
    near: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        message = f"nothing that you may find has this {self.facet.value}"
        return {"facet": self.facet.value, "value": self.value, "message": message, "near": list(self.near)}


@dataclass(frozen=True)
class SearchPage:
    """One page of what was found, and how much there is; nothing in it comes from what the asker may not see.

    suggestion: the text with its slips mended, when words were met only by forgiving slips.
    after: the cursor of the next page, None when this is the last.
    notices: what was asked for in vain, because there is no such value.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[Facet, FacetCounts]
    suggestion: str | None = None
    after: str | None = None
    notices: tuple[Notice, ...] = ()

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        return {
            "total": self.total,
            "results": [hit.as_json() for hit in self.hits],
            "facets": {facet.value: counts.as_json() for facet, counts in self.facets.items()},
            "suggestion": self.suggestion,
            "after": self.after,
            "notices": [notice.as_json() for notice in self.notices],
        }


def fresh_since(value: str, now: datetime) -> datetime | None:
    """From when on something counts as updated within `value`; None for `older`."""
    within = FRESH_WITHIN.get(value)
    return None if within is None else now.astimezone(UTC).replace(microsecond=0) - within


def request_of(asked: Iterable[tuple[str, str]]) -> SearchRequest:
    """A request from names and values, as they stand in an address; raises WrongSearch."""
    plain: dict[str, str] = {}
    facets: dict[Facet, frozenset[str]] = {}
    for name, value in asked:
        clean = value.encode(errors="replace").decode()
        if name in {facet.value for facet in Facet}:
            facets[Facet(name)] = facets.get(Facet(name), frozenset()) | {clean}
        else:
            plain[name] = clean
    sort, limit = plain.get("sort", Sort.RELEVANCE.value), plain.get("limit", "20")
    if sort not in {one.value for one in Sort} or not limit.isdecimal():
        raise WrongSearch("this order or this limit is not known", hint=f"sort: {', '.join(one.value for one in Sort)}")
    return SearchRequest(plain.get("text", ""), facets, Sort(sort), int(limit), plain.get("after"))
