"""`/projects`: who works together on what, where it stands, and where its data comes from."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from pergamon import catalog
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.page import PageDep
from pergamon.web.pagination import After, cursor, place_in

router = page_router()

SHOWN = 50


@router.get("/projects")
def projects(page: PageDep, after: After = None) -> Response:
    """The projects that one may see, by name."""
    (name,) = place_in(after, str) or ("",)
    with page.begin() as uow:
        found = catalog.list_projects(uow, after=name, limit=SHOWN + 1)
    shown = [project.summary() for project in found[:SHOWN]]
    more = cursor(shown[-1]["name"]) if len(found) > SHOWN else None
    return page.show("projects/list.html", projects=shown, more=more, after=after)


@router.get("/projects/{project}")
def one(project: Annotated[str, Path(min_length=1, max_length=200)], page: PageDep) -> Response:
    """One project with its members, environments and data sources."""
    with page.begin() as uow:
        found = catalog.read_project(uow, project).as_json()
        sources = [one for one in catalog.list_data_sources(uow, limit=1_000) if one["name"] in found["data_sources"]]
    return page.show("projects/one.html", project=found, sources=sources)
