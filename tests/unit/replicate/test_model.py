"""Positions sort as text, secrets are references, change numbers only grow."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pergamon.kernel import Invalid
from pergamon.replicate.model import (
    CHANGE_SEQ_START,
    Position,
    ReplicationTaskSpec,
    SourceSpec,
    lsn_from_text,
    lsn_text,
    next_change_seq,
    own_name,
    position_from_text,
)

positions = st.builds(Position, st.integers(0, 2**64 - 1), st.integers(0, 10**10 - 1))
RULES = (
    {
        "rule-type": "selection",
        "rule-id": "1",
        "rule-action": "include",
        "object-locator": {"schema-name": "%", "table-name": "%"},
    },
)


@given(positions, positions)
def test_positions_sort_as_text_as_they_sort_as_numbers(one: Position, other: Position) -> None:
    assert (one < other) == (str(one) < str(other))
    assert position_from_text(str(one)) == one


@given(st.integers(0, 2**64 - 1))
def test_a_log_position_is_written_as_postgresql_writes_it(lsn: int) -> None:
    assert lsn_from_text(lsn_text(lsn)) == lsn


def test_a_text_that_is_no_position_is_refused() -> None:
    with pytest.raises(Invalid):
        position_from_text("16/B374D848")


@given(st.lists(st.integers(0, 10**15), min_size=2, max_size=20))
def test_change_numbers_grow_also_when_the_clock_goes_back(moments: list[int]) -> None:
    numbers = list(itertools.accumulate(moments, next_change_seq, initial=CHANGE_SEQ_START))
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {35}


@pytest.mark.parametrize(
    "given_source",
    [
        {"host": "db", "dbname": "hda", "user": "u", "password": "plain-value"},
        {"conninfo": "host=db password=plain-value"},
        {"conninfo": "{{secret:x}}", "host": "db"},
        {"host": "db"},
        {"host": "db", "dbname": "hda", "user": "u", "surprise": 1},
    ],
)
def test_a_source_is_whole_and_its_secrets_are_references(given_source: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        SourceSpec(**given_source)
    assert "plain-value" not in str(caught.value)


def test_secrets_are_put_in_when_the_source_is_resolved() -> None:
    spec = SourceSpec(host="db", dbname="hda", user="u", password="{{secret:hospital}}")
    assert "password=it" in spec.resolved({"hospital": "it"}.__getitem__)
    assert "connect_timeout=10" in spec.resolved({"hospital": "it"}.__getitem__)


@pytest.mark.parametrize(
    "more",
    [{"prefix": "../out"}, {"prefix": "a//b"}, {"slot": "Has Space"}, {"surprise": 1}, {"rules": ({"rule-id": "1"},)}],
)
def test_a_task_that_cannot_run_is_refused_when_it_is_written(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReplicationTaskSpec(**{"source": SourceSpec(conninfo="{{secret:x}}"), "rules": RULES} | more)


def test_a_task_survives_being_written_as_json() -> None:
    spec = ReplicationTaskSpec(source=SourceSpec(conninfo="{{secret:x}}"), rules=RULES)
    assert ReplicationTaskSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_a_slot_is_named_after_its_task() -> None:
    assert own_name("Hospital-1") == "pergamon_hospital_1"
    assert len(own_name("x" * 80)) == 63
