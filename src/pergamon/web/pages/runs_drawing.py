"""How long runs and their steps took, drawn on the server. Readable without colour: shapes differ too. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH, HEIGHT = 640, 120
GAP = 3
TOP, FLOOR = 16, 112
"""Above the bars there is room for the mark of one that failed."""
WIDEST = 28
LANE, LANE_BAR = 22, 14
SHORTEST = 2.0


@dataclass(frozen=True)
class Bar:
    """One run or step. state: as its badge tells it; middle: where a mark above it stands."""

    id: str
    name: str
    state: str
    at: datetime
    took_ms: float
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class Bars:
    """A picture of bars. longest_ms: what the whole height, or the whole width, stands for."""

    bars: tuple[Bar, ...]
    longest_ms: float
    width: int
    height: int


def took_ms(begun: datetime, ended: datetime | None, now: datetime) -> float:
    """How long it took; what goes on, until now."""
    return max(0.0, ((ended or now) - begun).total_seconds() * 1000)


def drawn_runs(runs: Sequence[Mapping[str, Any]], now: datetime) -> Bars | None:  # Any: rows of `pipeline.list_runs`
    """Runs (newest first) as upright bars, oldest on the left: the higher, the longer. None for fewer than two."""
    if len(runs) < 2:
        return None
    in_order = list(reversed(runs))
    lasted = [took_ms(run["requested_at"], run["ended_at"], now) for run in in_order]
    longest = max(lasted) or 1.0
    step = min(WIDEST + GAP, WIDTH / len(in_order))
    bars = []
    for place, (run, took) in enumerate(zip(in_order, lasted, strict=True)):
        high = max(SHORTEST, (FLOOR - TOP) * took / longest)
        x, y = round(place * step, 1), round(FLOOR - high, 1)
        width, height = round(step - GAP, 1), round(high, 1)
        bars.append(Bar(run["id"], run["workflow"], run["state"], run["requested_at"], took, x, y, width, height))
    return Bars(tuple(bars), longest, WIDTH, HEIGHT)


def drawn_steps(parts: Sequence[Mapping[str, Any]], now: datetime) -> Bars | None:  # Any: parts of a run
    """The parts of a run as lanes from its beginning to its end: which were side by side, which waited for which."""
    if not parts:
        return None
    begun = min(part["started_at"] for part in parts)
    whole = max(took_ms(begun, part["ended_at"], now) for part in parts) or 1.0
    bars = []
    for lane, part in enumerate(parts):
        took = took_ms(part["started_at"], part["ended_at"], now)
        x = round(WIDTH * took_ms(begun, part["started_at"], now) / whole, 1)
        width = max(SHORTEST, round(WIDTH * took / whole, 1))
        y = lane * LANE + (LANE - LANE_BAR) / 2
        name, state = part["name"], part["state"]
        bars.append(
            Bar(name, name, state, part["started_at"], took, min(x, WIDTH - SHORTEST), y, width, float(LANE_BAR))
        )
    return Bars(tuple(bars), whole, WIDTH, len(parts) * LANE)
