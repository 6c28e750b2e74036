"""The SQL of workgroups, of the history and of the queue in it. No other room touches these tables."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.kernel import sha256_hex
from pergamon.query.model import HistoryEntry, QueryJob, WorkgroupSpec
from pergamon.query.states import StatementAct, state_after, states_before
from pergamon.store import UnitOfWork, nobody_is_at

GRACE = timedelta(seconds=120)
"""After its time-out a query's process has this long to say how it went."""
QUEUED_AT_MOST = timedelta(hours=24)
"""So long a statement waits for its turn, or for a process that takes it up."""


@dataclass(frozen=True)
class QueuedStatement:
    """A statement that waits for its turn."""

    id: str
    workgroup: str
    actor: str
    operator: str | None
    sql: str
    is_taken_over: bool
    """Another process had it, which is gone."""


@dataclass(frozen=True)
class Failure:
    """Why a statement ended without a result. The words are for who ran it."""

    code: str
    message: str | None
    hint: str | None
    duration_ms: int


def save_workgroup(uow: UnitOfWork, name: str, spec: WorkgroupSpec, tags: Mapping[str, str]) -> None:
    uow.execute(
        "INSERT INTO query_workgroup (name, spec, tags, changed_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, tags = excluded.tags, changed_at = excluded.changed_at",
        (name, Jsonb(spec.model_dump(mode="json")), Jsonb(dict(tags)), uow.now),
    )


def workgroups(uow: UnitOfWork) -> dict[str, WorkgroupSpec]:
    rows = uow.rows("SELECT name, spec FROM query_workgroup ORDER BY name")
    return {row["name"]: WorkgroupSpec.model_validate(row["spec"]) for row in rows}


def workgroup(uow: UnitOfWork, name: str) -> WorkgroupSpec | None:
    row = uow.row("SELECT spec FROM query_workgroup WHERE name = %s", (name,))
    return WorkgroupSpec.model_validate(row["spec"]) if row else None


def delete_workgroup(uow: UnitOfWork, name: str) -> bool:
    return uow.execute("DELETE FROM query_workgroup WHERE name = %s", (name,)) > 0


def lock_workgroup(uow: UnitOfWork, name: str) -> None:
    """Whoever counts what waits in it comes one after the other."""
    uow.execute("SELECT 1 FROM query_workgroup WHERE name = %s FOR UPDATE", (name,))


def count_queued(uow: UnitOfWork, workgroup: str) -> tuple[int, int]:
    """How many of a workgroup wait: all, and the actor's."""
    row = uow.row(
        "SELECT count(*) AS everybody, count(*) FILTER (WHERE actor = %s) AS own FROM query_history "
        "WHERE status = 'queued' AND workgroup = %s",
        (uow.actor.id, workgroup),
    )
    return (row["everybody"], row["own"]) if row else (0, 0)


def insert_queued(uow: UnitOfWork, query_id: str, sql: str, workgroup: str, named: Collection[str]) -> None:
    uow.execute(
        "INSERT INTO query_history (id, workgroup, actor, operator, status, submitted_at, deadline_at, tables, "
        "snapshots, sql_sha256, sql_text) VALUES (%s, %s, %s, %s, 'queued', %s, %s, %s, '{}', %s, %s)",
        (
            query_id,
            workgroup,
            uow.actor.id,
            uow.actor.operator,
            uow.now,
            uow.now + QUEUED_AT_MOST,
            sorted(named),
            sha256_hex(sql.encode()),
            sql,
        ),
    )


def insert_started(uow: UnitOfWork, job: QueryJob, workgroup: str, rights: Mapping[str, str | None]) -> None:
    uow.execute(
        "INSERT INTO query_history (id, workgroup, actor, operator, status, submitted_at, started_at, deadline_at, "
        "tables, snapshots, rights, sql_sha256, sql_text) "
        "VALUES (%s, %s, %s, %s, 'running', %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            job.id,
            workgroup,
            uow.actor.id,
            uow.actor.operator,
            uow.now,
            uow.now,
            _deadline(uow, job),
            *_read_by(job, rights),
            sha256_hex(job.sql.encode()),
            job.sql,
        ),
    )


def mark_started(uow: UnitOfWork, job: QueryJob, server: str, rights: Mapping[str, str | None]) -> bool:
    """Whether it still waited in this process's queue."""
    return (
        uow.execute(
            "UPDATE query_history SET status = %s, started_at = %s, deadline_at = %s, tables = %s, snapshots = %s, "
            "rights = %s WHERE id = %s AND server = %s AND status = ANY(%s)",
            (
                state_after(StatementAct.START),
                uow.now,
                _deadline(uow, job),
                *_read_by(job, rights),
                job.id,
                server,
                states_before(StatementAct.START),
            ),
        )
        > 0
    )


def _deadline(uow: UnitOfWork, job: QueryJob) -> datetime:
    return uow.now + timedelta(seconds=job.limits.timeout_s) + GRACE


def _read_by(job: QueryJob, rights: Mapping[str, str | None]) -> tuple[list[str], Jsonb, Jsonb]:
    snapshots = {str(table.name): table.snapshot_id for table in job.tables}
    return [str(table.name) for table in job.tables], Jsonb(snapshots), Jsonb(dict(rights))


def mark_done(
    uow: UnitOfWork,
    query_id: str,
    *,
    rows: int,
    truncated: bool,
    duration_ms: int,
    result_bytes: int | None = None,
    result_until: datetime | None = None,
) -> bool:
    """Whether it was still running: somebody may have closed it as abandoned meanwhile."""
    return (
        uow.execute(
            "UPDATE query_history SET status = %s, finished_at = %s, rows = %s, truncated = %s, duration_ms = %s, "
            "result_bytes = %s, result_until = %s WHERE id = %s AND status = ANY(%s)",
            (
                state_after(StatementAct.FINISH),
                uow.now,
                rows,
                truncated,
                duration_ms,
                result_bytes,
                result_until,
                query_id,
                states_before(StatementAct.FINISH),
            ),
        )
        > 0
    )


def mark_ended(uow: UnitOfWork, query_id: str, act: StatementAct, why: Failure) -> str | None:
    """Fail it, or cancel it. Returns: the SHA-256 of its text; None: it had ended before."""
    row = uow.row(
        "UPDATE query_history SET status = %s, finished_at = %s, error_code = %s, error_message = %s, "
        "error_hint = %s, duration_ms = %s WHERE id = %s AND status = ANY(%s) RETURNING sql_sha256",
        (state_after(act), uow.now, why.code, why.message, why.hint, why.duration_ms, query_id, states_before(act)),
    )
    return row["sql_sha256"] if row else None


def is_cancelled(uow: UnitOfWork, query_id: str) -> bool:
    return uow.row("SELECT 1 AS one FROM query_history WHERE id = %s AND cancel_asked", (query_id,)) is not None


def ask_to_cancel(uow: UnitOfWork, query_id: str) -> bool:
    """Whether it was still running."""
    sql = "UPDATE query_history SET cancel_asked = true WHERE id = %s AND status = 'running'"
    return uow.execute(sql, (query_id,)) > 0


def cancel_queued(uow: UnitOfWork, query_id: str) -> bool:
    """Whether it was still waiting."""
    sql = "UPDATE query_history SET status = %s, finished_at = %s WHERE id = %s AND status = 'queued'"
    return uow.execute(sql, (state_after(StatementAct.CANCEL), uow.now, query_id)) > 0


def mark_abandoned(uow: UnitOfWork) -> list[tuple[str, str]]:
    """Close what lost its process, or found none in time. Returns: (query id, workgroup) of each."""
    rows = uow.rows(
        "UPDATE query_history SET status = %s, finished_at = %s WHERE status = ANY(%s) AND deadline_at < %s "
        "RETURNING id, workgroup",
        (state_after(StatementAct.ABANDON), uow.now, states_before(StatementAct.ABANDON), uow.now),
    )
    return [(row["id"], row["workgroup"]) for row in rows]


def server_work(server: str) -> str:
    """What a process is at, as long as it has a queue (`Store.alone`)."""
    return f"statements-{server}"


def gone_servers(uow: UnitOfWork, server: str) -> list[str]:
    """The processes that have statements in their queue, or run some, and are no more; `server` itself is."""
    rows = uow.rows(
        "SELECT DISTINCT server FROM query_history WHERE status IN ('queued', 'running') AND server <> %s", (server,)
    )
    return [row["server"] for row in rows if nobody_is_at(uow, server_work(row["server"]))]


def abandon_running(
    uow: UnitOfWork, gone: Collection[str], server: str, known: Collection[str]
) -> list[tuple[str, str]]:
    """Close what processes that are gone ran, and what `server` does not know of any more."""
    rows = uow.rows(
        "UPDATE query_history SET status = %s, finished_at = %s WHERE status = 'running' "
        "AND (server = ANY(%s) OR (server = %s AND NOT id = ANY(%s))) RETURNING id, workgroup",
        (state_after(StatementAct.ABANDON), uow.now, list(gone), server, list(known)),
    )
    return [(row["id"], row["workgroup"]) for row in rows]


def take_up(uow: UnitOfWork, gone: Collection[str], server: str, known: Collection[str]) -> list[QueuedStatement]:
    """Put what waits and is in nobody's queue into that of `server`, in the order of submission."""
    rows = uow.rows(
        "WITH found AS (SELECT id, server FROM query_history WHERE status = 'queued' AND NOT id = ANY(%s) "
        "AND (server IS NULL OR server = ANY(%s)) FOR UPDATE SKIP LOCKED) "
        "UPDATE query_history q SET server = %s FROM found WHERE q.id = found.id RETURNING q.id, q.workgroup, q.actor, "
        "q.operator, q.sql_text, q.submitted_at, found.server IS NOT NULL AND found.server <> %s AS is_taken_over",
        (list(known), [*gone, server], server, server),
    )
    return [
        QueuedStatement(
            id=row["id"],
            workgroup=row["workgroup"],
            actor=row["actor"],
            operator=row["operator"],
            sql=row["sql_text"],
            is_taken_over=row["is_taken_over"],
        )
        for row in sorted(rows, key=lambda row: (row["submitted_at"], row["id"]))
    ]


def queued_of(uow: UnitOfWork, server: str) -> set[str]:
    """What waits in the queue of `server`."""
    rows = uow.rows("SELECT id FROM query_history WHERE status = 'queued' AND server = %s", (server,))
    return {row["id"] for row in rows}


def history(uow: UnitOfWork, workgroup: str, limit: int) -> list[HistoryEntry]:
    rows = uow.rows(
        "SELECT * FROM query_history WHERE workgroup = %s ORDER BY submitted_at DESC, id DESC LIMIT %s",
        (workgroup, limit),
    )
    return [_entry(row, text=False) for row in rows]


_OWN: LiteralString = """
    SELECT * FROM query_history WHERE actor = %(actor)s {fits} {older}
    ORDER BY submitted_at DESC, id DESC LIMIT %(limit)s
"""


def own_history(
    uow: UnitOfWork, actor: str, *, text: str, before: tuple[datetime, str] | None, limit: int
) -> list[HistoryEntry]:
    """Of this actor alone."""
    fits = "AND strpos(lower(sql_text), lower(%(text)s)) > 0" if text else ""
    older = "AND (submitted_at, id) < (%(at)s, %(id)s)" if before else ""
    at, query_id = before or (None, None)
    asked = {"actor": actor, "text": text, "at": at, "id": query_id, "limit": limit}
    rows = uow.rows(_OWN.format(fits=fits, older=older), asked)
    return [_entry(row, text=True) for row in rows]


def entry(uow: UnitOfWork, query_id: str) -> HistoryEntry | None:
    row = uow.row("SELECT * FROM query_history WHERE id = %s", (query_id,))
    return _entry(row, text=True) if row else None


def _entry(row: DictRow, *, text: bool) -> HistoryEntry:
    return HistoryEntry(
        id=row["id"],
        workgroup=row["workgroup"],
        actor=row["actor"],
        operator=row["operator"],
        status=row["status"],
        submitted_at=row["submitted_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        tables=tuple(row["tables"]),
        rows=row["rows"],
        truncated=row["truncated"],
        duration_ms=row["duration_ms"],
        error_code=row["error_code"],
        error_message=row["error_message"] if text else None,
        error_hint=row["error_hint"] if text else None,
        result_bytes=row["result_bytes"],
        result_until=row["result_until"],
        sql_sha256=row["sql_sha256"],
        sql=row["sql_text"] if text else None,
        rights=row["rights"],
        is_removed=row["result_removed_at"] is not None,
    )


def expired_results(uow: UnitOfWork, at_most: int) -> list[tuple[str, str]]:
    """Let the results go whose time is over. Returns: (query id, workgroup) of each."""
    rows = uow.rows(
        "UPDATE query_history SET result_removed_at = %s WHERE id = ANY (ARRAY(SELECT id FROM query_history "
        "WHERE result_until <= %s AND result_removed_at IS NULL ORDER BY result_until LIMIT %s "
        "FOR UPDATE SKIP LOCKED)) RETURNING id, workgroup",
        (uow.now, uow.now, at_most),
    )
    return [(row["id"], row["workgroup"]) for row in rows]


def kept_results(uow: UnitOfWork, query_ids: Collection[str]) -> set[str]:
    """Those of these whose result is kept."""
    rows = uow.rows(
        "SELECT id FROM query_history WHERE id = ANY(%s) AND result_until IS NOT NULL AND result_removed_at IS NULL",
        (list(query_ids),),
    )
    return {row["id"] for row in rows}


def uses(uow: UnitOfWork, names: Collection[str], since: date) -> list[DictRow]:
    """By week: how many queries on one of these tables were answered, and of how many people."""
    return uow.rows(
        "SELECT date_trunc('week', submitted_at AT TIME ZONE 'UTC')::date AS week, count(*) AS queries, "
        "count(DISTINCT actor) AS people FROM query_history "
        "WHERE tables && %s::text[] AND submitted_at >= %s::date::timestamp AT TIME ZONE 'UTC' AND status = 'done' "
        "GROUP BY 1",
        (sorted(names), since),
    )
