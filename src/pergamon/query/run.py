"""Run one query of one actor: decide, say what is about to be read, read it, say how it went.

The engine is a second system (law 3), so there are two units of work: the first holds the decision and the intent,
and is committed before the engine hears of the query; the second holds the outcome. A query without an outcome is
closed as abandoned. A statement that was submitted is run in the same way, when its turn has come: what was decided
when it was submitted counts for nothing then.
"""

import difflib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

from pergamon.identity import actions_of_roles
from pergamon.kernel import PergamonError, new_id, require, sha256_hex
from pergamon.policy import Action, decide, visible
from pergamon.query import tables
from pergamon.query.events import QueryAbandoned, QueryFailed, QueryRan, QueryStarted, QueryWasCancelled
from pergamon.query.exact import require_exact
from pergamon.query.gate import NOT_A_NAME, JudgedQuery, judge
from pergamon.query.looked_for import looked_for
from pergamon.query.model import (
    DEFAULT_WORKGROUP,
    IDENTIFIER,
    GrantedTable,
    QueryEngineFailed,
    QueryInvalid,
    QueryJob,
    QueryResult,
    QueryScansTooMuch,
    UnknownWorkgroup,
    WorkgroupNotNamed,
    WorkgroupSpec,
)
from pergamon.query.ports import QueryEngine, TableCatalog
from pergamon.query.results import KeptFile, ResultArea
from pergamon.query.rights_digest import rights_digest
from pergamon.query.states import StatementAct
from pergamon.query.stop import QueryCancelled, require_still_allowed
from pergamon.query.tables import QueuedStatement
from pergamon.query.visible_tables import describe_table
from pergamon.store import UnitOfWork

Begin = Callable[[], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work of the actor; it commits at the end, or records the denial."""


@dataclass(frozen=True)
class QueryPlace:
    """What a query of one actor is run with."""

    begin: Begin
    catalog: TableCatalog
    engine: QueryEngine


@dataclass(frozen=True)
class Admitted:
    """A query that was judged and decided on, and what it is about to read."""

    job: QueryJob
    judged: JudgedQuery
    workgroup: str
    spec: WorkgroupSpec

    @property
    def subject(self) -> str:
        return f"query:{self.job.id}"

    @property
    def sql_sha256(self) -> str:
        return sha256_hex(self.job.sql.encode())

    @property
    def tables(self) -> list[str]:
        return [str(table.name) for table in self.job.tables]

    @property
    def lake_tables(self) -> list[str]:
        return sorted({table.lake_table for table in self.job.tables if table.lake_table})

    @property
    def assets(self) -> list[str]:
        return sorted({table.asset_id for table in self.job.tables if table.asset_id})

    @property
    def snapshots(self) -> dict[str, int | None]:
        return {str(table.name): table.snapshot_id for table in self.job.tables}

    @property
    def rights(self) -> dict[str, str | None]:
        return {str(table.name): rights_digest(table.rights) for table in self.job.tables}

    def started(self) -> QueryStarted:
        return QueryStarted(
            subject=self.subject,
            workgroup=self.workgroup,
            tables=self.tables,
            lake_tables=self.lake_tables,
            assets=self.assets,
            snapshots=self.snapshots,
            sql_sha256=self.sql_sha256,
        )


def run_query(
    begin: Begin, catalog: TableCatalog, engine: QueryEngine, sql: str, *, workgroup: str | None = None
) -> QueryResult:
    """Run `sql` for the actor of `begin`, who waits for the rows; they are not kept.

    workgroup: left out, `default` where the actor may use it, otherwise the only one that it may use.
    Raises:
        WorkgroupNotNamed: it was left out, and the actor may use several.
        UnknownWorkgroup: there is no such workgroup, or the actor may not run queries in it.
        UnknownQueryTable: a table does not exist or may not be read; both are answered alike.
        QueryNotParsed, QueryRefused: the text is not a query that is run here.
        QueryScansTooMuch: its tables have more data than the workgroup lets a query read.
        QueryInvalid, QueryTypeError, QueryOutOfMemory, QueryTimedOut, QueryResultTooLarge, QueryEngineFailed: it ran
        badly.
        QueryStopped: a right that it needs ended while it ran. QueryCancelled: its owner asked for its end.
    """
    place = QueryPlace(begin, catalog, engine)
    with begin() as uow:
        name, spec = usable_workgroup(uow, workgroup)
        close_abandoned(uow)
        judged, job = _admitted(uow, place, new_id("query"), sql, spec)
        admitted = Admitted(job, judged, name, spec)
        tables.insert_started(uow, job, name, admitted.rights)
        uow.record(admitted.started())
    return _carried_out(place, admitted, None, lambda: None)


def run_queued(
    place: QueryPlace, queued: QueuedStatement, *, server: str, area: ResultArea, must_end: Callable[[], None]
) -> None:
    """Run a statement whose turn has come, for the actor of `place`, who submitted it; its rows are kept in `area`.

    It does nothing when the statement does not wait in this process's queue any more. must_end: raises what ends it.
    Raises:
        What `run_query` raises; it is recorded as the statement's outcome.
    """
    try:
        with place.begin() as uow:
            workgroup, spec = usable_workgroup(uow, queued.workgroup)
            judged, job = _admitted(uow, place, queued.id, queued.sql, spec)
            admitted = Admitted(job, judged, workgroup, spec)
            if not tables.mark_started(uow, job, server, admitted.rights):
                return
            uow.record(admitted.started())
    except Exception as refused:
        _record_failure(place.begin, queued.id, queued.workgroup, refused)
        raise
    _carried_out(place, admitted, area, must_end)


def usable_workgroup(uow: UnitOfWork, workgroup: str | None) -> tuple[str, WorkgroupSpec]:
    """The workgroup that is meant, if this actor may run queries in it.

    Raises: WorkgroupNotNamed, UnknownWorkgroup.
    """
    name = _chosen(uow) if workgroup is None else workgroup
    return name, _authorised(uow, name)


def usable_workgroups(uow: UnitOfWork) -> dict[str, WorkgroupSpec]:
    """The workgroups in which this actor may run queries, by name: what there is to choose from."""
    specs = tables.workgroups(uow)
    held = actions_of_roles(uow, uow.actor.roles)
    resources = [spec.resource(name) for name, spec in specs.items()]
    usable = visible(uow.actor, Action.QUERY_RUN, resources, actions=held)
    return {resource.id: specs[resource.id] for resource in usable}


def close_abandoned(uow: UnitOfWork) -> None:
    """Close what has lost its process, by the clock."""
    tell_abandoned(uow, tables.mark_abandoned(uow))


def tell_abandoned(uow: UnitOfWork, closed: list[tuple[str, str]]) -> None:
    for query_id, workgroup in closed:
        uow.record(QueryAbandoned(subject=f"query:{query_id}", workgroup=workgroup))


def _record_failure(
    begin: Begin, query_id: str, workgroup: str, error: BaseException, started: float | None = None
) -> None:
    """Say that it ended without a result: cancelled, or failed. What has ended already stays as it is."""
    told = error if isinstance(error, PergamonError) else None
    code = told.code if told else "pergamon.bug"
    act = StatementAct.CANCEL if isinstance(error, QueryCancelled) else StatementAct.FAIL
    duration_ms = 0 if started is None else _milliseconds_since(started)
    said = tables.Failure(code, told.message if told else None, told.hint if told else None, duration_ms)
    with begin() as uow:
        sql_sha256 = tables.mark_ended(uow, query_id, act, said)
        if sql_sha256 is None:
            return
        subject = f"query:{query_id}"
        if act is StatementAct.CANCEL:
            uow.record(QueryWasCancelled(subject=subject, workgroup=workgroup))
            return
        uow.record(
            QueryFailed(
                subject=subject,
                workgroup=workgroup,
                error_code=code,
                duration_ms=duration_ms,
                sql_sha256=sql_sha256,
            )
        )


def _admitted(
    uow: UnitOfWork, place: QueryPlace, query_id: str, sql: str, spec: WorkgroupSpec
) -> tuple[JudgedQuery, QueryJob]:
    judged = judge(sql, place.engine.parse)
    granted = tuple(describe_table(uow, place.catalog, name) for name in sorted(judged.tables))
    require_exact(judged, granted)
    _require_in_reach(granted, spec)
    sought = looked_for(judged, granted)
    asked = tuple(replace(table, sought=sought[table.name]) for table in granted)
    return judged, QueryJob(id=query_id, sql=sql, tables=asked, limits=spec.limits)


def _require_in_reach(granted: tuple[GrantedTable, ...], spec: WorkgroupSpec) -> None:
    """How large the tables are is not told: to whom a part is granted, the whole is none of their business."""
    most = spec.limits.max_scanned_mb
    if most is not None and sum(table.data_bytes for table in granted) > most * 1024**2:
        raise QueryScansTooMuch(
            f"the tables have more data than a query of this workgroup may read: {most} MiB",
            hint="name fewer tables, or use a workgroup that allows more",
        )


def _carried_out(
    place: QueryPlace, admitted: Admitted, area: ResultArea | None, must_end: Callable[[], None]
) -> QueryResult:
    job, kept = admitted.job, None

    def watch() -> None:
        must_end()
        with place.begin() as uow:
            require_still_allowed(uow, place.catalog, job)

    started = time.monotonic()
    try:
        rows, truncated = place.engine.run(job, watch)
        result = QueryResult(job.id, rows, truncated, _milliseconds_since(started), admitted.snapshots)
        kept = area.keep(admitted.workgroup, job.id, rows) if area is not None else None
        _record_outcome(place, admitted, result, kept)
    except BaseException as error:
        told = _helpful(error, admitted.judged, job.tables) if isinstance(error, PergamonError) else error
        if kept is not None:
            kept.path.unlink(missing_ok=True)
        _record_failure(place.begin, job.id, admitted.workgroup, told, started)
        raise told from None
    return result


def _record_outcome(place: QueryPlace, admitted: Admitted, result: QueryResult, kept: KeptFile | None) -> None:
    """Before the rows leave: if a right has ended, or the outcome cannot be recorded, they do not."""
    with place.begin() as uow:
        require_still_allowed(uow, place.catalog, admitted.job)
        rows = result.table.num_rows
        is_open = tables.mark_done(
            uow,
            result.id,
            rows=rows,
            truncated=result.truncated,
            duration_ms=result.duration_ms,
            result_bytes=kept.size_bytes if kept else None,
            result_until=uow.now + timedelta(days=admitted.spec.results_kept_days) if kept else None,
        )
        if not is_open:
            raise QueryEngineFailed(f"the query {result.id} was closed while it ran", hint="run it again")
        uow.record(
            QueryRan(
                subject=admitted.subject,
                workgroup=admitted.workgroup,
                tables=admitted.tables,
                lake_tables=admitted.lake_tables,
                assets=admitted.assets,
                snapshots=admitted.snapshots,
                rows=rows,
                truncated=result.truncated,
                duration_ms=result.duration_ms,
                sql_sha256=admitted.sql_sha256,
            )
        )


def _chosen(uow: UnitOfWork) -> str:
    """The workgroup of somebody who names none. Raises: WorkgroupNotNamed."""
    usable = list(usable_workgroups(uow))
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
