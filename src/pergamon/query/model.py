"""The words of governed queries: workgroups, limits, jobs, results; and what can go wrong with a query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pergamon.access import SubscribedTable
from pergamon.kernel import Invalid, Kind, NotFound, PergamonError, Unavailable
from pergamon.lake import TableRecord
from pergamon.policy import Predicate, Resource, TableRights
from pergamon.query.gate import TableName
from pergamon.query.json_values import as_json, values_in
from pergamon.query.mask_sql import MaskSecrets

DEFAULT_WORKGROUP = "default"

LARGEST_JSON_VALUES = 5_000_000
"""So many become about 0.5 GB of Python objects on their way to JSON."""
_ARROW_INSTEAD = "ask for Arrow (`Accept: application/vnd.apache.arrow.stream`)"


IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""How workgroups and queries are called. Anything else was made up: it is not looked up, and not recorded."""


class UnknownWorkgroup(NotFound):
    """There is no such workgroup, or the actor does not belong to it: the two are answered alike."""

    code = "query.no_such_workgroup"
    usual_hint = "leave it out, or ask who administers for the names that are yours"


class WorkgroupNotNamed(Invalid):
    """A query was sent without a workgroup by somebody who may use several."""

    code = "query.workgroup_not_named"


class UnknownQuery(NotFound):
    """There is no such query in the history, or the actor may not see it."""

    code = "query.no_such_query"
    usual_hint = "`pergamon query status` lists yours"


class QueryInvalid(Invalid):
    """The query names a column that is not there, or combines what cannot be combined."""

    code = "query.invalid"


class QueryTypeError(Invalid):
    """A value could not be converted, or a number left its range."""

    code = "query.type_error"


UNFIT = (ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, pa.ArrowKeyError)
"""What is raised of values that a form has no place for: years beyond 9999, fields of one name, intervals. Not every
`ArrowException`: too little memory is one, and the host's, not the statement's. It goes on as it is, ends the statement
as failed, and is told to the operator."""


class QueryOutOfMemory(Invalid):
    """The query needs more memory than its workgroup gives."""

    code = "query.out_of_memory"


class QueryTimedOut(Invalid):
    """The query needs more time than its workgroup gives."""

    code = "query.timed_out"


class QueryResultTooLarge(Invalid):
    """The result has more bytes than its workgroup gives."""

    code = "query.result_too_large"


class QueryEngineFailed(Unavailable):
    """The engine died or answered something that nobody expected; the reason is in the operator's log."""

    code = "query.engine_failed"


class QueryBusy(Unavailable):
    """As many queries run already as this host takes."""

    code = "query.busy"


class QueryScansTooMuch(Invalid):
    """The tables of the query have more data than its workgroup lets one query read."""

    code = "query.scans_too_much"


class QueueFull(Unavailable):
    """As many statements wait already as the workgroup lets wait, of this person or of all."""

    code = "query.queue_full"


class QueryInterrupted(Unavailable):
    """The process that ran the query was told to stop."""

    code = "query.interrupted"


class SandboxMissing(PergamonError):
    """This host cannot confine an untrusted query."""

    code, kind = "query.sandbox_missing", Kind.UNAVAILABLE


class TableNotReadable(Unavailable):
    """A table is of a kind that the engine cannot read safely."""

    code = "query.table_not_readable"


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class QueryLimits(_Spec):
    """How much one query may take.

    timeout_s: wall clock, s. memory_mb: the engine's memory, MiB. max_rows: rows returned, the rest is cut and said so.
    max_result_mb: bytes returned, MiB. threads: of the engine. max_scanned_mb: data files of all the tables that it
    names, MiB, each counted once; None: any.
    """

    timeout_s: int = Field(default=60, ge=1, le=3600)
    memory_mb: int = Field(default=1024, ge=64, le=1_048_576)
    max_rows: int = Field(default=10_000, ge=1, le=10_000_000)
    max_result_mb: int = Field(default=64, ge=1, le=4096)
    threads: int = Field(default=2, ge=1, le=64)
    max_scanned_mb: int | None = Field(default=None, ge=1, le=2**40)


class WorkgroupSpec(_Spec):
    """Who may run queries together, and how large ones. `admins` also see the history of the workgroup.

    concurrency: its statements at once, all together and of one person. max_queued: those that wait for a turn.
    results_kept_days: how long the file of a submitted statement's rows is kept.
    """

    description: str = ""
    users: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    limits: QueryLimits = QueryLimits()
    concurrency: int = Field(default=4, ge=1, le=1000)
    concurrency_per_person: int = Field(default=2, ge=1, le=1000)
    max_queued: int = Field(default=200, ge=1, le=10_000)
    max_queued_per_person: int = Field(default=20, ge=1, le=10_000)
    results_kept_days: int = Field(default=7, ge=1, le=3650)

    @model_validator(mode="after")
    def _somebody_may_use_it(self) -> Self:
        if not self.users and not self.admins:
            raise ValueError("a workgroup needs at least one role in users or admins")
        return self

    def resource(self, name: str) -> Resource:
        """What a decision about this workgroup is about: users run, admins also see the history."""
        return Resource("workgroup", name, readers=self.users | self.admins, writers=self.admins)


@dataclass(frozen=True)
class Column:
    """A column as the catalog tells it; `type` in Iceberg's words."""

    name: str
    type: str
    field_id: int = 0


@dataclass(frozen=True)
class GovernedTable:
    """A table with its access rules: what a decision needs, without opening a file.

    source: the lake's table that is read whole, or what live grants give of one (a table of a subscription database).
    """

    name: TableName
    resource: Resource
    source: TableRecord | SubscribedTable

    @property
    def rights(self) -> TableRights | None:
        """What is given of it; None: it is read whole."""
        return self.source.rights if isinstance(self.source, SubscribedTable) else None


@dataclass(frozen=True)
class Reading:
    """How a table is read of which only a part is given. columns: all that the table has."""

    columns: tuple[Column, ...]
    rights: TableRights
    secrets: MaskSecrets = field(repr=False)


@dataclass(frozen=True)
class Sought:
    """Which rows of a table a statement looks for (`looked_for.py`).

    rows: TRUE for each row that may count for its answer; None: any may. pairs: columns by field id, with the sign
    between them that holds in each such row. and_more: it asks something of each row that no scan would take over.
    """

    rows: Predicate | None = None
    pairs: tuple[tuple[int, str, int], ...] = ()
    and_more: bool = False


@dataclass(frozen=True)
class GrantedTable:
    """One snapshot of a table that may be read: every file that a reader must open, and no other.

    data_bytes: of its data and delete files.
    metadata: absolute path of the metadata file. files: absolute paths, the metadata among them.
    columns: what the reader is told of. reading: how it is read when grants give it; None: whole.
    """

    name: TableName
    snapshot_id: int | None
    metadata: str
    files: tuple[str, ...]
    columns: tuple[Column, ...]
    reading: Reading | None = None
    given_in: str | None = None
    """An absolute path: a Parquet file that holds exactly what is given, in place of the table's own files."""
    data_bytes: int = 0
    parquet_alone: tuple[str, ...] = ()
    """Of `files`, those that are the whole table by themselves; none, where rows of them are deleted, where the
    metadata must say which of their columns is which, or where they are better read as it tells."""
    has_deleted_rows: bool = False
    lake_table: str | None = None
    """The lake's own name of a subscription's table; of a table of the lake, its name is that."""
    asset_id: str | None = None
    """The asset of which a grant gives it."""
    sought: Sought = Sought()
    """What the statement looks for in it."""

    @property
    def rights(self) -> TableRights | None:
        return self.reading.rights if self.reading else None

    def description(self) -> dict[str, Any]:  # Any: JSON
        """What is told of it: no file names."""
        columns = [{"name": column.name, "type": column.type} for column in self.columns]
        name = self.name
        return {"database": name.database, "table": name.table, "snapshot_id": self.snapshot_id, "columns": columns}


@dataclass(frozen=True)
class QueryJob:
    """What the engine gets: a judged text and the files that it may open."""

    id: str
    sql: str
    tables: tuple[GrantedTable, ...]
    limits: QueryLimits


@dataclass(frozen=True)
class QueryResult:
    """Rows as Arrow. `truncated`: there were more than the workgroup returns."""

    id: str
    table: pa.Table
    truncated: bool
    duration_ms: int
    snapshots: Mapping[str, int | None]

    @property
    def columns(self) -> list[str]:
        return list(self.table.schema.names)

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """The result as the API and the command line tell it: rows as lists, in the order of `columns`.

        Raises:
            QueryResultTooLarge: JSON would need many times the result's own bytes.
            QueryTypeError: a column holds what JSON cannot be given.
        """
        if sum(values_in(column) for column in self.table.columns) > LARGEST_JSON_VALUES:
            raise QueryResultTooLarge(f"the result has more than {LARGEST_JSON_VALUES} values", hint=_ARROW_INSTEAD)
        columns = [self._column_as_json(number) for number in range(self.table.num_columns)]
        return {
            "query_id": self.id,
            "columns": [{"name": field.name, "type": str(field.type)} for field in self.table.schema],
            "rows": [list(row) for row in zip(*columns, strict=True)],
            "row_count": self.table.num_rows,
            "truncated": self.truncated,
            "duration_ms": self.duration_ms,
            "snapshots": {name: str(snapshot) for name, snapshot in self.snapshots.items()},
        }

    def _column_as_json(self, number: int) -> list[Any]:
        try:
            return [as_json(value) for value in self.table.column(number).to_pylist()]
        except UNFIT:
            raise QueryTypeError(
                f"column {number + 1} holds values that JSON cannot be given: years beyond 9999, or fields of one name",
                hint=f"CAST them to VARCHAR, or name the fields; or {_ARROW_INSTEAD}",
            ) from None


@dataclass(frozen=True)
class HistoryEntry:
    """One query of the history: a statement that was submitted, or one whose caller waited for the rows.

    `sql`, and what went wrong in words, only for who ran it and for auditors: a text may hold values. result_until:
    when its file of rows ends; None: there was none. is_removed: the file is gone already.
    """

    id: str
    workgroup: str
    actor: str
    operator: str | None
    status: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    tables: Sequence[str]
    rows: int | None
    truncated: bool | None
    duration_ms: int | None
    error_code: str | None
    error_message: str | None
    error_hint: str | None
    result_bytes: int | None
    result_until: datetime | None
    sql_sha256: str
    sql: str | None
    rights: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    is_removed: bool = False

    def as_json(self) -> dict[str, Any]:
        moments = ("submitted_at", "started_at", "finished_at", "result_until")
        times = {name: at.isoformat() if (at := getattr(self, name)) else None for name in moments}
        told = {name: value for name, value in self.__dict__.items() if name not in ("rights", "is_removed")}
        return {**told, **times, "tables": list(self.tables)}
