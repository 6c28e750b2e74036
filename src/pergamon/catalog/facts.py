"""What a table of the lake tells of itself, for the catalog: from the metadata that its pointer names."""

from typing import Literal

from pyiceberg.table.metadata import TableMetadata

from pergamon import lake
from pergamon.catalog.model import Column, TableFacts
from pergamon.store import UnitOfWork

Cause = Literal["crawl", "job", "replication", "run"]
ICEBERG = "iceberg"
"""The format of a table that no files of people's stand behind."""


def read_facts(
    uow: UnitOfWork, table: lake.TableId, *, cause: Cause, formats: tuple[str, ...] = (ICEBERG,)
) -> TableFacts:
    """The facts of a table as it stands in this unit of work.

    Raises:
        UnknownTable: there is no such table.
        MetadataMissing: its metadata file cannot be read.
    """
    record = lake.read_table(uow, table)
    database = lake.read_databases(uow)[table.database]
    return facts_of(record, lake.read_metadata(record.metadata_location), database, cause=cause, formats=formats)


def facts_of(
    record: lake.TableRecord,
    metadata: TableMetadata,
    database: lake.DatabaseSpec,
    *,
    cause: Cause,
    formats: tuple[str, ...] = (ICEBERG,),
) -> TableFacts:
    """The facts that a table's metadata tells. Pure."""
    snapshot = metadata.current_snapshot()
    summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    rows = _number(summary.get("total-records"))
    deleted = _number(summary.get("total-position-deletes")) or 0
    schema = metadata.schema()
    spec = metadata.spec()
    return TableFacts(
        columns=tuple(
            Column(name=_shown(field.name), type=lake.type_text(field.field_type), required=field.required)
            for field in schema.columns
        ),
        partitions=tuple(_shown(field.name) for field in spec.fields),
        rows=0 if snapshot is None else rows - deleted if rows is not None else None,
        size_bytes=0 if snapshot is None else _number(summary.get("total-files-size")),
        files=0 if snapshot is None else _number(summary.get("total-data-files")),
        formats=formats,
        bucket=database.bucket,
        prefix=lake.path_in_bucket(record.id, database),
        cause=cause,
        state=record.metadata_location,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _shown(name: str) -> str:
    """A name as PostgreSQL keeps it: what is no character stands as one that says so."""
    return name.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
