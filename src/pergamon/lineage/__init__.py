"""Lineage: what came from what, to the column; told and heard in OpenLineage."""

from pergamon.lineage.model import (
    OWN_NAMESPACE,
    PLATFORM,
    BadDataset,
    ColumnEdge,
    Dataset,
    Edge,
    Graph,
    LineageRun,
    column_by_column,
)
from pergamon.lineage.record import record_edges, record_if_new
from pergamon.lineage.select import NotTraceable, Trace, tables_of_select, trace_select
from pergamon.lineage.walk import MaySee, UnknownDataset, downstream, upstream

__all__ = [
    "OWN_NAMESPACE",
    "PLATFORM",
    "BadDataset",
    "ColumnEdge",
    "Dataset",
    "Edge",
    "Graph",
    "LineageRun",
    "MaySee",
    "NotTraceable",
    "Trace",
    "UnknownDataset",
    "column_by_column",
    "downstream",
    "record_edges",
    "record_if_new",
    "tables_of_select",
    "trace_select",
    "upstream",
]
