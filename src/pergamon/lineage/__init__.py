"""Lineage: what came from what, to the column; told and heard in OpenLineage."""

from pergamon.lineage.events import LineageTold
from pergamon.lineage.hear import EventsPage, TakenEvent, read_run_events, take_event
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
from pergamon.lineage.openlineage import BadEvent, RunEvent
from pergamon.lineage.record import record_edges, record_if_new
from pergamon.lineage.trace import NotTraceable, Trace, tables_of_select, trace_select
from pergamon.lineage.walk import MaySee, UnknownDataset, downstream, is_known, neighbours, upstream

__all__ = [
    "OWN_NAMESPACE",
    "PLATFORM",
    "BadDataset",
    "BadEvent",
    "ColumnEdge",
    "Dataset",
    "Edge",
    "EventsPage",
    "Graph",
    "LineageRun",
    "LineageTold",
    "MaySee",
    "NotTraceable",
    "RunEvent",
    "TakenEvent",
    "Trace",
    "UnknownDataset",
    "column_by_column",
    "downstream",
    "is_known",
    "neighbours",
    "read_run_events",
    "record_edges",
    "record_if_new",
    "tables_of_select",
    "take_event",
    "trace_select",
    "upstream",
]
