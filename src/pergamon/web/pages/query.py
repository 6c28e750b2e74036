"""`/query`: SQL on the tables that one may use: write, run, look, take along; and what was run and saved before."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from pergamon import catalog, lake
from pergamon import query as query_room
from pergamon.kernel import PergamonError
from pergamon.query import Column, HistoryEntry, ResultPage, StatementState, TableName
from pergamon.store import UnitOfWork
from pergamon.web.errors import NEVER_STORED
from pergamon.web.pages.charts import MOST_LINES, MOST_POINTS
from pergamon.web.pages.charts_of_results import Kind, chart_of, is_number
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import Language
from pergamon.web.pages.live import told_as_it_changes
from pergamon.web.pages.page import Form, Page, PageDep
from pergamon.web.pagination import After, cursor, moment_in

router = page_router()

QueryId = Annotated[str, Path(min_length=1, max_length=100)]
TableWord = Annotated[str | None, Query(max_length=500)]
SoughtText = Annotated[str, Query(max_length=query_room.LONGEST_TEXT, pattern=r"^[^\x00]*$")]
Sql = Annotated[str, Field(max_length=65_536)]
Place = Annotated[int, Query(ge=0, le=100_000)]
ENDED = frozenset({StatementState.DONE, StatementState.FAILED, StatementState.CANCELLED, StatementState.ABANDONED})
ROWS_SHOWN = 100
NAMES = re.compile(r'["\w]+\.["\w]+')
"""What may name a table in a text."""
TABLES_LISTED = 150
TABLES_DESCRIBED = 4
"""So many tables are told with their columns at once, those first that the text names; of the others they are told when
one is opened."""
HISTORY_SHOWN = 50
SAVED_SHOWN = 100
RESULT = "query/_result.html"
PATIENCE_S = 1.5
"""How long a run is waited for before the page is shown: most are done by then."""


class EditorForm(Form):
    """The editor, a form with two buttons: what to run; or to keep, under which name, for whose members too."""

    sql: Sql = ""
    workgroup: Annotated[str, Field(max_length=100)] | None = None
    name: Annotated[str, Field(max_length=100)] = ""
    project: Annotated[str, Field(max_length=200)] | None = None


class Nothing(Form):
    """A form that is only a button."""


@dataclass(frozen=True)
class Described:
    """A table with its columns, as whoever looks is told of them, and its asset, where they may find that."""

    name: TableName
    columns: Sequence[Column]
    asset: query_room.AssetBehind | None


@dataclass(frozen=True)
class Schema:
    """The tables beside the editor. described: those whose columns are known already."""

    names: Sequence[TableName]
    described: dict[str, Described]
    workgroups: dict[str, query_room.WorkgroupSpec]
    """Those in which one may query: one is chosen where there are several."""

    def chosen(self, wanted: str | None) -> str | None:
        """The workgroup that is chosen when the page opens: the wanted one, the usual one, or the first."""
        usual = (wanted, query_room.DEFAULT_WORKGROUP, *self.workgroups)
        return next((name for name in usual if name in self.workgroups), None)


@dataclass(frozen=True)
class Kept:
    """Under which name a text is to be kept when the page opens, and for whose members too."""

    name: str = ""
    project: str | None = None


@dataclass(frozen=True)
class Asked:
    """How the rows of a statement are to be shown: from which row on, or as which picture of which columns."""

    row: int = 0
    chart: Kind | None = None
    along: int | None = None
    measured: Sequence[int] = ()


@dataclass(frozen=True)
class Shown:
    """A statement with the rows that are shown of it, or why there are none."""

    entry: HistoryEntry
    asked: Asked = Asked()
    rows: ResultPage | None = None
    withheld: PergamonError | None = None

    @property
    def has_ended(self) -> bool:
        return self.entry.status in ENDED


def asked_for(
    row: Annotated[int, Query(ge=0, le=2**40)] = 0,
    number: Annotated[int | None, Query(ge=1, le=2**40)] = None,
    chart: Kind | None = None,
    x: Place | None = None,
    y: Annotated[list[Place] | None, Query(max_length=100)] = None,
) -> Asked:
    """What the address asks. row: the first, counted from 0. number: the same as people count. x: the column along. y:
    those that are measured."""
    return Asked(row if number is None else number - 1, chart, x, tuple(y or ()))


AskedDep = Annotated[Asked, Depends(asked_for)]


@router.get("/query")
def editor(
    page: PageDep,
    table: TableWord = None,
    saved: Annotated[str | None, Query(max_length=100)] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The editor; with a table's first rows, or with a saved text, in it."""
    text, kept = "", Kept()
    with page.begin() as uow:
        if saved:
            found = query_room.saved_query(uow, saved, owner=owner)
            text, is_own = found.sql, found.owner == page.actor.id
            kept = Kept(found.name, found.project) if is_own else kept
        schema = _schema(page, uow, text or table or "")
    if table is not None and table in map(str, schema.names):
        text = f"SELECT * FROM {spelt(table)} LIMIT 100"  # noqa: S608 - shown to a person, who may run it
    return _edited(page, schema, text, kept=kept)


@router.get("/query/tables/{database}/{table}")
def columns(database: str, table: str, page: PageDep) -> Response:
    """The columns of one table, for the list beside the editor."""
    with page.begin() as uow:
        (found,) = _described(page, uow, [TableName(database, table)])
    return page.show("query/table.html", fragment="query/_columns.html", described=found)


@router.post("/query")
def run(page: PageDep) -> Response:
    """Submit what is written; most are done when the next page is shown."""
    asked = page.form(EditorForm)
    try:
        with page.begin() as uow:
            entry = page.rt.submit_statement(uow, asked.sql, workgroup=asked.workgroup)
    except PergamonError as error:
        with page.begin() as uow:
            schema = _schema(page, uow, asked.sql)
        return _edited(page, schema, asked.sql, failure=error, workgroup=asked.workgroup)
    page.rt.statement_bell.ring_here()
    _wait_for(page, entry.id)
    return page.go(f"/query/{entry.id}")


@router.get("/query/{query_id}")
def one(query_id: QueryId, page: PageDep, asked: AskedDep) -> Response:
    """A statement of one's own: its text, where it is, its rows; or a picture of them."""
    with page.begin() as uow:
        entry = query_room.own_statement(uow, query_id)
        schema = None if page.is_part_asked else _schema(page, uow, entry.sql or "")
        spec = query_room.usable_workgroups(uow).get(entry.workgroup)
    result = result_told(_with_rows(page, entry, asked), page.language)
    result |= {"elapsed_s": _elapsed_s(entry, page.now), "longest_s": spec.limits.timeout_s if spec else None}
    if schema is None:
        return page.show(RESULT, fragment=RESULT, result=result)
    return _edited(page, schema, entry.sql or "", result=result, workgroup=entry.workgroup)


@router.get("/query/{query_id}/events")
def events(query_id: QueryId, page: PageDep) -> Response:
    """Tells of each state that a statement of one's own comes to, until it has ended."""

    def state() -> tuple[str, bool]:
        with page.begin() as uow:
            entry = query_room.own_statement(uow, query_id)
        return entry.status, entry.status in ENDED

    state()
    return StreamingResponse(told_as_it_changes(state), media_type="text/event-stream", headers=NEVER_STORED)


@router.post("/query/{query_id}/cancel")
def cancel(query_id: QueryId, page: PageDep) -> Response:
    """End it: at once while it waits, within a second while it runs."""
    page.form(Nothing)
    with page.begin() as uow:
        query_room.cancel_query(uow, query_id)
    page.rt.statement_bell.ring_here()
    return page.go(f"/query/{query_id}", said="query-cancelled")


@router.get("/query/{query_id}/download")
def download(
    query_id: QueryId, page: PageDep, form: Annotated[Literal["csv", "parquet", "arrow"], Query()] = "csv"
) -> Response:
    """All the rows as a file."""
    pieces: Iterator[bytes] = page.rt.result_file(page.actor, query_id, form)
    headers = NEVER_STORED | {"Content-Disposition": f'attachment; filename="{query_id}.{form}"'}
    return StreamingResponse(pieces, media_type=query_room.MEDIA_TYPES[form], headers=headers)


@router.get("/queries")
def history(page: PageDep, text: SoughtText = "", after: After = None) -> Response:
    """What one ran before, newest first, or that in whose text something stands; and what one has saved."""
    with page.begin() as uow:
        found = query_room.own_queries(uow, text=text.strip(), before=moment_in(after), limit=HISTORY_SHOWN + 1)
        saved = query_room.saved_queries(uow, limit=SAVED_SHOWN)
    shown = found[:HISTORY_SHOWN]
    return page.show(
        "query/history.html",
        fragment="query/_ran.html",
        queries=[entry.as_json() for entry in shown],
        saved=[entry.as_json() for entry in saved],
        text=text.strip(),
        after=after,
        more=cursor(shown[-1].submitted_at.isoformat(), shown[-1].id) if len(found) > HISTORY_SHOWN else None,
    )


@router.post("/saved-queries")
def save(page: PageDep) -> Response:
    """Keep a text under a name of one's own."""
    asked = page.form(EditorForm)
    try:
        with page.begin() as uow:
            query_room.save_query(uow, asked.name, asked.sql, project=asked.project)
    except PergamonError as error:
        with page.begin() as uow:
            schema = _schema(page, uow, asked.sql)
        kept = Kept(asked.name, asked.project)
        return _edited(page, schema, asked.sql, failure=error, workgroup=asked.workgroup, kept=kept)
    return page.go("/queries", said="query-saved")


@router.post("/saved-queries/{name}/remove")
def remove(name: Annotated[str, Path(min_length=1, max_length=100)], page: PageDep) -> Response:
    """Remove a saved text of one's own."""
    page.form(Nothing)
    with page.begin() as uow:
        query_room.remove_saved_query(uow, name)
    return page.go("/queries", said="query-removed")


def _edited(
    page: Page,
    schema: Schema,
    sql: str,
    *,
    result: dict[str, Any] | None = None,  # Any: for a template
    failure: PergamonError | None = None,
    workgroup: str | None = None,
    kept: Kept = Kept(),
) -> Response:
    return page.show(
        "query/editor.html",
        status=422 if failure else 200,
        schema=schema,
        listed=TABLES_LISTED,
        workgroup=schema.chosen(workgroup),
        sql=sql,
        result=result,
        failure=failure,
        kept=kept,
        projects=sorted(catalog.projects_of_roles(page.actor.roles, *catalog.PROJECT_ROLES)),
    )


def result_told(shown: Shown, language: Language) -> dict[str, Any]:  # Any: for a template
    """A statement as its page shows it."""
    rows, asked = shown.rows, shown.asked
    told = rows.rows.as_json() if rows else {"columns": [], "rows": []}
    behind = asked.row + ROWS_SHOWN
    is_table = asked.chart is None
    return {
        "id": shown.entry.id,
        "entry": shown.entry.as_json(),
        "has_ended": shown.has_ended,
        "columns": told["columns"],
        "rows": told["rows"] if is_table else [],
        "numbers": {one["name"] for one in told["columns"] if is_number(one)},
        "total": rows.total if rows else 0,
        "first": asked.row,
        "next": behind if rows and is_table and behind < rows.total else None,
        "previous": max(0, asked.row - ROWS_SHOWN) if asked.row and is_table else None,
        "last": max(0, (rows.total - 1) // ROWS_SHOWN * ROWS_SHOWN) if rows else 0,
        "has_rows": rows is not None,
        "withheld": shown.withheld,
        "kind": asked.chart,
        "most_lines": MOST_LINES,
        "chart": chart_of(
            asked.chart, told["columns"], told["rows"], language, along=asked.along, measured=asked.measured
        )
        if asked.chart
        else None,
    }


def _elapsed_s(entry: HistoryEntry, now: datetime) -> int | None:
    """How long it has been running, s; None: its turn has not come."""
    return int((now - entry.started_at).total_seconds()) if entry.started_at else None


def _with_rows(page: Page, entry: HistoryEntry, asked: Asked) -> Shown:
    """The rows of a statement that is done. Why there are none to show is told at its place."""
    if entry.status != StatementState.DONE:
        return Shown(entry, asked)
    asked = replace(asked, row=min(asked.row, max(0, (entry.rows or 0) - 1)))
    first, most = (0, MOST_POINTS) if asked.chart else (asked.row, ROWS_SHOWN)
    try:
        return Shown(entry, asked, page.rt.result_page(page.actor, entry.id, first_row=first, limit=most))
    except PergamonError as error:
        return Shown(entry, asked, withheld=error)


def _wait_for(page: Page, query_id: str) -> None:
    """A moment, in which most statements end."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with page.begin() as uow:
            if query_room.own_statement(uow, query_id).status in ENDED:
                return
        time.sleep(0.05)


def _schema(page: Page, uow: UnitOfWork, text: str) -> Schema:
    """The tables that the actor may use, those that the text names first, then those granted to projects; and how far
    one query may go."""
    in_order = _in_order(query_room.visible_tables(uow, page.rt.query_catalog), text)
    described = {str(one.name): one for one in _described(page, uow, in_order[:TABLES_DESCRIBED])}
    return Schema(in_order, described, query_room.usable_workgroups(uow))


def _in_order(names: Sequence[TableName], text: str) -> list[TableName]:
    """Those that are named first, then those granted; each part as it came. One look at each of thousands."""
    named = {found.replace('"', "").lower() for found in NAMES.findall(text)}
    tables = {one.rpartition(".")[2] for one in named}
    first: list[TableName] = []
    granted: list[TableName] = []
    others: list[TableName] = []
    for name in names:
        is_named = name.table in tables and str(name) in named
        (first if is_named else granted if name.database.endswith(lake.SUBSCRIPTIONS) else others).append(name)
    return first + granted + others


def _described(page: Page, uow: UnitOfWork, names: Sequence[TableName]) -> list[Described]:
    columns = [query_room.table_columns(uow, page.rt.query_catalog, name) for name in names]
    behind = query_room.assets_behind(uow, names)
    return [Described(name, told, behind.get(name)) for name, told in zip(names, columns, strict=True)]


def spelt(table: str) -> str:
    """A table's name as SQL takes it, whatever stands in it."""
    database, _, name = table.partition(".")
    return ".".join(
        part if part.isascii() and part.isidentifier() else query_room.identifier(part) for part in (database, name)
    )
