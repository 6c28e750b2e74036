"""A statement is submitted, waits for its turn, runs, and its rows are fetched later, by who submitted it.

Whether it may run is decided when it is submitted, so that a refusal is told at once, and again when its turn comes.
Whether its rows may be read is decided each time that they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pergamon.kernel import Conflict, NotFound, new_id, sha256_hex
from pergamon.query import tables
from pergamon.query.events import QueryQueued, QueryResultExpired, QueryResultRead
from pergamon.query.gate import NOT_A_NAME, judge
from pergamon.query.model import IDENTIFIER, HistoryEntry, QueryResult, QueueFull, UnknownQuery, WorkgroupSpec
from pergamon.query.ports import QueryEngine, TableCatalog
from pergamon.query.results import ResultArea, begun, page_of, pieces_of, watched
from pergamon.query.run import Begin, close_abandoned, usable_workgroup
from pergamon.query.states import StatementState
from pergamon.query.stop import require_still_readable
from pergamon.query.visible_tables import readable_table
from pergamon.store import UnitOfWork

EXPIRED_AT_ONCE = 1000


class NoResult(Conflict):
    """The statement has no rows to give: it has not ended, it failed, or its caller waited and has them."""

    code = "query.no_result"


class ResultExpired(NotFound):
    """The rows were kept as long as the workgroup keeps them, and are gone."""

    code = "query.result_expired"


@dataclass(frozen=True)
class ResultPage:
    """Some rows of a result, and how many there are."""

    rows: QueryResult
    first_row: int
    total: int


def submit_statement(
    uow: UnitOfWork, catalog: TableCatalog, engine: QueryEngine, sql: str, *, workgroup: str | None = None
) -> HistoryEntry:
    """Put a statement into the queue of its workgroup.

    Raises:
        What `run_query` raises before it runs.
        QueueFull: as many wait already, of this person or of all, as the workgroup lets wait.
    """
    name, spec = usable_workgroup(uow, workgroup)
    close_abandoned(uow)
    judged = judge(sql, engine.parse)
    for table in sorted(judged.tables):
        readable_table(uow, catalog, table)
    _require_room(uow, name, spec)
    query_id, named = new_id("query"), sorted(str(table) for table in judged.tables)
    tables.insert_queued(uow, query_id, sql, name, named)
    digest = sha256_hex(sql.encode())
    uow.record(QueryQueued(subject=f"query:{query_id}", workgroup=name, tables=named, sql_sha256=digest))
    return own_statement(uow, query_id)


def own_statement(uow: UnitOfWork, query_id: str) -> HistoryEntry:
    """Where a statement of one's own is.

    Raises:
        UnknownQuery: there is none, or it is not the actor's own.
    """
    is_name = IDENTIFIER.fullmatch(query_id) is not None
    entry = tables.entry(uow, query_id) if is_name else None
    if entry is None or entry.actor != uow.actor.id:
        raise UnknownQuery(f"no such query: {query_id if is_name else NOT_A_NAME}")
    return entry


def read_page(
    begin: Begin, catalog: TableCatalog, area: ResultArea, query_id: str, *, first_row: int, limit: int
) -> ResultPage:
    """Some of the rows of a statement of one's own.

    Raises:
        UnknownQuery: there is none, or it is not the actor's own.
        NoResult: it has no rows to give.
        ResultExpired: they are not kept any more.
        UnknownWorkgroup: the actor may not run queries in its workgroup any more.
        ResultWithdrawn: a right that they rest on has ended or changed since.
        QueryResultTooLarge, QueryTypeError: they cannot be told as JSON.
    """
    with begin() as uow:
        entry = _readable(uow, catalog, query_id)
        total = entry.rows or 0
        given = max(0, min(limit, total - first_row))
        _tell(uow, entry, "json", first_row, given)
    with _while_there(query_id):
        table = page_of(area.path(entry.workgroup, entry.id), first_row, limit)
    rows = QueryResult(entry.id, table, bool(entry.truncated), entry.duration_ms or 0, {})
    return ResultPage(rows, first_row, total)


def read_file(begin: Begin, catalog: TableCatalog, area: ResultArea, query_id: str, form: str) -> Iterator[bytes]:
    """All the rows of a statement of one's own, as a file: `parquet`, `arrow` or `csv`.

    A right that ends while the file is on its way ends it: the pieces raise `ResultWithdrawn`.
    Raises:
        As `read_page`, before the first piece; a later one may raise QueryTypeError too.
    """
    with begin() as uow:
        entry = _readable(uow, catalog, query_id)
        _tell(uow, entry, form, 0, entry.rows or 0)
    path = area.path(entry.workgroup, entry.id)
    if not path.exists():
        raise _expired(query_id)

    def still_readable() -> None:
        with begin() as uow:
            _readable(uow, catalog, query_id)

    return begun(watched(pieces_of(path, form), still_readable))


def expire_results(uow: UnitOfWork) -> list[tuple[str, str]]:
    """Let results go whose time is over. Returns: (query id, workgroup) of each, whose files are to be removed."""
    gone = tables.expired_results(uow, EXPIRED_AT_ONCE)
    for query_id, workgroup in gone:
        uow.record(QueryResultExpired(subject=f"query:{query_id}", workgroup=workgroup))
    return gone


def sweep_results(begin: Begin, area: ResultArea, now: float) -> bool:
    """Remove the files of results whose time is over, and those of which no statement speaks.

    now: s since 1970, of the clock of the files. Returns: may there be more?
    """
    with begin() as uow:
        close_abandoned(uow)
        gone = expire_results(uow)
    for query_id, workgroup in gone:  # if this is cut off, the file is one of which no statement speaks
        area.remove(workgroup, query_id)
    old = dict(area.old_files(now))
    with begin() as uow:
        kept = tables.kept_results(uow, old)
    for query_id, path in old.items():
        if query_id not in kept:
            path.unlink(missing_ok=True)
    return len(gone) == EXPIRED_AT_ONCE


def _require_room(uow: UnitOfWork, workgroup: str, spec: WorkgroupSpec) -> None:
    tables.lock_workgroup(uow, workgroup)
    everybody, own = tables.count_queued(uow, workgroup)
    if own >= spec.max_queued_per_person:
        raise QueueFull(f"{own} of your statements wait in {workgroup} already", hint="wait, or cancel some")
    if everybody >= spec.max_queued:
        raise QueueFull(f"{everybody} statements wait in {workgroup} already", hint="try again in a while")


def _readable(uow: UnitOfWork, catalog: TableCatalog, query_id: str) -> HistoryEntry:
    entry = own_statement(uow, query_id)
    if entry.status != StatementState.DONE:
        raise NoResult(f"the statement {query_id} is {entry.status}", hint=entry.error_message or _WHEN_DONE)
    if entry.result_until is None:
        raise NoResult(f"the rows of {query_id} were not kept", hint="who waits for rows has them; submit it instead")
    if entry.is_removed or uow.now >= entry.result_until:
        raise _expired(query_id)
    usable_workgroup(uow, entry.workgroup)
    require_still_readable(uow, catalog, entry.id, entry.rights)
    return entry


_WHEN_DONE = "its rows are there when it is done"


def _expired(query_id: str) -> ResultExpired:
    return ResultExpired(f"the rows of {query_id} are not kept any more", hint="run it again")


@contextmanager
def _while_there(query_id: str) -> Iterator[None]:
    """The sweep may remove the file between the decision and the reading."""
    try:
        yield
    except FileNotFoundError:
        raise _expired(query_id) from None


def _tell(uow: UnitOfWork, entry: HistoryEntry, form: str, first_row: int, rows: int) -> None:
    subject = f"query:{entry.id}"
    uow.record(QueryResultRead(subject=subject, workgroup=entry.workgroup, form=form, first_row=first_row, rows=rows))
