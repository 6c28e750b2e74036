"""One snapshot made in this process: data files come, data files go, columns change, all in one commit under a lease.

For Parquet that stands already: files of the table's own location, and files in place outside of it (an object's
content), which only the caller can allow, each by its exact path. An engine's commit can never do that.
The way: `open_lease` (commit) -> `change_of` (no transaction) -> `make_durable` -> `finish_commit` (one unit of work).
No byte of a data file is read here: rows and sizes are the caller's word, statistics are left to the engines.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestEntry, ManifestFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.name_mapping import NameMapping, create_mapping_from_schema
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSnapshotUpdate,
    SetDefaultSpecUpdate,
    SetPropertiesUpdate,
    TableUpdate,
    update_table_metadata,
)
from pyiceberg.table.update.snapshot import _OverwriteFiles
from pyiceberg.typedef import Record

from pergamon.lake.commit import PlannedCommit
from pergamon.lake.evolve import evolution
from pergamon.lake.locations import SCHEME
from pergamon.lake.metadata import file_io
from pergamon.lake.model import Lease, TableRecord
from pergamon.lake.properties import NAME_MAPPING

PartitionValue = str | int | None
"""Partition columns are text or whole numbers: what a folder's name can say without doubt."""


@dataclass(frozen=True)
class NewFile:
    """A Parquet file that becomes, or is, a data file.

    partition: its values, in the order of the table's partition fields. A partition column that the file does not hold
    takes its value from here; one that it holds is read from the file (Iceberg specification, "Column Projection").
    """

    path: Path
    rows: int
    size_bytes: int
    partition: tuple[PartitionValue, ...] = ()
    spec_id: int | None = None
    """The partition spec it was added under; None: the table's present one."""


@dataclass(frozen=True)
class NewColumns:
    """How the columns change with a commit. A column dropped and added under one name is a new column without values:
    whoever does that replaces every file. `unpartition`: from now on no file has partition values.

    spellings: column -> further names under which files hold it.
    """

    add: Sequence[pa.Field] = ()
    widen: Mapping[int, pa.DataType] = field(default_factory=dict)
    drop: Collection[int] = ()
    unpartition: bool = False
    spellings: Mapping[str, Collection[str]] = field(default_factory=dict)


def evolve_in_memory(base: TableMetadata, columns: NewColumns) -> tuple[TableMetadata, tuple[TableUpdate, ...]]:
    """The table's metadata with changed columns and the updates that make them, before anything is committed.

    Raises:
        BadSchema: a change that would lose or reinterpret values.
    """
    schema, updates = evolution(base, add=columns.add, widen=columns.widen, drop=columns.drop)
    if columns.unpartition and not base.spec().is_unpartitioned():
        updates += _unpartitioned(base)
    mapping = name_mapping(schema, columns.spellings, base.properties.get(NAME_MAPPING))
    if base.properties.get(NAME_MAPPING) != mapping:
        updates += (SetPropertiesUpdate(updates={NAME_MAPPING: mapping}),)
    return (update_table_metadata(base, updates) if updates else base), updates


def change_of(
    lease: Lease,
    record: TableRecord,
    base: TableMetadata,
    *,
    add: Sequence[NewFile] = (),
    remove: Sequence[NewFile] = (),
    in_place: Collection[Path] = frozenset(),
    columns: NewColumns | None = None,
    replace_all: bool = False,
) -> PlannedCommit:
    """Write the manifests of one new snapshot on top of `base`. Nothing is visible by that.

    base: the table's metadata (`read_metadata(record.metadata_location)`). remove: data files of the table, as they
    were added. in_place: those of `add` that lie outside the table's location, exactly. replace_all: `remove` is every
    file of the table; needed when a column is dropped that files are divided by.
    Raises:
        BadSchema: the columns cannot change like that.
        ValueError: a file to be removed is not in the table.
    """
    from pyiceberg.catalog.noop import NoopCatalog  # here: it loads every catalog that PyIceberg knows

    evolved, updates = evolve_in_memory(base, columns or NewColumns())
    name = (record.id.database, record.id.name)
    transaction = Transaction(Table(name, evolved, record.metadata_location, file_io(), NoopCatalog("none")))
    update = transaction.update_snapshot()
    producer = (
        _Everything(Operation.OVERWRITE, transaction, file_io())
        if replace_all
        else update.overwrite()
        if remove
        else update.fast_append()
    )
    for file in add:
        producer.append_data_file(_data_file(file, evolved.default_spec_id))
    for file in remove:
        producer.delete_data_file(_data_file(file, evolved.default_spec_id))
    made, _ = producer._commit()
    snapshot = next(update.snapshot for update in made if isinstance(update, AddSnapshotUpdate))
    return PlannedCommit(lease, record, base, snapshot, before=updates, in_place=frozenset(in_place))


class _Everything(_OverwriteFiles):
    """Leaves nothing of the parent: none of its manifests is read, so their partition columns may be gone."""

    def _existing_manifests(self) -> list[ManifestFile]:
        return []

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _build_delete_files_partition_predicate(self) -> None:
        pass


def name_mapping(schema: Schema, spellings: Mapping[str, Collection[str]], before: str | None) -> str:
    """The name mapping of a schema: each column's own name, and every other that a file has held it under."""
    kept: dict[int, list[str]] = {}
    if before:
        kept = {
            item.field_id: list(item.names) for item in NameMapping.model_validate_json(before).root if item.field_id
        }
    fields = []
    for item in create_mapping_from_schema(schema).root:
        own = item.names[0]
        names = dict.fromkeys([own, *kept.get(item.field_id or 0, []), *spellings.get(own, ())])
        fields.append(item.model_copy(update={"names": list(names)}))
    return NameMapping(fields).model_dump_json()


def _unpartitioned(base: TableMetadata) -> tuple[TableUpdate, ...]:
    for known in base.partition_specs:
        if known.is_unpartitioned():
            return (_default_spec(known.spec_id),)
    fresh = max(known.spec_id for known in base.partition_specs) + 1
    spec = UNPARTITIONED_PARTITION_SPEC.model_copy(update={"spec_id": fresh})
    return AddPartitionSpecUpdate(spec=spec), _default_spec(fresh)


def _default_spec(spec_id: int) -> SetDefaultSpecUpdate:
    return SetDefaultSpecUpdate.model_validate({"spec-id": spec_id})


def _data_file(file: NewFile, spec_id: int) -> DataFile:
    made = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=f"{SCHEME}{file.path}",
        file_format=FileFormat.PARQUET,
        partition=Record(*file.partition),
        record_count=file.rows,
        file_size_in_bytes=file.size_bytes,
    )
    made.spec_id = spec_id if file.spec_id is None else file.spec_id
    return made
