"""The SQL of assets, their versions and their feed. No other room touches these tables."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.catalog.model import Asset, AssetContent, AssetKind, AssetVersion, Place, TableFacts
from pergamon.lake import TableId
from pergamon.store import UnitOfWork, asked_once

_ASSET = (
    "SELECT a.*, u.path AS unit_path, u.domain, u.found_by, u.owner_roles FROM catalog_asset a "
    "LEFT JOIN catalog_project p ON p.name = a.project LEFT JOIN catalog_unit u ON u.name = p.unit "
)


MANY_PROJECTS = 20


def place_of(row: DictRow, project: str) -> Place:
    """A row's place; without a unit, only the project's members know it."""
    return Place(
        project=project,
        unit=row["unit_path"] or "",
        domain=row["domain"] or "",
        found_by=frozenset(row["found_by"] or ()),
        unit_owners=frozenset(row["owner_roles"] or ()),
    )


_SAME = (
    "id",
    "name",
    "working_version",
    "published_version",
    "published_at",
    "published_by",
    "withheld",
    "retired_at",
    "created_at",
    "data_changed_at",
    "changed_at",
    "data_source",
    "facts",
    "quality_score",
)


def _asset(row: DictRow) -> Asset:
    same = {name: row[name] for name in _SAME}
    return Asset(kind=AssetKind(row["kind"]), place=place_of(row, row["project"]), **same)


def insert_asset(
    uow: UnitOfWork,
    asset_id: str,
    kind: AssetKind,
    *,
    project: str,
    name: str,
    table: TableId | None = None,
    source: str | None = None,
) -> bool:
    """False when the project has an asset of that name and kind."""
    return (
        uow.execute(
            "INSERT INTO catalog_asset (id, kind, project, name, data_source, table_database, table_name, "
            "working_version, created_at, created_by, data_changed_at, changed_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                asset_id,
                kind.value,
                project,
                name,
                source,
                table.database if table else None,
                table.name if table else None,
                uow.now,
                uow.actor.id,
                uow.now,
                uow.now,
            ),
        )
        > 0
    )


@asked_once
def asset(uow: UnitOfWork, asset_id: str, *, lock: bool = False) -> Asset | None:
    if lock:
        row = uow.row(_ASSET + "WHERE a.id = %s FOR UPDATE OF a", (asset_id,))
    else:
        row = uow.row(_ASSET + "WHERE a.id = %s", (asset_id,))
    return _asset(row) if row else None


def lock_assets(uow: UnitOfWork, asset_ids: Collection[str]) -> None:
    """Lock assets in the order of their ids, as everything does that changes several."""
    uow.rows("SELECT id FROM catalog_asset WHERE id = ANY (%s) ORDER BY id FOR UPDATE", (list(asset_ids),))


def assets_by_id(uow: UnitOfWork, asset_ids: Collection[str]) -> list[Asset]:
    return [_asset(row) for row in uow.rows(_ASSET + "WHERE a.id = ANY (%s)", (list(asset_ids),))]


def assets_by_name(uow: UnitOfWork, name: str) -> list[Asset]:
    """At most one of each project and kind."""
    return [_asset(row) for row in uow.rows(_ASSET + "WHERE a.name = %s ORDER BY a.id", (name,))]


def asset_of_table(uow: UnitOfWork, project: str, table: TableId) -> Asset | None:
    """The project's asset of a table, locked."""
    row = uow.row(
        _ASSET + "WHERE a.project = %s AND a.name = %s AND a.kind = 'table' FOR UPDATE OF a", (project, str(table))
    )
    return _asset(row) if row else None


def assets_of_tables(uow: UnitOfWork, names: Collection[str]) -> list[Asset]:
    """Every project's assets of these tables, by full name."""
    return [_asset(row) for row in uow.rows(_ASSET + "WHERE a.name = ANY (%s) AND a.kind = 'table'", (list(names),))]


def assets_of_table(uow: UnitOfWork, table: TableId) -> list[Asset]:
    """Every project's asset of a table, locked in one order."""
    rows = uow.rows(
        _ASSET + "WHERE a.table_database = %s AND a.table_name = %s AND a.kind = 'table' ORDER BY a.id FOR UPDATE OF a",
        (table.database, table.name),
    )
    return [_asset(row) for row in rows]


def insert_version(uow: UnitOfWork, asset_id: str, version: int, content: AssetContent, cause: str) -> None:
    uow.execute(
        "INSERT INTO catalog_asset_version (asset_id, version, content, cause, made_at, made_by) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (
            asset_id,
            version,
            Jsonb(content.model_dump(mode="json", exclude_defaults=True)),
            cause,
            uow.now,
            uow.actor.id,
        ),
    )


def set_working_version(uow: UnitOfWork, asset_id: str, version: int) -> None:
    uow.execute(
        "UPDATE catalog_asset SET working_version = %s, changed_at = %s WHERE id = %s", (version, uow.now, asset_id)
    )


def set_published(uow: UnitOfWork, asset_id: str, version: int) -> None:
    uow.execute(
        "UPDATE catalog_asset SET published_version = %s, published_at = %s, published_by = %s, withheld = false, "
        "changed_at = %s WHERE id = %s",
        (version, uow.now, uow.actor.id, uow.now, asset_id),
    )


def set_unpublished(uow: UnitOfWork, asset_id: str) -> None:
    uow.execute(
        "UPDATE catalog_asset SET published_version = NULL, published_at = NULL, published_by = NULL, "
        "withheld = true, changed_at = %s WHERE id = %s",
        (uow.now, asset_id),
    )


def set_retired(uow: UnitOfWork, asset_id: str) -> None:
    uow.execute(
        "UPDATE catalog_asset SET published_version = NULL, published_at = NULL, published_by = NULL, "
        "retired_at = %s, changed_at = %s WHERE id = %s",
        (uow.now, uow.now, asset_id),
    )


def set_facts(uow: UnitOfWork, asset_id: str, facts: TableFacts, source: str) -> None:
    """The table as it is now; an asset that was retired is there again."""
    uow.execute(
        "UPDATE catalog_asset SET facts = %s, data_source = %s, data_changed_at = %s, retired_at = NULL WHERE id = %s",
        (Jsonb(facts.as_json()), source, uow.now, asset_id),
    )


def set_quality(uow: UnitOfWork, asset_id: str, score: float | None) -> None:
    uow.execute("UPDATE catalog_asset SET quality_score = %s WHERE id = %s", (score, asset_id))


def version(uow: UnitOfWork, asset_id: str, number: int) -> AssetVersion | None:
    row = uow.row("SELECT * FROM catalog_asset_version WHERE asset_id = %s AND version = %s", (asset_id, number))
    return _version(row) if row else None


def version_of(uow: UnitOfWork, asset_id: str, number: int) -> AssetVersion:
    """A version that an asset names, so it is there."""
    found = version(uow, asset_id, number)
    if found is None:
        raise RuntimeError("a version that an asset names is not there")
    return found


def versions_by_number(uow: UnitOfWork, numbers: Mapping[str, int]) -> dict[str, AssetVersion]:
    """One version of each asset: id -> number."""
    rows = uow.rows(
        "SELECT v.* FROM unnest(%s::text[], %s::int[]) AS wanted (asset_id, version) "
        "JOIN catalog_asset_version v USING (asset_id, version)",
        (list(numbers), list(numbers.values())),
    )
    return {row["asset_id"]: _version(row) for row in rows}


def versions(uow: UnitOfWork, asset_id: str, *, before: int | None, limit: int) -> list[AssetVersion]:
    """Newest first."""
    rows = uow.rows(
        "SELECT * FROM catalog_asset_version WHERE asset_id = %s AND (%s::int IS NULL OR version < %s) "
        "ORDER BY version DESC LIMIT %s",
        (asset_id, before, before, limit),
    )
    return [_version(row) for row in rows]


def _version(row: DictRow) -> AssetVersion:
    return AssetVersion(
        asset_id=row["asset_id"],
        version=row["version"],
        content=AssetContent.model_validate(row["content"]),
        cause=row["cause"],
        made_at=row["made_at"],
        made_by=row["made_by"],
    )


def tell(uow: UnitOfWork, asset_id: str) -> None:
    """One row in the feed: something about this asset has changed."""
    uow.execute("INSERT INTO catalog_change (asset_id) VALUES (%s)", (asset_id,))


def delete_superseded_changes(uow: UnitOfWork, limit: int) -> int:
    """Delete rows of the feed behind which another of the same asset stands. Returns: how many went."""
    return uow.execute(
        "DELETE FROM catalog_change WHERE sequence IN (SELECT c.sequence FROM catalog_change c WHERE EXISTS ("
        "SELECT 1 FROM catalog_change n WHERE n.asset_id = c.asset_id AND (n.xid, n.sequence) > (c.xid, c.sequence)) "
        "LIMIT %s)",
        (limit,),
    )


def tell_of_projects(uow: UnitOfWork, projects: Collection[str]) -> None:
    """One row in the feed for each asset of these projects: who finds them has changed."""
    uow.execute(
        "INSERT INTO catalog_change (asset_id) SELECT id FROM catalog_asset WHERE project = ANY (%s) ORDER BY id",
        (sorted(projects),),
    )


def tell_of_terms(uow: UnitOfWork, terms: Collection[str]) -> None:
    """One row in the feed for each asset that carries one of these terms."""
    uow.execute(
        "INSERT INTO catalog_change (asset_id) "
        "SELECT DISTINCT asset_id FROM catalog_asset_term WHERE term = ANY (%s) ORDER BY asset_id",
        (sorted(terms),),
    )


def link_terms(uow: UnitOfWork, asset_id: str, terms: Iterable[str]) -> None:
    """Remember which terms the asset's working and published versions carry."""
    names = sorted(set(terms))
    uow.execute("DELETE FROM catalog_asset_term WHERE asset_id = %s AND NOT term = ANY (%s)", (asset_id, names))
    uow.execute(
        "INSERT INTO catalog_asset_term (asset_id, term) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
        (asset_id, names),
    )


def assets_with_term(uow: UnitOfWork, term: str, limit: int) -> list[str]:
    rows = uow.rows("SELECT asset_id FROM catalog_asset_term WHERE term = %s ORDER BY asset_id LIMIT %s", (term, limit))
    return [row["asset_id"] for row in rows]


def terms_in_use(uow: UnitOfWork, terms: Collection[str]) -> dict[str, int]:
    """Which of these terms stand on assets, and on how many."""
    rows = uow.rows(
        "SELECT term, count(*) AS assets FROM catalog_asset_term WHERE term = ANY (%s) GROUP BY term ORDER BY term",
        (sorted(terms),),
    )
    return {row["term"]: row["assets"] for row in rows}


def shown_assets(uow: UnitOfWork, asset_ids: Collection[str]) -> list[tuple[Asset, AssetVersion]]:
    """Each asset that is not retired with what is shown of it: its listing, or its working version. One query."""
    rows = uow.rows(
        "SELECT a.*, u.path AS unit_path, u.domain, u.found_by, u.owner_roles, v.asset_id, v.version, v.content, "
        "v.cause, v.made_at, v.made_by FROM catalog_asset a "
        "JOIN catalog_asset_version v ON v.asset_id = a.id AND v.version = coalesce(a.published_version, "
        "a.working_version) LEFT JOIN catalog_project p ON p.name = a.project "
        "LEFT JOIN catalog_unit u ON u.name = p.unit WHERE a.id = ANY (%s) AND a.retired_at IS NULL",
        (list(asset_ids),),
    )
    return [(_asset(row), _version(row)) for row in rows]


def kept_by_projects(uow: UnitOfWork, projects: Collection[str]) -> list[DictRow]:
    """By project, the tables that it offers: how many, of how many files and bytes in their newest state."""
    return uow.rows(
        "SELECT project, count(*) AS tables, coalesce(sum(files), 0)::bigint AS files, "
        "coalesce(sum(size_bytes), 0)::bigint AS table_bytes FROM catalog_asset "
        "WHERE project = ANY (%s) AND kind = 'table' AND retired_at IS NULL GROUP BY project",
        (list(projects),),
    )


def page_of_assets(
    uow: UnitOfWork,
    whole: Collection[str],
    published: Collection[str],
    *,
    after: tuple[str, str],
    limit: int,
    state: str | None,
    kind: str | None,
    source: str | None,
) -> list[Asset]:
    """By name: of some projects every asset, of others what is published. Index lookups: `limit` for each project; of
    many projects, the assets are read in their order instead, until the page is full."""
    parameters: dict[str, Any] = {
        "whole": sorted(whole),
        "published": sorted(set(published) - set(whole)),
        "after_name": after[0],
        "after_id": after[1],
        "limit": limit,
        "state": state,
        "kind": kind,
        "source": source,
    }
    narrowed = state in {"unpublished", "retired"} or kind is not None or source is not None
    if len({*whole, *published}) >= MANY_PROJECTS and not narrowed:
        return page_in_order(uow, parameters)
    return page_of_each(uow, parameters)


def page_in_order(uow: UnitOfWork, parameters: Mapping[str, Any]) -> list[Asset]:
    """What `page_of_each` gives, without its narrowing but `published`: for many projects."""
    rows = uow.rows(
        _ASSET + "WHERE a.name >= %(after_name)s AND (a.name, a.id) > (%(after_name)s, %(after_id)s) "
        "AND CASE WHEN %(state)s::text IS NULL THEN a.retired_at IS NULL ELSE a.published_version IS NOT NULL END "
        "AND (a.published_version IS NOT NULL OR a.project = ANY (%(whole)s)) "
        "AND (a.project = ANY (%(whole)s) OR a.project = ANY (%(published)s)) "
        "ORDER BY a.name, a.id LIMIT %(limit)s",
        parameters,
    )
    return [_asset(row) for row in rows]


def page_of_each(uow: UnitOfWork, parameters: Mapping[str, Any]) -> list[Asset]:
    """A page of each project, merged."""
    rows = uow.rows(
        "SELECT a.*, u.path AS unit_path, u.domain, u.found_by, u.owner_roles FROM ("
        "SELECT unnest(%(whole)s::text[]) AS project, false AS only_published "
        "UNION ALL SELECT unnest(%(published)s::text[]), true) seen CROSS JOIN LATERAL ("
        "SELECT * FROM catalog_asset c WHERE c.project = seen.project "
        "AND (c.name, c.id) > (%(after_name)s, %(after_id)s) "
        "AND (NOT seen.only_published OR c.published_version IS NOT NULL) "
        "AND CASE %(state)s::text WHEN 'published' THEN c.published_version IS NOT NULL "
        "WHEN 'unpublished' THEN c.published_version IS NULL AND c.retired_at IS NULL "
        "WHEN 'retired' THEN c.retired_at IS NOT NULL ELSE c.retired_at IS NULL END "
        "AND (%(kind)s::text IS NULL OR c.kind = %(kind)s) "
        "AND (%(source)s::text IS NULL OR c.data_source = %(source)s) "
        "ORDER BY c.name, c.id LIMIT %(limit)s) a "
        "LEFT JOIN catalog_project p ON p.name = a.project LEFT JOIN catalog_unit u ON u.name = p.unit "
        "ORDER BY a.name, a.id LIMIT %(limit)s",
        parameters,
    )
    return [_asset(row) for row in rows]


def asset_ids(uow: UnitOfWork, after: str, limit: int) -> list[str]:
    rows = uow.rows("SELECT id FROM catalog_asset WHERE id > %s ORDER BY id LIMIT %s", (after, limit))
    return [row["id"] for row in rows]


def assets_of_project(uow: UnitOfWork, project: str) -> list[Asset]:
    """Those that are not retired, locked."""
    rows = uow.rows(_ASSET + "WHERE a.project = %s AND a.retired_at IS NULL ORDER BY a.id FOR UPDATE OF a", (project,))
    return [_asset(row) for row in rows]


def live_counts(uow: UnitOfWork) -> dict[str, int]:
    """How many assets each project has that are not retired."""
    rows = uow.rows("SELECT project, count(*) AS assets FROM catalog_asset WHERE retired_at IS NULL GROUP BY project")
    return {row["project"]: row["assets"] for row in rows}


def missing_from_source(uow: UnitOfWork, source: str, still: Collection[str]) -> list[Asset]:
    """Assets of a data source that are not among these names, locked."""
    rows = uow.rows(
        _ASSET + "WHERE a.data_source = %s AND a.kind = 'table' AND a.retired_at IS NULL AND a.name <> ALL (%s) "
        "ORDER BY a.id FOR UPDATE OF a",
        (source, list(still)),
    )
    return [_asset(row) for row in rows]


def tables_of_project(uow: UnitOfWork, project: str, names: Collection[str]) -> list[Asset]:
    """The project's assets of these tables, locked."""
    rows = uow.rows(
        _ASSET + "WHERE a.project = %s AND a.name = ANY (%s) AND a.kind = 'table' ORDER BY a.id FOR UPDATE OF a",
        (project, list(names)),
    )
    return [_asset(row) for row in rows]


def now_of(moment: datetime | None) -> str | None:
    """A time as JSON."""
    return moment.isoformat(timespec="seconds") if moment else None
