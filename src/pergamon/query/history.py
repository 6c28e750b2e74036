"""Who ran which query? People see their own, a workgroup's admins all but the texts, auditors a text, on the record."""

from datetime import datetime

from pergamon.identity import actions_of_roles
from pergamon.policy import Action, Resource, decide
from pergamon.query import tables
from pergamon.query.events import QueryTextRead
from pergamon.query.gate import NOT_A_NAME
from pergamon.query.model import IDENTIFIER, HistoryEntry, UnknownQuery, UnknownWorkgroup, WorkgroupSpec
from pergamon.store import UnitOfWork

LONGEST_PAGE = 1001
"""One more than a page of the API, so that it is known whether there are more."""
LONGEST_TEXT = 200
"""Characters that are looked for in texts."""


def own_queries(
    uow: UnitOfWork, *, text: str = "", before: tuple[datetime, str] | None = None, limit: int = 50
) -> list[HistoryEntry]:
    """The actor's own queries, newest first, with their texts.

    text: only those in whose text this stands, as it is, in letters of either case. before: (time, id) of the last one
    of the page before. Cost: of a text, all that the actor ever ran.
    """
    return tables.own_history(uow, uow.actor.id, text=text, before=before, limit=min(limit, LONGEST_PAGE))


def workgroup_queries(uow: UnitOfWork, workgroup: str, *, limit: int = 50) -> list[HistoryEntry]:
    """A workgroup's queries, newest first, without their texts.

    Raises:
        UnknownWorkgroup: there is no such workgroup, or the actor is not one of its admins.
    """
    is_name = IDENTIFIER.fullmatch(workgroup) is not None
    spec = tables.workgroup(uow, workgroup) if is_name else None
    resource = (spec or WorkgroupSpec(admins=frozenset({""}))).resource(workgroup if is_name else NOT_A_NAME)
    held = actions_of_roles(uow, uow.actor.roles)
    decision = decide(uow.actor, Action.QUERY_HISTORY, resource, actions=held)
    if spec is None or not decision.allowed:
        raise UnknownWorkgroup(f"no such workgroup: {workgroup}", decision=decision)
    return tables.history(uow, workgroup, min(limit, LONGEST_PAGE))


def query_text(uow: UnitOfWork, query_id: str) -> HistoryEntry:
    """One query with its text: for who ran it, or for an auditor, whose reading is recorded.

    Raises:
        UnknownQuery: there is none, or it is not the actor's to see.
    """
    is_name = IDENTIFIER.fullmatch(query_id) is not None
    entry = tables.entry(uow, query_id) if is_name else None
    if entry is not None and entry.actor == uow.actor.id:
        return entry
    held = actions_of_roles(uow, uow.actor.roles)
    decision = decide(
        uow.actor, Action.AUDIT_READ, Resource("query", query_id if is_name else NOT_A_NAME), actions=held
    )
    if entry is None or not decision.allowed:
        raise UnknownQuery(f"no such query: {query_id}", decision=decision)
    uow.record(QueryTextRead(subject=f"query:{query_id}", person=entry.actor))
    return entry
