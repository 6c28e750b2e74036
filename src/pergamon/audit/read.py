"""What stands in the trail? Searched by thing, kind, actor and time; each by its own index, newest first."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any, LiteralString

from pergamon.audit.events import TrailRead
from pergamon.audit.model import ENTRY, TrailEntry
from pergamon.audit.named import is_operator, subjects_named, who_is_named
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

    subject: what they are about, or speak of besides: of a table, the queries that read it, under whatever name; a name
    without its kind is that of each kind. actor: who did it, a person without more; of an operator also what it did as
    somebody else. until: not that moment itself. before: (time, id) of the last entry of the page before.
    Cost: index scans in the order of time. Conditions are added, and not left open by a NULL, so that the plan that
    PostgreSQL keeps for a statement is the plan for that search.
    """
    at, event_id = before or (None, None)
    who = who_is_named(actor) if actor is not None else None
    by = "operator" if who is not None and is_operator(who) else "actor"
    asked = {"code": code, by: who, "since": since, "until": until, "at": at, "id": event_id}
    given = {name for name, value in asked.items() if value is not None}
    rows: list[dict[str, Any]] = []
    if subject is None:
        rows = uow.rows(search_of(given), {**asked, "limit": limit})
    elif subjects := _subjects_on_record(uow, subject):
        rows = uow.rows(search_of(given, list(subjects)), {**asked, **subjects, "limit": limit})
    uow.record(TrailRead(subject="trail:main", entries=len(rows)))
    return [TrailEntry(**row) for row in rows]


def search_of(given: Set[str], kinds: Sequence[LiteralString] = ()) -> LiteralString:
    """The SQL of a search by these: of what each way leads to the newest, and of all that the newest, each once.

    kinds: of the subjects; the parameter that is each of them is called as its kind.
    """
    conditions = _conditions(given, when="e.at", which="e.id")
    if kinds:
        spoken_of = _conditions(given, when="n.at", which="n.event_id")
        ways = [_ABOUT_IT.format(kind=kind, conditions=conditions) for kind in kinds]
        ways += [_SPEAKS_OF_IT.format(kind=kind, conditions=spoken_of) for kind in kinds]
    elif "operator" in given:
        others = _conditions(given - {"operator"}, when="e.at", which="e.id")
        ways = [_BY_IT.format(who=who, conditions=others) for who in _WHO]
    else:
        return _SEARCH.format(entry=ENTRY, conditions=conditions)
    return _SEARCH_OF_SEVERAL.format(entry=ENTRY, ways=" UNION ALL ".join(ways))


def _subjects_on_record(uow: UnitOfWork, written: str) -> dict[LiteralString, str]:
    """What a subject may mean, by its kind: of a bare name, only what there is an entry of."""
    subjects = subjects_named(written)
    if len(subjects) > 1:
        rows = uow.rows(_ON_RECORD, {"subjects": list(subjects.values())})
        known = {row["subject"] for row in rows}
        subjects = {kind: subject for kind, subject in subjects.items() if subject in known}
    return subjects


_ON_RECORD: LiteralString = """
    SELECT subject FROM unnest(%(subjects)s::text[]) AS named (subject)
    WHERE EXISTS (SELECT FROM audit_event e WHERE e.subject = named.subject)
    OR EXISTS (SELECT FROM audit_about n WHERE n.about = named.subject)
"""
_SEARCH: LiteralString = """
    SELECT {entry} FROM audit_event e WHERE {conditions} ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s
"""
_SEARCH_OF_SEVERAL: LiteralString = """
    SELECT {entry} FROM (
        SELECT DISTINCT ON (e.at, e.id) e.* FROM ({ways}) e ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s
    ) e ORDER BY e.at DESC, e.id DESC
"""
_ABOUT_IT: LiteralString = """
    (SELECT e.* FROM audit_event e WHERE e.subject = %({kind})s AND {conditions}
    ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s)
"""
_SPEAKS_OF_IT: LiteralString = """
    (SELECT e.* FROM audit_about n JOIN audit_event e ON e.id = n.event_id
    WHERE n.about = %({kind})s AND {conditions} ORDER BY n.at DESC, n.event_id DESC LIMIT %(limit)s)
"""
_BY_IT: LiteralString = """
    (SELECT e.* FROM audit_event e WHERE {who} = %(operator)s AND {conditions}
    ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s)
"""
_WHO: tuple[LiteralString, ...] = ("e.actor", "e.operator")


def _conditions(given: Set[str], *, when: LiteralString, which: LiteralString) -> LiteralString:
    conditions: dict[str, LiteralString] = {
        "code": "e.code = %(code)s",
        "actor": "e.actor = %(actor)s",
        "operator": "%(operator)s IN (e.actor, e.operator)",
        "since": f"{when} >= %(since)s",
        "until": f"{when} < %(until)s",
        "at": f"({when}, {which}) < (%(at)s, %(id)s)",
    }
    return " AND ".join([sql for name, sql in conditions.items() if name in given]) or "true"
