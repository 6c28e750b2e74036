"""From what rules found to one number; the examples are those of docs/explanation/quality.md."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.quality.model import Outcome, RuleResult
from pergamon.quality.score import coarse, cut, dimension_scores, outcome_of, whole_score


def result(dimension: str, judged: int, failed: int, *, weight: float = 1.0, error: bool = False) -> RuleResult:
    outcome = Outcome.ERROR if error else Outcome.PASS
    return RuleResult("r", dimension, "c", "", outcome, 1.0, "error", weight, judged, failed)


@pytest.mark.parametrize(
    ("judged", "failed", "threshold", "severity", "outcome"),
    [
        (10, 0, 1.0, "error", "pass"),
        (10, 1, 1.0, "error", "fail"),
        (10, 1, 1.0, "warning", "warn"),
        (10, 1, 0.9, "error", "pass"),
        (10, 3, 0.7, "error", "pass"),
        (1000, 71, 0.93, "error", "fail"),
        (1000, 70, 0.93, "error", "pass"),
        (0, 0, 1.0, "error", "pass"),
        (5, 5, 0.0, "error", "pass"),
    ],
)
def test_a_rule_is_kept_when_so_many_rows_keep_it(
    judged: int, failed: int, threshold: float, severity: str, outcome: str
) -> None:
    assert outcome_of(judged=judged, failed=failed, threshold=threshold, severity=severity) == outcome


def test_the_whole_is_the_mean_of_dimensions_and_a_dimension_that_of_its_rules_by_weight() -> None:
    results = [
        result("completeness", 100, 10, weight=3),
        result("completeness", 100, 50),
        result("validity", 200, 0),
        result("validity", 0, 0),
        result("accuracy", 0, 0, error=True),
    ]
    dimensions = dimension_scores(results)
    assert dimensions == {"completeness": 0.8, "validity": 1.0}
    assert whole_score(dimensions, rows=100) == 0.9


def test_nothing_judged_is_no_score_and_so_is_a_table_of_nine_rows() -> None:
    assert whole_score(dimension_scores([result("validity", 0, 0)]), rows=100) is None
    assert whole_score({"validity": 0.5}, rows=9) is None
    assert whole_score({"validity": 0.5}, rows=10) == 0.5


@given(st.floats(0, 1))
def test_a_score_is_never_cut_upwards(score: float) -> None:
    assert 0 <= score - cut(score) + 1e-9 < 0.01 + 2e-9
    assert cut(0.9999) == 0.99
    assert cut(0.29) == 0.29


@given(st.integers(100, 2_000))
def test_a_coarse_score_has_no_more_steps_than_tens_of_rows(rows: int) -> None:
    told = [-1.0 if (one := coarse(1 - failed / rows, rows=rows)) is None else one for failed in range(rows + 1)]
    assert len(set(told)) <= rows // 10 + 2
    assert told == sorted(told, reverse=True)
    assert all(step <= 1 - failed / rows + 1e-9 for failed, step in enumerate(told))
    assert (told[0], told[-1]) == (1.0, 0.0)


@pytest.mark.parametrize("rows", [10, 11, 99])
def test_a_good_small_table_is_not_told_to_be_a_bad_one(rows: int) -> None:
    assert coarse(1.0, rows=rows) == 1.0
    assert {coarse(1 - failed / rows, rows=rows) for failed in range(1, rows + 1)} == {None}
