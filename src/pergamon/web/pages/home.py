"""`/`: what waits for me, what asks to be looked at, what became of what I asked for, what I did last, what is new."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from pergamon import access, pipeline, query
from pergamon import catalog as assets_room
from pergamon.search import SearchRequest, Sort
from pergamon.store import UnitOfWork
from pergamon.web.pages.alerts import MOST_COUNTED, alerts_for
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.navigation import RUNS
from pergamon.web.pages.page import PageDep

router = page_router()

SHOWN = 5
ENDS_SOON = timedelta(days=30)
LATELY = timedelta(days=14)

Told = Sequence[dict[str, Any]]  # Any: JSON


@dataclass(frozen=True)
class Desk:
    """What lies on somebody's desk. projects: of which they are a member."""

    waiting: Told
    asked: Told
    given: Told
    ending: Told
    queries: Told
    projects: Sequence[str]


@router.get("/")
def home(page: PageDep) -> Response:
    """The first page of whoever has signed in."""
    with page.begin() as uow:
        desk = desk_of(uow)
        runs = pipeline.list_runs(uow, SHOWN) if page.may(*RUNS) else None
        alerts = alerts_for(page, uow)
    fresh = page.rt.search_catalog(page.actor, SearchRequest(sort=Sort.UPDATED, limit=3))
    return page.show(
        "home.html",
        desk=desk,
        alerts=alerts,
        most_counted=MOST_COUNTED,
        runs=runs,
        fresh=[hit.document for hit in fresh.hits],
        offered=fresh.total,
    )


def desk_of(uow: UnitOfWork) -> Desk:
    """What is the actor's to do, and what became of what they did."""
    return Desk(
        waiting=access.requests_as_lines(access.list_requests(uow, waiting_for_me=True, limit=SHOWN), uow),
        asked=access.requests_as_lines(access.undecided_requests(uow, limit=SHOWN), uow),
        given=access.grants_as_told(access.given_lately(uow, LATELY, limit=SHOWN), uow),
        ending=access.grants_as_told(access.ending_grants(uow, ENDS_SOON, limit=SHOWN), uow),
        queries=[one.as_json() for one in query.own_queries(uow, limit=SHOWN)],
        projects=sorted(assets_room.projects_of_roles(uow.actor.roles, *assets_room.PROJECT_ROLES)),
    )
