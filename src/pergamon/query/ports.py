"""What governed queries need: a catalog that knows tables and their rules, an engine that runs a judged text."""

from collections.abc import Callable
from typing import Protocol

import pyarrow as pa

from pergamon.policy import Resource
from pergamon.query.gate import TableName
from pergamon.query.model import Column, GovernedTable, GrantedTable, QueryJob
from pergamon.store import UnitOfWork


class TableCatalog(Protocol):
    """Tables with their access rules. It decides nothing."""

    def tables(self, uow: UnitOfWork) -> list[tuple[Resource, list[TableName]]]:
        """Every table that the actor may be able to read, others need not be in it: those that are alike to the policy
        with a resource that stands for all of them."""
        ...

    def find(self, uow: UnitOfWork, name: TableName) -> GovernedTable | None: ...

    def columns(self, uow: UnitOfWork, table: GovernedTable) -> tuple[Column, ...]:
        """What a reader of a table that was found is told of its columns. Only called after the decision."""
        ...

    def granted(self, uow: UnitOfWork, table: GovernedTable) -> GrantedTable:
        """The newest snapshot of a table that was found, with all its files. Only called after the decision.

        Raises:
            TableNotReadable: the engine could not read it right.
        """
        ...


class QueryEngine(Protocol):
    """Runs one judged text over exactly the files that the job names."""

    def run(self, job: QueryJob, watch: Callable[[], None] | None = None) -> tuple[pa.Table, bool]:
        """Returns: the rows, at most `limits.max_rows`, and whether there were more.

        watch: called a few times a second while the query runs; what it raises ends the query at once.
        Raises:
            QueryInvalid, QueryTypeError, QueryOutOfMemory, QueryTimedOut, QueryResultTooLarge, QueryEngineFailed.
        """
        ...

    def parse(self, sql: str) -> str:
        """The text's syntax tree as `json_serialize_sql` writes it, read by a process that is confined and bounded.

        Raises:
            QueryRefused: reading it takes too much memory or time.
        """
        ...

    def prewarm(self) -> None:
        """Get ready for a query that is about to come; returns at once."""
        ...
