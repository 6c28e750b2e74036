"""One person's queries leave room for another's, and a turn comes back however a query ends."""

from contextlib import ExitStack

import pytest

from pergamon.query import QueryBusy
from pergamon.query.turns import Turns


def test_one_person_is_refused_while_another_is_served() -> None:
    turns = Turns(each=2, together=10)
    with turns.of("person:eve"), turns.of("person:eve"):
        with pytest.raises(QueryBusy, match="2 of your queries"), turns.of("person:eve"):
            pass
        with turns.of("person:ada"):
            pass
    with turns.of("person:eve"):
        pass


def test_many_persons_together_leave_threads_for_everything_else() -> None:
    turns = Turns(each=2, together=4)
    with ExitStack() as held:
        for number in range(4):
            held.enter_context(turns.of(f"person:{number}"))
        with pytest.raises(QueryBusy, match="as this host takes"), turns.of("person:late"):
            pass
    assert not turns._taken


def test_a_turn_comes_back_when_the_query_fails() -> None:
    turns = Turns(each=1)
    with pytest.raises(ZeroDivisionError), turns.of("person:eve"):
        raise ZeroDivisionError
    with turns.of("person:eve"):
        pass
