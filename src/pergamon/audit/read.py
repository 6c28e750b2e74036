"""What stands in the trail? Searched by thing, kind, actor and time; each by its own index, newest first."""

from collections.abc import Set
from datetime import datetime
from typing import LiteralString

from pergamon.audit.events import TrailRead
from pergamon.audit.model import ENTRY, TrailEntry
from pergamon.store import UnitOfWork


def read_trail(
    uow: UnitOfWork,
    *,
    subject: str | None = None,
    code: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[TrailEntry]:
    """The newest entries, newest first; by thing, code, actor and time where given. Reading is itself recorded.

    subject: what they are about, or speak of besides: of a table, the queries that read it, under whatever name.
    until: not that moment itself. before: (time, id) of the last entry of the page before.
    Cost: index scans in the order of time. Conditions are added, and not left open by a NULL, so that the plan that
    PostgreSQL keeps for a statement is the plan for that search.
    """
    at, event_id = before or (None, None)
    asked = {"subject": subject, "code": code, "actor": actor, "since": since, "until": until, "at": at, "id": event_id}
    given = {name for name, value in asked.items() if value is not None}
    rows = uow.rows(search_of(given), {**asked, "limit": limit})
    uow.record(TrailRead(subject="trail:main", entries=len(rows)))
    return [TrailEntry(**row) for row in rows]


def search_of(given: Set[str]) -> LiteralString:
    """The SQL of a search by these."""
    conditions = _conditions(given, when="e.at", which="e.id")
    if "subject" not in given:
        return _SEARCH.format(entry=ENTRY, conditions=conditions)
    spoken_of = _conditions(given, when="n.at", which="n.event_id")
    return _SEARCH_FOR_SUBJECT.format(entry=ENTRY, conditions=conditions, spoken_of=spoken_of)


_SEARCH: LiteralString = """
    SELECT {entry} FROM audit_event e WHERE {conditions} ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s
"""
_SEARCH_FOR_SUBJECT: LiteralString = """
    SELECT {entry} FROM (
        (SELECT e.* FROM audit_event e WHERE e.subject = %(subject)s AND {conditions}
        ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT e.* FROM audit_about n JOIN audit_event e ON e.id = n.event_id
        WHERE n.about = %(subject)s AND {spoken_of} ORDER BY n.at DESC, n.event_id DESC LIMIT %(limit)s)
    ) e ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s
"""
"""The newest of those that are about it, and of those that speak of it: no event is both."""


def _conditions(given: Set[str], *, when: LiteralString, which: LiteralString) -> LiteralString:
    conditions: dict[str, LiteralString] = {
        "code": "e.code = %(code)s",
        "actor": "e.actor = %(actor)s",
        "since": f"{when} >= %(since)s",
        "until": f"{when} < %(until)s",
        "at": f"({when}, {which}) < (%(at)s, %(id)s)",
    }
    return " AND ".join([sql for name, sql in conditions.items() if name in given]) or "true"
