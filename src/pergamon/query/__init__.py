"""Governed SQL: a gate that judges the text, decisions on every table, a sandboxed engine, a recorded result."""

from pergamon.query.gate import JudgedQuery, QueryNotParsed, QueryRefused, TableName, UnknownQueryTable, judge
from pergamon.query.governed_view import governed_view
from pergamon.query.history import own_queries, query_text, workgroup_queries
from pergamon.query.lake_catalog import LakeCatalog
from pergamon.query.mask_sql import MaskSecrets, mask_secrets
from pergamon.query.model import (
    DEFAULT_WORKGROUP,
    Column,
    GovernedTable,
    GrantedTable,
    HistoryEntry,
    QueryBusy,
    QueryEngineFailed,
    QueryInvalid,
    QueryJob,
    QueryLimits,
    QueryOutOfMemory,
    QueryResult,
    QueryResultTooLarge,
    QueryTimedOut,
    QueryTypeError,
    Reading,
    SandboxMissing,
    TableNotReadable,
    UnknownQuery,
    UnknownWorkgroup,
    WorkgroupNotNamed,
    WorkgroupSpec,
)
from pergamon.query.ports import QueryEngine, TableCatalog
from pergamon.query.run import run_query
from pergamon.query.sql_literals import identifier
from pergamon.query.stop import QueryCancelled, QueryNotRunning, QueryStopped, cancel_query
from pergamon.query.turns import Turns
from pergamon.query.visible_tables import describe_table, visible_tables
from pergamon.query.workgroups import drop_workgroup, put_workgroup, read_workgroups

__all__ = [
    "DEFAULT_WORKGROUP",
    "Column",
    "GovernedTable",
    "GrantedTable",
    "HistoryEntry",
    "JudgedQuery",
    "LakeCatalog",
    "MaskSecrets",
    "QueryBusy",
    "QueryCancelled",
    "QueryEngine",
    "QueryEngineFailed",
    "QueryInvalid",
    "QueryJob",
    "QueryLimits",
    "QueryNotParsed",
    "QueryNotRunning",
    "QueryOutOfMemory",
    "QueryRefused",
    "QueryResult",
    "QueryResultTooLarge",
    "QueryStopped",
    "QueryTimedOut",
    "QueryTypeError",
    "Reading",
    "SandboxMissing",
    "TableCatalog",
    "TableName",
    "TableNotReadable",
    "Turns",
    "UnknownQuery",
    "UnknownQueryTable",
    "UnknownWorkgroup",
    "WorkgroupNotNamed",
    "WorkgroupSpec",
    "cancel_query",
    "describe_table",
    "drop_workgroup",
    "governed_view",
    "identifier",
    "judge",
    "mask_secrets",
    "own_queries",
    "put_workgroup",
    "query_text",
    "read_workgroups",
    "run_query",
    "visible_tables",
    "workgroup_queries",
]
