"""Events go into the trail in the transaction of the act, unchained: a chain's lock would serialise acts (law 2)."""

from pergamon.kernel import canonical_bytes, new_id
from pergamon.store import UnitOfWork


def record_events(uow: UnitOfWork) -> None:
    """Insert the unit of work's events. Called last by whoever owns the transaction."""
    for event in uow.events:
        event_id = new_id("evt")
        facts = canonical_bytes(event.facts()).decode()
        uow.execute(
            "INSERT INTO audit_event (id, at, actor, operator, code, subject, facts) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (event_id, uow.now, uow.actor.id, uow.actor.operator, event.code, event.subject, facts),
        )
        uow.execute("INSERT INTO audit_pending (event_id) VALUES (%s)", (event_id,))
        if about := event.about():
            uow.execute(
                "INSERT INTO audit_about (event_id, about, at) SELECT %s, unnest(%s::text[]), %s",
                (event_id, about, uow.now),
            )
    uow.events.clear()
