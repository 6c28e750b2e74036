"""One unit of work: one transaction, one actor, one time, and the events that will stand in the trail with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.kernel import Actor, Event, new_id

Parameters = Sequence[Any] | Mapping[str, Any]


class UnitOfWork:
    """What a verb works in. The caller owns the transaction: a verb never commits (house style, section 4).

    SQL is a literal string; values are always parameters.
    """

    def __init__(self, connection: Connection[DictRow], actor: Actor, now: datetime) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        """Put an event into the trail, in this transaction: if it cannot be written, nothing happened."""
        self.events.append(event)

    def execute(self, sql: LiteralString, parameters: Parameters = ()) -> int:
        """Run a statement. Returns: the number of rows it touched."""
        return self.connection.execute(sql, parameters).rowcount

    def rows(self, sql: LiteralString, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of a query, each a dict by column name."""
        return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: LiteralString, parameters: Parameters = ()) -> DictRow | None:
        """The first row of a query, or None."""
        return self.connection.execute(sql, parameters).fetchone()

    def enqueue(self, topic: str, key: str, payload: dict[str, Any]) -> None:
        """Leave a message for a second system (law 3): intent now, act after the commit. One per topic and key."""
        self.execute(
            "INSERT INTO outbox (id, topic, key, payload, created_at) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (topic, key) DO NOTHING",
            (new_id("msg"), topic, key, Jsonb(payload), self.now),
        )
