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
from pergamon.lineage.record import record_edges
from pergamon.lineage.walk import MaySee, downstream, upstream

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
    "column_by_column",
    "downstream",
    "record_edges",
    "upstream",
]
