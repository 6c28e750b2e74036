"""The outbox: acts on second systems, remembered in the transaction that wants them, carried out after it (law 3)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pergamon.store.unit_of_work import UnitOfWork

LONGEST_WAIT_S = 3600


@dataclass(frozen=True)
class OutboxMessage:
    """One intended act. `key` is its idempotency key: the second system sees it again after a crash."""

    id: str
    topic: str
    key: str
    payload: dict[str, Any]
    attempts: int


def claim_messages(uow: UnitOfWork, topic: str, limit: int = 100) -> list[OutboxMessage]:
    """Take messages that are due, locked until this transaction ends; other workers skip them."""
    rows = uow.rows(
        "SELECT id, topic, key, payload, attempts FROM outbox "
        "WHERE topic = %s AND delivered_at IS NULL AND due_at <= %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (topic, uow.now, limit),
    )
    return [OutboxMessage(**row) for row in rows]


def mark_delivered(uow: UnitOfWork, message: OutboxMessage) -> None:
    uow.execute("UPDATE outbox SET delivered_at = %s WHERE id = %s", (uow.now, message.id))


def mark_failed(uow: UnitOfWork, message: OutboxMessage) -> None:
    """Try again later: the wait doubles with each attempt, up to an hour."""
    wait = timedelta(seconds=min(2**message.attempts, LONGEST_WAIT_S))
    uow.execute("UPDATE outbox SET attempts = attempts + 1, due_at = %s WHERE id = %s", (uow.now + wait, message.id))
