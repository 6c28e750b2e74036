"""How good is a table? From rules to dimensions to one number. Pure; the formulae stand in docs/explanation/quality.md.

A rule's score is the share of judged rows that keep it. A dimension's score is the mean of its rules' scores by their
weights. The table's score is the plain mean of the dimensions that have one, so that many rules of one kind do not
drown the one rule of another. All are cut, not rounded, to two digits: 0.999 is not 1.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from pergamon.quality.disclosure import FEWEST_ROWS
from pergamon.quality.model import Outcome, RuleResult

WIDEST_STEP = 0.1


def outcome_of(*, judged: int, failed: int, threshold: float, severity: str) -> Outcome:
    """Is a rule kept? What has nothing to judge is kept."""
    if judged - failed >= Decimal(repr(threshold)) * judged:
        return Outcome.PASS
    return Outcome.WARN if severity == "warning" else Outcome.FAIL


def dimension_scores(results: Iterable[RuleResult]) -> dict[str, float]:
    """The score of each dimension in which something could be judged, 0 to 1."""
    sums: dict[str, tuple[float, float]] = {}
    for result in results:
        if result.score is not None:
            total, weights = sums.get(result.dimension, (0.0, 0.0))
            sums[result.dimension] = (total + result.weight * result.score, weights + result.weight)
    return {dimension: cut(total / weights) for dimension, (total, weights) in sorted(sums.items())}


def whole_score(dimensions: Mapping[str, float], *, rows: int | None) -> float | None:
    """The table's score. None without a dimension that has one, and for a table of a few rows, which it would tell."""
    if not dimensions or (rows is not None and rows < FEWEST_ROWS):
        return None
    return cut(sum(dimensions.values()) / len(dimensions))


def coarse(score: float, *, rows: int | None) -> float | None:
    """A score as it is told to who may not read the rows: in steps as wide as ten rows, so that it tells of no fewer.

    A whole one stays whole: that every row keeps the rules is what the rules' outcomes say anyway. None for a table so
    small that a step would be wider than a tenth: cut down to 0, a good table would look like a bad one.
    """
    if score >= 1 or not rows:
        return score
    step = max(0.01, FEWEST_ROWS / rows)
    return cut(math.floor(score / step + 1e-9) * step) if step <= WIDEST_STEP else None


def cut(score: float) -> float:
    """Two digits, downwards; a hair's breadth of floating point is forgiven."""
    return math.floor(score * 100 + 1e-9) / 100
