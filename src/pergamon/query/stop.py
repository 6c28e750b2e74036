"""May a query that is running still run? Asked again and again while it does: a right that ends, ends it at once.

The rights that it was started with are held against those of this moment: the person's roles, the tables' rules, the
grants and their masks. Whatever has become less ends the query; what has become more does not reach it.
"""

from dataclasses import replace

from pergamon import identity
from pergamon.kernel import Actor, Conflict, Decision, Kind, NotFound, PergamonError
from pergamon.policy import Action, decide
from pergamon.query import tables
from pergamon.query.events import QueryCancelAsked
from pergamon.query.gate import NOT_A_NAME
from pergamon.query.model import IDENTIFIER, QueryJob, UnknownQuery
from pergamon.query.ports import TableCatalog
from pergamon.store import UnitOfWork


class QueryStopped(PergamonError):
    """A right that the query needs has ended while it ran: revoked, expired, narrowed."""

    code, kind = "query.stopped", Kind.DENIED


class QueryCancelled(Conflict):
    """The query was cancelled while it ran."""

    code = "query.cancelled"


class QueryNotRunning(Conflict):
    """The query has ended already, so it cannot be cancelled."""

    code = "query.not_running"


def require_still_allowed(uow: UnitOfWork, catalog: TableCatalog, job: QueryJob) -> None:
    """Raises: QueryCancelled, QueryStopped."""
    if tables.is_cancelled(uow, job.id):
        raise QueryCancelled(f"the query {job.id} was cancelled")
    actor = _with_present_roles(uow)
    for table in job.tables:
        found = catalog.find(uow, table.name)
        still = found is not None and decide(actor, Action.TABLE_READ, found.resource).allowed
        if found is None or not still or found.rights != table.rights:
            reason = "the right has ended or changed while the query ran"
            raise QueryStopped(
                f"the query {job.id} was ended: the right to read {table.name} has ended or changed",
                hint="`pergamon tables` lists what you may read now",
                decision=Decision(False, Action.TABLE_READ.value, f"table:{table.name}", reason),
            )


def cancel_query(uow: UnitOfWork, query_id: str) -> None:
    """Ask for the end of one's own query; it ends within a second.

    Raises:
        UnknownQuery: there is none, or it is not the actor's own.
        QueryNotRunning: it has ended already.
    """
    entry = tables.entry(uow, query_id) if IDENTIFIER.fullmatch(query_id) else None
    if entry is None or entry.actor != uow.actor.id:
        raise UnknownQuery(f"no such query: {query_id if IDENTIFIER.fullmatch(query_id) else NOT_A_NAME}")
    if not tables.ask_to_cancel(uow, query_id):
        raise QueryNotRunning(f"the query {query_id} is not running any more")
    uow.record(QueryCancelAsked(subject=f"query:{query_id}", workgroup=entry.workgroup))


def _with_present_roles(uow: UnitOfWork) -> Actor:
    """The actor with those of its roles that it still holds; somebody who is not active any more holds none."""
    try:
        held = identity.principal_actor(uow, uow.actor.id).roles
    except NotFound:
        held = frozenset()
    return replace(uow.actor, roles=uow.actor.roles & held)
