"""What each of the pipeline's writers tells of itself: which datasets and columns its table comes from.

It is worked out before the engine writes and kept in the lease's facts; it is told in the unit of work that moves the
table's pointer, so table, lineage and trail change together. What a SELECT does not say, nobody tells.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pergamon import catalog, lake, quality
from pergamon.lineage import (
    OWN_NAMESPACE,
    BadDataset,
    ColumnEdge,
    Dataset,
    LineageRun,
    NotTraceable,
    record_edges,
    record_if_new,
    tables_of_select,
    trace_select,
)
from pergamon.store import UnitOfWork

Facts = dict[str, Any]  # Any: JSON, kept in the lease
MOST_COLUMN_EDGES = 20_000
"""A table with more is told as a whole: the facts of a lease are one row."""


def lineage_of_select(uow: UnitOfWork, query: str, columns: Sequence[str]) -> Facts:
    """What a job's SELECT reads. columns: those of its result, in order, as the engine names them."""
    try:
        schemas = {name: found for name in tables_of_select(query) if (found := _columns_of(uow, name)) is not None}
        trace = trace_select(query, schemas)
        inputs = [Dataset(OWN_NAMESPACE, name) for name in trace.tables]
    except (NotTraceable, BadDataset):
        return _facts([], [])
    if len(trace.origins) != len(columns):
        return _facts(inputs, [(place, "", column) for column in columns for place in range(len(inputs))])
    places = {name: place for place, name in enumerate(trace.tables)}
    told = []
    for column, origins in zip(columns, trace.origins, strict=True):
        if origins is None:  # from somewhere in what is read
            told += [(place, "", column) for place in range(len(inputs))]
        else:
            told += [(places[table], read, column) for table, read in sorted(origins)]
    return _facts(inputs, told)


def lineage_of_inputs(inputs: Iterable[str]) -> Facts:
    """What a Python job declares to read: whole tables."""
    return _facts([Dataset(OWN_NAMESPACE, name.lower()) for name in inputs], [])


def lineage_of_files(folders: Iterable[tuple[str, str]], columns: Mapping[str, str]) -> Facts:
    """What a merge reads: folders of a bucket, as (bucket, folder). columns: of the table, and which it was there."""
    try:
        inputs = [Dataset.of_objects(bucket, folder) for bucket, folder in sorted(set(folders))]
    except BadDataset:  # a name with control characters: data goes on, and nothing is told of it
        return _facts([], [])
    told = [(place, read, column) for place in range(len(inputs)) for column, read in columns.items()]
    return _facts(inputs, told)


def tell_of_commit(uow: UnitOfWork, lease: lake.Lease, run: LineageRun, *, every_time: bool) -> None:
    """Tell lineage, the catalog and quality of a table that a lease's commit has just changed.

    every_time: each commit is an event of its own, as a job's run is; a merge that goes on and on tells what is new.
    """
    told = lease.facts.get("lineage")
    if told is not None:
        inputs = [Dataset(namespace, name) for namespace, name in told["inputs"]]
        output = Dataset.of_table(lease.table)
        columns = [ColumnEdge(inputs[place], read, output, written) for place, read, written in told["columns"]]
        record = record_edges if every_time else record_if_new
        record(uow, run, inputs, [output], columns)
    if catalog.is_followed(uow, lease.table):
        cause: Literal["job", "replication"] = "job" if every_time else "replication"
        catalog.table_changed(uow, lease.table, catalog.read_facts(uow, lease.table, cause=cause))
    quality.request_profile(uow, lease.table)


def _facts(inputs: Sequence[Dataset], columns: Sequence[tuple[int, str, str]]) -> Facts:
    kept = columns if len(columns) <= MOST_COLUMN_EDGES else []
    return {"inputs": [[one.namespace, one.name] for one in inputs], "columns": [list(edge) for edge in kept]}


def _columns_of(uow: UnitOfWork, name: str) -> list[str] | None:
    """The columns of a table of the lake; None when it is none."""
    try:
        return [column.name for column in lake.load_table(uow, lake.TableId.parse(name)).schema().fields]
    except (lake.UnknownTable, lake.BadName, lake.MetadataMissing):
        return None
