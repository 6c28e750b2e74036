"""A score over time as a line, drawn on the server. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 120
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 10, 10


@dataclass(frozen=True)
class Point:
    """A score at a moment, and where it stands in the picture."""

    at: str
    score: float
    x: float
    y: float


@dataclass(frozen=True)
class Trend:
    """The points, oldest first, and the line through them, from 0 to 1 over the whole height."""

    points: tuple[Point, ...]
    line: str
    area: str
    width: int = WIDTH
    height: int = HEIGHT


def trend(scores: Sequence[tuple[str, float]]) -> Trend | None:
    """The picture of scores (oldest first, 0 to 1), evenly spaced; None for fewer than two."""
    if len(scores) < 2:
        return None
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    points = tuple(
        Point(at, score, round(LEFT + wide * place / (len(scores) - 1), 1), round(TOP + high * (1 - score), 1))
        for place, (at, score) in enumerate(scores)
    )
    line = "M" + " L".join(f"{point.x} {point.y}" for point in points)
    floor = HEIGHT - BOTTOM
    return Trend(points, line, f"{line} L{points[-1].x} {floor} L{points[0].x} {floor} Z")
