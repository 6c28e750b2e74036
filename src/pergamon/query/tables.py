"""The SQL of workgroups and of the history. No other room touches these tables."""

from collections.abc import Mapping
from datetime import timedelta

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.kernel import sha256_hex
from pergamon.query.model import HistoryEntry, QueryJob, WorkgroupSpec
from pergamon.store import UnitOfWork

GRACE = timedelta(seconds=120)
"""After its time-out a query's process has this long to say how it went."""


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


def insert_started(uow: UnitOfWork, job: QueryJob, workgroup: str) -> None:
    uow.execute(
        "INSERT INTO query_history (id, workgroup, actor, operator, status, started_at, deadline_at, tables, "
        "snapshots, sql_sha256, sql_text) VALUES (%s, %s, %s, %s, 'running', %s, %s, %s, %s, %s, %s)",
        (
            job.id,
            workgroup,
            uow.actor.id,
            uow.actor.operator,
            uow.now,
            uow.now + timedelta(seconds=job.limits.timeout_s) + GRACE,
            [str(table.name) for table in job.tables],
            Jsonb({str(table.name): table.snapshot_id for table in job.tables}),
            sha256_hex(job.sql.encode()),
            job.sql,
        ),
    )


def mark_done(uow: UnitOfWork, query_id: str, *, rows: int, truncated: bool, duration_ms: int) -> None:
    uow.execute(
        "UPDATE query_history SET status = 'done', finished_at = %s, rows = %s, truncated = %s, duration_ms = %s "
        "WHERE id = %s",
        (uow.now, rows, truncated, duration_ms, query_id),
    )


def mark_failed(uow: UnitOfWork, query_id: str, *, error_code: str, duration_ms: int) -> None:
    uow.execute(
        "UPDATE query_history SET status = 'failed', finished_at = %s, error_code = %s, duration_ms = %s WHERE id = %s",
        (uow.now, error_code, duration_ms, query_id),
    )


def is_cancelled(uow: UnitOfWork, query_id: str) -> bool:
    return uow.row("SELECT 1 AS one FROM query_history WHERE id = %s AND cancel_asked", (query_id,)) is not None


def ask_to_cancel(uow: UnitOfWork, query_id: str) -> bool:
    """Whether it was still running."""
    sql = "UPDATE query_history SET cancel_asked = true WHERE id = %s AND status = 'running'"
    return uow.execute(sql, (query_id,)) > 0


def mark_abandoned(uow: UnitOfWork) -> list[tuple[str, str]]:
    """Close what lost its process. Returns: (query id, workgroup) of each."""
    rows = uow.rows(
        "UPDATE query_history SET status = 'abandoned', finished_at = %s WHERE status = 'running' AND deadline_at < %s "
        "RETURNING id, workgroup",
        (uow.now, uow.now),
    )
    return [(row["id"], row["workgroup"]) for row in rows]


def history(uow: UnitOfWork, workgroup: str, limit: int) -> list[HistoryEntry]:
    rows = uow.rows(
        "SELECT * FROM query_history WHERE workgroup = %s ORDER BY started_at DESC, id DESC LIMIT %s",
        (workgroup, limit),
    )
    return [_entry(row, text=False) for row in rows]


def own_history(uow: UnitOfWork, actor: str, limit: int) -> list[HistoryEntry]:
    rows = uow.rows(
        "SELECT * FROM query_history WHERE actor = %s ORDER BY started_at DESC, id DESC LIMIT %s", (actor, limit)
    )
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
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        tables=tuple(row["tables"]),
        rows=row["rows"],
        duration_ms=row["duration_ms"],
        error_code=row["error_code"],
        sql_sha256=row["sql_sha256"],
        sql=row["sql_text"] if text else None,
    )
