"""What happens to assets when a table changes or goes: found, versioned, published where the data source says so.

A machine never publishes what a person has written and not published. When an asset is published and has a draft, and
its table changes, two versions are made: the listing with the new columns, which is published, and the draft with them.
"""

from dataclasses import dataclass
from typing import Literal

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.content import LONGEST_LIST, ColumnChanges, column_changes, with_table
from pergamon.catalog.events import AssetHeld, AssetMade, AssetPublished, AssetTableChanged, AssetWithdrawn
from pergamon.catalog.model import AccessConditions, Asset, AssetContent, AssetKind, TableFacts
from pergamon.catalog.readiness import lacks_for_publishing
from pergamon.catalog.specs import DataSourceSpec
from pergamon.kernel import new_id
from pergamon.lake import TableId
from pergamon.store import UnitOfWork

NO_CONDITIONS = AccessConditions()
MOST_TOLD = LONGEST_LIST
"""Names in one event."""


@dataclass(frozen=True)
class Followed:
    """What became of one asset."""

    asset_id: str
    outcome: Literal["added", "updated", "unchanged"]
    held: tuple[str, ...] = ()
    """What is missing before the data source may publish it."""


def is_followed(uow: UnitOfWork, table: TableId) -> bool:
    """Does any data source follow this table? For writers that would otherwise work out facts that nobody wants."""
    sources = tables_of_places.sources_of_database(uow, table.database)
    return any(spec.takes(table.database, table.name) for spec in sources.values())


def table_changed(uow: UnitOfWork, table: TableId, facts: TableFacts) -> list[str]:
    """Let every data source that follows this table look at it, in this unit of work. Returns: the assets' ids.

    For the platform's own writers, which have been allowed to write the table; the data source is what decides.
    """
    sources = tables_of_places.sources_of_database(uow, table.database)
    by_project: dict[str, list[tuple[str, DataSourceSpec]]] = {}
    for name, spec in sources.items():
        if spec.takes(table.database, table.name):
            by_project.setdefault(spec.project, []).append((name, spec))
    if len(by_project) > 1:
        tables.assets_of_table(uow, table)  # locks them in the order in which everybody does
    return [
        follow_table(
            uow,
            table,
            facts,
            source=found[0][0],
            project=project,
            publish=any(spec.publish_automatically for _, spec in found),
            conditions=found[0][1].conditions,
        ).asset_id
        for project, found in sorted(by_project.items())
    ]


def table_dropped(uow: UnitOfWork, table: TableId) -> list[str]:
    """Retire every asset of a table that is gone. Returns: their ids. What was said of them is kept."""
    found = [asset for asset in tables.assets_of_table(uow, table) if asset.retired_at is None]
    for asset in found:
        retire(uow, asset)
    return [asset.id for asset in found]


def quality_noted(uow: UnitOfWork, table: TableId, score: float | None) -> list[str]:
    """Put a table's newest score, 0 to 1, on its assets. Returns: their ids."""
    found = [asset for asset in tables.assets_of_table(uow, table) if asset.retired_at is None]
    for asset in found:
        if asset.quality_score != score:
            tables.set_quality(uow, asset.id, score)
            tables.tell(uow, asset.id)
    return [asset.id for asset in found]


def follow_table(
    uow: UnitOfWork,
    table: TableId,
    facts: TableFacts,
    *,
    source: str,
    project: str,
    publish: bool,
    conditions: AccessConditions = NO_CONDITIONS,
) -> Followed:
    """Bring the project's asset of a table up to date; make it, with these conditions, when there is none."""
    made = _make(uow, table, facts, source, project, conditions=conditions)
    if made is not None:
        return Followed(made.id, "added", _publish_first(uow, made, is_news=True) if publish else ())
    asset = tables.asset_of_table(uow, project, table)
    if asset is None:  # cannot be: the name was taken a moment ago, and no asset is ever deleted
        raise RuntimeError("an asset has vanished")
    return _update(uow, asset, facts, source, publish=publish and not asset.withheld)


def retire(uow: UnitOfWork, asset: Asset) -> None:
    """Take an asset out of the catalog because its table is gone. Its versions stay."""
    tables.set_retired(uow, asset.id)
    tables.tell(uow, asset.id)
    uow.record(AssetWithdrawn(subject=asset.subject, table=asset.name))


def _make(
    uow: UnitOfWork, table: TableId, facts: TableFacts, source: str, project: str, *, conditions: AccessConditions
) -> Asset | None:
    """A new asset; None when the project has one of this table."""
    if tables.asset_of_table(uow, project, table) is not None:
        return None
    asset_id = new_id("asset")
    if not tables.insert_asset(
        uow, asset_id, AssetKind.TABLE, project=project, name=str(table), table=table, source=source
    ):
        return None
    tables.insert_version(uow, asset_id, 1, with_table(AssetContent(conditions=conditions), facts), "found")
    tables.set_facts(uow, asset_id, facts, source)
    tables.tell(uow, asset_id)
    uow.record(AssetMade(subject=f"asset:{asset_id}", name=str(table), project=project, data_source=source))
    return tables.asset(uow, asset_id)


def _update(uow: UnitOfWork, asset: Asset, facts: TableFacts, source: str, *, publish: bool) -> Followed:
    working = tables.version_of(uow, asset.id, asset.working_version).content
    changes = column_changes(working.columns, facts.columns)
    is_reshaped = any((changes.added, changes.removed, changes.retyped)) or working.partitions != facts.partitions
    has_moved = facts.cause != "run" or asset.facts != facts.as_json() or asset.data_source != source
    held: tuple[str, ...] = ()
    if has_moved or asset.retired_at is not None:
        tables.set_facts(uow, asset.id, facts, source)
    if is_reshaped:
        held = _reshape(uow, asset, working, facts, changes, publish=publish)
    was_listed = asset.is_published
    if publish and not was_listed:
        held = _publish_first(uow, asset, is_news=is_reshaped)
    if not (has_moved or is_reshaped or asset.retired_at is not None or (publish and not was_listed and not held)):
        return Followed(asset.id, "unchanged", held)
    tables.tell(uow, asset.id)
    return Followed(asset.id, "updated", held)


def _reshape(
    uow: UnitOfWork, asset: Asset, working: AssetContent, facts: TableFacts, changes: ColumnChanges, *, publish: bool
) -> tuple[str, ...]:
    """Make a version with the new columns, and one more for the listing when there is a draft beside it."""
    number = asset.working_version + 1
    held: tuple[str, ...] = ()
    if publish and asset.published_version is not None:
        listing = with_table(tables.version_of(uow, asset.id, asset.published_version).content, facts)
        held = lacks_for_publishing(uow, asset, listing)
        if held:
            uow.record(AssetHeld(subject=asset.subject, version=number, missing=list(held[:MOST_TOLD])))
        else:
            tables.insert_version(uow, asset.id, number, listing, "table")
            tables.set_working_version(uow, asset.id, number)
            _publish(uow, asset, number)
        if not held and not asset.has_draft:
            _tell_columns(uow, asset, number, changes)
            return held
        number += 0 if held else 1
    tables.insert_version(uow, asset.id, number, with_table(working, facts), "table")
    tables.set_working_version(uow, asset.id, number)
    _tell_columns(uow, asset, number, changes)
    return held


def _publish_first(uow: UnitOfWork, asset: Asset, *, is_news: bool) -> tuple[str, ...]:
    """List an asset that has no listing, as it stands; or say what is missing."""
    current = tables.asset(uow, asset.id)
    if current is None:
        return ()
    working = tables.version_of(uow, asset.id, current.working_version).content
    held = lacks_for_publishing(uow, asset, working)
    if held and is_news:
        uow.record(AssetHeld(subject=asset.subject, version=current.working_version, missing=list(held[:MOST_TOLD])))
    if not held:
        _publish(uow, asset, current.working_version)
    return held


def _publish(uow: UnitOfWork, asset: Asset, number: int) -> None:
    tables.set_published(uow, asset.id, number)
    uow.record(AssetPublished(subject=asset.subject, version=number, automatic=True))


def _tell_columns(uow: UnitOfWork, asset: Asset, number: int, changes: ColumnChanges) -> None:
    told = (list(names[:MOST_TOLD]) for names in (changes.added, changes.removed, changes.retyped))
    uow.record(AssetTableChanged(asset.subject, number, *told))
