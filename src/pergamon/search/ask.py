"""What meets a request, in which order, and how much of it there is: the index's queries.

Who may see an asset is part of each query, so a total, a count or an order never comes from what is hidden. Scores are
whole numbers by where and how well a word is met, never by how rare it is: rarity would tell of hidden assets (and
whole numbers add up to the same sum in every order of adding).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from tantivy import FieldType, Occur, Order, Query

from pergamon.search.cursor import Cursor
from pergamon.search.model import (
    FRESH_WITHIN,
    MOST_RELEVANT,
    MOST_WORDS,
    OLDER,
    SHOWN_VALUES,
    Facet,
    FacetCounts,
    FacetValue,
    SearchRequest,
    Sort,
    WrongCursor,
    WrongSearch,
    fresh_since,
)
from pergamon.search.schema import ANYWHERE, ASSET, FACET_FIELDS, WORD_FIELDS, cut, name_begins, seconds_of
from pergamon.search.words import Match, slips_allowed, whole, words_of

SCORES: dict[Match, dict[str, int]] = {
    Match.EXACT: dict(zip(WORD_FIELDS, (100, 80, 60, 40, 30), strict=True)),
    Match.PREFIX: dict(zip(WORD_FIELDS, (60, 48, 36, 24, 18), strict=True)),
    Match.FUZZY: {"title": 10, ANYWHERE: 3},
}
"""What one word adds at its best place. Every fuzzy match is worth less than every other."""
WHOLE_SCORES = {"whole_title": 50, "whole_name": 40}
"""What is added when the text is the whole title or name."""

COUNTED_VALUES = 1_000
COUNTED_IN_A_SEGMENT = 20_000
"""A facet's counts are exact while no more values than this stand in a segment of the index."""
FIRST_WINDOW = 64


@dataclass(frozen=True)
class Seer:
    """Who asks: the roles that see an asset by its readers, or somebody who looks after every description."""

    roles: frozenset[str]
    sees_all: bool = False


@dataclass(frozen=True)
class Found:
    """A hit before it is read: its key in the order, its tie, and where it stands."""

    key: float | int | str
    tie: int
    address: Any


Run = Callable[..., Future[Any]]
"""`Executor.submit`, or what does the same without threads."""


@dataclass(frozen=True)
class Page:
    """The hits of one page before they are read; total: of all pages."""

    found: list[Found]
    total: int
    has_more: bool


@dataclass(frozen=True)
class Asked:
    """A request against one state of the index.

    left_out: assets whose newest change the index does not hold yet; nothing is told of them.
    """

    searcher: Any
    schema: Any
    seer: Seer
    request: SearchRequest
    now: datetime
    left_out: tuple[str, ...] = ()

    @property
    def sort(self) -> Sort:
        """Without words nothing is more relevant than another: the youngest first."""
        is_unordered = self.request.sort is Sort.RELEVANCE and not self.request.text.strip()
        return Sort.UPDATED if is_unordered else self.request.sort

    def words(self) -> list[str]:
        """The words that were typed, folded. Raises: WrongSearch: too many."""
        words = list(dict.fromkeys(word.folded for word in words_of(self.request.text)))
        if len(words) > MOST_WORDS:
            raise WrongSearch(f"more than {MOST_WORDS} words", hint="search for fewer words")
        return words

    def page(self, cursor: Cursor | None) -> Page:
        """The hits of one page in order, and how many assets meet the request."""
        wanted = self.request.limit
        window = max(FIRST_WINDOW, (cursor.seen if cursor and self.sort is Sort.RELEVANCE else 0) + 2 * wanted)
        query = self._query(begin=cursor, is_scored=self.sort is Sort.RELEVANCE)
        while True:
            hits, count = self._top(query, window)
            is_whole = len(hits) < window
            certain = hits if is_whole else [hit for hit in hits if hit.key != hits[-1].key]
            found = sorted((hit for hit in certain if _is_after(self.sort, hit, cursor)), key=self._place)
            if len(found) > wanted or is_whole:
                total = count if cursor is None or self.sort is Sort.RELEVANCE else self._total()
                return Page(found[:wanted], total, has_more=len(found) > wanted)
            window *= 4

    def counts(self, run: Run) -> Callable[[], dict[Facet, FacetCounts]]:
        """Begin to count every facet's values, each as if nothing of itself were selected; the result is called for.

        run: what runs the parts, each a query, beside the caller or at once.
        """
        selected = {facet: values for facet, values in self.request.facets.items() if values}
        shared = [facet for facet in Facet if facet not in selected]
        parts = [run(self._counted, self._query(), shared)]
        parts += [run(self._counted, self._query(without=facet), [facet]) for facet in selected]

        def result() -> dict[Facet, FacetCounts]:
            told: dict[Facet, tuple[dict[str, int], bool]] = {}
            for part in parts:
                told |= part.result()
            return {facet: _facet_counts(*told[facet], selected.get(facet, frozenset())) for facet in Facet}

        return result

    def values_seen(self, facets: Iterable[Facet]) -> dict[Facet, frozenset[str]]:
        """By facet the most frequent values among everything that the asker may see, whatever is searched for."""
        counted = self._counted(Query.boolean_query(self._may_be_told()), list(facets))
        return {facet: frozenset(counts) for facet, (counts, _) in counted.items()}

    def is_seen(self, facet: Facet, value: str) -> bool:
        """Has anything that the asker may see this value?"""
        has_it = Query.term_query(self.schema, FACET_FIELDS[facet], cut(value))
        return int(self.searcher.search(Query.boolean_query([*self._may_be_told(), (Occur.Must, has_it)]), 1).count) > 0

    def _query(self, *, without: Facet | None = None, begin: Cursor | None = None, is_scored: bool = False) -> Any:
        """Seen by the asker, met by every word, in every selected facet; scored, if at all, by the words alone."""
        parts = self._may_be_told()
        parts += [(Occur.Must, Query.const_score_query(part, 0.0)) for part in self._filters(without)]
        words = self.words()
        if self.request.text.strip():
            word_query = self._scored_word if is_scored else self._met_word
            last = len(words) - 1
            parts += [(Occur.Must, word_query(word, is_last=index == last)) for index, word in enumerate(words)]
            if not words:
                parts.append((Occur.Must, Query.empty_query()))
            if is_scored:
                parts += [(Occur.Should, query) for query in self._whole_queries()]
        if begin is not None and self.sort is not Sort.RELEVANCE:
            parts.append((Occur.Must, Query.const_score_query(self._from(begin), 0.0)))
        return Query.boolean_query(parts)

    def _may_be_told(self) -> list[Any]:
        """Everything that the asker may see and that the index holds as it is."""
        parts = [(Occur.Must, self._seen())]
        if self.left_out:
            parts.append((Occur.MustNot, Query.term_set_query(self.schema, "id", list(self.left_out))))
        return parts

    def _seen(self) -> Any:
        if self.seer.sees_all:
            query = Query.term_query(self.schema, "is", ASSET)
        else:
            query = Query.term_set_query(self.schema, "readers", sorted(self.seer.roles))
        return Query.const_score_query(query, 0.0)

    def _filters(self, without: Facet | None) -> Iterable[Any]:
        for facet, values in self.request.facets.items():
            if not values or facet is without:
                continue
            if facet is Facet.FRESHNESS:
                yield Query.boolean_query([(Occur.Should, self._fresh(value)) for value in sorted(values)])
            else:
                yield Query.term_set_query(self.schema, FACET_FIELDS[facet], sorted({cut(value) for value in values}))

    def _fresh(self, value: str) -> Any:
        since = fresh_since(value, self.now)
        if since is not None:
            return Query.range_query(self.schema, "updated_s", FieldType.Integer, seconds_of(since), None)
        oldest = fresh_since(list(FRESH_WITHIN)[-1], self.now) or self.now
        return Query.range_query(self.schema, "updated_s", FieldType.Integer, None, seconds_of(oldest) - 1)

    def _met_word(self, word: str, *, is_last: bool) -> Any:
        """Met anywhere, in any way."""
        ways = _ways_of(word, is_last=is_last)
        asked = ways[1:] or ways  # what is met exactly is met by its beginning, and by no slips, too
        return Query.boolean_query([(Occur.Should, self._way(how, ANYWHERE, word)) for how in asked])

    def _scored_word(self, word: str, *, is_last: bool) -> Any:
        """One word at its best place."""
        return Query.disjunction_max_query(
            [
                Query.const_score_query(self._way(how, field, word), float(score))
                for how in _ways_of(word, is_last=is_last)
                for field, score in SCORES[how].items()
            ]
        )

    def _way(self, how: Match, field: str, word: str) -> Any:
        match how:
            case Match.PREFIX:
                return Query.fuzzy_term_query(self.schema, field, word, 0, True, True)
            case Match.FUZZY:
                return Query.fuzzy_term_query(self.schema, field, word, slips_allowed(word), True, False)
            case _:
                return Query.term_query(self.schema, field, word)

    def _whole_queries(self) -> Iterable[Any]:
        text = whole(self.request.text)
        for field, score in WHOLE_SCORES.items():
            yield Query.const_score_query(Query.term_query(self.schema, field, text), float(score))

    # --- order ---

    def _top(self, query: Any, window: int) -> tuple[list[Found], int]:
        """The first hits of the order, equals in the engine's order; and how many there are in all."""
        match self.sort:
            case Sort.RELEVANCE:
                result = self.searcher.search(query, window, True, weight_by_field="freshness")
            case Sort.NAME:
                result = self.searcher.search(query, window, True, order_by_field="by_name", order=Order.Asc)
            case Sort.UPDATED | Sort.QUALITY:
                result = self.searcher.search(query, window, True, order_by_field=f"by_{self.sort.value}")
        hits = result.hits
        ties = self.searcher.fast_field_values("tie", [address for _, address in hits])
        return [Found(key, tie, address) for (key, address), tie in zip(hits, ties, strict=True)], int(result.count)

    def _total(self) -> int:
        return int(self.searcher.search(self._query(), 1, True).count)

    def _place(self, hit: Found) -> tuple[Any, int]:
        return _place(self.sort, hit.key, hit.tie)

    def _from(self, cursor: Cursor) -> Any:
        """Everything from a cursor's key on; also a little before it, which `page` leaves out."""
        if self.sort is Sort.NAME:
            begins = name_begins(str(cursor.key))
            return Query.range_query(self.schema, "name_begins", FieldType.Unsigned, begins, None)
        return Query.range_query(self.schema, f"by_{self.sort.value}", FieldType.Unsigned, None, cursor.key)

    # --- counting ---

    def _counted(self, query: Any, facets: list[Facet]) -> dict[Facet, tuple[dict[str, int], bool]]:
        """By facet: how many assets of a query have each value, and whether there are more values."""
        if not facets:
            return {}
        wanted = {facet.value: self._aggregation(facet) for facet in facets}
        counted = self.searcher.aggregate(query, wanted)
        return {facet: _values(facet, counted[facet.value]) for facet in facets}

    def _aggregation(self, facet: Facet) -> dict[str, Any]:
        if facet is not Facet.FRESHNESS:
            terms = {"field": FACET_FIELDS[facet], "size": COUNTED_VALUES, "segment_size": COUNTED_IN_A_SEGMENT}
            return {"terms": terms}
        since = [seconds_of(moment) for value in FRESH_WITHIN if (moment := fresh_since(value, self.now))]
        edges = [float(second) for second in reversed(since)]
        spans = [{"from": begin, "to": end} for begin, end in pairwise(edges)]
        return {"range": {"field": "updated_s", "ranges": [{"to": edges[0]}, *spans, {"from": edges[-1]}]}}


def _ways_of(word: str, *, is_last: bool) -> list[Match]:
    """How a typed word can be met at all."""
    return [Match.EXACT, *([Match.PREFIX] if is_last else []), *([Match.FUZZY] if slips_allowed(word) else [])]


def check_cursor(sort: Sort, cursor: Cursor | None) -> None:
    """Raises: WrongCursor: a key that this order does not have, or further down than relevance goes."""
    if cursor is None:
        return
    match sort:
        case Sort.RELEVANCE:
            is_right = isinstance(cursor.key, float) and math.isfinite(cursor.key) and cursor.seen < MOST_RELEVANT
        case Sort.NAME:
            is_right = isinstance(cursor.key, str)
        case Sort.UPDATED | Sort.QUALITY:
            is_right = type(cursor.key) is int and 0 <= cursor.key < 2**64
    if not is_right:
        raise WrongCursor("this cursor does not belong to this search", hint="begin again without `after`")


def _is_after(sort: Sort, hit: Found, cursor: Cursor | None) -> bool:
    return cursor is None or _place(sort, hit.key, hit.tie) > _place(sort, cursor.key, cursor.tie)


def _place(sort: Sort, key: float | int | str, tie: int) -> tuple[Any, int]:
    """The place of a hit in its order, the smallest first."""
    return (key if isinstance(key, str) or sort is Sort.NAME else -key, tie)


def _values(facet: Facet, counted: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    buckets = counted["buckets"]
    if facet is not Facet.FRESHNESS:
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}, counted["sum_other_doc_count"] > 0
    if not buckets:  # an index without a single document
        return {}, False
    older, *younger = [bucket["doc_count"] for bucket in sorted(buckets, key=lambda one: one.get("from", -math.inf))]
    within = {name: sum(younger[-(index + 1) :]) for index, name in enumerate(FRESH_WITHIN)}
    return {name: count for name, count in [*within.items(), (OLDER, older)] if count}, False


def _facet_counts(counts: dict[str, int], has_more: bool, selected: frozenset[str]) -> FacetCounts:
    """The values that are told: the most frequent, and the selected ones, even those that nothing has."""
    frequent = sorted(counts, key=lambda value: (-counts[value], value))
    shown = frequent[:SHOWN_VALUES]
    shown += sorted(selected - set(shown), key=lambda value: (-counts.get(value, 0), value))
    values = tuple(FacetValue(value, counts.get(value, 0), value in selected) for value in shown)
    return FacetCounts(values, has_more=has_more or len(counts) > len(frequent[:SHOWN_VALUES]))
