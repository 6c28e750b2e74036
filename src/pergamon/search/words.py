"""Which words stand in a text, and when a word that was typed means one of them.

Indexing, asking and highlighting all cut and compare words here, so that they agree. A word is folded: accents and case
do not count (`Müller` is `muller`). A name is cut into its words (`patient_vitals`, `PatientVitals`), and is also found
written together (`patientvitals`).
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

LONGEST_WORD = 64
"""Letters of a word that count; what is longer is compared by its beginning."""
LONGEST_NAME = 64
SHORTEST_FUZZY = 4
"""Shorter words are near to too many others."""
SHORTEST_FUZZY_BY_TWO = 8

_RUN = re.compile(r"[^\W_]+(?:_+[^\W_]+)*")
_PIECE = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-zß-öø-ÿ0-9])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ])")
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i"})


class Match(IntEnum):
    """How a word that was typed meets a word that stands there; the greater, the better."""

    NONE = 0
    FUZZY = 1
    PREFIX = 2
    EXACT = 3


class Word(NamedTuple):
    """A folded word and where it stands in its text: `text[start:end]`, in characters."""

    folded: str
    start: int
    end: int


def folded(text: str) -> str:
    """Without case and accents: `Ñandú` is `nandu`, `Straße` is `strasse`."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    without_marks = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return without_marks.casefold().translate(_LETTERS)


def words_of(text: str) -> list[Word]:
    """The words of a text in order, names cut into their words."""
    return [word for run in _RUN.finditer(text) for word in _parts(run.group(), run.start())]


def found_words(text: str) -> Sequence[Word]:
    """The words under which a text is found: its words, then each name of several written together."""
    return _found_words(text) if len(text) > LONGEST_NAME else _found_in_name(text)


def _found_words(text: str) -> list[Word]:
    found: list[Word] = []
    together: list[Word] = []
    for run in _RUN.finditer(text):
        parts = _parts(run.group(), run.start())
        found += parts
        if len(parts) > 1:
            together.append(Word("".join(part.folded for part in parts)[:LONGEST_WORD], run.start(), run.end()))
    return found + together


_found_in_name = lru_cache(maxsize=16_384)(_found_words)
"""Names of columns, terms and tags stand in many assets."""


def indexed_words(text: str) -> list[str]:
    """The folded `found_words`: what the index holds of a text."""
    return [word.folded for word in found_words(text)]


def whole(text: str) -> str:
    """A text as its folded words in order: two texts that people would call the same have the same."""
    return " ".join(word.folded for word in words_of(text))


def _parts(name: str, start: int) -> list[Word]:
    """The words of one name that stands at `start`."""
    if name.isascii() and (name.islower() or name[1:].islower()):  # the usual case, quickly: no humps, no accents
        return _plain_parts(name.lower(), start)
    found = []
    for piece in _PIECE.finditer(name):
        edges = [0, *(hump.start() for hump in _HUMP.finditer(piece.group())), len(piece.group())]
        for begin, end in pairwise(edges):
            word = _plain(piece.group()[begin:end])
            if word:
                found.append(Word(word, start + piece.start() + begin, start + piece.start() + end))
    return found


def _plain_parts(name: str, start: int) -> list[Word]:
    found = []
    for part in name.split("_"):
        if part:
            found.append(Word(part[:LONGEST_WORD], start, start + len(part)))
        start += len(part) + 1
    return found


def _plain(word: str) -> str:
    """The folded letters and digits of a word; folding can bring others in (`½` becomes `1⁄2`)."""
    return "".join(letter for letter in folded(word) if letter.isalnum())[:LONGEST_WORD]


# --- comparing ---


def slips_allowed(word: str) -> int:
    """How many slips of the keyboard are forgiven in a word: 0, 1 or 2, by its length."""
    if len(word) < SHORTEST_FUZZY:
        return 0
    return 1 if len(word) < SHORTEST_FUZZY_BY_TWO else 2


@lru_cache(maxsize=65_536)
def match(typed: str, standing: str, *, is_last: bool) -> Match:
    """How a typed word meets a standing one; the last word may be the beginning of what is meant."""
    if typed == standing:
        return Match.EXACT
    if is_last and standing.startswith(typed):
        return Match.PREFIX
    return Match.FUZZY if 0 < distance(typed, standing, slips_allowed(typed)) <= slips_allowed(typed) else Match.NONE


def distance(one: str, other: str, most: int) -> int:
    """Letters added, left out, exchanged or swapped with their neighbour between two words; `most + 1` when more."""
    if abs(len(one) - len(other)) > most or len(set(one) ^ set(other)) > 2 * most:
        return most + 1
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        line = [row]
        for column, right in enumerate(other, 1):
            cost = min(above[column] + 1, line[-1] + 1, above[column - 1] + (left != right))
            if row > 1 and column > 1 and left == other[column - 2] and one[row - 2] == right:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if min(line) > most and (row == 1 or min(above) > most):
            return most + 1
        before, above = above, line
    return min(above[-1], most + 1)
