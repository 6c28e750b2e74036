"""Where the words were met in what a hit tells, and what was probably meant.

Both read only the hits of the page, which the asker may see: a hidden word is neither marked nor suggested.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pergamon.search.model import Range
from pergamon.search.words import Match, Word, distance, found_words, match, slips_allowed

MOST_COLUMNS_SHOWN = 10

Told = Mapping[str, Any]  # Any: JSON
Highlights = dict[str, tuple[Range, ...]]
"""By field (`title`, `columns.3`): the ranges that were met, in order."""


class PageWords:
    """The words that stand in the hits of one page, and how the typed ones meet them."""

    def __init__(self, hits: Sequence[Told], typed: Sequence[str]) -> None:
        self._typed = typed
        self._hits = [{name: found_words(text) for name, text in _texts(told)} if typed else {} for told in hits]
        self._in_hits = Counter(
            word for standing in self._hits for word in {one.folded for words in standing.values() for one in words}
        )
        self._met = [
            {word: how for word in self._in_hits if (how := match(one, word, is_last=index == len(typed) - 1))}
            for index, one in enumerate(typed)
        ]

    def highlights(self, hit: int) -> Highlights:
        """Where the words were met in one hit; words that touch are one range."""
        marked = {name: tuple(_joined(self._met_in(words))) for name, words in self._hits[hit].items()}
        return {name: ranges for name, ranges in marked.items() if ranges}

    def suggestion(self) -> str | None:
        """The words with those mended that were met only by forgiving slips; None: none was."""
        mended = [self._mended(index, word) for index, word in enumerate(self._typed)]
        return " ".join(mended) if mended != list(self._typed) else None

    def _mended(self, index: int, typed: str) -> str:
        """The nearest word, then the one in most hits; the typed one when some hit has it as it was typed."""
        met = self._met[index]
        if not met or max(met.values()) > Match.FUZZY:
            return typed
        return min(met, key=lambda word: (distance(typed, word, slips_allowed(typed)), -self._in_hits[word], word))

    def _met_in(self, standing: Sequence[Word]) -> list[Word]:
        """The words that were met; by each typed word a name written together only where none of its words was."""
        found: list[Word] = []
        for met in self._met:
            ends: dict[int, int] = {}  # of the words that were met, by their starts, in order
            starts: list[int] = []
            for word in standing:  # names written together come after all words, which stand in order and apart
                if word.folded not in met:
                    continue
                first = bisect_left(starts, word.start)
                if first < len(starts) and ends[starts[first]] <= word.end:
                    continue
                found.append(word)
                if first == len(starts):
                    starts.append(word.start)
                    ends[word.start] = word.end
        return found


def with_met_columns(told: Told, marked: Highlights) -> tuple[dict[str, Any], Highlights]:
    """What a hit tells with only the columns that were met, or its first ones, and the highlights moved along."""
    met = [index for index in range(len(told["columns"])) if f"columns.{index}" in marked]
    shown = (met or list(range(len(told["columns"]))))[:MOST_COLUMNS_SHOWN]
    moved = {name: ranges for name, ranges in marked.items() if not name.startswith("columns.")}
    for place, index in enumerate(shown):
        if f"columns.{index}" in marked:
            moved[f"columns.{place}"] = marked[f"columns.{index}"]
    return {**told, "columns": [told["columns"][index] for index in shown]}, moved


def _texts(told: Told) -> Iterator[tuple[str, str]]:
    for name in ("title", "name", "description", "project", "unit"):
        yield name, told[name]
    for name in ("terms", "tags", "columns"):
        yield from ((f"{name}.{index}", text) for index, text in enumerate(told[name]))


def _joined(words: Iterable[Word]) -> Iterator[Range]:
    """The places of words in order, those that touch or lie in each other as one."""
    start = end = -1
    for word in sorted(words, key=lambda one: (one.start, one.end)):
        if word.start <= end:
            end = max(end, word.end)
            continue
        if end >= 0:
            yield Range(start, end)
        start, end = word.start, word.end
    if end >= 0:
        yield Range(start, end)
