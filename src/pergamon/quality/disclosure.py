"""What of a column's values may be kept? What identifies nobody (ADR 0019). Pure.

Three rules, with k = 10 rows. (1) Values are kept only of a *coded* column: at most 50 different ones, each in at least
k rows. (2) Of numbers and dates otherwise only a shape is kept: counts between round edges, open at both ends, no
count below k; mean, deviation and quantiles from at least 4k rows, rounded. The smallest and the largest value of
such a column leave the sandbox never. (3) Who may find a table and not read it sees counts rounded to 10, so that
neither a few rows nor all but a few can be told apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FEWEST_ROWS = 10
"""k: no figure about values rests on fewer rows."""
MOST_CODES = 50
LONGEST_CODE = 200
"""Characters."""
FEWEST_FOR_SHAPE = 2 * FEWEST_ROWS
FEWEST_FOR_MOMENTS = 4 * FEWEST_ROWS
FEWEST_FOR_TAILS = 20 * FEWEST_ROWS
"""So that at least k rows lie below the 5 % quantile and above the 95 % one."""
MOST_BUCKETS = 20
SMALLEST = 1e-290
"""What is nearer to nought is not told apart from it."""
ROUNDED_TO = 10
LEAST_TOLD = 5
"""The smallest count that is not told as 0."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400
_STEPS_S = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_STEPS_MONTHS = (1, 3, 12, 24, 60, 120, 240, 600, 1200, 6000)
_SECONDS_PER_MONTH = 2_629_746


@dataclass(frozen=True)
class Bucket:
    """Rows whose value is at least `from_` and below `to`; None: open at that end."""

    from_: float | None
    to: float | None
    rows: int


def is_coded(counts: Sequence[int]) -> bool:
    """May the values that stand in so many rows each be kept?"""
    return 0 < len(counts) <= MOST_CODES and min(counts) >= FEWEST_ROWS


def round_edges(low: float, high: float, *, whole: bool) -> list[float]:
    """Round numbers from about `low` to about `high`, at most 20, each a multiple of 1, 2 or 5 times a power of ten."""
    spread = high - low
    if not (math.isfinite(low) and math.isfinite(high)) or not math.isfinite(spread):
        return []
    if spread <= 0:
        return [rounded(low, significant(low) if low else 1.0)]
    step = nice_step(spread / (MOST_BUCKETS - 2))
    if whole:
        step = max(step, 1.0)
    first, last = math.ceil(low / step), math.floor(high / step)
    edges = {rounded(number * step, step) for number in range(first, min(last, first + MOST_BUCKETS) + 1)}
    return sorted(edges)[:MOST_BUCKETS] or [rounded(low, step)]


def calendar_edges(low: float, high: float, *, days_only: bool) -> list[float]:
    """The same for times, in seconds since 1970: beginnings of days, weeks, months, years; or of hours and minutes."""
    spread = high - low
    if not math.isfinite(spread):
        return []
    wanted = spread / (MOST_BUCKETS - 2)
    fine = [] if days_only else [step for step in _STEPS_S if step >= wanted]
    if fine:
        return _multiples(low, high, fine[0])
    for step in (DAY_S, 7 * DAY_S):
        if step >= wanted:
            return _multiples(low, high, step)
    months = next((step for step in _STEPS_MONTHS if step * _SECONDS_PER_MONTH >= 0.99 * wanted), _STEPS_MONTHS[-1])
    return _month_edges(low, high, months)


def merged(buckets: Sequence[Bucket]) -> list[Bucket]:
    """The same rows in buckets of which none has fewer than k: a small one joins its smaller neighbour."""
    found = list(buckets)
    while len(found) > 1 and min(bucket.rows for bucket in found) < FEWEST_ROWS:
        small = min(range(len(found)), key=lambda place: found[place].rows)
        beside = [place for place in (small - 1, small + 1) if 0 <= place < len(found)]
        other = min(beside, key=lambda place: found[place].rows)
        left, right = sorted((small, other))
        found[left : right + 1] = [Bucket(found[left].from_, found[right].to, found[left].rows + found[right].rows)]
    return [] if found and found[0].rows < FEWEST_ROWS else found


def nice_step(step: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(max(step, SMALLEST)))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= step), 10 * power)


def rounded_lengths(shortest: int, longest: int) -> tuple[int, int]:
    """Between which lengths all texts are: the shortest rounded down, the longest up, to 0, 1, 2, 5, 10, 20, …

    The shortest and the longest text are often one row's.
    """
    up = [int(factor * 10**power) for power in range(len(str(longest)) + 1) for factor in (1, 2, 5)]
    return max((step for step in up if step <= shortest), default=0), next(step for step in [0, *up] if step >= longest)


def blurred(grain: float, deviation: float | None, rows: int) -> float:
    """The grain of a figure that rests on so many rows: no finer than its standard error tells.

    Else the one far value among a few rows could be reckoned from their mean.
    """
    if deviation is None or not math.isfinite(deviation) or deviation <= 0:
        return grain
    return max(grain, nice_step(deviation / math.sqrt(rows)))


def significant(value: float) -> float:
    """The grain that leaves a number two or three digits."""
    return float(10.0 ** (math.floor(math.log10(max(abs(value), SMALLEST))) - 2)) if value else 1.0


def rounded(value: float, grain: float) -> float:
    """The nearest multiple of a grain, which is a round number."""
    if grain >= 1:
        return round(value / grain) * grain
    digits = min(300, max(0, math.ceil(-math.log10(grain)) + 1))
    return round(round(value / grain) * grain, digits)


def rounded_count(count: int) -> int:
    """A count as it is told to who may not read the rows: the nearest multiple of 10, halves up."""
    return (count + ROUNDED_TO - LEAST_TOLD) // ROUNDED_TO * ROUNDED_TO


def time_text(seconds: float, *, days_only: bool) -> str:
    """A time in seconds since 1970 as ISO 8601; beyond the calendar's years, the year alone."""
    try:
        moment = EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return f"{1970 + seconds / (365.2425 * DAY_S):+.0f}"
    return moment.date().isoformat() if days_only else moment.replace(tzinfo=None).isoformat(timespec="seconds")


def _multiples(low: float, high: float, step: int) -> list[float]:
    monday = 4 * DAY_S if step == 7 * DAY_S else 0  # 1970-01-05 was a Monday
    first, last = math.ceil((low - monday) / step), math.floor((high - monday) / step)
    edges = [float(number * step + monday) for number in range(first, min(last, first + MOST_BUCKETS - 1) + 1)]
    return edges or [float(math.floor((low - monday) / step) * step + monday)]


def _month_edges(low: float, high: float, months: int) -> list[float]:
    try:
        start, end = EPOCH + timedelta(seconds=low), EPOCH + timedelta(seconds=high)
    except (OverflowError, ValueError):
        return []
    number = (start.year * 12 + start.month - 1) // months * months
    edges: list[float] = []
    while number <= end.year * 12 + end.month - 1 and len(edges) <= MOST_BUCKETS:
        if 12 <= number < 120_000:
            edge = (datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) - EPOCH).total_seconds()
            if edge <= high:
                edges.append(edge)
        number += months
    return edges[:MOST_BUCKETS]
