"""Run one query of one actor: decide, say what is about to be read, read it, say how it went.

The engine is a second system (law 3), so there are two units of work: the first holds the decision and the intent,
and is committed
before the engine hears of the query; the second holds the outcome. A query without an outcome is closed as abandoned.
"""

import difflib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from pergamon.identity import actions_of_roles
from pergamon.kernel import PergamonError, new_id, require, sha256_hex
from pergamon.policy import Action, decide, visible
from pergamon.query import tables
from pergamon.query.events import QueryAbandoned, QueryFailed, QueryRan, QueryStarted
from pergamon.query.gate import NOT_A_NAME, JudgedQuery, judge
from pergamon.query.model import (
    DEFAULT_WORKGROUP,
    IDENTIFIER,
    GrantedTable,
    QueryInvalid,
    QueryJob,
    QueryResult,
    UnknownWorkgroup,
    WorkgroupNotNamed,
    WorkgroupSpec,
)
from pergamon.query.ports import QueryEngine, TableCatalog
from pergamon.query.stop import require_still_allowed
from pergamon.query.visible_tables import describe_table
from pergamon.store import UnitOfWork

Begin = Callable[[], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work of the actor; it commits at the end, or records the denial."""


def run_query(
    begin: Begin, catalog: TableCatalog, engine: QueryEngine, sql: str, *, workgroup: str | None = None
) -> QueryResult:
    """Run `sql` for the actor of `begin`.

    workgroup: left out, `default` where the actor may use it, otherwise the only one that it may use.
    Raises:
        WorkgroupNotNamed: it was left out, and the actor may use several.
        UnknownWorkgroup: there is no such workgroup, or the actor may not run queries in it.
        UnknownQueryTable: a table does not exist or may not be read; both are answered alike.
        QueryNotParsed, QueryRefused: the text is not a query that is run here.
        QueryInvalid, QueryTypeError, QueryOutOfMemory, QueryTimedOut, QueryResultTooLarge, QueryEngineFailed: it ran
        badly.
        QueryStopped: a right that it needs ended while it ran. QueryCancelled: its owner asked for its end.
    """
    with begin() as uow:
        workgroup = _chosen(uow) if workgroup is None else workgroup
        spec = _authorised(uow, workgroup)
        _close_abandoned(uow)
        judged = judge(sql, engine.parse)
        granted = tuple(describe_table(uow, catalog, name) for name in sorted(judged.tables))
        job = QueryJob(id=new_id("query"), sql=sql, tables=granted, limits=spec.limits)
        tables.insert_started(uow, job, workgroup)
        uow.record(_started(job, workgroup))
    started = time.monotonic()
    try:
        rows, truncated = engine.run(job, lambda: _watch(begin, catalog, job))
        result = QueryResult(job.id, rows, truncated, _milliseconds_since(started), _snapshots(job))
        _record_outcome(begin, catalog, job, workgroup, result)
    except BaseException as error:
        told = _helpful(error, judged, granted) if isinstance(error, PergamonError) else error
        _record_failure(begin, job, workgroup, told, _milliseconds_since(started))
        raise told from None
    return result


def _watch(begin: Begin, catalog: TableCatalog, job: QueryJob) -> None:
    with begin() as uow:
        require_still_allowed(uow, catalog, job)


def _chosen(uow: UnitOfWork) -> str:
    """The workgroup of somebody who names none. Raises: WorkgroupNotNamed."""
    resources = [spec.resource(name) for name, spec in tables.workgroups(uow).items()]
    held = actions_of_roles(uow, uow.actor.roles)
    usable = [resource.id for resource in visible(uow.actor, Action.QUERY_RUN, resources, actions=held)]
    if DEFAULT_WORKGROUP in usable or not usable:
        return DEFAULT_WORKGROUP
    if len(usable) > 1:
        raise WorkgroupNotNamed(f"name one of your workgroups: {', '.join(usable)}", hint="say --workgroup NAME")
    return usable[0]


def _authorised(uow: UnitOfWork, workgroup: str) -> WorkgroupSpec:
    """The workgroup, if this actor may run queries in it; before anything else about the request is looked at."""
    is_name = IDENTIFIER.fullmatch(workgroup) is not None
    spec = tables.workgroup(uow, workgroup) if is_name else None
    resource = (spec or WorkgroupSpec(users=frozenset({""}))).resource(workgroup if is_name else NOT_A_NAME)
    held = actions_of_roles(uow, uow.actor.roles)
    decision = decide(uow.actor, Action.QUERY_RUN, resource, actions=held)
    if spec is None or not decision.allowed:
        raise UnknownWorkgroup(
            f"no such workgroup: {workgroup}", hint="ask the operator which workgroup is yours", decision=decision
        )
    require(decision)
    return spec


def _close_abandoned(uow: UnitOfWork) -> None:
    for query_id, workgroup in tables.mark_abandoned(uow):
        uow.record(QueryAbandoned(subject=f"query:{query_id}", workgroup=workgroup))


def _started(job: QueryJob, workgroup: str) -> QueryStarted:
    return QueryStarted(
        subject=f"query:{job.id}",
        workgroup=workgroup,
        tables=[str(table.name) for table in job.tables],
        snapshots=_snapshots(job),
        sql_sha256=sha256_hex(job.sql.encode()),
    )


def _record_outcome(begin: Begin, catalog: TableCatalog, job: QueryJob, workgroup: str, result: QueryResult) -> None:
    """Before the rows leave: if a right has ended, or the outcome cannot be recorded, they do not."""
    with begin() as uow:
        require_still_allowed(uow, catalog, job)
        rows = result.table.num_rows
        tables.mark_done(uow, job.id, rows=rows, truncated=result.truncated, duration_ms=result.duration_ms)
        uow.record(
            QueryRan(
                subject=f"query:{job.id}",
                workgroup=workgroup,
                tables=[str(table.name) for table in job.tables],
                snapshots=_snapshots(job),
                rows=rows,
                truncated=result.truncated,
                duration_ms=result.duration_ms,
                sql_sha256=sha256_hex(job.sql.encode()),
            )
        )


def _record_failure(begin: Begin, job: QueryJob, workgroup: str, error: BaseException, duration_ms: int) -> None:
    code = error.code if isinstance(error, PergamonError) else "pergamon.bug"
    with begin() as uow:
        tables.mark_failed(uow, job.id, error_code=code, duration_ms=duration_ms)
        uow.record(
            QueryFailed(
                subject=f"query:{job.id}",
                workgroup=workgroup,
                error_code=code,
                duration_ms=duration_ms,
                sql_sha256=sha256_hex(job.sql.encode()),
            )
        )


def _snapshots(job: QueryJob) -> dict[str, int | None]:
    return {str(table.name): table.snapshot_id for table in job.tables}


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _helpful(error: PergamonError, judged: JudgedQuery, granted: tuple[GrantedTable, ...]) -> PergamonError:
    """Name a column that no table has, and those that come near: from the schema, never from the engine's text."""
    if not isinstance(error, QueryInvalid):
        return error
    known = {column.name.lower() for table in granted for column in table.columns}
    missing = sorted(judged.columns - known - judged.aliases)
    if not missing:
        return error
    near = sorted({name for column in missing for name in difflib.get_close_matches(column, sorted(known), n=3)})
    listed = near or sorted(known)[:20]
    return QueryInvalid(
        f"no such column: {', '.join(missing[:5])}",
        hint=f"{'did you mean' if near else 'there are'} {', '.join(listed)}" if listed else None,
    )
