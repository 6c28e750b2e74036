"""Selected values that nothing has, and which ones were probably meant.

Both are asked of what the asker may see, and of nothing else: a value that only hidden assets have is no value.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

from pergamon.search.ask import Asked
from pergamon.search.model import Facet, FacetCounts, Notice
from pergamon.search.words import folded

MOST_NOTICES = 10
MOST_NEAR = 3
MOST_MENDED = 3
"""Of the notices, those that say what was probably meant: each compares a thousand values."""
MOST_PARTS = 8
"""Of one value: its first levels and sides."""
LONGEST_COMPARED = 64
LEAST_LIKENESS = 0.6
"""Of two texts, from 0 to 1; below it a text is another one."""


def notices(asked: Asked, counts: dict[Facet, FacetCounts]) -> tuple[Notice, ...]:
    """For each selected value, up to ten, that no asset has which the asker may see, whatever else was asked for.

    counts: those of the page; a value that has one there needs no question of its own.
    """
    unmet = [
        (facet, one.value)
        for facet, told in counts.items()
        for one in told.values
        if one.is_selected and not one.count and facet is not Facet.FRESHNESS
    ]
    known = asked.values_seen({facet for facet, _ in unmet}) if unmet else {}
    unknown = (one for one in unmet if one[1] not in known[one[0]] and not asked.is_seen(*one))
    return tuple(
        Notice(facet, value, near_values(value, known[facet]) if place < MOST_MENDED else ())
        for place, (facet, value) in enumerate(islice(unknown, MOST_NOTICES))
    )


def near_values(typed: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to three values that were probably meant, the nearest first.

    A level of a path and a side of a tag stand for the whole: `cardio` is near `clinic/cardiology`.
    """
    wanted = folded(typed[:LONGEST_COMPARED]).strip("/ ")
    ranked = sorted((-likeness, value) for value in known if (likeness := _likeness(wanted, value)) >= LEAST_LIKENESS)
    return tuple(value for _, value in ranked[:MOST_NEAR])


def _likeness(wanted: str, value: str) -> float:
    """From 0 to 1: of the whole value, or of the best of its parts."""
    whole = folded(value[:LONGEST_COMPARED])
    parts = [part for level in whole.split("/") for part in level.split("=")][:MOST_PARTS]
    return max([_alike(wanted, whole), *(0.99 * _alike(wanted, part) for part in parts)])


def _alike(wanted: str, standing: str) -> float:
    if wanted == standing:
        return 1.0
    if not wanted or not standing:
        return 0.0
    if standing.startswith(wanted) or wanted.startswith(standing):
        return 0.9 + 0.1 * min(len(wanted), len(standing)) / max(len(wanted), len(standing))
    most_alike = 2 * min(len(wanted), len(standing)) / (len(wanted) + len(standing))
    if 0.9 * most_alike < LEAST_LIKENESS:
        return 0.0
    compared = SequenceMatcher(None, wanted, standing, autojunk=False)
    return 0.0 if 0.9 * compared.quick_ratio() < LEAST_LIKENESS else 0.9 * compared.ratio()
