"""Decisions, canonical bytes, identifiers, events."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.kernel import AccessDenied, Decision, Event, Kind, PergamonError, canonical_bytes, new_id, require

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_nobody_can_lose_an_obligation_by_asking_for_a_truth_value() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(Decision(True, "a", "b", "c"))


def test_require_returns_the_obligations_or_raises_with_the_decision() -> None:
    assert require(Decision(True, "a", "b", "c", obligations={"mask": "null"})) == {"mask": "null"}
    refusal = Decision(False, "a", "b", "c")
    with pytest.raises(AccessDenied) as raised:
        require(refusal)
    assert raised.value.decision is refusal


@given(JSON, JSON)
def test_canonical_bytes_are_equal_exactly_when_the_values_are(a: object, b: object) -> None:
    assert (canonical_bytes(a) == canonical_bytes(b)) == (repr_typed(a) == repr_typed(b))


def repr_typed(value: object) -> object:
    """Equality that tells True from 1 and does not see the order of keys."""
    if isinstance(value, dict):
        return {key: repr_typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [repr_typed(item) for item in value]
    return (type(value).__name__, value)


@pytest.mark.parametrize("value", [1.0, [1.5], {"a": {"b": 0.1}}, (float("nan"),)])
def test_a_float_is_refused_because_its_text_differs_between_writers(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        canonical_bytes(value)


def test_identifiers_sort_by_their_making_also_where_the_clock_stands_still_or_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [new_id("x") for _ in range(10_000)]
    assert sorted(set(ids)) == ids
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    later = [new_id("x") for _ in range(100)]
    assert sorted(set(ids + later)) == ids + later
    assert {len(made) for made in ids + later} == {34}


def test_identifiers_of_many_threads_are_all_different() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(new_id, ["x"] * 10_000))
    assert len(set(ids)) == 10_000


def test_an_event_code_is_never_used_twice() -> None:
    @dataclass(frozen=True)
    class First(Event):
        code: ClassVar[str] = "test.used_once"

    with pytest.raises(TypeError, match="already taken"):
        type("Second", (Event,), {"code": "test.used_once"})
    with pytest.raises(TypeError, match="missing"):
        type("Third", (Event,), {"code": ""})
    assert First(subject="x:y").facts() == {}


def all_errors(root: type[PergamonError] = PergamonError) -> list[type[PergamonError]]:
    return [root, *(found for child in root.__subclasses__() for found in all_errors(child))]


def test_every_error_says_what_a_caller_can_do() -> None:
    assert all(isinstance(error.kind, Kind) and "." in error.code for error in all_errors())
