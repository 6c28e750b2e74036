"""The rule by which failed logins are answered with waits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.identity.passwords import password_fits
from pergamon.identity.principals import person_id
from pergamon.identity.throttle import ALL_NAMES, MOST_COUNTED, ONE_NAME, Throttle

NOW = datetime(2026, 3, 1, 0, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (9, 480), (10, 900), (MOST_COUNTED, 900)]
)
def test_a_name_waits_twice_as_long_each_time_and_never_longer_than_a_quarter_of_an_hour(
    failures: int, wait_s: int
) -> None:
    assert ONE_NAME.wait_after(failures) == timedelta(seconds=wait_s)


@given(
    throttle=st.sampled_from([ONE_NAME, ALL_NAMES]),
    failures=st.integers(0, MOST_COUNTED),
    first_ago=st.integers(-100_000, 100_000),
    last_ago=st.integers(-100_000, 100_000),
)
def test_a_wait_is_never_negative_nor_longer_than_the_longest_whatever_the_clock_did(
    throttle: Throttle, failures: int, first_ago: int, last_ago: int
) -> None:
    first_at, last_at = NOW - timedelta(seconds=first_ago), NOW - timedelta(seconds=last_ago)
    left = throttle.wait_left(failures, first_at, last_at, NOW)
    assert timedelta(0) <= left <= timedelta(seconds=throttle.longest_wait_s)
    assert throttle.wait_after(failures) <= throttle.wait_after(failures + 1)
    if first_ago >= throttle.window_s or last_ago >= throttle.longest_wait_s:
        assert left == timedelta(0), "it ends, and the count begins anew"


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("ada", "person:ada"), ("person:ada", "person:ada"), ("service:x", "service:x"), ("", "person:")],
)
def test_a_person_is_named_with_or_without_the_kind(name: str, identifier: str) -> None:
    assert person_id(name) == identifier


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_nothing_fits_a_hash_that_is_missing_or_broken(kept: str | None) -> None:
    assert not password_fits(kept, "correct horse battery")
    assert not password_fits(kept, "")
