"""The SQL of this room: `replication_task`, and `replication_lag` beside it."""

from datetime import datetime, timedelta

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.replicate.model import LagPoint, ReplicationTaskSpec, TaskState, TaskStatus
from pergamon.store import UnitOfWork, asked_once


def upsert_task(uow: UnitOfWork, name: str, spec: ReplicationTaskSpec, tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO replication_task (name, spec, tags, since) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, tags = excluded.tags",
        (name, Jsonb(spec.model_dump(mode="json")), Jsonb(tags), uow.now),
    )


def delete_task(uow: UnitOfWork, name: str) -> int:
    return uow.execute("DELETE FROM replication_task WHERE name = %s", (name,))


def task_specs(uow: UnitOfWork) -> dict[str, ReplicationTaskSpec]:
    rows = uow.rows("SELECT name, spec FROM replication_task ORDER BY name")
    return {row["name"]: ReplicationTaskSpec.model_validate(row["spec"]) for row in rows}


def task_row(uow: UnitOfWork, name: str, *, lock: bool = False) -> DictRow | None:
    if lock:
        return uow.row("SELECT * FROM replication_task WHERE name = %s FOR UPDATE", (name,))
    return uow.row("SELECT * FROM replication_task WHERE name = %s", (name,))


def task_tags(uow: UnitOfWork) -> dict[str, dict[str, str]]:
    return {row["name"]: row["tags"] for row in uow.rows("SELECT name, tags FROM replication_task ORDER BY name")}


@asked_once
def statuses(uow: UnitOfWork) -> list[TaskStatus]:
    return [_status(row) for row in uow.rows("SELECT * FROM replication_task ORDER BY name")]


def _status(row: DictRow) -> TaskStatus:
    return TaskStatus(
        name=row["name"],
        state=TaskState(row["state"]),
        since=row["since"],
        message=row["message"],
        landed_lsn=int(row["landed_lsn"]),
        source_lsn=int(row["source_lsn"]),
        rows_landed=row["rows_landed"],
        seen_at=row["seen_at"],
        warnings=tuple(row["warnings"]),
    )


def status_of(row: DictRow) -> TaskStatus:
    return _status(row)


def stopped_tasks(uow: UnitOfWork) -> set[str]:
    return {row["name"] for row in uow.rows("SELECT name FROM replication_task WHERE wanted = 'stopped'")}


def set_wanted(uow: UnitOfWork, name: str, wanted: str) -> None:
    uow.execute("UPDATE replication_task SET wanted = %s WHERE name = %s", (wanted, name))


def set_state(uow: UnitOfWork, name: str, state: TaskState, message: str | None, warnings: tuple[str, ...]) -> None:
    uow.execute(
        "UPDATE replication_task SET state = %s, message = %s, since = %s, seen_at = %s, warnings = %s WHERE name = %s",
        (state.value, message, uow.now, uow.now, list(warnings), name),
    )


def set_progress(uow: UnitOfWork, name: str, landed_lsn: int, source_lsn: int, rows: int) -> str | None:
    """Write where the task stands. Returns: what is wanted of it, `running` or `stopped`; None when it was dropped."""
    row = uow.row(
        "UPDATE replication_task SET landed_lsn = %s, source_lsn = greatest(source_lsn, %s), "
        "rows_landed = rows_landed + %s, seen_at = %s WHERE name = %s RETURNING wanted",
        (landed_lsn, source_lsn, rows, uow.now, name),
    )
    if row is None:
        return None
    _keep_lag(uow, name, max(0, source_lsn - landed_lsn), rows)
    return str(row["wanted"])


LAG_KEPT = timedelta(days=2)


def _keep_lag(uow: UnitOfWork, task: str, lag_bytes: int, rows: int) -> None:
    """The most of each minute; with a new minute, what is old goes."""
    minute = uow.now.replace(second=0, microsecond=0)
    kept = uow.row(
        "INSERT INTO replication_lag AS kept (task, at, lag_bytes, rows) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (task, at) DO UPDATE SET lag_bytes = greatest(kept.lag_bytes, excluded.lag_bytes), "
        "rows = kept.rows + excluded.rows "
        "RETURNING xmax = 0 AS is_new",
        (task, minute, lag_bytes, rows),
    )
    if kept and kept["is_new"]:
        uow.execute("DELETE FROM replication_lag WHERE task = %s AND at < %s", (task, minute - LAG_KEPT))


def lags(uow: UnitOfWork, task: str, since: datetime, step: timedelta) -> list[LagPoint]:
    """The most in each stretch of `step`, and the rows of all of it."""
    rows = uow.rows(
        "SELECT date_bin(%(step)s, at, 'epoch') AS begun, max(lag_bytes)::bigint AS lag_bytes, "
        "sum(rows)::bigint AS rows FROM replication_lag WHERE task = %(task)s AND at >= %(since)s "
        "GROUP BY begun ORDER BY begun",
        {"task": task, "since": since, "step": step},
    )
    return [LagPoint(row["begun"], row["lag_bytes"], row["rows"]) for row in rows]
