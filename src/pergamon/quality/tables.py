"""The SQL of quality. No other room touches these tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.kernel import new_id
from pergamon.lake import TableId
from pergamon.quality.model import ColumnProfile, Outcome, Profile, RuleResult, State
from pergamon.quality.rules import QualityRulesSpec, RuleSet
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Claim:
    """The right to measure a table, until a newer claim takes it."""

    id: str
    table: TableId
    serial: int
    measure_again: bool
    attempts: int


def save_request(
    uow: UnitOfWork, table: TableId, snapshot_id: int | None, due_at: datetime, *, measure_again: bool
) -> bool:
    """One request a table; a request for another snapshot, or by a person, supersedes it. Returns: is it news?"""
    return (
        uow.execute(
            "INSERT INTO quality_request AS r (database, name, snapshot_id, measure_again, requested_at, requested_by, "
            "due_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (database, name) DO UPDATE SET "
            "snapshot_id = excluded.snapshot_id, serial = r.serial + 1, attempts = 0, "
            "measure_again = r.measure_again OR excluded.measure_again, requested_at = excluded.requested_at, "
            "requested_by = excluded.requested_by, due_at = least(r.due_at, excluded.due_at) "
            "WHERE r.snapshot_id IS DISTINCT FROM excluded.snapshot_id OR excluded.measure_again",
            (table.database, table.name, snapshot_id, measure_again, uow.now, uow.actor.id, due_at),
        )
        > 0
    )


def save_rule_requests(uow: UnitOfWork, requests: Sequence[tuple[TableId, int | None]]) -> None:
    """Ask for the rules of these tables to be applied anew, at their snapshots."""
    databases, names = [table.database for table, _ in requests], [table.name for table, _ in requests]
    snapshots = [snapshot for _, snapshot in requests]
    uow.execute(
        "INSERT INTO quality_request AS r (database, name, snapshot_id, requested_at, requested_by, due_at) "
        "SELECT database, name, snapshot_id, %s, %s, %s "
        "FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS asked (database, name, snapshot_id) "
        "ORDER BY database, name ON CONFLICT (database, name) DO UPDATE SET snapshot_id = excluded.snapshot_id, "
        "serial = r.serial + 1, attempts = 0, due_at = least(r.due_at, excluded.due_at)",
        (uow.now, uow.actor.id, uow.now, databases, names, snapshots),
    )


def claim_request(uow: UnitOfWork, worker: str, lease: timedelta) -> Claim | None:
    """Take the request that is due longest and that nobody has; what a dead worker had is taken up again."""
    claim = new_id("claim")
    row = uow.row(
        "UPDATE quality_request SET claim = %s, claimed_by = %s, claimed_until = %s, attempts = attempts + 1 "
        "WHERE (database, name) = (SELECT database, name FROM quality_request WHERE due_at <= %s "
        "AND (claimed_until IS NULL OR claimed_until < %s) ORDER BY due_at, database, name LIMIT 1 "
        "FOR UPDATE SKIP LOCKED) RETURNING database, name, serial, measure_again, attempts",
        (claim, worker, uow.now + lease, uow.now, uow.now),
    )
    if row is None:
        return None
    return Claim(claim, TableId(row["database"], row["name"]), row["serial"], row["measure_again"], row["attempts"])


def renew_claim(uow: UnitOfWork, claim: Claim, lease: timedelta) -> bool:
    """Go on having it. False: somebody else has it now."""
    return (
        uow.execute("UPDATE quality_request SET claimed_until = %s WHERE claim = %s", (uow.now + lease, claim.id)) > 0
    )


def release_claims(uow: UnitOfWork, worker: str) -> int:
    """What a worker of this name had when it died is free; there is one process of each name."""
    return uow.execute(
        "UPDATE quality_request SET claim = NULL, claimed_by = NULL, claimed_until = NULL WHERE claimed_by = %s",
        (worker,),
    )


def finish_request(uow: UnitOfWork, claim: Claim) -> bool:
    """The request is met; one that came meanwhile stays. False: the claim is lost, and what was made is not kept."""
    row = uow.row("SELECT serial FROM quality_request WHERE claim = %s FOR UPDATE", (claim.id,))
    if row is None:
        return False
    if row["serial"] == claim.serial:
        uow.execute("DELETE FROM quality_request WHERE claim = %s", (claim.id,))
    else:
        uow.execute(
            "UPDATE quality_request SET claim = NULL, claimed_by = NULL, claimed_until = NULL WHERE claim = %s",
            (claim.id,),
        )
    return True


def postpone_request(uow: UnitOfWork, claim: Claim, due_at: datetime) -> None:
    """Try again later."""
    uow.execute(
        "UPDATE quality_request SET claim = NULL, claimed_by = NULL, claimed_until = NULL, due_at = %s "
        "WHERE claim = %s",
        (due_at, claim.id),
    )


def is_requested(uow: UnitOfWork, table: TableId) -> bool:
    row = uow.row("SELECT 1 FROM quality_request WHERE database = %s AND name = %s", (table.database, table.name))
    return row is not None


def pending_requests(uow: UnitOfWork) -> int:
    row = uow.row("SELECT count(*) AS n FROM quality_request")
    return row["n"] if row else 0


def save_profile(uow: UnitOfWork, profile: Profile) -> None:
    uow.execute(
        "INSERT INTO quality_profile (id, database, name, snapshot_id, state, at, committed_at, row_count, "
        "sampled_rows, left_out, columns, results, score, dimensions, duration_ms, reason) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s::json, %s, %s, %s, %s)",
        (
            profile.id,
            profile.table.database,
            profile.table.name,
            profile.snapshot_id,
            profile.state.value,
            profile.at,
            profile.committed_at,
            profile.rows,
            profile.sampled_rows,
            profile.left_out,
            _json([column.as_json() for column in profile.columns]),
            _json([result.as_json() for result in profile.results]),
            profile.score,
            Jsonb(dict(profile.dimensions)),
            profile.duration_ms,
            profile.reason,
        ),
    )


def newest_profile(uow: UnitOfWork, table: TableId, *, state: State | None = None) -> Profile | None:
    found = profiles(uow, table, limit=1, state=state)
    return found[0] if found else None


def profiles(
    uow: UnitOfWork,
    table: TableId,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
    state: State | None = None,
) -> list[Profile]:
    """Newest first."""
    parameters: dict[str, Any] = {
        "database": table.database,
        "name": table.name,
        "state": state.value if state else None,
        "at": before[0] if before else None,
        "id": before[1] if before else "",
        "limit": limit,
    }
    rows = uow.rows(
        "SELECT * FROM quality_profile WHERE database = %(database)s AND name = %(name)s "
        "AND (%(state)s::text IS NULL OR state = %(state)s) "
        "AND (%(at)s::timestamptz IS NULL OR (at, id) < (%(at)s, %(id)s)) ORDER BY at DESC, id DESC LIMIT %(limit)s",
        parameters,
    )
    return [_profile(row) for row in rows]


def delete_old_profiles(uow: UnitOfWork, all_since: datetime, days_since: datetime, limit: int) -> int:
    """Delete profiles from before `all_since` that another of the same day and state follows, and all from before
    `days_since`; a table's newest, and its newest of each state, stay. Returns: how many went."""
    return uow.execute(
        "DELETE FROM quality_profile WHERE id IN (SELECT p.id FROM quality_profile p WHERE p.at < %(all)s AND EXISTS ("
        "SELECT 1 FROM quality_profile n WHERE n.database = p.database AND n.name = p.name AND n.state = p.state "
        "AND (n.at, n.id) > (p.at, p.id) AND (p.at < %(days)s "
        "OR (n.at AT TIME ZONE 'UTC')::date = (p.at AT TIME ZONE 'UTC')::date)) ORDER BY p.at LIMIT %(limit)s)",
        {"all": all_since, "days": days_since, "limit": limit},
    )


def last_measuring(uow: UnitOfWork, table: TableId) -> tuple[datetime, int, int | None, str] | None:
    """When a table was last measured, how long that took (ms), at which snapshot, and how it ended."""
    row = uow.row(
        "SELECT at, duration_ms, snapshot_id, state FROM quality_profile WHERE database = %s AND name = %s "
        "ORDER BY at DESC, id DESC LIMIT 1",
        (table.database, table.name),
    )
    return (row["at"], row["duration_ms"], row["snapshot_id"], row["state"]) if row else None


def measured_snapshots(uow: UnitOfWork) -> dict[TableId, int | None]:
    """The snapshot of each table's newest profile, and of what is asked for already."""
    rows = uow.rows(
        "SELECT DISTINCT ON (database, name) database, name, snapshot_id FROM quality_profile "
        "ORDER BY database, name, at DESC, id DESC"
    )
    asked = uow.rows("SELECT database, name, snapshot_id FROM quality_request")
    return {TableId(row["database"], row["name"]): row["snapshot_id"] for row in [*rows, *asked]}


def save_rules(uow: UnitOfWork, name: str, spec: QualityRulesSpec, tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO quality_rules (name, spec, tags, changed_at) VALUES (%s, %s::json, %s, %s) ON CONFLICT (name) "
        "DO UPDATE SET spec = excluded.spec, tags = excluded.tags, changed_at = excluded.changed_at",
        (name, spec.model_dump_json(), Jsonb(tags), uow.now),
    )


def delete_rules(uow: UnitOfWork, name: str) -> bool:
    return uow.execute("DELETE FROM quality_rules WHERE name = %s", (name,)) > 0


def all_rules(uow: UnitOfWork) -> dict[str, QualityRulesSpec]:
    rows = uow.rows("SELECT name, spec FROM quality_rules ORDER BY name")
    return {row["name"]: QualityRulesSpec.model_validate(row["spec"]) for row in rows}


def own_rules(uow: UnitOfWork, table: TableId, *, lock: bool = False) -> tuple[RuleSet, int]:
    """The rules that people set for a table, and their version; none: version 0."""
    values = (table.database, table.name)
    if lock:
        uow.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 67))", (str(table),))
    row = uow.row("SELECT spec, version FROM quality_own_rules WHERE database = %s AND name = %s", values)
    return (RuleSet.model_validate(row["spec"]), row["version"]) if row else (RuleSet(), 0)


def tables_with_own_rules(uow: UnitOfWork) -> set[TableId]:
    return {TableId(row["database"], row["name"]) for row in uow.rows("SELECT database, name FROM quality_own_rules")}


def save_own_rules(uow: UnitOfWork, table: TableId, rules: RuleSet, version: int) -> None:
    uow.execute(
        "INSERT INTO quality_own_rules (database, name, spec, version, changed_at, changed_by) "
        "VALUES (%s, %s, %s::json, %s, %s, %s) ON CONFLICT (database, name) DO UPDATE SET spec = excluded.spec, "
        "version = excluded.version, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        (table.database, table.name, rules.model_dump_json(), version, uow.now, uow.actor.id),
    )


def _json(value: Any) -> str:  # Any: whatever JSON can hold
    """PostgreSQL keeps no zero byte; it stands as the sign for what is no character."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False).replace("\\u0000", "\\ufffd")


def _profile(row: DictRow) -> Profile:
    return Profile(
        id=row["id"],
        table=TableId(row["database"], row["name"]),
        snapshot_id=row["snapshot_id"],
        state=State(row["state"]),
        at=row["at"],
        committed_at=row["committed_at"],
        rows=row["row_count"],
        sampled_rows=row["sampled_rows"],
        columns=tuple(ColumnProfile(**column) for column in row["columns"]),
        left_out=row["left_out"],
        results=tuple(RuleResult(**{**result, "outcome": Outcome(result["outcome"])}) for result in row["results"]),
        score=row["score"],
        dimensions=row["dimensions"],
        duration_ms=row["duration_ms"],
        reason=row["reason"],
    )
