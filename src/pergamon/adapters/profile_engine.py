"""The engine of profiles: the sandbox of governed queries, for our own statements over strangers' files (ADR 0019).

The statement is ours; the files are not. So each statement runs in a confined process that opens exactly the files of
its tables and then ends, and never in the worker's own process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.kernel import PergamonError, new_id
from pergamon.quality import (
    EngineFailed,
    Limits,
    MeasuredTable,
    StatementRefused,
    StatementTimedOut,
    StatementTooLarge,
)
from pergamon.query import (
    Column,
    GrantedTable,
    QueryInvalid,
    QueryJob,
    QueryLimits,
    QueryOutOfMemory,
    QueryResultTooLarge,
    QueryTimedOut,
    QueryTypeError,
    TableName,
)

MOST_ROWS = 10_000
LARGEST_RESULT_MB = 64


@dataclass(frozen=True)
class SandboxedProfiles:
    """A `ProfileEngine`."""

    sandbox: DuckDBSandbox

    def run(self, sql: str, tables: Sequence[MeasuredTable], limits: Limits) -> pa.Table:
        """See `quality.ports.ProfileEngine`."""
        bounds = QueryLimits(
            timeout_s=max(1, limits.timeout_s),
            memory_mb=limits.memory_mb,
            max_rows=MOST_ROWS,
            max_result_mb=LARGEST_RESULT_MB,
            threads=limits.threads,
        )
        job = QueryJob(id=new_id("profile"), sql=sql, tables=tuple(map(_granted, tables)), limits=bounds)
        try:
            rows, _ = self.sandbox.run(job)
        except PergamonError as error:
            raise _ours(error, limits) from None
        return rows


def _granted(table: MeasuredTable) -> GrantedTable:
    return GrantedTable(
        name=TableName(table.id.database, table.id.name),
        snapshot_id=table.snapshot_id,
        metadata=table.metadata,
        files=table.files,
        columns=tuple(Column(column.name, column.type) for column in table.columns),
    )


def _ours(error: PergamonError, limits: Limits) -> PergamonError:
    match error:
        case QueryOutOfMemory() | QueryResultTooLarge():
            return StatementTooLarge(f"measuring needs more than {limits.memory_mb} MiB")
        case QueryTimedOut():
            return StatementTimedOut(f"measuring takes longer than {limits.timeout_s} s")
        case QueryInvalid() | QueryTypeError():
            return StatementRefused("the engine does not accept the statement")
        case _:
            return EngineFailed("the engine that measures tables failed", hint="its log says why")
