"""Feeds: rows that followers read in the order in which they became certain, none missed and none twice.

A feed is a table with the columns `xid xid8 NOT NULL DEFAULT pg_current_xact_id()` and `sequence bigint GENERATED
ALWAYS AS IDENTITY`, and an index on both. A number alone would not do: a transaction that began earlier may commit
later, behind a follower's back. So a row is handed out only when every transaction that began before its own has
ended, in the order of `(xid, sequence)`; the audit's sequencer reads its events in the same way.
"""

from dataclasses import dataclass
from typing import Any, Self

from psycopg import sql

from pergamon.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, order=True)
class FeedPosition:
    """How far a follower has come. The follower keeps it in the transaction in which it acts on what it has read."""

    xid: int = 0
    sequence: int = 0

    def __str__(self) -> str:
        return f"{self.xid}.{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote; `""` is the beginning."""
        xid, _, sequence = text.partition(".")
        return cls(int(xid or 0), int(sequence or 0))


def read_feed(uow: UnitOfWork, feed: str, after: FeedPosition, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` certain rows of the feed table after a position, in order, each with its `position`.

    Cost: an index scan from the position, whatever the length of the feed.
    """
    query = sql.SQL(
        "SELECT * FROM {feed} WHERE (xid, sequence) > (%s::text::xid8, %s) "
        "AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, sequence LIMIT %s"
    ).format(feed=sql.Identifier(feed))
    rows = uow.rows(query, (str(after.xid), after.sequence, limit))
    return [row | {"position": FeedPosition(int(row["xid"]), row["sequence"])} for row in rows]


def read_position(uow: UnitOfWork, follower: str, *, lock: bool = False) -> FeedPosition:
    """Where a named follower stands; `lock`: hold its place until this transaction ends, others wait."""
    if lock:
        uow.execute("INSERT INTO feed_position (follower) VALUES (%s) ON CONFLICT DO NOTHING", (follower,))
        row = uow.row("SELECT position FROM feed_position WHERE follower = %s FOR UPDATE", (follower,))
    else:
        row = uow.row("SELECT position FROM feed_position WHERE follower = %s", (follower,))
    return FeedPosition.parse(row["position"] if row else "")


def move_position(uow: UnitOfWork, follower: str, position: FeedPosition) -> None:
    """Remember how far a named follower has come, with this transaction."""
    uow.execute(
        "INSERT INTO feed_position (follower, position) VALUES (%s, %s) "
        "ON CONFLICT (follower) DO UPDATE SET position = excluded.position",
        (follower, str(position)),
    )
