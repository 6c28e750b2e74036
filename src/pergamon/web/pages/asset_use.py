"""`/assets/{asset}/sample` and `/use`: rows as one may read them; who was given it, and how much it is queried."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from typing import Any

from starlette.responses import Response

from pergamon import access, catalog
from pergamon import query as query_room
from pergamon.access import GrantState
from pergamon.catalog import AssetKind, AssetView
from pergamon.kernel import PergamonError
from pergamon.policy import Action
from pergamon.query import TableName, UnknownQueryTable, WeekOfUse
from pergamon.store import UnitOfWork
from pergamon.web.pages.assets import AssetPath, around, grants_of
from pergamon.web.pages.charts import Lines, lines
from pergamon.web.pages.charts_of_results import is_number
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.page import Page, PageDep
from pergamon.web.pages.query import spelt

router = page_router()

SAMPLE_ROWS = 20
GRANTS_SHOWN = 100
MEASURES = (marked("Queries"), marked("People who queried"))


@router.get("/assets/{asset}/sample")
def sample(asset: AssetPath, page: PageDep) -> Response:
    """Under which name one may read some of its rows. They are read by who asks for them, not by who follows a link."""
    view, name = _readable(page, asset)
    return _show(page, view, name)


@router.post("/assets/{asset}/sample")
def read_sample(asset: AssetPath, page: PageDep) -> Response:
    """Some rows, masked as they are given; a governed query like any other, which the trail tells of."""
    view, name = _readable(page, asset)
    if name is None:
        return _show(page, view, name)
    try:
        found = page.rt.run_query(page.actor, f"SELECT * FROM {spelt(str(name))} LIMIT {SAMPLE_ROWS}")  # noqa: S608 - quoted
        rows = found.as_json()
    except PergamonError as error:
        return _show(page, view, name, failure=error)
    return _show(page, view, name, rows=rows, numbers={one["name"] for one in rows["columns"] if is_number(one)})


def _show(page: Page, view: AssetView, name: TableName | None, **found: Any) -> Response:
    told = {"table": str(name) if name else None, "most": SAMPLE_ROWS, "rows": None, "failure": None, **found}
    return page.show("assets/sample.html", **around(page, view), sample=told)


@router.get("/assets/{asset}/use")
def use(asset: AssetPath, page: PageDep) -> Response:
    """The projects that have it now, as far as one may know of them; for who gives it, how much it is queried."""
    with page.begin() as uow:
        view = catalog.read_asset(uow, asset)
        live = access.list_grants(uow, asset=view.asset.id, state=GrantState.ACTIVE, limit=GRANTS_SHOWN)
        grants = access.grants_as_told(live, uow)
        may_know = page.may(Action.ACCESS_REVOKE, catalog.asset_resource(view.asset))
        weeks = query_room.uses_of(uow, view.asset.id) if may_know else None
    return page.show(
        "assets/use.html",
        **around(page, view),
        grants=grants,
        shown=GRANTS_SHOWN,
        weeks=weeks,
        chart=_chart(page, weeks or []),
        most=max((one.queries for one in weeks or []), default=0),
    )


def _readable(page: Page, asset: str) -> tuple[AssetView, TableName | None]:
    with page.begin() as uow:
        view = catalog.read_asset(uow, asset)
        return view, _name_to_read(page, uow, view)


def _name_to_read(page: Page, uow: UnitOfWork, view: AssetView) -> TableName | None:
    """Its own name, for who may read all of it; else the first by which a project of theirs was given it."""
    if view.asset.kind is not AssetKind.TABLE:
        return None
    for name in _names(uow, view):
        try:
            return query_room.readable_table(uow, page.rt.query_catalog, name).name
        except UnknownQueryTable:
            continue
    return None


def _names(uow: UnitOfWork, view: AssetView) -> Iterator[TableName]:
    """What projects were given is asked only of whom its own name does not open."""
    table = catalog.table_of(view.asset)
    yield TableName(table.database, table.name)
    for grant in grants_of(uow, view):
        yield TableName(grant.database, grant.table)


def _chart(page: Page, weeks: Sequence[WeekOfUse]) -> Lines | None:
    """Queries and people by week; None where there was no query."""
    if not any(one.queries for one in weeks):
        return None
    places = [datetime.combine(one.week, time(), UTC).timestamp() for one in weeks]
    measured = ([float(one.queries) for one in weeks], [float(one.people) for one in weeks])
    names = [page.text(name) for name in MEASURES]

    def told(line: int, place: int) -> str:
        return f"{page.language.day(weeks[place].week)}, {names[line]}: {measured[line][place]:.0f}"

    return lines(names, places, measured, floor=0.0, told=told)
