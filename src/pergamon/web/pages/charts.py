"""Numbers as a picture, drawn on the server: lines and bars. Pure, and readable without colour.

Only shapes are drawn here: what is written beside them stands in the page, where it keeps its size on a phone and can
be read aloud. Lines differ by how they are broken, bars by their length and the number at their end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, MARGIN = 640, 180, 8
MOST_POINTS = 500
MOST_BARS = 100
MOST_LINES = 4
"""As many ways there are to break a line that can be told apart."""
MOST_DOTS = 80
"""With more, dots would cover the line."""

Numbers = Sequence[float | None]
"""None: nothing was measured there, so nothing is drawn."""


@dataclass(frozen=True)
class Dot:
    """One point of a line. told: what it says to who points at it."""

    x: float
    y: float
    told: str


@dataclass(frozen=True)
class Line:
    """The path of one line, and its points where there are few. style: 0 to 3, how it is broken."""

    name: str
    style: int
    path: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Lines:
    """A picture of lines, from `least` at its bottom to `most` at its top. zero: where nothing is, if it is in it."""

    lines: tuple[Line, ...]
    least: float
    most: float
    zero: float | None
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Bar:
    """A bar that lies, in hundredths of the width."""

    name: str | None
    value: float | None
    x: float
    width: float


@dataclass(frozen=True)
class Bars:
    """A picture of bars, one below the other. zero: where nothing is, in hundredths of the width."""

    bars: tuple[Bar, ...]
    zero: float
    least: float
    most: float


def lines(
    names: Sequence[str],
    places: Sequence[float],
    columns: Sequence[Numbers],
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    longest_gap: float | None = None,
    told: Callable[[int, int], str] | None = None,
) -> Lines | None:
    """The picture of columns of numbers at the same places, which ascend; None where no line can be drawn.

    floor, ceiling: what is in the picture in any case. longest_gap: places further apart are not joined, for nobody
    looked in between. told: what the point in this column and at this place says.
    """
    found = [value for column in columns[:MOST_LINES] for value in column if value is not None]
    if len(places) < 2 or len(found) < 2:
        return None
    least = min([*found, *([] if floor is None else [floor])])
    most = max([*found, *([] if ceiling is None else [ceiling])])
    across, up = _scale(places[0], places[-1]), _scale(least, most)
    xs = [round(MARGIN + (WIDTH - 2 * MARGIN) * across(place), 1) for place in places]

    def high(value: float) -> float:
        return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * up(value), 1)

    drawn = []
    for number, (name, column) in enumerate(zip(names, columns[:MOST_LINES], strict=False)):
        path: list[str] = []
        before: float | None = None
        for place, x, value in zip(places, xs, column, strict=True):
            if value is not None:
                joined = before is not None and (longest_gap is None or place - before <= longest_gap)
                path.append(f"{'L' if joined else 'M'}{x} {high(value)}")
            before = place if value is not None else None
        dots = [
            Dot(x, high(value), told(number, row) if told else "")
            for row, (x, value) in enumerate(zip(xs, column, strict=True))
            if value is not None and len(places) <= MOST_DOTS
        ]
        drawn.append(Line(name, number, " ".join(path), tuple(dots)))
    return Lines(tuple(drawn), least, most, high(0.0) if least <= 0 <= most else None)


def bars(names: Sequence[str | None], values: Numbers) -> Bars | None:
    """The picture of one number for each name; None where there is no number."""
    found = [value for value in values if value is not None]
    if not found:
        return None
    least, most = min(0.0, *found), max(0.0, *found)
    share = _scale(least, most)

    def at(value: float) -> float:
        return round(100 * share(value), 2)

    zero = at(0.0)
    drawn = tuple(
        Bar(name, value, min(zero, at(value or 0.0)), round(abs(at(value or 0.0) - zero), 2))
        for name, value in zip(names, values, strict=True)
    )
    return Bars(drawn[:MOST_BARS], zero, least, most)


def _scale(least: float, most: float) -> Callable[[float], float]:
    """Where a number stands between two others, from 0 to 1; also where their distance is beyond every number."""
    unit = max(abs(least), abs(most)) or 1.0
    begin, span = least / unit, (most / unit - least / unit) or 1.0
    return lambda value: (value / unit - begin) / span
