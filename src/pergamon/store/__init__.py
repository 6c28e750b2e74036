"""PostgreSQL: the engine, the unit of work, the outbox, the migrations."""

from pergamon.store.bell import Bell, Pace
from pergamon.store.engine import AlreadyAtWork, BadDatabaseUrl, Store, nobody_is_at, require_conninfo
from pergamon.store.feed import FeedPosition, move_position, read_feed, read_position
from pergamon.store.migrate import MigrationFailed, apply_migrations, known_migrations
from pergamon.store.outbox import OutboxMessage, claim_messages, mark_delivered, mark_failed
from pergamon.store.unit_of_work import UnitOfWork, asked_once

__all__ = [
    "AlreadyAtWork",
    "BadDatabaseUrl",
    "Bell",
    "FeedPosition",
    "MigrationFailed",
    "OutboxMessage",
    "Pace",
    "Store",
    "UnitOfWork",
    "apply_migrations",
    "asked_once",
    "claim_messages",
    "known_migrations",
    "mark_delivered",
    "mark_failed",
    "move_position",
    "nobody_is_at",
    "read_feed",
    "read_position",
    "require_conninfo",
]
