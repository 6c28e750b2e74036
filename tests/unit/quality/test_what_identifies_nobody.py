"""Which values of a column may be kept? The rules of disclosure, by themselves."""

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.quality.disclosure import (
    FEWEST_ROWS,
    LEAST_TOLD,
    MOST_BUCKETS,
    Bucket,
    blurred,
    calendar_edges,
    is_coded,
    merged,
    nice_step,
    round_edges,
    rounded_count,
    rounded_lengths,
    time_text,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
DAY = 86_400


@pytest.mark.parametrize(
    ("lengths", "told"),
    [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((3, 187), (2, 200)), ((36, 36), (20, 50)), ((999, 12_345), (500, 20_000))],
)
def test_lengths_are_told_rounded_outwards(lengths: tuple[int, int], told: tuple[int, int]) -> None:
    assert rounded_lengths(*lengths) == told


def test_a_far_value_among_few_cannot_be_reckoned_from_their_mean() -> None:
    """39 ages and one income: the mean, known to a grain, leaves the income open by more than a tenth of itself."""
    rest, far = [float(30 + at % 10) for at in range(39)], 1_234_567.0
    every = [*rest, far]
    deviation = statistics.stdev(every)
    grain = blurred(0.1, deviation, len(every))
    assert len(every) * grain > far / 10
    assert blurred(0.1, statistics.stdev(rest * 1000), 39_000) == 0.1, "many rows are told as finely as before"


@pytest.mark.parametrize(
    ("counts", "coded"),
    [([], False), ([9], False), ([10], True), ([10, 9], False), ([10] * 50, True), ([10] * 51, False)],
)
def test_codes_are_kept_only_where_each_stands_in_ten_rows_and_there_are_fifty_at_most(
    counts: list[int], coded: bool
) -> None:
    assert is_coded(counts) is coded


@given(st.lists(st.integers(0, 40), max_size=25))
def test_no_bucket_is_small_and_no_row_is_lost_or_all_are(counts: list[int]) -> None:
    ends = [None, *map(float, range(1, len(counts))), None] if counts else []
    buckets = [Bucket(low, high, n) for (low, high), n in zip(itertools.pairwise(ends), counts, strict=True)]
    found = merged(buckets)
    assert all(bucket.rows >= FEWEST_ROWS for bucket in found)
    assert sum(bucket.rows for bucket in found) == (sum(counts) if found else 0)
    assert bool(found) is (sum(counts) >= FEWEST_ROWS)
    assert all(left.to == right.from_ for left, right in itertools.pairwise(found))
    if found:
        assert (found[0].from_, found[-1].to) == (None, None)


@given(FINITE, FINITE, st.booleans())
def test_edges_are_few_rising_and_inside(a: float, b: float, whole: bool) -> None:
    low, high = sorted((a, b))
    edges = round_edges(low, high, whole=whole)
    assert len(edges) <= MOST_BUCKETS
    assert edges == sorted(set(edges))


@pytest.mark.parametrize(
    ("low", "high", "whole", "edges"),
    [
        (3, 97, True, [10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (0.0, 1.0, False, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (5, 5, True, [5]),
        (1234567, 1234567, False, [1230000]),
        (-50, 50, True, [-50, -40, -30, -20, -10, 0, 10, 20, 30, 40, 50]),
    ],
)
def test_edges_are_round(low: float, high: float, whole: bool, edges: list[float]) -> None:
    assert round_edges(low, high, whole=whole) == edges


@given(st.floats(min_value=1e-280, max_value=1e300))
def test_a_nice_step_is_not_smaller_and_at_most_two_and_a_half_times_as_large(step: float) -> None:
    nice = nice_step(step)
    assert step <= nice * (1 + 1e-12)
    assert nice <= step * 2.5 * (1 + 1e-9)


@given(st.floats(-6e10, 2e11), st.floats(0, 2e11), st.booleans())
def test_times_end_at_beginnings_of_the_calendar(low: float, spread: float, days_only: bool) -> None:
    edges = calendar_edges(low, low + spread, days_only=days_only)
    assert len(edges) <= MOST_BUCKETS
    assert edges == sorted(set(edges))
    if days_only:
        assert all(edge % DAY == 0 for edge in edges)


def test_dates_of_birth_end_at_beginnings_of_years() -> None:
    edges = calendar_edges(-1_262_304_000, 1_577_836_800, days_only=True)  # 1930 to 2020
    assert [time_text(edge, days_only=True) for edge in edges][:3] == ["1930-01-01", "1935-01-01", "1940-01-01"]


@given(st.integers(0, 10**12))
def test_a_rounded_count_tells_no_few_rows_apart(count: int) -> None:
    near = rounded_count(count)
    assert near % 10 == 0
    assert abs(near - count) <= 5
    assert (near == 0) is (count < LEAST_TOLD)
    assert rounded_count(count) <= rounded_count(count + 1)
