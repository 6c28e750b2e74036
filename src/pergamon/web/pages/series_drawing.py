"""A quantity over time as a line, drawn on the server: each moment where it happened, and gaps are gaps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 640, 120
MARGIN = 8
LONGEST_GAP = timedelta(minutes=5)
"""Further apart, two moments are not joined: nobody looked in between."""


@dataclass(frozen=True)
class Series:
    """The line through the moments, from nothing at the bottom to the most at the top."""

    line: str
    first: datetime
    last: datetime
    most: float
    newest: float
    width: int = WIDTH
    height: int = HEIGHT


def series(points: Sequence[tuple[datetime, float]]) -> Series | None:
    """The picture of moments (oldest first) and what was measured, 0 or more; None for fewer than two."""
    if len(points) < 2:
        return None
    (first, _), (last, newest) = points[0], points[-1]
    most = max(value for _, value in points)
    span = (last - first).total_seconds() or 1.0
    steps = []
    before: datetime | None = None
    for at, value in points:
        x = MARGIN + (WIDTH - 2 * MARGIN) * (at - first).total_seconds() / span
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value / most if most else 0)
        steps.append(f"{'L' if before is not None and at - before <= LONGEST_GAP else 'M'}{x:.1f} {y:.1f}")
        before = at
    return Series(" ".join(steps), first, last, most, newest)
