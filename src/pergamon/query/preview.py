"""What would approving a request really give? Shown to who may approve it, before they decide: columns, masks, filter,
and how many rows of how many, counted on the newest snapshot by the sandboxed engine, within ten seconds.

No value of a row is shown. But a filter that its reader makes up, and a count, are a question about rows: who may not
read the table itself is told counts rounded to ten, and every preview stands in the trail before the engine counts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any

from pergamon import access, lake
from pergamon.kernel import PergamonError, new_id
from pergamon.policy import (
    Action,
    ColumnRight,
    PolicyColumn,
    UnknownColumnType,
    as_text,
    decide,
    inner_columns,
    mask_text,
)
from pergamon.query.events import PreviewEnded, PreviewStarted
from pergamon.query.gate import TableName
from pergamon.query.lake_catalog import LakeCatalog
from pergamon.query.model import (
    Column,
    GrantedTable,
    QueryJob,
    QueryLimits,
    QueryOutOfMemory,
    QueryTimedOut,
)
from pergamon.query.ports import QueryEngine
from pergamon.store import UnitOfWork

GIVEN, WHOLE = TableName("preview", "given"), TableName("preview", "whole")
COUNT = "SELECT (SELECT count(*) FROM preview.given) AS given, (SELECT count(*) FROM preview.whole) AS total"
AS_IT_IS = "as it is"
LIMITS = QueryLimits(timeout_s=10, memory_mb=1024, max_rows=1, max_result_mb=1)
ROUNDED_TO = 10
"""Counts of who may not read the table, as in profiles (ADR 0019)."""

Begin = Callable[[], AbstractContextManager[UnitOfWork]]


@dataclass(frozen=True)
class Counted:
    """Rows that would be given, of all. rounded_to: 1 for who may read the table, else 10."""

    given: int
    total: int
    rounded_to: int

    def as_json(self) -> dict[str, int]:
        return {"given": self.given, "total": self.total, "rounded_to": self.rounded_to}


@dataclass(frozen=True)
class RequestPreview:
    """What approving now would give. counted: None when it took too long."""

    outlook: access.Outlook
    table: GrantedTable
    counted: Counted | None

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """What is told of it: no values, no file names."""
        outlook, names = self.outlook, self.outlook.column_names
        request, rights = outlook.request, outlook.rights
        types = _types(self.table.reading.columns if self.table.reading else self.table.columns)
        given = [(number, rights.columns[number]) for number in sorted(rights.columns)]
        return {
            "request_id": request.id,
            "asset_id": request.asset_id,
            "asset": request.asset_name,
            "project": request.project,
            "requested_by": request.requested_by,
            "columns": [
                {"name": names[number], "type": types[number], "mask": mask_text(mask, names) if mask else None}
                for number, mask in given
            ],
            "not_given": [name for number, name in sorted(names.items()) if number not in rights.columns],
            "rows": as_text(rights.rows, names) if rights.rows is not None else "",
            "days": outlook.days,
            "own_masks": rights.own_masks,
            "changes": _changes(outlook),
            "isolated": outlook.read_as.rights.isolated,
            "counted": self.counted.as_json() if self.counted else None,
            "not_counted": None if self.counted else f"more than could be counted in {LIMITS.timeout_s} s",
            "snapshot_id": str(self.table.snapshot_id) if self.table.snapshot_id is not None else None,
        }


def _types(columns: Sequence[Column]) -> dict[int, str]:
    """By field id, also of the fields in structs."""
    found = [PolicyColumn(column.field_id, column.name, column.type) for column in columns]
    for column in [*found]:
        with suppress(UnknownColumnType):
            found += inner_columns(column)
    return {column.field_id: column.type for column in found}


def _changes(outlook: access.Outlook) -> list[dict[str, str]]:
    """The columns that other live grants give the project, and that would be shown in another form."""
    names = outlook.column_names
    before = {right.field_id: _form(right, names) for right in outlook.before.columns} if outlook.before else {}
    after = {right.field_id: _form(right, names) for right in outlook.after.columns}
    return [
        {"name": names.get(number, ""), "before": form, "after": after[number]}
        for number, form in before.items()
        if form != after[number]
    ]


def _form(right: ColumnRight, names: Mapping[int, str]) -> str:
    """How a column is shown, in words."""
    form = mask_text(right.mask, names) if right.mask else AS_IT_IS
    if right.own is None:
        return form
    own = mask_text(right.own.mask, names) if right.own.mask else AS_IT_IS
    return f"{own} where {as_text(right.own.where, names)}; else {form}"


def preview_request(
    begin: Begin,
    catalog: LakeCatalog,
    engine: QueryEngine,
    request_id: str,
    *,
    columns: Sequence[str] | None = None,
    rows: str | None = None,
    masks: Mapping[str, str] | None = None,
    days: int | None = None,
    own_masks: bool | None = None,
) -> RequestPreview:
    """Show what approving would give whoever asked, narrowed as `access.approve_request` would narrow it.

    Raises:
        Whatever `access.approve_request` raises of the same; TableNotReadable, QueryBusy, QueryEngineFailed.
    """
    with begin() as uow:
        outlook = access.outlook_of(
            uow, request_id, columns=columns, rows=rows, masks=masks, days=days, own_masks=own_masks
        )
        table = _as_given(uow, catalog, outlook)
        rounded_to = 1 if _reads_the_table(uow, catalog, outlook) else ROUNDED_TO
        uow.record(
            PreviewStarted(
                subject=outlook.request.subject,
                table=outlook.read_as.lake_table,
                snapshot=table.snapshot_id,
                narrowed=list(outlook.narrowed),
            )
        )
    started = time.monotonic()
    try:
        counted = _counted(engine, table, rounded_to)
    except PergamonError as error:
        _tell(begin, outlook, None, error.code, started)
        raise
    _tell(begin, outlook, counted, None if counted else QueryTimedOut.code, started)
    return RequestPreview(outlook, table, counted)


def _as_given(uow: UnitOfWork, catalog: LakeCatalog, outlook: access.Outlook) -> GrantedTable:
    """Read in one process even where queries are isolated: the text that counts is ours."""
    rights = replace(outlook.read_as.rights, isolated=False)
    return catalog.in_part(uow, GIVEN, replace(outlook.read_as, rights=rights))


def _reads_the_table(uow: UnitOfWork, catalog: LakeCatalog, outlook: access.Outlook) -> bool:
    """May who looks read every row of the asset's table?"""
    table = lake.TableId.parse(outlook.read_as.lake_table)
    found = catalog.find(uow, TableName(table.database, table.name))
    return found is not None and found.rights is None and decide(uow.actor, Action.TABLE_READ, found.resource).allowed


def _counted(engine: QueryEngine, table: GrantedTable, rounded_to: int) -> Counted | None:
    all_columns = table.reading.columns if table.reading else table.columns
    whole = replace(table, name=WHOLE, columns=all_columns, reading=None)
    try:
        rows, _ = engine.run(QueryJob(new_id("preview"), COUNT, (table, whole), LIMITS))
    except (QueryTimedOut, QueryOutOfMemory):
        return None
    (row,) = rows.to_pylist()
    return Counted(_rounded(row["given"], rounded_to), _rounded(row["total"], rounded_to), rounded_to)


def _rounded(count: int, to: int) -> int:
    """To the nearest multiple."""
    return (count + to // 2) // to * to


def _tell(
    begin: Begin, outlook: access.Outlook, counted: Counted | None, error_code: str | None, started: float
) -> None:
    with begin() as uow:
        uow.record(
            PreviewEnded(
                subject=outlook.request.subject,
                rows_given=counted.given if counted else None,
                rows_total=counted.total if counted else None,
                error_code=error_code,
                duration_ms=round((time.monotonic() - started) * 1000),
            )
        )
