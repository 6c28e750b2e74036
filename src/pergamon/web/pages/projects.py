"""`/projects`: who works together on what, what they were given, what they offer, how much, and from where."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from pergamon import access, catalog, identity
from pergamon.access.rules import USERS, asking_resource
from pergamon.catalog import Place, UnknownDataSource
from pergamon.kernel import Actor, ActorKind, Conflict, NotFound, PergamonError
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.page import Form, Page, PageDep
from pergamon.web.pages.requests import MENDABLE
from pergamon.web.pagination import After, cursor, place_in

router = page_router()

SHOWN = 50
RUNS_SHOWN = 5
"""Of each data source."""
OUTCOMES = {
    "added": marked("new"),
    "updated": marked("changed"),
    "unchanged": marked("as before"),
    "removed": marked("gone"),
    "failed": marked("not readable"),
    "held": marked("not published before their forms are filled in"),
}
"""What a run of a data source says of tables."""

Name = Annotated[str, Path(min_length=1, max_length=200)]
Principal = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
"""As the API takes it; a person may be written without what kind it is."""


class MemberForm(Form):
    """Whom to make a member, and as what."""

    principal: Principal
    role: catalog.ProjectRole


class ChangeForm(Form):
    """A member, the role that they have, and the one that they get."""

    principal: Principal
    role: catalog.ProjectRole
    to: catalog.ProjectRole


class ProductForm(Form):
    """What a new data product is called."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    title: catalog.Line | None = None


class Nothing(Form):
    """A button alone."""


@dataclass(frozen=True)
class Right:
    """Something that one may do in a project, and the roles that give it."""

    title: str
    roles: frozenset[str]


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
def one(project: Name, page: PageDep) -> Response:
    """One project: what it was given, its databases, data sources, products, storage, members."""
    return _shown(page, project)


@router.post("/projects/{project}/members")
def add(project: Name, page: PageDep) -> Response:
    """Make somebody a member."""
    asked = page.form(MemberForm)
    who = identity.person_id(asked.principal)
    return _done(
        page, project, lambda uow: catalog.add_member(uow, project, who, asked.role), "member-added", asked.model_dump()
    )


@router.post("/projects/{project}/members/change")
def change(project: Name, page: PageDep) -> Response:
    """Give a member another role: both or neither, so that nobody is left without one."""
    asked = page.form(ChangeForm)

    def exchange(uow: UnitOfWork) -> None:
        catalog.add_member(uow, project, asked.principal, asked.to)
        if asked.to != asked.role:
            catalog.remove_member(uow, project, asked.principal, asked.role)

    return _done(page, project, exchange, "member-changed")


@router.post("/projects/{project}/members/remove")
def remove(project: Name, page: PageDep) -> Response:
    """End a membership."""
    asked = page.form(MemberForm)
    return _done(
        page, project, lambda uow: catalog.remove_member(uow, project, asked.principal, asked.role), "member-removed"
    )


@router.post("/projects/{project}/data-sources/{data_source}/run")
def run(project: Name, data_source: Name, page: PageDep) -> Response:
    """Look at every table of one of its data sources now; on to the project, which shows what was found."""
    page.form(Nothing)
    with page.begin() as uow:
        if data_source not in catalog.read_project(uow, project).data_sources:
            raise UnknownDataSource("the project has no such data source")
    catalog.run_data_source(page.begin, data_source)
    return page.go(f"/projects/{project}", said="source-run")


@router.post("/projects/{project}/products")
def make_product(project: Name, page: PageDep) -> Response:
    """Make a data product, not published yet; on to the page that describes it."""
    asked = page.form(ProductForm)
    edit = catalog.AssetEdit(title=asked.title) if asked.title else catalog.AssetEdit()
    try:
        with page.begin() as uow:
            made = catalog.make_product(uow, project, asked.name, edit)
    except PergamonError as failure:
        if failure.kind not in MENDABLE:
            raise
        return _shown(page, project, failure=failure, asked={"name": asked.name, "title": asked.title or ""})
    return page.go(f"/assets/{made.asset.id}/edit", said="product-made")


def _done(
    page: Page, project: str, act: Callable[[UnitOfWork], object], said: str, asked: Mapping[str, Any] | None = None
) -> Response:
    """On to the project, which says what was done; or the project with what went wrong, and what was sent."""
    try:
        with page.begin() as uow:
            act(uow)
    except (NotFound, Conflict) as failure:
        return _shown(page, project, failure=failure, asked=asked)
    return page.go(f"/projects/{project}", said=said)


def _shown(
    page: Page, project: str, *, failure: PergamonError | None = None, asked: Mapping[str, Any] | None = None
) -> Response:
    """The project; with what went wrong with what was sent, and what was sent."""
    with page.begin() as uow:
        found = catalog.read_project(uow, project)
        sources = catalog.list_data_sources(uow, project=project, limit=SHOWN, runs=RUNS_SHOWN)
        grants = access.list_grants(uow, project=project, state=access.GrantState.ACTIVE, limit=SHOWN)
        subscriptions = sorted(access.grants_as_told(grants, uow), key=_end)
        products = catalog.list_assets(uow, project=project, kind=catalog.AssetKind.PRODUCT, limit=SHOWN)
        storage = catalog.read_storage(uow, project)
    drafts = catalog.resource_at(found.place, project, is_published=False)
    return page.show(
        "projects/one.html",
        status=422 if failure else 200,
        project=found.as_json(),
        sources=sources,
        outcomes=OUTCOMES,
        subscriptions=subscriptions,
        given_database=access.subscription_database(project),
        may_query=page.may(Action.TABLE_READ, _subscribed(project)),
        products=[one.summary() for one in products],
        storage=storage,
        may_curate=page.may(Action.ASSET_CURATE, drafts),
        shown=SHOWN,
        may_manage=page.may(Action.PROJECT_MANAGE, catalog.project_resource(found.place)),
        own=page.actor.id,
        roles=catalog.PROJECT_ROLES,
        rights=rights_in(found.place),
        failure=failure,
        asked={"principal": "", "role": "consumer", "name": "", "title": ""} | dict(asked or {}),
    )


def rights_in(place: Place) -> Sequence[Right]:
    """What each role of a project gives, as the policy itself answers for it."""
    name = place.project
    drafts = catalog.resource_at(place, name, is_published=False)
    asked = (
        (marked("sees everything of it"), Action.ASSET_FIND, drafts),
        (marked("queries what it was granted"), Action.TABLE_READ, _subscribed(name)),
        (marked("asks for data in its name"), Action.ACCESS_ASK, asking_resource(name)),
        (marked("describes its data"), Action.ASSET_CURATE, drafts),
        (marked("publishes its data"), Action.ASSET_PUBLISH, drafts),
        (
            marked("decides who is given its data"),
            Action.ACCESS_DECIDE,
            catalog.resource_at(place, name, is_published=True),
        ),
        (marked("decides who is a member"), Action.PROJECT_MANAGE, catalog.project_resource(place)),
    )
    return [
        Right(title, frozenset(role for role in catalog.PROJECT_ROLES if _gives(name, role, action, resource)))
        for title, action, resource in asked
    ]


def _end(grant: Mapping[str, Any]) -> tuple[bool, str, str]:
    """What ends first is told first, what has no end last."""
    return grant["valid_until"] is None, grant["valid_until"] or "", grant["table"]


def _gives(project: str, role: str, action: Action, resource: Resource) -> bool:
    member = Actor("person:member", ActorKind.PERSON, roles=catalog.project_roles(project, role))
    return decide(member, action, resource).allowed


def _subscribed(project: str) -> Resource:
    """Any table that the project was granted."""
    return Resource("table", f"{project}_sub", readers=catalog.project_roles(project, *USERS))
