"""What does a table take of the updates that an outside engine asks for, and in which form? Pure.

A list of what is allowed, never of what is not. Schemas, partition specs and sort orders that the table has already
are used again, under the id that they have: one schema under two ids makes Java readers fail for ever, and PyIceberg's
own applier would add it twice. Every location must be the table's own, or, for files, lie in it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pyiceberg.exceptions import ValidationError as IcebergValidationError
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata, TableMetadataV1
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Snapshot, Summary
from pyiceberg.table.sorting import SortOrder
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSnapshotUpdate,
    AddSortOrderUpdate,
    AssignUUIDUpdate,
    RemovePartitionStatisticsUpdate,
    RemovePropertiesUpdate,
    RemoveStatisticsUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetLocationUpdate,
    SetPartitionStatisticsUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    SetStatisticsUpdate,
    TableUpdate,
    UpgradeFormatVersionUpdate,
    update_table_metadata,
)
from pyiceberg.transforms import BucketTransform, Transform, TruncateTransform, UnknownTransform
from pyiceberg.types import DoubleType, FloatType, IcebergType, ListType, MapType, NestedField, StructType

from pergamon.lake.locations import require_own_location
from pergamon.lake.model import BadCommit, BadSchema
from pergamon.lake.properties import FORMAT_VERSION, SUMMARY_PREFIX, plain_properties, require_not_ours
from pergamon.lake.schemas import is_widening, refuse_doubtful_columns

CLOCKS_MAY_DIFFER_MS = 86_400_000
LAST_ADDED = -1
Kind = TypeVar("Kind", Schema, PartitionSpec, SortOrder)


@dataclass
class Accepted:
    """The updates as the table takes them, and what they name."""

    base: TableMetadata
    updates: list[TableUpdate] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    statistics: list[str] = field(default_factory=list)
    """Locations of statistics files."""

    def applied(self, metadata_location: str | None) -> TableMetadata:
        """The table's metadata after the change.

        Raises:
            BadCommit: the updates do not go together.
        """
        try:
            return update_table_metadata(self.base, tuple(self.updates), True, metadata_location)
        except (ValueError, ValidationError, IcebergValidationError):
            raise BadCommit("the updates do not make a table that engines can read") from None

    @property
    def head(self) -> int | None:
        """The current snapshot after the change."""
        return self.snapshots[-1].snapshot_id if self.snapshots else self.base.current_snapshot_id


def accepted_updates(base: TableMetadata, updates: Iterable[TableUpdate], now: datetime) -> Accepted:
    """Judge the updates one after the other.

    Raises:
        BadCommit: an update that is not allowed, or does not fit the table.
        BadSchema: columns or properties that not every engine could use, or that would lose or reinterpret values.
        BadLocation: a location that is not the table's own.
    """
    draft = _Draft(base, now)
    for update in updates:
        draft.take(update)
    return draft.whole()


class _Draft:
    """A change while its updates are judged: what the table would have, and which ids of the client mean what."""

    def __init__(self, base: TableMetadata, now: datetime) -> None:
        self.accepted, self.base = Accepted(base), base
        self.now_ms = int(now.timestamp() * 1000)
        self.schemas = _Numbered[Schema]({schema.schema_id: schema for schema in base.schemas}, "schema")
        self.specs = _Numbered[PartitionSpec]({spec.spec_id: spec for spec in base.partition_specs}, "partition spec")
        self.orders = _Numbered[SortOrder]({order.order_id: order for order in base.sort_orders}, "sort order")
        self.current_schema_id = base.current_schema_id
        self.properties = set(base.properties)
        self.main: int | None = base.current_snapshot_id

    def take(self, update: TableUpdate) -> None:  # noqa: PLR0912 - one line for each kind of update
        match update:
            case AssignUUIDUpdate():
                _require(update.uuid == self.base.table_uuid, "a table keeps its uuid")
            case UpgradeFormatVersionUpdate():
                _require(update.format_version == FORMAT_VERSION, f"tables have format version {FORMAT_VERSION}")
            case SetLocationUpdate():
                require_own_location(update.location, self.base.location)
            case AddSchemaUpdate():
                self._add_schema(update.schema_)
            case SetCurrentSchemaUpdate():
                self._set_current_schema(update.schema_id)
            case AddPartitionSpecUpdate():
                self._add_spec(update.spec)
            case SetDefaultSpecUpdate():
                spec_id = self.specs.meant(update.spec_id)
                self._pass(SetDefaultSpecUpdate.model_validate({"spec-id": spec_id}))
            case AddSortOrderUpdate():
                self._add_order(update.sort_order)
            case SetDefaultSortOrderUpdate():
                order_id = self.orders.meant(update.sort_order_id)
                self._pass(SetDefaultSortOrderUpdate.model_validate({"sort-order-id": order_id}))
            case SetPropertiesUpdate():
                wanted = plain_properties(update.updates)
                self.properties |= set(wanted)
                self._pass(SetPropertiesUpdate(updates=wanted))
            case RemovePropertiesUpdate():
                self._remove_properties(update.removals)
            case AddSnapshotUpdate():
                self._add_snapshot(update.snapshot)
            case SetSnapshotRefUpdate():
                self._set_main(update)
            case SetStatisticsUpdate():
                self._name_statistics(update, update.statistics.snapshot_id, update.statistics.statistics_path)
            case SetPartitionStatisticsUpdate():
                told = update.partition_statistics
                self._name_statistics(update, told.snapshot_id, told.statistics_path)
            case RemoveStatisticsUpdate() | RemovePartitionStatisticsUpdate():
                self._pass(update)
            case _:  # snapshots, branches, specs and schemas that go: letting go of what was is maintenance, and ours
                raise BadCommit(f"{update.action} is not allowed here", hint="Pergamon itself lets go of what was")

    def whole(self) -> Accepted:
        added = self.accepted.snapshots
        if added and self.main != added[-1].snapshot_id:
            raise BadCommit("every new snapshot stands on main, and main is set to the last of them")
        return self.accepted

    def _pass(self, *updates: TableUpdate) -> None:
        self.accepted.updates.extend(updates)

    def _add_schema(self, schema: Schema) -> None:
        if self.schemas.reuse(schema.schema_id, lambda one: one == schema):
            return
        require_readable(schema)
        _require_follows(schema, self.schemas.known.values(), self.base)
        numbered = schema.model_copy(update={"schema_id": self.schemas.fresh()})
        self.schemas.add(schema.schema_id, numbered.schema_id, numbered)
        self._pass(AddSchemaUpdate(schema=numbered))

    def _set_current_schema(self, asked: int) -> None:
        schema_id = self.schemas.meant(asked)
        schema = self.schemas.known[schema_id]
        _require_follows(schema, self.schemas.known.values(), self.base)
        _require_divided_by(schema, self.specs.known.values())
        self.current_schema_id = schema_id
        self._pass(SetCurrentSchemaUpdate.model_validate({"schema-id": schema_id}))

    def _add_spec(self, spec: PartitionSpec) -> None:
        if self.specs.reuse(spec.spec_id, lambda one: one.fields == spec.fields):
            return
        require_usable(spec, self.schemas.known[self.current_schema_id], self.specs.known.values())
        numbered = spec.model_copy(update={"spec_id": self.specs.fresh()})
        self.specs.add(spec.spec_id, numbered.spec_id, numbered)
        self._pass(AddPartitionSpecUpdate(spec=numbered))

    def _add_order(self, order: SortOrder) -> None:
        if self.orders.reuse(order.order_id, lambda one: one.fields == order.fields):
            return
        require_sortable(order, self.schemas.known[self.current_schema_id])
        numbered = order.model_copy(update={"order_id": self.orders.fresh() if order.fields else 0})
        self.orders.add(order.order_id, numbered.order_id, numbered)
        self._pass(AddSortOrderUpdate.model_validate({"sort-order": numbered}))

    def _remove_properties(self, names: Sequence[str]) -> None:
        require_not_ours(names)
        there = [name for name in dict.fromkeys(names) if name in self.properties]
        self.properties -= set(there)
        if there:
            self._pass(RemovePropertiesUpdate(removals=there))

    def _add_snapshot(self, snapshot: Snapshot) -> None:
        earlier = self.accepted.snapshots
        parent = self.accepted.head
        sequence = (earlier[-1].sequence_number or 0) if earlier else _last_sequence_number(self.base)
        ids = {one.snapshot_id for one in (*self.base.snapshots, *earlier)}
        lists = {one.manifest_list for one in (*self.base.snapshots, *earlier)}
        _require(0 < snapshot.snapshot_id < 2**63, "the snapshot's id is not a positive 64-bit number")
        _require(snapshot.snapshot_id not in ids, "the snapshot's id is taken")
        _require(snapshot.parent_snapshot_id == parent, "the snapshot stands on another than the table's last")
        _require(snapshot.sequence_number == sequence + 1, "the sequence number does not follow the table's last")
        _require(snapshot.manifest_list not in lists, "the manifest list is an older snapshot's")
        is_timely = abs(snapshot.timestamp_ms - self.now_ms) <= CLOCKS_MAY_DIFFER_MS
        _require(is_timely, "the snapshot's time is more than a day from ours")
        if snapshot.schema_id is not None:
            meant = self.schemas.meant(snapshot.schema_id)
            snapshot = snapshot.model_copy(update={"schema_id": meant})
        snapshot = without_our_entries(snapshot)
        earlier.append(snapshot)
        self._pass(AddSnapshotUpdate(snapshot=snapshot))

    def _set_main(self, update: SetSnapshotRefUpdate) -> None:
        is_main = (update.ref_name, update.type) == (MAIN_BRANCH, SnapshotRefType.BRANCH)
        _require(is_main, "only the branch main can be set")
        is_new = any(one.snapshot_id == update.snapshot_id for one in self.accepted.snapshots)
        _require(is_new, "main can be set only to a snapshot that comes with it")
        self.main = update.snapshot_id
        head = {"ref-name": MAIN_BRANCH, "type": SnapshotRefType.BRANCH, "snapshot-id": update.snapshot_id}
        self._pass(SetSnapshotRefUpdate.model_validate(head))

    def _name_statistics(self, update: TableUpdate, snapshot_id: int, location: str) -> None:
        known = {one.snapshot_id for one in (*self.base.snapshots, *self.accepted.snapshots)}
        _require(snapshot_id in known, "statistics are of a snapshot that the table has")
        self.accepted.statistics.append(location)
        self._pass(update)


class _Numbered(Generic[Kind]):
    """Schemas, specs or orders by their ids, and which of them the client's own ids mean."""

    def __init__(self, known: dict[int, Kind], what: str) -> None:
        self.known: dict[int, Kind] = dict(known)
        self.what = what
        self._meant: dict[int, int] = {}
        self._last: int | None = None

    def reuse(self, sent_id: int, is_it: Callable[[Kind], bool]) -> bool:
        """Is there one already? Then it is what the client's id means."""
        found = next((own_id for own_id, one in self.known.items() if is_it(one)), None)
        if found is not None:
            self._meant[sent_id] = self._last = found
        return found is not None

    def fresh(self) -> int:
        return max(self.known, default=-1) + 1

    def add(self, sent_id: int, own_id: int, one: Kind) -> None:
        self.known[own_id] = one
        self._meant[sent_id] = self._last = own_id

    def meant(self, asked: int) -> int:
        """Our id for what the client means: -1 is what was added last.

        Raises:
            BadCommit: there is none.
        """
        own_id = self._last if asked == LAST_ADDED else self._meant.get(asked, asked)
        if own_id is None or own_id not in self.known:
            raise BadCommit(f"there is no such {self.what}")
        return own_id


def without_our_entries(snapshot: Snapshot) -> Snapshot:
    """A client's snapshot without what it says in our name.

    Raises:
        BadCommit: it has no summary.
    """
    if snapshot.summary is None:
        raise BadCommit("the snapshot has no summary")
    entries = snapshot.summary.additional_properties
    foreign = {name: value for name, value in entries.items() if not name.startswith(SUMMARY_PREFIX)}
    return snapshot.model_copy(update={"summary": Summary(snapshot.summary.operation, **foreign)})


def require_readable(schema: Schema) -> None:
    """Let a schema with the client's own field ids pass when every engine can read and write it.

    Raises:
        BadSchema: they could not.
    """
    refuse_doubtful_columns(schema.fields)
    walked = list(_walked(schema.fields))
    ids = [one.field_id for one in walked]
    if len(set(ids)) != len(ids) or not all(0 < number < 2**31 for number in ids):
        raise BadSchema("two columns have the same field id, or one has none")
    try:
        schema.check_format_version_compatibility(FORMAT_VERSION)
    except (ValueError, IcebergValidationError):
        raise BadSchema(f"a column has a type that format version {FORMAT_VERSION} does not know") from None
    exact = {f.field_id for f in schema.fields if f.required and f.field_type.is_primitive and _is_exact(f.field_type)}
    if not set(schema.identifier_field_ids) <= exact:
        raise BadSchema("an identifier is a required column with an exact, plain value")


def require_usable(spec: PartitionSpec, schema: Schema, known: Iterable[PartitionSpec]) -> None:
    """Let a partition spec pass that the table's columns can be divided by.

    Raises:
        BadCommit: they cannot, or a field's id means something else in another spec.
    """
    names, ids = [one.name for one in spec.fields], [one.field_id for one in spec.fields]
    _require(len(set(names)) == len(names) and len(set(ids)) == len(ids), "a partition field is there twice")
    _require(all(PARTITION_FIELD_ID_START <= number < 2**31 for number in ids), "a partition field has no proper id")
    meant = {one.field_id: (one.source_id, one.transform) for other in known for one in other.fields}
    for one in spec.fields:
        is_same = meant.get(one.field_id, (one.source_id, one.transform)) == (one.source_id, one.transform)
        _require(is_same, "a partition field's id means another field of the table")
        _require(_is_known(one.transform), "a partition field has a transform that engines do not know")
        # DuckDB 1.5.5 ends its process over a manifest whose partition has another name.
        _require(one.name.isascii(), "a partition field has a name beyond ASCII, on which engines end")
    _check(lambda: spec.check_compatible(schema), "the partition spec")


def require_sortable(order: SortOrder, schema: Schema) -> None:
    """Let a sort order pass that fits the columns.

    Raises:
        BadCommit: it does not.
    """
    _require(all(_is_known(one.transform) for one in order.fields), "a sort field has a transform that is not known")
    _check(lambda: order.check_compatible(schema), "the sort order")


@dataclass(frozen=True)
class _Walked:
    """One field at any depth. kind: its plain type, or what it is made of."""

    field_id: int
    kind: IcebergType | str
    required: bool


def _walked(fields: Iterable[NestedField]) -> Iterator[_Walked]:
    for one in fields:
        yield from _inside(one.field_id, one.field_type, one.required)


def _inside(field_id: int, kind: IcebergType, required: bool) -> Iterator[_Walked]:
    match kind:
        case StructType():
            yield _Walked(field_id, "struct", required)
            yield from _walked(kind.fields)
        case ListType():
            yield _Walked(field_id, "list", required)
            yield from _inside(kind.element_id, kind.element_type, kind.element_required)
        case MapType():
            yield _Walked(field_id, "map", required)
            yield from _inside(kind.key_id, kind.key_type, True)
            yield from _inside(kind.value_id, kind.value_type, kind.value_required)
        case _:
            yield _Walked(field_id, kind, required)


def _require_follows(schema: Schema, known: Iterable[Schema], base: TableMetadata) -> None:
    """Values keep their meaning: a field id keeps its type or is widened, and rows that are there need no new value.

    Raises:
        BadSchema: they would be lost or read as something else.
    """
    before = [one for other in known for one in _walked(other.fields)]
    ids, current = {one.field_id for one in before}, {one.field_id: one for one in _walked(base.schema().fields)}
    has_rows = base.current_snapshot_id is not None
    for one in _walked(schema.fields):
        if any(not _is_kept(old.kind, one.kind) for old in before if old.field_id == one.field_id):
            raise BadSchema("a column cannot get another type", hint="only widening is possible")
        if one.field_id not in ids and one.field_id <= base.last_column_id:
            raise BadSchema("a new column has a field id that was used before")
        was_required = one.field_id in current and current[one.field_id].required
        if has_rows and one.required and not was_required:
            raise BadSchema("a column of a table that has rows cannot become required, or be added as required")


def _is_kept(old: IcebergType | str, new: IcebergType | str) -> bool:
    if isinstance(old, str) or isinstance(new, str):
        return old == new
    return old == new or is_widening(old, new)


def _require_divided_by(schema: Schema, specs: Iterable[PartitionSpec]) -> None:
    there = {one.field_id for one in _walked(schema.fields)}
    if not {one.source_id for spec in specs for one in spec.fields} <= there:
        raise BadSchema("a column that files are, or were, divided by cannot be dropped")


def _last_sequence_number(base: TableMetadata) -> int:
    if isinstance(base, TableMetadataV1):
        raise BadCommit("a table of format version 1 is not written any more")
    return base.last_sequence_number


def _is_exact(kind: IcebergType) -> bool:
    return not isinstance(kind, FloatType | DoubleType)


def _is_known(transform: Transform[Any, Any]) -> bool:
    match transform:
        case UnknownTransform():
            return False
        case BucketTransform():
            return transform.num_buckets > 0
        case TruncateTransform():
            return transform.width > 0
        case _:
            return True


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadCommit(otherwise)


def _check(fits: Callable[[], object], what: str) -> None:
    try:
        fits()
    except (ValueError, IcebergValidationError):
        raise BadCommit(f"{what} does not fit the table's columns") from None
