"""The SQL of requests, subscriptions and grants. No other room touches these tables."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.access.model import (
    AccessRequest,
    Approval,
    Comment,
    Grant,
    Narrowing,
    RequestState,
    Wish,
)
from pergamon.policy import grant_as_json, grant_from_json
from pergamon.store import UnitOfWork

_REQUEST: LiteralString = (
    "SELECT r.*, g.id AS grant_id FROM access_request r LEFT JOIN access_grant g ON g.request_id = r.id "
)
_GRANT: LiteralString = (
    "SELECT g.*, s.database, s.table_name FROM access_grant g JOIN access_subscription s USING (project, asset_id) "
)
_LIVE: LiteralString = (
    " g.revoked_at IS NULL AND g.end_told_at IS NULL AND (g.valid_until IS NULL OR g.valid_until > %(now)s) "
)
_IS_TABLE: LiteralString = (
    " (EXISTS (SELECT FROM catalog_asset_there a WHERE a.id = g.asset_id) AND EXISTS (SELECT FROM lake_table_there t "
    "WHERE t.key = g.table_key AND t.database || '.' || t.name = g.lake_table)) "
)
"""Is the asset there, and its table the very one that was granted?"""
_HAS_GROUND: LiteralString = (
    "(" + _IS_TABLE + "AND EXISTS (SELECT FROM catalog_project_there p WHERE p.name = g.project)) "
)
_GIVES: LiteralString = _LIVE + "AND " + _HAS_GROUND


def insert_request(uow: UnitOfWork, request: AccessRequest) -> bool:
    """False when the project has a request for this asset that is not decided."""
    return (
        uow.execute(
            "INSERT INTO access_request (id, asset_id, asset_name, asset_project, listing_version, project, "
            "requested_by, requested_at, changed_at, state, round, shaped_by, wish, decided_at, decided_by) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (project, asset_id) WHERE state IN ('open', 'changes-asked') DO NOTHING",
            (
                request.id,
                request.asset_id,
                request.asset_name,
                request.asset_project,
                request.listing_version,
                request.project,
                request.requested_by,
                request.requested_at,
                request.changed_at,
                request.state.value,
                request.round,
                sorted(request.shaped_by),
                Jsonb(request.wish.model_dump(mode="json")),
                request.decided_at,
                request.decided_by,
            ),
        )
        > 0
    )


def save_request(uow: UnitOfWork, request: AccessRequest) -> None:
    """What an act has changed."""
    uow.execute(
        "UPDATE access_request SET listing_version = %s, changed_at = %s, state = %s, round = %s, shaped_by = %s, "
        "wish = %s, decided_at = %s, decided_by = %s WHERE id = %s",
        (
            request.listing_version,
            request.changed_at,
            request.state.value,
            request.round,
            sorted(request.shaped_by),
            Jsonb(request.wish.model_dump(mode="json")),
            request.decided_at,
            request.decided_by,
            request.id,
        ),
    )


def request(uow: UnitOfWork, request_id: str, *, lock: bool = False) -> AccessRequest | None:
    """One request with its approvals and comments."""
    if lock:
        uow.rows("SELECT id FROM access_request WHERE id = %s FOR UPDATE", (request_id,))
    row = uow.row(_REQUEST + "WHERE r.id = %s", (request_id,))
    if row is None:
        return None
    approvals = uow.rows(
        "SELECT by, at, note, narrowing FROM access_approval WHERE request_id = %s AND round = %s ORDER BY at, by",
        (request_id, row["round"]),
    )
    comments = uow.rows(
        "SELECT id, by, at, act, text FROM access_comment WHERE request_id = %s ORDER BY id", (request_id,)
    )
    return _request(row, approvals, comments)


def page_of_requests(
    uow: UnitOfWork,
    *,
    asking: Collection[str],
    owning: Collection[str],
    project: str | None,
    asset: str | None,
    state: str | None,
    after: str,
    limit: int,
) -> list[AccessRequest]:
    """Requests of some projects, and for assets of some projects, by id; without comments and approvals."""
    parameters: dict[str, Any] = {
        "asking": sorted(asking),
        "owning": sorted(owning),
        "project": project,
        "asset": asset,
        "state": state,
        "after": after,
        "limit": limit,
    }
    narrowed: LiteralString = (
        "x.id > %(after)s AND (%(project)s::text IS NULL OR x.project = %(project)s) "
        "AND (%(asset)s::text IS NULL OR x.asset_id = %(asset)s) "
        "AND (%(state)s::text IS NULL OR x.state = %(state)s) ORDER BY x.id LIMIT %(limit)s"
    )
    rows = uow.rows(
        "SELECT r.*, g.id AS grant_id FROM ("  # noqa: S608 - literals alone
        "SELECT p.* FROM unnest(%(asking)s::text[]) AS one (name) CROSS JOIN LATERAL "
        "(SELECT * FROM access_request x WHERE x.project = one.name AND " + narrowed + ") p "
        "UNION ALL SELECT o.* FROM unnest(%(owning)s::text[]) AS one (name) CROSS JOIN LATERAL "
        "(SELECT * FROM access_request x WHERE x.asset_project = one.name AND NOT x.project = ANY (%(asking)s) AND "
        + narrowed
        + ") o"
        ") r LEFT JOIN access_grant g ON g.request_id = r.id ORDER BY r.id LIMIT %(limit)s",
        parameters,
    )
    return [_request(row) for row in rows]


def newest_undecided(uow: UnitOfWork, projects: Collection[str], limit: int) -> list[AccessRequest]:
    """Requests of these projects that are not decided, the newest first; without comments and approvals."""
    rows = uow.rows(
        "SELECT *, NULL AS grant_id FROM access_request WHERE project = ANY (%s) "
        "AND state IN ('open', 'changes-asked') ORDER BY id DESC LIMIT %s",
        (sorted(projects), limit),
    )
    return [_request(row) for row in rows]


def page_of_waiting(
    uow: UnitOfWork,
    *,
    asking: Collection[str],
    deciding: Collection[str],
    project: str | None,
    asset: str | None,
    state: str | None,
    after: str,
    limit: int,
) -> list[AccessRequest]:
    """Open ones for assets of `deciding` on which the actor may still decide; those sent back to `asking`."""
    rows = uow.rows(
        "SELECT r.*, NULL AS grant_id FROM access_request r WHERE r.id > %(after)s "
        "AND (%(project)s::text IS NULL OR r.project = %(project)s) "
        "AND (%(asset)s::text IS NULL OR r.asset_id = %(asset)s) "
        "AND (%(state)s::text IS NULL OR r.state = %(state)s) AND ("
        "(r.state = 'open' AND r.asset_project = ANY (%(deciding)s) AND NOT %(actor)s = ANY (r.shaped_by) "
        "AND NOT EXISTS (SELECT FROM access_approval a WHERE a.request_id = r.id AND a.round = r.round "
        "AND a.by = %(actor)s)) "
        "OR (r.state = 'changes-asked' AND r.project = ANY (%(asking)s))) ORDER BY r.id LIMIT %(limit)s",
        {
            "after": after,
            "deciding": sorted(deciding),
            "asking": sorted(asking),
            "actor": uow.actor.id,
            "project": project,
            "asset": asset,
            "state": state,
            "limit": limit,
        },
    )
    return [_request(row) for row in rows]


def insert_approval(uow: UnitOfWork, request: AccessRequest, approval: Approval) -> None:
    uow.execute(
        "INSERT INTO access_approval (request_id, round, by, at, note, narrowing) VALUES (%s, %s, %s, %s, %s, %s)",
        (
            request.id,
            request.round,
            approval.by,
            approval.at,
            approval.note,
            Jsonb(approval.narrowing.model_dump(mode="json")),
        ),
    )


def insert_comment(uow: UnitOfWork, request_id: str, comment: Comment) -> None:
    uow.execute(
        "INSERT INTO access_comment (id, request_id, by, at, act, text) VALUES (%s, %s, %s, %s, %s, %s)",
        (comment.id, request_id, comment.by, comment.at, comment.act, comment.text),
    )


def count_comments(uow: UnitOfWork, request_id: str) -> int:
    row = uow.row("SELECT count(*) AS number FROM access_comment WHERE request_id = %s", (request_id,))
    return int(row["number"]) if row else 0


def lock_subscriptions(uow: UnitOfWork, database: str) -> None:
    """Nobody else gives tables of this database their names until the end of the unit of work."""
    uow.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"access_subscription:{database}",))


def subscription(uow: UnitOfWork, project: str, asset_id: str) -> tuple[str, str] | None:
    """(database, table) of an asset in a project's database."""
    row = uow.row(
        "SELECT database, table_name FROM access_subscription WHERE project = %s AND asset_id = %s", (project, asset_id)
    )
    return (row["database"], row["table_name"]) if row else None


def names_taken(uow: UnitOfWork, database: str, name: str) -> frozenset[str]:
    """The tables of a database that are called so, or so with a number."""
    rows = uow.rows(
        "SELECT table_name FROM access_subscription WHERE database = %s AND starts_with(table_name, %s)",
        (database, name),
    )
    return frozenset(row["table_name"] for row in rows)


def insert_subscription(uow: UnitOfWork, project: str, asset_id: str, database: str, table: str) -> None:
    uow.execute(
        "INSERT INTO access_subscription (project, asset_id, database, table_name) VALUES (%s, %s, %s, %s)",
        (project, asset_id, database, table),
    )


def insert_grant(uow: UnitOfWork, grant: Grant) -> None:
    uow.execute(
        "INSERT INTO access_grant (id, request_id, project, asset_id, asset_project, lake_table, table_key, rights, "
        "column_names, isolated, granted_at, granted_by, valid_until) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            grant.id,
            grant.request_id,
            grant.project,
            grant.asset_id,
            grant.asset_project,
            grant.lake_table,
            grant.table_key,
            Jsonb(grant_as_json(grant.rights)),
            Jsonb({str(number): name for number, name in grant.column_names.items()}),
            grant.isolated,
            grant.granted_at,
            list(grant.granted_by),
            grant.valid_until,
        ),
    )


def grant(uow: UnitOfWork, grant_id: str, *, lock: bool = False) -> Grant | None:
    row = (
        uow.row(_GRANT + "WHERE g.id = %s FOR UPDATE OF g", (grant_id,))
        if lock
        else uow.row(_GRANT + "WHERE g.id = %s", (grant_id,))
    )
    return _grant(row) if row else None


def page_of_grants(
    uow: UnitOfWork,
    *,
    using: Collection[str],
    owning: Collection[str],
    project: str | None,
    asset: str | None,
    state: str | None,
    after: str,
    limit: int,
) -> list[Grant]:
    """Grants to some projects, and on assets of some projects, by id."""
    parameters: dict[str, Any] = {
        "using": sorted(using),
        "owning": sorted(owning),
        "project": project,
        "asset": asset,
        "state": state,
        "after": after,
        "limit": limit,
        "now": uow.now,
    }
    narrowed: LiteralString = (
        "x.id > %(after)s AND (%(project)s::text IS NULL OR x.project = %(project)s) "
        "AND (%(asset)s::text IS NULL OR x.asset_id = %(asset)s) AND CASE %(state)s::text "
        "WHEN 'revoked' THEN x.revoked_at IS NOT NULL WHEN 'expired' THEN x.revoked_at IS NULL AND x.valid_until <= "
        "%(now)s WHEN 'active' THEN x.revoked_at IS NULL AND (x.valid_until IS NULL OR x.valid_until > %(now)s) "
        "ELSE true END ORDER BY x.id LIMIT %(limit)s"
    )
    rows = uow.rows(
        "SELECT g.*, s.database, s.table_name FROM ("  # noqa: S608 - literals alone
        "SELECT p.id FROM unnest(%(using)s::text[]) AS one (name) CROSS JOIN LATERAL "
        "(SELECT x.id FROM access_grant x WHERE x.project = one.name AND " + narrowed + ") p "
        "UNION ALL SELECT o.id FROM unnest(%(owning)s::text[]) AS one (name) CROSS JOIN LATERAL "
        "(SELECT x.id FROM access_grant x WHERE x.asset_project = one.name AND NOT x.project = ANY (%(using)s) AND "
        + narrowed
        + ") o ORDER BY id LIMIT %(limit)s) page JOIN access_grant g USING (id) "
        "JOIN access_subscription s USING (project, asset_id) ORDER BY g.id",
        parameters,
    )
    return [_grant(row) for row in rows]


def first_to_end(uow: UnitOfWork, projects: Collection[str], before: datetime, limit: int) -> list[Grant]:
    """Live grants to these projects that end before a moment, the first to end first."""
    rows = uow.rows(
        _GRANT
        + "WHERE g.project = ANY (%(projects)s) AND g.valid_until < %(before)s AND "
        + _LIVE
        + "ORDER BY g.valid_until, g.id LIMIT %(limit)s",
        {"projects": sorted(projects), "before": before, "now": uow.now, "limit": limit},
    )
    return [_grant(row) for row in rows]


def newest_given(uow: UnitOfWork, projects: Collection[str], since: datetime, limit: int) -> list[Grant]:
    """Grants to these projects since a moment that give something now, the newest first.

    Cost: the first of each project; again and of more where much of that has lost its ground and nobody told yet.
    """
    most = 2 * limit
    while True:
        rows = uow.rows(
            "SELECT g.*, s.database, s.table_name, "  # noqa: S608 - literals alone
            + _HAS_GROUND
            + "AS gives FROM (SELECT p.id FROM unnest(%(projects)s::text[]) AS one (name) CROSS JOIN LATERAL "
            "(SELECT g.id, g.granted_at FROM access_grant g WHERE g.project = one.name "
            "AND g.granted_at >= %(since)s AND "
            + _LIVE
            + "ORDER BY g.granted_at DESC, g.id DESC LIMIT %(most)s) p ORDER BY p.granted_at DESC, p.id DESC "
            "LIMIT %(most)s) newest JOIN access_grant g USING (id) "
            "JOIN access_subscription s USING (project, asset_id) "
            "ORDER BY g.granted_at DESC, g.id DESC",
            {"projects": sorted(projects), "since": since, "now": uow.now, "most": most},
        )
        given = [row for row in rows if row["gives"]]
        if len(given) >= limit or len(rows) < most:
            return [_grant(row) for row in given[:limit]]
        most *= 4


def grants_that_give(uow: UnitOfWork, database: str, table: str) -> tuple[list[Grant], Mapping[str, str]]:
    """Those that give a subscription's table at this moment, and the actor's attributes. Cost: index lookups."""
    rows = uow.rows(
        "SELECT g.*, s.database, s.table_name, "  # noqa: S608 - literals alone
        "(SELECT attributes FROM principal_attributes WHERE id = %(actor)s) AS attributes "
        "FROM access_grant g JOIN access_subscription s USING (project, asset_id) "
        "WHERE s.database = %(database)s AND s.table_name = %(table)s AND " + _GIVES + "ORDER BY g.id",
        {"database": database, "table": table, "actor": uow.actor.id, "now": uow.now},
    )
    return [_grant(row) for row in rows], (rows[0]["attributes"] or {}) if rows else {}


def live_grants_of_project(uow: UnitOfWork, project: str) -> list[Grant]:
    """What it was given, and what it gives."""
    rows = uow.rows(
        _GRANT + "WHERE (g.project = %(project)s OR g.asset_project = %(project)s) AND " + _LIVE + "ORDER BY g.id",
        {"project": project, "now": uow.now},
    )
    return [_grant(row) for row in rows]


def subscriptions_of_projects(uow: UnitOfWork, projects: Collection[str]) -> list[DictRow]:
    """What grants give to these projects at this moment, by database and table."""
    return uow.rows(
        "SELECT s.database, s.table_name, s.project, s.asset_id FROM access_subscription s "  # noqa: S608 - literals alone
        "WHERE s.project = ANY (%(projects)s) AND EXISTS (SELECT FROM access_grant g "
        "WHERE (g.project, g.asset_id) = (s.project, s.asset_id) AND " + _GIVES + ") ORDER BY s.database, s.table_name",
        {"projects": sorted(projects), "now": uow.now},
    )


def names_given(uow: UnitOfWork, asset_id: str) -> list[str]:
    rows = uow.rows(
        "SELECT DISTINCT s.database || '.' || s.table_name AS name FROM access_grant g "
        "JOIN access_subscription s USING (project, asset_id) WHERE g.asset_id = %s ORDER BY 1",
        (asset_id,),
    )
    return [row["name"] for row in rows]


def count_that_give(uow: UnitOfWork, grant_ids: Collection[str]) -> int:
    """How many of these grants give something at this moment."""
    row = uow.row(
        "SELECT count(*) AS number FROM access_grant g WHERE g.id = ANY (%(ids)s) AND " + _GIVES,  # noqa: S608 - literals alone
        {"ids": sorted(grant_ids), "now": uow.now},
    )
    return int(row["number"]) if row else 0


def count_live_grants(uow: UnitOfWork, project: str, asset_id: str) -> int:
    row = uow.row(
        "SELECT count(*) AS number FROM access_grant g "  # noqa: S608 - literals alone
        "WHERE g.project = %(project)s AND g.asset_id = %(asset)s AND " + _LIVE,
        {"project": project, "asset": asset_id, "now": uow.now},
    )
    return int(row["number"]) if row else 0


def grounds_that_are_gone(uow: UnitOfWork) -> list[DictRow]:
    """What live grants stand on that is there no more, each once. is_table: asset and table are."""
    return uow.rows(
        "SELECT DISTINCT g.project, g.asset_id, g.table_key, " + _IS_TABLE + "AS is_table "
        "FROM access_grant g WHERE " + _LIVE + "AND NOT " + _HAS_GROUND,
        {"now": uow.now},
    )


def live_grants_on(uow: UnitOfWork, project: str, asset_id: str, table_key: str) -> list[Grant]:
    """Those that give a project something of an asset at this moment."""
    rows = uow.rows(
        _GRANT + "WHERE g.project = %(project)s AND g.asset_id = %(asset)s AND g.table_key = %(key)s AND " + _LIVE +
        "ORDER BY g.id",
        {"project": project, "asset": asset_id, "key": table_key, "now": uow.now},
    )  # fmt: skip
    return [_grant(row) for row in rows]


def reasons(uow: UnitOfWork, request_ids: Collection[str]) -> dict[str, DictRow]:
    """Who asked, why and what for, by request."""
    rows = uow.rows(
        "SELECT id, requested_by, wish ->> 'reason' AS reason, wish ->> 'purpose' AS purpose FROM access_request "
        "WHERE id = ANY (%s)",
        (sorted(request_ids),),
    )
    return {row["id"]: row for row in rows}


def lock_live_grants_on(uow: UnitOfWork, project: str, asset_id: str, table_key: str) -> list[Grant]:
    rows = uow.rows(
        _GRANT + "WHERE g.project = %(project)s AND g.asset_id = %(asset)s AND g.table_key = %(key)s AND " + _LIVE +
        "ORDER BY g.id FOR UPDATE OF g",
        {"project": project, "asset": asset_id, "key": table_key, "now": uow.now},
    )  # fmt: skip
    return [_grant(row) for row in rows]


def has_undecided(uow: UnitOfWork, project: str, asset_id: str) -> bool:
    return (
        uow.row(
            "SELECT 1 AS one FROM access_request WHERE project = %s AND asset_id = %s "
            "AND state IN ('open', 'changes-asked')",
            (project, asset_id),
        )
        is not None
    )


def undecided_of_project(uow: UnitOfWork, project: str) -> list[str]:
    rows = uow.rows(
        "SELECT id FROM access_request WHERE project = %s AND state IN ('open', 'changes-asked') ORDER BY id",
        (project,),
    )
    return [row["id"] for row in rows]


def lock_expired(uow: UnitOfWork, limit: int) -> list[Grant]:
    """Grants whose time is over and whose end is not told yet; two workers do not take the same."""
    rows = uow.rows(
        _GRANT + "WHERE g.valid_until <= %(now)s AND g.revoked_at IS NULL AND g.end_told_at IS NULL "
        "ORDER BY g.valid_until LIMIT %(limit)s FOR UPDATE OF g SKIP LOCKED",
        {"now": uow.now, "limit": limit},
    )
    return [_grant(row) for row in rows]


def lock_ending(uow: UnitOfWork, until: datetime, limit: int) -> list[Grant]:
    """Live grants that end by then, and of which nobody was warned."""
    rows = uow.rows(
        _GRANT + "WHERE g.valid_until <= %(until)s AND g.warned_at IS NULL AND " + _LIVE +
        "ORDER BY g.valid_until LIMIT %(limit)s FOR UPDATE OF g SKIP LOCKED",
        {"until": until, "now": uow.now, "limit": limit},
    )  # fmt: skip
    return [_grant(row) for row in rows]


def set_revoked(uow: UnitOfWork, grant_id: str, why: str) -> None:
    uow.execute(
        "UPDATE access_grant SET revoked_at = %s, revoked_by = %s, revoked_why = %s WHERE id = %s",
        (uow.now, uow.actor.id, why, grant_id),
    )


def set_end_told(uow: UnitOfWork, grant_ids: Collection[str]) -> None:
    uow.execute("UPDATE access_grant SET end_told_at = %s WHERE id = ANY (%s)", (uow.now, sorted(grant_ids)))


def set_warned(uow: UnitOfWork, grant_ids: Collection[str]) -> None:
    uow.execute("UPDATE access_grant SET warned_at = %s WHERE id = ANY (%s)", (uow.now, sorted(grant_ids)))


def _request(row: DictRow, approvals: Iterable[DictRow] = (), comments: Iterable[DictRow] = ()) -> AccessRequest:
    return AccessRequest(
        id=row["id"],
        asset_id=row["asset_id"],
        asset_name=row["asset_name"],
        asset_project=row["asset_project"],
        listing_version=row["listing_version"],
        project=row["project"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        changed_at=row["changed_at"],
        state=RequestState(row["state"]),
        round=row["round"],
        shaped_by=frozenset(row["shaped_by"]),
        wish=Wish.model_validate(row["wish"]),
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        grant_id=row["grant_id"],
        approvals=tuple(
            Approval(one["by"], one["at"], one["note"], Narrowing.model_validate(one["narrowing"])) for one in approvals
        ),
        comments=tuple(Comment(**one) for one in comments),
    )


def _grant(row: DictRow) -> Grant:
    names: Mapping[str, str] = row["column_names"]
    return Grant(
        id=row["id"],
        request_id=row["request_id"],
        asset_id=row["asset_id"],
        asset_project=row["asset_project"],
        lake_table=row["lake_table"],
        table_key=row["table_key"],
        project=row["project"],
        database=row["database"],
        table=row["table_name"],
        rights=grant_from_json(row["rights"]),
        column_names={int(number): name for number, name in names.items()},
        isolated=row["isolated"],
        granted_at=row["granted_at"],
        granted_by=tuple(row["granted_by"]),
        valid_until=row["valid_until"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
        revoked_why=row["revoked_why"],
    )
