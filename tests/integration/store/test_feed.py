"""A follower of a feed misses nothing, although transactions commit out of order."""

from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.store import FeedPosition, UnitOfWork, move_position, read_feed, read_position


def _follow(rt: Runtime, operator: Actor) -> list[str]:
    with rt.begin(operator) as uow:
        place = read_position(uow, "reader", lock=True)
        rows = read_feed(uow, "told", place, 10)
        if rows:
            move_position(uow, "reader", rows[-1]["position"])
        return [row["what"] for row in rows]


def _tell(uow: UnitOfWork, what: str) -> None:
    uow.execute("INSERT INTO told (what) VALUES (%s)", (what,))


def test_a_row_of_an_older_transaction_that_commits_later_is_not_missed(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        uow.execute(
            "CREATE TABLE told (what text, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), "
            "sequence bigint GENERATED ALWAYS AS IDENTITY)"
        )
    with rt.begin(operator) as early:
        _tell(early, "early")
        with rt.begin(operator) as late:
            _tell(late, "late")
        assert _follow(rt, operator) == []
    assert _follow(rt, operator) == ["early", "late"]
    assert _follow(rt, operator) == []


def test_a_position_reads_as_it_was_written() -> None:
    assert FeedPosition.parse(str(FeedPosition(7, 9))) == FeedPosition(7, 9)
    assert FeedPosition.parse("") == FeedPosition()
    assert FeedPosition(9, 1) < FeedPosition(10, 0)
