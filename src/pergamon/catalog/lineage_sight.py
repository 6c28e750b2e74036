"""Whose lineage may an actor see? Lineage says names, of datasets and columns; none is told to whom it is not open.

- A table: who may find one of its assets, or read the table.
- Files of a bucket: who may read objects there.
- A dataset outside the platform: who sees one of our own datasets that a current edge joins it with. What lies further
  out than that stays hidden.
- Who looks after the catalog sees all of it; that gives no data.
"""

from collections.abc import Collection, Iterable, Set
from typing import Literal

from pergamon import lineage, objects
from pergamon.catalog import tables
from pergamon.catalog.ask import decide_on
from pergamon.catalog.rights import NOT_A_NAME, asset_resource
from pergamon.identity import actions_of_roles
from pergamon.lake import BadName, TableId, is_table, resources_of_tables
from pergamon.lineage import Dataset, Graph, MaySee, UnknownDataset
from pergamon.policy import AccessRule, Action, Resource, resource_for_path, visible
from pergamon.store import UnitOfWork

Direction = Literal["up", "down"]


def read_lineage(
    uow: UnitOfWork, start: Dataset, *, field: str = "", direction: Direction = "up", depth: int = 3
) -> Graph:
    """What a dataset or one of its columns comes from, or what comes from it, as far as the actor may see.

    Raises:
        UnknownDataset: there is none, or the actor may not know of it.
    """
    sight, start = lineage_sight(uow), _as_it_is_kept(uow, start)
    hidden = UnknownDataset(
        "there is no such dataset, or you may not know of it", hint="write DATABASE.TABLE, or pergamon://BUCKET/FOLDER/"
    )
    if start not in sight([start]):
        hidden.decision = decide_on(uow, Action.ASSET_FIND, Resource("dataset", _told_name(start)))
        raise hidden
    if not lineage.is_known(uow, start) and not _is_table(uow, start):
        raise hidden
    walk = lineage.upstream if direction == "up" else lineage.downstream
    return walk(uow, start, sight, field=field, depth=depth)


def _as_it_is_kept(uow: UnitOfWork, named: Dataset) -> Dataset:
    """A folder whose final slash was left out, with it."""
    if named.bucket is None or named.name.endswith("/") or lineage.is_known(uow, named):
        return named
    folder = Dataset.of_objects(named.bucket, f"{named.name}/")
    return folder if lineage.is_known(uow, folder) else named


def lineage_sight(uow: UnitOfWork) -> MaySee:
    """What this unit of work's actor may see, asked of many datasets at once: a few statements, however many."""
    looks_after = decide_on(uow, Action.CATALOG_MANAGE, Resource("lineage", "all")).allowed

    def may_see(datasets: Collection[Dataset]) -> Set[Dataset]:
        if looks_after:
            return set(datasets)
        own = {dataset for dataset in datasets if not dataset.is_foreign}
        beside = lineage.neighbours(uow, [dataset for dataset in datasets if dataset.is_foreign])
        seen = _seen_of_own(uow, own.union(*beside.values()))
        return (own & seen) | {foreign for foreign, others in beside.items() if others & seen}

    return may_see


def _seen_of_own(uow: UnitOfWork, datasets: Set[Dataset]) -> set[Dataset]:
    """Those of our own datasets that the actor may know of; what is not ours is not among them."""
    named = {table: dataset for dataset in datasets if (table := _table_of(dataset)) is not None}
    open_tables = _readable_tables(uow, named) | _findable_tables(uow, named)
    files = [dataset for dataset in datasets if dataset.bucket is not None]
    return {named[table] for table in open_tables} | _readable_files(uow, files)


def _readable_tables(uow: UnitOfWork, named: Iterable[TableId]) -> set[TableId]:
    resources = resources_of_tables(uow, named)
    return {TableId.parse(one.id) for one in visible(uow.actor, Action.TABLE_READ, resources.values())}


def _findable_tables(uow: UnitOfWork, named: Iterable[TableId]) -> set[TableId]:
    assets = {asset.id: asset for asset in tables.assets_of_tables(uow, [str(table) for table in named])}
    held = actions_of_roles(uow, uow.actor.roles)
    resources = [asset_resource(asset) for asset in assets.values()]
    seen = visible(uow.actor, Action.ASSET_FIND, resources, actions=held)
    return {TableId.parse(assets[resource.id].name) for resource in seen}


def _readable_files(uow: UnitOfWork, files: Iterable[Dataset]) -> set[Dataset]:
    found: dict[str, Dataset] = {}
    resources = []
    rules: dict[str, tuple[AccessRule, ...]] = {}
    for dataset in files:
        bucket = dataset.bucket or ""
        if bucket not in rules:
            rules[bucket] = objects.bucket_rules(uow, bucket)
        resources.append(resource_for_path("object", f"{bucket}/{dataset.name}", dataset.name, rules[bucket]))
        found[resources[-1].id] = dataset
    return {found[one.id] for one in visible(uow.actor, Action.OBJECT_READ, resources)}


def _table_of(dataset: Dataset) -> TableId | None:
    """The table that a dataset's name is, when it can be one."""
    try:
        return TableId.parse(dataset.table) if dataset.table is not None else None
    except BadName:
        return None


def _is_table(uow: UnitOfWork, dataset: Dataset) -> bool:
    table = _table_of(dataset)
    return table is not None and is_table(uow, table)


def _told_name(dataset: Dataset) -> str:
    """What the trail keeps of a name that somebody asked for: it may be anything but a table's."""
    table = _table_of(dataset)
    return str(table) if table is not None else NOT_A_NAME
