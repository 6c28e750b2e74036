"""What happened to objects, in order, for those who follow: none missed, none twice (store/feed.py)."""

from pergamon.objects.model import ObjectEvent, ObjectEventKind
from pergamon.store import FeedPosition, UnitOfWork, read_feed

FEED = "object_event"


def read_events(uow: UnitOfWork, after: FeedPosition, limit: int = 1000) -> list[ObjectEvent]:
    """Up to `limit` events after a position, in the order in which they became certain."""
    names = ("position", "id", "bucket", "key", "version_id", "at", "actor")
    return [
        ObjectEvent(kind=ObjectEventKind(row["kind"]), **{name: row[name] for name in names})
        for row in read_feed(uow, FEED, after, limit)
    ]
