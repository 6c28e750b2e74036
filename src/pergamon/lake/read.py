"""Read the lake's tables: which there are, what they look like, which files they are now, what they were."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestFile
from pyiceberg.table.metadata import TableMetadata

from pergamon.lake import tables
from pergamon.lake.locations import local_path
from pergamon.lake.metadata import file_io, read_metadata
from pergamon.lake.model import SnapshotRecord, TableFile, TableFiles, TableId, TableRecord, UnknownTable
from pergamon.store import UnitOfWork


def read_table(uow: UnitOfWork, table: TableId) -> TableRecord:
    """The pointer of a table.

    Raises:
        UnknownTable: no such table.
    """
    record = tables.table(uow, table)
    if record is None:
        raise UnknownTable(f"there is no table {table}")
    return record


def find_table(uow: UnitOfWork, table: TableId) -> TableRecord | None:
    """The pointer of a table, or None."""
    return tables.table(uow, table)


def is_table(uow: UnitOfWork, table: TableId) -> bool:
    """Is there such a table?"""
    return tables.table(uow, table) is not None


def list_tables(uow: UnitOfWork, database: str | None = None) -> list[TableRecord]:
    """Every table, or those of one database, by name."""
    return tables.all_tables(uow, database)


def keys_of_tables(uow: UnitOfWork, named: Collection[TableId]) -> dict[TableId, str]:
    """Which table each of these names is now; those that are gone are not in it. Cost: one query."""
    return tables.keys_of_tables(uow, named)


def load_table(uow: UnitOfWork, table: TableId) -> TableMetadata:
    """The whole metadata of a table: columns, properties, snapshots.

    Raises:
        UnknownTable: no such table.
        MetadataMissing: its metadata file cannot be read.
    """
    return read_metadata(read_table(uow, table).metadata_location)


def table_files(uow: UnitOfWork, table: TableId) -> TableFiles:
    """The files of the current snapshot: what a sandbox must open to read the table, and nothing of older snapshots.

    Raises:
        UnknownTable: no such table.
        MetadataMissing: a metadata file cannot be read.
    """
    record = read_table(uow, table)
    return files_of(record, read_metadata(record.metadata_location))


def files_of(record: TableRecord, metadata: TableMetadata) -> TableFiles:
    """The files of the metadata's current snapshot."""
    snapshot = metadata.current_snapshot()
    io = file_io()
    manifests = snapshot.manifests(io) if snapshot else []
    files = [entry.data_file for manifest in manifests for entry in manifest.fetch_manifest_entry(io)]
    return TableFiles(
        table=record.id,
        snapshot_id=snapshot.snapshot_id if snapshot else None,
        metadata=str(local_path(record.metadata_location)),
        manifest_list=str(local_path(snapshot.manifest_list)) if snapshot else None,
        manifests=_paths(manifests),
        data=_files(file for file in files if file.content == DataFileContent.DATA),
        position_deletes=_files(file for file in files if file.content == DataFileContent.POSITION_DELETES),
        is_parquet_alone=all(
            file.content == DataFileContent.DATA and file.file_format == FileFormat.PARQUET for file in files
        ),
    )


def snapshot_history(uow: UnitOfWork, table: TableId) -> list[SnapshotRecord]:
    """The states of a table, oldest first.

    Raises:
        UnknownTable: no such table.
    """
    metadata = load_table(uow, table)
    return [
        SnapshotRecord(
            snapshot_id=snapshot.snapshot_id,
            parent_snapshot_id=snapshot.parent_snapshot_id,
            committed_at=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
            operation=snapshot.summary.operation.value if snapshot.summary else "unknown",
            summary=dict(snapshot.summary.additional_properties) if snapshot.summary else {},
        )
        for snapshot in sorted(metadata.snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    ]


def _paths(manifests: Iterable[ManifestFile]) -> tuple[str, ...]:
    return tuple(str(local_path(manifest.manifest_path)) for manifest in manifests)


def _files(files: Iterable[DataFile]) -> tuple[TableFile, ...]:
    return tuple(
        TableFile(str(local_path(file.file_path)), file.file_size_in_bytes, file.record_count) for file in files
    )
