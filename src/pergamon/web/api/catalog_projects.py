"""`/api/v1/projects`, `/units`, `/storage`, `/data-sources`: where assets stand, who looks after them, how much they
are, and where they come from."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import catalog
from pergamon.store import UnitOfWork
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.idempotency import OnceDep
from pergamon.web.pagination import After, Limit, cursor, page, place_in

router = APIRouter()

NamePath = Annotated[str, Path(min_length=1, max_length=200)]


class MemberRequest(BaseModel):
    """Whom to make a member, and as what."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    principal: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^(person|service):[\x21-\x7e]+$")]
    role: catalog.ProjectRole


@router.get("/api/v1/units")
def units(rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """The tree of domain units: what everyone may know of the organization."""
    with rt.begin(actor) as uow:
        return {"units": catalog.list_units(uow)}


@router.get("/api/v1/projects")
def projects(rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None) -> dict[str, Any]:
    """The projects that one may see, by name."""
    (name,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = catalog.list_projects(uow, after=name, limit=limit + 1)
    return page("projects", [project.summary() for project in found], limit, lambda last: cursor(last["name"]))


@router.get("/api/v1/projects/{project}")
def project(project: NamePath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One project with its members, environments and data sources."""
    with rt.begin(actor) as uow:
        return catalog.read_project(uow, project).as_json()


@router.post("/api/v1/projects/{project}/members", status_code=201)
def add_member(project: NamePath, asked: MemberRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Make somebody a member; for the project's owners."""

    def add(uow: UnitOfWork) -> dict[str, str]:
        catalog.add_member(uow, project, asked.principal, asked.role)
        return {"project": project, "principal": asked.principal, "role": asked.role}

    return once.answer(rt, actor, add)


@router.delete("/api/v1/projects/{project}/members/{role}/{principal}")
def remove_member(
    project: NamePath, role: catalog.ProjectRole, principal: NamePath, rt: RuntimeDep, actor: ActorDep
) -> dict[str, str]:
    """End a membership that a project's owner gave."""
    with rt.begin(actor) as uow:
        catalog.remove_member(uow, project, principal, role)
    return {"project": project, "principal": principal, "role": role}


@router.get("/api/v1/storage")
def storage(rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None) -> dict[str, Any]:
    """What each of one's projects keeps, by name: tables, and files that were sent for them; operators are told all."""
    (name,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = catalog.list_storage(uow, after=name, limit=limit + 1)
    return page("storage", [one.as_json() for one in found], limit, lambda last: cursor(last["project"]))


@router.get("/api/v1/data-sources")
def data_sources(rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None) -> dict[str, Any]:
    """The data sources of one's projects, by name, each with its newest run."""
    (name,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = catalog.list_data_sources(uow, after=name, limit=limit + 1)
    return page("data_sources", found, limit, lambda last: cursor(last["name"]))


@router.get("/api/v1/data-sources/{data_source}/runs")
def runs(
    data_source: NamePath, rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None
) -> dict[str, Any]:
    """The runs of a data source, newest first."""
    (before,) = place_in(after, str) or (None,)
    with rt.begin(actor) as uow:
        found = catalog.list_runs(uow, data_source, before=before, limit=limit + 1)
    return page("runs", [run.as_json() for run in found], limit, lambda last: cursor(last["id"]))


@router.post("/api/v1/data-sources/{data_source}/run")
def run(data_source: NamePath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """Look at every table of a data source now; answers when that has ended. Doing it again does no harm."""
    return catalog.run_data_source(lambda: rt.begin(actor), data_source).as_json()
