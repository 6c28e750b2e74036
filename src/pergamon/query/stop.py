"""May a query that is running still run? Asked again and again while it does: a right that ends, ends it at once.

The rights that it was started with are held against those of this moment: the person's roles, the tables' rules, the
grants and their masks. Whatever has become less ends the query; what has become more does not reach it. Rows that were
kept are asked for in the same way, each time that they are read.
"""

from collections.abc import Mapping
from dataclasses import replace

from pergamon import identity
from pergamon.kernel import Actor, Conflict, Decision, Kind, NotFound, PergamonError
from pergamon.policy import Action, decide
from pergamon.query import tables
from pergamon.query.events import QueryCancelAsked, QueryWasCancelled
from pergamon.query.gate import NOT_A_NAME, TableName
from pergamon.query.model import IDENTIFIER, QueryJob, UnknownQuery
from pergamon.query.ports import TableCatalog
from pergamon.query.rights_digest import rights_digest
from pergamon.store import UnitOfWork


class QueryStopped(PergamonError):
    """A right that the query needs has ended while it ran: revoked, expired, narrowed."""

    code, kind = "query.stopped", Kind.DENIED


class QueryCancelled(Conflict):
    """The query was cancelled while it ran."""

    code = "query.cancelled"
    usual_hint = "run it again if you want its rows"


class QueryNotRunning(Conflict):
    """The query has ended already, so it cannot be cancelled."""

    code = "query.not_running"
    usual_hint = "`pergamon query status` says where it is"


class ResultWithdrawn(PergamonError):
    """A right that the result rests on has ended since: revoked, expired, narrowed."""

    code, kind = "query.result_withdrawn", Kind.DENIED


def require_still_allowed(uow: UnitOfWork, catalog: TableCatalog, job: QueryJob) -> None:
    """Raises: QueryCancelled, QueryStopped."""
    if tables.is_cancelled(uow, job.id):
        raise QueryCancelled(f"the query {job.id} was cancelled")
    read = {table.name: rights_digest(table.rights) for table in job.tables}
    ended = _first_that_ended(uow, catalog, read)
    if ended is not None:
        reason = "the right has ended or changed while the query ran"
        raise QueryStopped(
            f"the query {job.id} was ended: the right to read {ended} has ended or changed",
            hint=_LISTED,
            decision=Decision(False, Action.TABLE_READ.value, f"table:{ended}", reason),
        )


def require_still_readable(
    uow: UnitOfWork, catalog: TableCatalog, query_id: str, rights: Mapping[str, str | None]
) -> None:
    """The rule of running queries, for rows that were kept. rights: digests, by the names of the tables they are of.

    Raises: ResultWithdrawn.
    """
    read = {TableName(*name.split(".", 1)): digest for name, digest in rights.items()}
    ended = _first_that_ended(uow, catalog, read)
    if ended is not None:
        reason = "the right has ended or changed since the query ran"
        raise ResultWithdrawn(
            f"the rows of {query_id} are not given any more: the right to read {ended} has ended or changed",
            hint=_LISTED,
            decision=Decision(False, Action.TABLE_READ.value, f"table:{ended}", reason),
        )


def cancel_query(uow: UnitOfWork, query_id: str) -> None:
    """Ask for the end of one's own query; it ends within a second, and at once if its turn has not come.

    Raises:
        UnknownQuery: there is none, or it is not the actor's own.
        QueryNotRunning: it has ended already.
    """
    entry = tables.entry(uow, query_id) if IDENTIFIER.fullmatch(query_id) else None
    if entry is None or entry.actor != uow.actor.id:
        raise UnknownQuery(f"no such query: {query_id if IDENTIFIER.fullmatch(query_id) else NOT_A_NAME}")
    subject = f"query:{query_id}"
    if tables.cancel_queued(uow, query_id):
        uow.record(QueryWasCancelled(subject=subject, workgroup=entry.workgroup))
    elif tables.ask_to_cancel(uow, query_id):
        uow.record(QueryCancelAsked(subject=subject, workgroup=entry.workgroup))
    else:
        raise QueryNotRunning(f"the query {query_id} is not running any more")


_LISTED = "`pergamon tables` lists what you may read now"


def _first_that_ended(uow: UnitOfWork, catalog: TableCatalog, read: Mapping[TableName, str | None]) -> TableName | None:
    """The first of the tables that the actor may not read any more as it was read."""
    actor = _with_present_roles(uow)
    for name, digest in read.items():
        found = catalog.find(uow, name)
        if found is None or not decide(actor, Action.TABLE_READ, found.resource).allowed:
            return name
        if rights_digest(found.rights) != digest:
            return name
    return None


def _with_present_roles(uow: UnitOfWork) -> Actor:
    """The actor with those of its roles that it still holds; somebody who is not active any more holds none."""
    try:
        held = identity.principal_actor(uow, uow.actor.id).roles
    except NotFound:
        held = frozenset()
    return replace(uow.actor, roles=uow.actor.roles & held)
