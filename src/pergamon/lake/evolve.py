"""Change a table's columns: one new metadata file, one move of the pointer."""

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import AddSchemaUpdate, SetCurrentSchemaUpdate, TableUpdate, update_table_metadata
from pyiceberg.types import IcebergType

from pergamon.lake import tables
from pergamon.lake.events import TableEvolved
from pergamon.lake.metadata import next_metadata_location, read_metadata, write_metadata
from pergamon.lake.model import BadSchema, TableId, TableLeased, UnknownTable
from pergamon.lake.schemas import evolved_schema, widened_type
from pergamon.store import UnitOfWork


def evolve_table(
    uow: UnitOfWork,
    table: TableId,
    *,
    add: Sequence[pa.Field] = (),
    widen: Mapping[int, IcebergType | pa.DataType] | None = None,
    drop: Collection[int] = (),
) -> TableMetadata:
    """Add columns (optional, at the end), widen or drop columns by field id. Nothing to change changes nothing.

    Raises:
        UnknownTable: no such table.
        TableLeased: somebody is writing it; an engine has planned with the old columns.
        BadSchema: a change that would lose or reinterpret values.
    """
    record = tables.table(uow, table, lock=True)
    if record is None:
        raise UnknownTable(f"there is no table {table}")
    if tables.open_lease_of(uow, record.key):
        raise TableLeased(f"table {table} has an open lease", hint="close it first")
    before = read_metadata(record.metadata_location)
    _, updates = evolution(before, add=add, widen=widen, drop=drop)
    if not updates:
        return before
    after = update_table_metadata(before, updates, True, record.metadata_location)
    location = next_metadata_location(record.location, record.metadata_location)
    write_metadata(after, location)
    tables.move_pointer(uow, record, location, record.snapshot_id)
    names = before.schema()
    uow.record(
        TableEvolved(
            subject=table.subject,
            added=tuple(field.name for field in add),
            widened=tuple(str(names.find_column_name(field_id)) for field_id in widen or {}),
            dropped=tuple(str(names.find_column_name(field_id)) for field_id in drop),
        )
    )
    return after


def evolution(
    before: TableMetadata,
    *,
    add: Sequence[pa.Field] = (),
    widen: Mapping[int, IcebergType | pa.DataType] | None = None,
    drop: Collection[int] = (),
) -> tuple[Schema, tuple[TableUpdate, ...]]:
    """The schema after a change and the updates that make it; none when nothing changes.

    Raises:
        BadSchema: a change that would lose or reinterpret values.
    """
    targets = _targets(before.schema(), widen or {})
    schema = evolved_schema(before.schema(), before.last_column_id, add=add, widen=targets, drop=drop)
    return schema, () if schema == before.schema() else _updates(before, schema)


def _targets(schema: Schema, widen: Mapping[int, IcebergType | pa.DataType]) -> dict[int, IcebergType]:
    fields = {field.field_id: field for field in schema.fields}
    unknown = sorted(set(widen) - set(fields))
    if unknown:
        raise BadSchema(f"the table has no columns with the field ids {unknown}")
    return {field_id: widened_type(fields[field_id].field_type, wanted) for field_id, wanted in widen.items()}


def _updates(before: TableMetadata, schema: Schema) -> tuple[TableUpdate, ...]:
    """A schema that the table had before is used again: one schema under two ids makes Java readers fail for ever."""
    for known in before.schemas:
        if known == schema:
            return (_set_current(known.schema_id),)
    fresh = max(known.schema_id for known in before.schemas) + 1
    numbered = schema.model_copy(update={"schema_id": fresh})
    return AddSchemaUpdate(schema=numbered), _set_current(fresh)


def _set_current(schema_id: int) -> SetCurrentSchemaUpdate:
    return SetCurrentSchemaUpdate.model_validate({"schema-id": schema_id})
