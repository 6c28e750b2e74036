"""One unit of work: one transaction, one actor, one time, and the events that will stand in the trail with it."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any, Concatenate, LiteralString, ParamSpec, TypeVar, cast

from psycopg import Connection, Cursor
from psycopg.rows import DictRow
from psycopg.sql import Composed
from psycopg.types.json import Jsonb

from pergamon.kernel import Actor, Event, new_id

Statement = LiteralString | Composed
Parameters = Sequence[Any] | Mapping[str, Any]
About = ParamSpec("About")
Answer = TypeVar("Answer")
_LOOKS_ONLY = re.compile(r"\s*(SELECT|WITH)\b(?!.*\b(INSERT|UPDATE|DELETE|MERGE|SHARE|pg_(try_)?advisory\w*)\b)", re.S)


class UnitOfWork:
    """What a verb works in. The caller owns the transaction: a verb never commits (house style, section 4).

    SQL is a literal string; values are always parameters.
    """

    def __init__(self, connection: Connection[DictRow], actor: Actor, now: datetime) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.events: list[Event] = []
        self._known: dict[Hashable, object] = {}

    def record(self, event: Event) -> None:
        """Put an event into the trail, in this transaction: if it cannot be written, nothing happened."""
        self.events.append(event)

    def execute(self, sql: Statement, parameters: Parameters = ()) -> int:
        """Run a statement. Returns: the number of rows it touched."""
        return self._run(sql, parameters).rowcount

    def rows(self, sql: Statement, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of a query, each a dict by column name."""
        return self._run(sql, parameters).fetchall()

    def row(self, sql: Statement, parameters: Parameters = ()) -> DictRow | None:
        """The first row of a query, or None."""
        return self._run(sql, parameters).fetchone()

    def known(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """What was answered to this question here; asked again after a statement that may change or wait for anything.

        For `asked_once`: a question that every decision begins with.
        """
        if question not in self._known:
            self._known[question] = ask()
        return cast(Answer, self._known[question])

    def enqueue(self, topic: str, key: str, payload: dict[str, Any]) -> None:
        """Leave a message for a second system (law 3): intent now, act after the commit. One per topic and key."""
        self.execute(
            "INSERT INTO outbox (id, topic, key, payload, created_at) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (topic, key) DO NOTHING",
            (new_id("msg"), topic, key, Jsonb(payload), self.now),
        )

    def _run(self, sql: Statement, parameters: Parameters) -> Cursor[DictRow]:
        if not _looks_only(sql if isinstance(sql, str) else sql.as_string()):
            self._known.clear()
        return self.connection.execute(sql, parameters)


def asked_once(
    question: Callable[Concatenate[UnitOfWork, About], Answer],
) -> Callable[Concatenate[UnitOfWork, About], Answer]:
    """A question that a unit of work asks PostgreSQL once, however often it is put; its answer is not to be changed."""

    @wraps(question)
    def asked(uow: UnitOfWork, /, *args: About.args, **kwargs: About.kwargs) -> Answer:
        put = (question, args, tuple(sorted(kwargs.items())))
        return uow.known(put, lambda: question(uow, *args, **kwargs))

    return asked


@lru_cache(maxsize=2_000)
def _looks_only(sql: str) -> bool:
    """Does it surely change nothing, and wait for nobody?"""
    return _LOOKS_ONLY.match(sql) is not None
