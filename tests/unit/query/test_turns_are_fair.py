"""Nobody waits behind more than one statement of each other person; who may not run more is passed over."""

from collections import Counter

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pergamon.query.turns import FairQueue, Turn

PEOPLE, GROUPS = "abcd", "xy"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(PEOPLE), st.sampled_from(GROUPS)),
        st.tuples(st.just("end"), st.integers(0, 5), st.none()),
        st.tuples(st.just("withdraw"), st.integers(0, 20), st.none()),
    ),
    min_size=30,
    max_size=80,
)


def turn(person: str, group: str = "x", most: int | None = None, most_of_one: int | None = None) -> Turn:
    return Turn(person, group, lambda: None, most, most_of_one)


@given(steps=STEPS, at_once=st.integers(1, 4), most=st.integers(1, 3), most_of_one=st.integers(1, 2))
@settings(max_examples=50)
def test_nobody_waits_behind_more_than_one_statement_of_each_other_person(
    steps: list[tuple[str, str | int, str | None]], at_once: int, most: int, most_of_one: int
) -> None:
    """While one could begin, and since one's own last began, no other person begins twice."""
    queue, waiting, running = FairQueue(at_once), list[Turn](), list[Turn]()
    passed: dict[str, Counter[str]] = {}

    def could_begin(one: Turn) -> bool:
        group = [other.person for other in running if other.workgroup == one.workgroup]
        return len(group) < most and group.count(one.person) < most_of_one

    def fill() -> None:
        while True:
            could = {one.person for one in waiting if could_begin(one)} if len(running) < at_once else set()
            begun = queue.next()
            assert (begun is not None) == bool(could), "somebody begins exactly when somebody can"
            if begun is None:
                return
            assert begun.person in could
            own = [one for one in waiting if one.person == begun.person]
            assert begun is next(one for one in own if could_begin(one)), "in one's own order"
            waiting.remove(begun)
            running.append(begun)
            passed[begun.person] = Counter()
            for person in could - {begun.person}:
                passed[person][begun.person] += 1
                assert passed[person][begun.person] == 1, "nobody else begins twice meanwhile"
                event("somebody was passed")

    for what, which, group in steps:
        if what == "add":
            assert isinstance(which, str)
            assert group is not None
            one = turn(which, group, most, most_of_one)
            if all(other.person != which for other in waiting):
                passed[which] = Counter()
            queue.add(one)
            waiting.append(one)
        elif what == "end" and running:
            queue.ended(running.pop(int(which) % len(running)))
        elif what == "withdraw" and waiting:
            one = waiting.pop(int(which) % len(waiting))
            assert queue.withdraw(one)
        fill()


def test_one_person_with_many_statements_and_one_with_a_single_one() -> None:
    queue = FairQueue(at_once=1)
    many, single = [turn("eve") for _ in range(20)], turn("ada")
    for one in many:
        queue.add(one)
    assert queue.next() is many[0]
    queue.add(single)
    queue.ended(many[0])
    assert queue.next() is many[1], "eve waited already when ada came"
    queue.ended(many[1])
    assert queue.next() is single


@pytest.mark.parametrize(("most", "most_of_one"), [(1, None), (None, 1)])
def test_who_may_not_run_more_is_passed_over_and_is_first_afterwards(most: int | None, most_of_one: int | None) -> None:
    queue = FairQueue(at_once=9)
    first, second, other = turn("eve", "x", most, most_of_one), turn("eve", "x", most, most_of_one), turn("ada", "y")
    for one in (first, second, other):
        queue.add(one)
    assert queue.next() is first
    assert queue.next() is other
    assert queue.next() is None
    queue.ended(first)
    assert queue.next() is second
    assert not queue.withdraw(second)
