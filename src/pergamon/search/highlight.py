"""Where the words were met in what a hit tells, and what was probably meant.

Both read only the hits of the page, which the asker may see: a hidden word is neither marked nor suggested.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pergamon.search.model import Range
from pergamon.search.words import Match, Word, distance, found_words, match, slips_allowed

MOST_COLUMNS_SHOWN = 10

Told = Mapping[str, Any]  # Any: JSON
Standing = Mapping[str, Sequence[Word]]
"""The words of a hit, by field: `title`, `columns.3`."""


def standing_words(told: Told) -> Standing:
    """The words that stand in what a hit tells."""
    return {name: found_words(text) for name, text in _texts(told)}


def highlights(standing: Standing, typed: Sequence[str]) -> dict[str, tuple[Range, ...]]:
    """By field: the ranges of the words that were met, in order, touching ones as one."""
    met = {name: _met(words, typed) for name, words in standing.items()}
    return {name: tuple(_joined(words)) for name, words in met.items() if words}


def with_met_columns(
    told: Told, marked: Mapping[str, tuple[Range, ...]]
) -> tuple[dict[str, Any], dict[str, tuple[Range, ...]]]:
    """What a hit tells with only the columns that were met, or its first ones, and the highlights moved along."""
    met = [index for index in range(len(told["columns"])) if f"columns.{index}" in marked]
    shown = (met or list(range(len(told["columns"]))))[:MOST_COLUMNS_SHOWN]
    moved = {name: ranges for name, ranges in marked.items() if not name.startswith("columns.")}
    for place, index in enumerate(shown):
        if f"columns.{index}" in marked:
            moved[f"columns.{place}"] = marked[f"columns.{index}"]
    return {**told, "columns": [told["columns"][index] for index in shown]}, moved


def suggestion(page: Sequence[Standing], typed: Sequence[str]) -> str | None:
    """The words with those mended that were met only by forgiving slips; None: none was."""
    hits = [{word.folded for words in standing.values() for word in words} for standing in page]
    mended = [_mended(hits, word, is_last=index == len(typed) - 1) for index, word in enumerate(typed)]
    return " ".join(mended) if mended != list(typed) else None


def _mended(hits: Sequence[set[str]], typed: str, *, is_last: bool) -> str:
    """The nearest word, then the one in most hits; the typed one when some hit has it as it was typed."""
    near: Counter[str] = Counter()
    for words in hits:
        for standing in words:
            how = match(typed, standing, is_last=is_last)
            if how > Match.FUZZY:
                return typed
            near[standing] += how is Match.FUZZY
    met = [(distance(typed, word, slips_allowed(typed)), -count, word) for word, count in near.items() if count]
    return min(met)[2] if met else typed


def _texts(told: Told) -> Iterator[tuple[str, str]]:
    for name in ("title", "name", "description", "project", "unit"):
        yield name, told[name]
    for name in ("terms", "tags", "columns"):
        yield from ((f"{name}.{index}", text) for index, text in enumerate(told[name]))


def _met(standing: Sequence[Word], typed: Sequence[str]) -> list[Word]:
    """The words that were met; by each typed word a name written together only where none of its words was."""
    found: list[Word] = []
    for index, one in enumerate(typed):
        met: list[Word] = []
        for word in standing:  # names written together come after all words
            is_met = match(one, word.folded, is_last=index == len(typed) - 1) is not Match.NONE
            if is_met and not any(word.start <= other.start and other.end <= word.end for other in met):
                met.append(word)
        found += met
    return found


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
