"""The pipeline's SQL: its configuration, its tracker, its runs. No other room touches these tables."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.pipeline.tracker_states import FileState, Manifest, TrackedFile
from pergamon.store import UnitOfWork


def save_config(uow: UnitOfWork, kind: str, name: str, spec: dict[str, Any], tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO pipeline_config (kind, name, spec, tags, changed_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (kind, name) DO UPDATE SET spec = excluded.spec, tags = excluded.tags, "
        "changed_at = excluded.changed_at",
        (kind, name, Jsonb(spec), Jsonb(tags), uow.now),
    )


def configs(uow: UnitOfWork, kind: str) -> list[DictRow]:
    return uow.rows("SELECT name, spec, tags, changed_at FROM pipeline_config WHERE kind = %s ORDER BY name", (kind,))


def config(uow: UnitOfWork, kind: str, name: str) -> DictRow | None:
    return uow.row("SELECT name, spec, tags FROM pipeline_config WHERE kind = %s AND name = %s", (kind, name))


def delete_config(uow: UnitOfWork, kind: str, name: str) -> bool:
    return uow.execute("DELETE FROM pipeline_config WHERE kind = %s AND name = %s", (kind, name)) == 1


def insert_file(uow: UnitOfWork, file_id: str, manifest: Manifest, document: dict[str, Any], path: str) -> bool:
    """Register a file. Returns: False when it stands there already."""
    return (
        uow.execute(
            "INSERT INTO tracked_file (id, task, path, source_schema, source_table, kind, first_position, "
            "last_position, "
            "size_bytes, row_count, manifest, state, registered_at, changed_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'registered', %s, %s) ON CONFLICT (task, path) DO "
            "NOTHING",
            (
                file_id,
                manifest.task,
                path,
                manifest.schema_name,
                manifest.table,
                manifest.kind,
                manifest.position.first,
                manifest.position.last,
                manifest.size_bytes,
                manifest.rows,
                Jsonb(document),
                uow.now,
                uow.now,
            ),
        )
        == 1
    )


def files_of_table(uow: UnitOfWork, schema: str, table: str) -> list[TrackedFile]:
    """Every file of a source table, in the order of the source."""
    return [
        _file(row)
        for row in uow.rows(
            "SELECT id, task, path, kind, first_position, last_position, size_bytes, row_count, manifest, state, "
            "reason, lease "
            "FROM tracked_file WHERE source_schema = %s AND source_table = %s ORDER BY first_position, path",
            (schema, table),
        )
    ]


def file_by_id(uow: UnitOfWork, file_id: str) -> TrackedFile | None:
    row = uow.row(
        "SELECT id, task, path, kind, first_position, last_position, size_bytes, row_count, manifest, state, reason, "
        "lease "
        "FROM tracked_file WHERE id = %s FOR UPDATE",
        (file_id,),
    )
    return _file(row) if row else None


def paths_known(uow: UnitOfWork, paths: Sequence[str]) -> set[str]:
    return {row["path"] for row in uow.rows("SELECT path FROM tracked_file WHERE path = ANY(%s)", (list(paths),))}


def list_files(uow: UnitOfWork, state: str | None, after: str, limit: int) -> list[DictRow]:
    return uow.rows(
        "SELECT id, task, path, source_schema, source_table, kind, first_position, last_position, row_count, state, "
        "reason, snapshot_id, changed_at FROM tracked_file WHERE (%(state)s::text IS NULL OR state = %(state)s) "
        "AND (%(after)s = '' OR (source_schema, source_table, first_position, path, id) > "
        "(SELECT source_schema, source_table, first_position, path, id FROM tracked_file WHERE id = %(after)s)) "
        "ORDER BY source_schema, source_table, first_position, path, id LIMIT %(limit)s",
        {"state": state, "after": after, "limit": limit},
    )


def count_files(uow: UnitOfWork, state: str, most: int) -> int:
    row = uow.row(
        "SELECT count(*) AS number FROM (SELECT FROM tracked_file WHERE state = %s LIMIT %s) f", (state, most)
    )
    return int(row["number"]) if row else 0


def set_state(
    uow: UnitOfWork,
    file_ids: Sequence[str],
    state: FileState,
    *,
    reason: str | None = None,
    lease: str | None = None,
    snapshot_id: int | None = None,
) -> int:
    return uow.execute(
        "UPDATE tracked_file SET state = %s, reason = %s, lease = %s, snapshot_id = %s, changed_at = %s WHERE id = "
        "ANY(%s)",
        (state.value, reason, lease, snapshot_id, uow.now, list(file_ids)),
    )


def skip(uow: UnitOfWork, file: TrackedFile, reason: str) -> None:
    """Leave out a file, or the whole full load that it belongs to."""
    uow.execute(
        "UPDATE tracked_file SET state = 'skipped', reason = %s, changed_at = %s WHERE id = %s OR (%s AND task = %s "
        "AND kind = 'full_load' AND manifest ->> 'load_id' = %s AND state IN ('registered', 'quarantined') "
        "AND (source_schema, source_table) = (SELECT source_schema, source_table FROM tracked_file WHERE id = %s))",
        (reason, uow.now, file.id, file.is_load, file.task, file.load_id, file.id),
    )


def take(uow: UnitOfWork, file_ids: Sequence[str], lease: str | None) -> int:
    """Take waiting files for a commit. Returns: how many were waiting."""
    return uow.execute(
        "UPDATE tracked_file SET state = 'processing', lease = %s, reason = NULL, changed_at = %s "
        "WHERE id = ANY(%s) AND state = 'registered'",
        (lease, uow.now, list(file_ids)),
    )


def mark_merged(uow: UnitOfWork, lease: str, file_ids: Sequence[str], snapshot_id: int) -> int:
    """Mark what this lease was opened for. Returns: how many files were still in its hands."""
    return uow.execute(
        "UPDATE tracked_file SET state = 'merged', reason = NULL, snapshot_id = %s, changed_at = %s "
        "WHERE lease = %s AND state = 'processing' AND id = ANY(%s)",
        (snapshot_id, uow.now, lease, list(file_ids)),
    )


def give_back(uow: UnitOfWork, lease: str) -> int:
    """Files of a lease that did not commit are waiting again."""
    return uow.execute(
        "UPDATE tracked_file SET state = 'registered', lease = NULL, changed_at = %s WHERE lease = %s AND state = "
        "'processing'",
        (uow.now, lease),
    )


def give_back_of_table(uow: UnitOfWork, schema: str, table: str) -> int:
    """All files of a source table that were in the hands of leases now closed are waiting again."""
    return uow.execute(
        "UPDATE tracked_file SET state = 'registered', lease = NULL, changed_at = %s "
        "WHERE source_schema = %s AND source_table = %s AND state = 'processing'",
        (uow.now, schema, table),
    )


def _file(row: DictRow) -> TrackedFile:
    manifest = Manifest.parse(row["manifest"])
    return TrackedFile(
        id=row["id"],
        task=row["task"],
        path=row["path"],
        kind=row["kind"],
        first=row["first_position"],
        last=row["last_position"],
        size_bytes=row["size_bytes"],
        rows=row["row_count"],
        sha256=manifest.sha256,
        state=FileState(row["state"]),
        reason=row["reason"],
        load_id=manifest.load_id,
        load_files=manifest.full_load_files if manifest.full_load_complete else None,
        identity=manifest.replica_identity_columns,
        lease=row["lease"],
    )


# --- runs and workers ---


def insert_run(
    uow: UnitOfWork, run_id: str, *, workflow: str, run_at: datetime, cause: str, dependents: bool, spec: dict[str, Any]
) -> bool:
    """Request a run. Returns: False when it was requested before."""
    return (
        uow.execute(
            "INSERT INTO pipeline_run (id, workflow, run_at, cause, state, spec, dependents, requested_by, "
            "requested_at) "
            "VALUES (%s, %s, %s, %s, 'requested', %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
            (run_id, workflow, run_at, cause, Jsonb(spec), dependents, str(uow.actor), uow.now),
        )
        == 1
    )


def run_by_id(uow: UnitOfWork, run_id: str) -> DictRow | None:
    return uow.row("SELECT * FROM pipeline_run WHERE id = %s", (run_id,))


def take_requested_runs(uow: UnitOfWork, worker: str) -> list[str]:
    """Take every run that nobody has taken."""
    rows = uow.rows(
        "UPDATE pipeline_run SET state = 'running', worker = %s WHERE id IN "
        "(SELECT id FROM pipeline_run WHERE state = 'requested' ORDER BY requested_at, id FOR UPDATE SKIP LOCKED) "
        "RETURNING id, requested_at",
        (worker,),
    )
    return [row["id"] for row in sorted(rows, key=lambda row: (row["requested_at"], row["id"]))]


def inherit_runs(uow: UnitOfWork, heir: str, dead: Sequence[str]) -> list[str]:
    """Take over the unfinished runs of dead workers."""
    rows = uow.rows(
        "UPDATE pipeline_run SET worker = %s WHERE state = 'running' AND worker = ANY(%s) RETURNING id",
        (heir, list(dead)),
    )
    return sorted(row["id"] for row in rows)


def unfinished_runs(uow: UnitOfWork) -> int:
    row = uow.row("SELECT count(*) AS n FROM pipeline_run WHERE ended_at IS NULL")
    return int(row["n"]) if row else 0


def runs_caused_by(uow: UnitOfWork, run_id: str) -> list[str]:
    rows = uow.rows("SELECT id FROM pipeline_run WHERE cause = %s ORDER BY requested_at, id", (f"after:{run_id}",))
    return [row["id"] for row in rows]


def list_runs(uow: UnitOfWork, limit: int, workflow: str | None = None) -> list[DictRow]:
    return uow.rows(
        "SELECT id, workflow, run_at, cause, state, failure, requested_by, requested_at, ended_at FROM pipeline_run "
        "WHERE (%(workflow)s::text IS NULL OR workflow = %(workflow)s) ORDER BY requested_at DESC, id DESC "
        "LIMIT %(limit)s",
        {"limit": limit, "workflow": workflow},
    )


def newest_runs(uow: UnitOfWork) -> list[DictRow]:
    """The newest run of each workflow that is deployed. Cost: one look into the index for each."""
    return uow.rows(
        "SELECT r.* FROM pipeline_config c CROSS JOIN LATERAL (SELECT id, workflow, run_at, cause, state, failure, "
        "requested_by, requested_at, ended_at FROM pipeline_run WHERE workflow = c.name "
        "ORDER BY requested_at DESC, id DESC LIMIT 1) r WHERE c.kind = 'workflow'"
    )


def newest_ended_run(uow: UnitOfWork, workflow: str) -> DictRow | None:
    return uow.row(
        "SELECT id, state, ended_at FROM pipeline_run WHERE workflow = %s AND ended_at IS NOT NULL "
        "ORDER BY ended_at DESC, id DESC LIMIT 1",
        (workflow,),
    )


def has_unfinished_run(uow: UnitOfWork, workflow: str) -> bool:
    row = uow.row("SELECT 1 AS one FROM pipeline_run WHERE workflow = %s AND ended_at IS NULL LIMIT 1", (workflow,))
    return row is not None


def newest_request(uow: UnitOfWork, workflow: str) -> datetime | None:
    row = uow.row("SELECT max(requested_at) AS at FROM pipeline_run WHERE workflow = %s", (workflow,))
    return row["at"] if row else None


def end_run(uow: UnitOfWork, run_id: str, failure: str | None) -> bool:
    """End a run. Returns: False when it has ended already."""
    return (
        uow.execute(
            "UPDATE pipeline_run SET state = %s, failure = %s, ended_at = %s WHERE id = %s AND ended_at IS NULL",
            ("failed" if failure else "succeeded", failure, uow.now, run_id),
        )
        == 1
    )


def part_of_run(uow: UnitOfWork, run_id: str, name: str) -> DictRow | None:
    return uow.row("SELECT state, detail FROM pipeline_run_part WHERE run_id = %s AND name = %s", (run_id, name))


def save_part(uow: UnitOfWork, run_id: str, name: str, state: str, detail: dict[str, Any]) -> None:
    ended = None if state == "running" else uow.now
    uow.execute(
        "INSERT INTO pipeline_run_part (run_id, name, state, detail, started_at, ended_at) VALUES (%s, %s, %s, %s, "
        "%s, %s) "
        "ON CONFLICT (run_id, name) DO UPDATE SET state = excluded.state, detail = excluded.detail, ended_at = "
        "excluded.ended_at",
        (run_id, name, state, Jsonb(detail), uow.now, ended),
    )


def parts_of_run(uow: UnitOfWork, run_id: str) -> list[DictRow]:
    return uow.rows(
        "SELECT name, state, detail, started_at, ended_at FROM pipeline_run_part WHERE run_id = %s ORDER BY "
        "started_at, name",
        (run_id,),
    )


def beat(uow: UnitOfWork, worker: str) -> None:
    uow.execute(
        "INSERT INTO pipeline_worker (id, started_at, heartbeat_at) VALUES (%s, %s, %s) "
        "ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, stopped_at = NULL",
        (worker, uow.now, uow.now),
    )


def stop_worker(uow: UnitOfWork, worker: str) -> None:
    uow.execute("UPDATE pipeline_worker SET stopped_at = %s WHERE id = %s", (uow.now, worker))


def living_workers(uow: UnitOfWork, silence: timedelta) -> set[str]:
    rows = uow.rows(
        "SELECT id FROM pipeline_worker WHERE stopped_at IS NULL AND heartbeat_at > %s", (uow.now - silence,)
    )
    return {row["id"] for row in rows}


def silent_workers(uow: UnitOfWork, silence: timedelta) -> list[str]:
    rows = uow.rows(
        "SELECT id FROM pipeline_worker WHERE stopped_at IS NULL AND heartbeat_at <= %s ORDER BY id",
        (uow.now - silence,),
    )
    return [row["id"] for row in rows]
