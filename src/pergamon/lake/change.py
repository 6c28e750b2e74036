"""What an outside engine changes by itself, without a lease: one or several tables in one unit of work, or none.

The three steps of every commit: `plan_change` (short transaction) -> `make_changes_durable` (no transaction) ->
`finish_changes` (one unit of work). Nothing is held between them: a change stands only if every table is still exactly
as it was planned upon, and nobody has leased it (law 4). Only `make_changes_durable` makes a `DurableChange`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSortOrderUpdate,
    AssertCreate,
    AssignUUIDUpdate,
    TableRequirement,
    TableUpdate,
)

from pergamon.kernel import Decision, make_durable_directory, new_id
from pergamon.lake import tables
from pergamon.lake.asked_updates import Accepted, accepted_updates, require_readable, require_sortable, require_usable
from pergamon.lake.create import table_properties
from pergamon.lake.databases import read_databases
from pergamon.lake.events import TableChanged, TableCreated
from pergamon.lake.locations import local_path, require_inside, table_location
from pergamon.lake.metadata import next_metadata_location, read_metadata, write_metadata
from pergamon.lake.model import (
    BadCommit,
    BadSchema,
    ChangeRefused,
    TableExists,
    TableId,
    TableRecord,
    UnknownDatabase,
    UnknownTable,
    require_name,
)
from pergamon.lake.named_files import force_to_disk, newly_named
from pergamon.store import UnitOfWork

AS_ASSERTED = "it is not as the request asserts"
MEANWHILE = "it has changed since the change was planned"


@dataclass(frozen=True)
class AskedChange:
    """What a client asks for on one table."""

    table: TableId
    updates: tuple[TableUpdate, ...]
    requirements: tuple[TableRequirement, ...] = ()

    @property
    def creates(self) -> bool:
        """Does it assert that there is no such table? Then it makes the table."""
        return any(isinstance(requirement, AssertCreate) for requirement in self.requirements)


@dataclass(frozen=True)
class PlannedChange:
    """A change that its table takes, as far as the request itself can tell. record: None when it makes the table."""

    table: TableId
    record: TableRecord | None
    accepted: Accepted
    location: str


@dataclass(frozen=True)
class DurableChange:
    """A planned change whose every newly named file lies in its table and is on the disk."""

    planned: PlannedChange
    files: tuple[Path, ...]


def plan_change(uow: UnitOfWork, root: Path, asked: AskedChange) -> PlannedChange:
    """Judge what is asked for on one table. A request that asserts that there is no such table makes it.

    Raises:
        UnknownTable, UnknownDatabase: there is no such table, or no place for one.
        ChangeRefused: the table is not as the request asserts, or is leased.
        BadCommit, BadSchema, BadLocation, BadName: it asks for something that no table takes.
    """
    if asked.creates:
        return _plan_creation(uow, root, asked)
    record = tables.table(uow, asked.table)
    if record is None:
        raise UnknownTable(f"there is no table {asked.table}")
    base = read_metadata(record.metadata_location)
    _require_as_asserted(asked, base)
    _require_not_leased(uow, record)
    return PlannedChange(asked.table, record, accepted_updates(base, asked.updates, uow.now), record.location)


def make_changes_durable(changes: Iterable[PlannedChange]) -> tuple[DurableChange, ...]:
    """Force every file that the changes newly name to the disk. No transaction.

    Raises:
        BadLocation: a file outside its table's location, a link, or a missing file.
        BadCommit: a manifest that cannot be read, or equality deletes.
    """
    return tuple(DurableChange(planned, force_to_disk(_named(planned), planned.location)) for planned in changes)


def finish_changes(uow: UnitOfWork, changes: Iterable[DurableChange]) -> dict[TableId, tuple[TableMetadata, str]]:
    """Write the metadata and move the pointers of all tables, or of none, with this unit of work.

    Returns: each table's new metadata and its location.
    Raises:
        ChangeRefused: a table is not as it was planned upon, or is leased.
    """
    # In one order for all, so that two changes of the same tables never wait for each other crosswise.
    in_order = sorted((change.planned for change in changes), key=lambda planned: planned.table)
    return {planned.table: _finish(uow, planned) for planned in in_order}


def first_metadata(
    uow: UnitOfWork,
    root: Path,
    table: TableId,
    schema: Schema,
    *,
    spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
    order: SortOrder = UNSORTED_SORT_ORDER,
    properties: Mapping[str, str] | None = None,
    uuid: UUID | None = None,
) -> TableMetadata:
    """What a table would be at first, at the place that its name gives it. Nothing is written.

    Raises:
        UnknownDatabase, BadName, BadSchema, BadCommit, BadLocation: it cannot be made.
    """
    require_name("table", table.name)
    database = read_databases(uow).get(table.database)
    if database is None:
        raise UnknownDatabase(f"there is no database {table.database}")
    require_readable(schema)
    require_usable(spec, schema, ())
    require_sortable(order, schema)
    location = table_location(root, table, database)
    return new_table_metadata(schema, spec, order, location, table_properties(properties or {}), uuid)


def make_room(metadata: TableMetadata) -> None:
    """Make the directories of a table that is to come: its engine writes there before it is one, and not all make
    them."""
    for name in ("data", "metadata"):
        make_durable_directory(local_path(metadata.location) / name)


def create_empty(uow: UnitOfWork, table: TableId, metadata: TableMetadata) -> str:
    """Make a table of its first metadata. Returns: where that stands.

    Raises:
        TableExists: the name is taken.
    """
    return _insert(uow, PlannedChange(table, None, Accepted(metadata), metadata.location), metadata)


def _plan_creation(uow: UnitOfWork, root: Path, asked: AskedChange) -> PlannedChange:
    if tables.table(uow, asked.table) is not None:
        raise refused_change(asked.table, AS_ASSERTED)
    schemas = [update.schema_ for update in asked.updates if isinstance(update, AddSchemaUpdate)]
    specs = [update.spec for update in asked.updates if isinstance(update, AddPartitionSpecUpdate)]
    orders = [update.sort_order for update in asked.updates if isinstance(update, AddSortOrderUpdate)]
    uuids = [update.uuid for update in asked.updates if isinstance(update, AssignUUIDUpdate)]
    if len(schemas) != 1 or len(specs) > 1 or len(orders) > 1 or len(uuids) > 1:
        raise BadCommit(f"{asked.table}: a table is made of one schema, one partition spec and one sort order")
    spec, order = (*specs, UNPARTITIONED_PARTITION_SPEC)[0], (*orders, UNSORTED_SORT_ORDER)[0]
    base = first_metadata(uow, root, asked.table, schemas[0], spec=spec, order=order, uuid=next(iter(uuids), None))
    if base.schema() != schemas[0] or base.spec().fields != spec.fields:
        raise BadSchema(f"{asked.table}: the field ids are not those that the catalog gave when it was staged")
    return PlannedChange(asked.table, None, accepted_updates(base, asked.updates, uow.now), base.location)


def _require_as_asserted(asked: AskedChange, base: TableMetadata) -> None:
    try:
        for requirement in asked.requirements:
            requirement.validate(base)
    except CommitFailedException:
        raise refused_change(asked.table, AS_ASSERTED) from None


def _require_not_leased(uow: UnitOfWork, record: TableRecord) -> None:
    if tables.open_lease_of(uow, record.key):
        raise refused_change(record.id, "it is being written by the platform")


def _named(planned: PlannedChange) -> Iterable[Path]:
    parent = planned.accepted.base.current_snapshot()
    for snapshot in planned.accepted.snapshots:
        yield from newly_named(str(planned.table), planned.location, snapshot, parent)
        parent = snapshot
    for statistics in planned.accepted.statistics:
        yield require_inside(statistics, planned.location)


def _finish(uow: UnitOfWork, planned: PlannedChange) -> tuple[TableMetadata, str]:
    before = planned.record
    if before is None:
        metadata = planned.accepted.applied(None)
        try:
            return metadata, _insert(uow, planned, metadata)
        except TableExists:
            raise refused_change(planned.table, MEANWHILE) from None
    record = tables.table(uow, planned.table, lock=True)
    if record is None or (record.key, record.metadata_location) != (before.key, before.metadata_location):
        raise refused_change(planned.table, MEANWHILE)
    _require_not_leased(uow, record)
    if not planned.accepted.updates:
        return planned.accepted.base, record.metadata_location
    metadata = planned.accepted.applied(record.metadata_location)
    location = next_metadata_location(record.location, record.metadata_location)
    write_metadata(metadata, location)
    if not tables.move_pointer(uow, record, location, planned.accepted.head):
        raise refused_change(planned.table, MEANWHILE)
    _tell(uow, planned)
    return metadata, location


def _insert(uow: UnitOfWork, planned: PlannedChange, metadata: TableMetadata) -> str:
    location = next_metadata_location(metadata.location, None)
    write_metadata(metadata, location)
    head = planned.accepted.head
    record = TableRecord(new_id("table"), planned.table, metadata.location, location, head, uow.now, uow.now)
    if not tables.insert_table(uow, record):
        raise TableExists(f"table {planned.table} exists")
    schema = metadata.schema()
    names = tuple(schema.column_names)
    identifiers = tuple(sorted(schema.identifier_field_names()))
    uow.record(TableCreated(subject=planned.table.subject, columns=names, identifiers=identifiers))
    if planned.accepted.snapshots:
        _tell(uow, planned)
    return location


def _tell(uow: UnitOfWork, planned: PlannedChange) -> None:
    accepted = planned.accepted
    uow.record(
        TableChanged(
            subject=planned.table.subject,
            actions=tuple(dict.fromkeys(update.action for update in accepted.updates)),
            snapshot_ids=tuple(snapshot.snapshot_id for snapshot in accepted.snapshots),
            parent_snapshot_id=accepted.base.current_snapshot_id,
        )
    )


def refused_change(table: TableId, reason: str) -> ChangeRefused:
    """The error for a change that came too late; it carries the decision, for the trail."""
    decision = Decision(False, "table.write", f"table:{table}", reason, decided_by=("catalog",))
    return ChangeRefused(f"{table} cannot be changed: {reason}", hint="load the table again", decision=decision)


def as_asked(changes: Sequence[AskedChange]) -> Sequence[AskedChange]:
    """The changes, when each is for another table.

    Raises:
        BadCommit: none, or two for one table.
    """
    if not changes or len({change.table for change in changes}) != len(changes):
        raise BadCommit("a transaction changes one or several tables, each once")
    return changes
