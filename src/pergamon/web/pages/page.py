"""What the handler of a page has in its hands: who asks, the installation, the form that was sent; and how it answers.

router = page_router()

@router.get("/projects")
def projects(page: PageDep) -> Response:
    with page.begin() as uow:
        found = catalog.list_projects(uow)                        # the very verb of the API
    return page.show("projects/list.html", projects=[one.summary() for one in found])

@router.post("/projects/{project}/members")
def add(project: str, page: PageDep) -> Response:
    asked = page.form(MemberForm)                                 # unknown fields are refused
    with page.begin() as uow:
        catalog.add_member(uow, project, asked.principal, asked.role)
    return page.go(f"/projects/{project}", said="member-added")   # 303: a reload sends nothing twice
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pergamon import identity, objects
from pergamon.kernel import Actor, require
from pergamon.policy import Action, Resource, decide
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.pages import cookies
from pergamon.web.pages.forms import dotted, parsed
from pergamon.web.pages.genuine import form_token, secret_of
from pergamon.web.pages.headers import PAGE_HEADERS
from pergamon.web.pages.language import LANGUAGES, Language, language_of
from pergamon.web.pages.navigation import Entry, entries_for
from pergamon.web.pages.rendering import person, rendered
from pergamon.web.pages.said import SAID

FormT = TypeVar("FormT", bound="Form")
THEMES = ("light", "dark")


class Form(BaseModel):
    """The fields of a form. One that it does not name is refused: nobody sets what no page offers."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True)
class Look:
    """What every page has around what it shows. actor: None on a page for everybody."""

    request: Request
    rt: Runtime
    actor: Actor | None = None
    called: str = ""

    @property
    def navigation(self) -> tuple[Entry, ...]:
        """Where one can go from here."""
        return ()

    @property
    def language(self) -> Language:
        return language_of(self.request.scope)

    @property
    def now(self) -> datetime:
        return self.rt.clock.now()

    @property
    def is_part_asked(self) -> bool:
        """Does a script of ours ask, for a part of the page?"""
        return "x-fragment" in self.request.headers

    def text(self, message: str) -> str:
        """A marked text in the page's language."""
        return self.language.text(message)

    def show(self, template: str, *, status: int = 200, fragment: str | None = None, **values: Any) -> Response:
        """The page. fragment: what a script of ours that asks for a part of it gets instead."""
        is_part = fragment is not None and self.is_part_asked
        name = fragment if is_part and fragment is not None else template
        response = HTMLResponse(rendered(self.language.code, name, self._around() | values), status_code=status)
        response.headers.update(PAGE_HEADERS)
        if not is_part and cookies.cookie(self.request.scope, cookies.SAID):
            cookies.end_cookie(response, self.request.scope, cookies.SAID)
        return response

    def go(self, path: str, *, said: str | None = None) -> Response:
        """On to another page of ours, by GET. said: what it says once, by its name in `said.py`."""
        response = RedirectResponse(quote(path, safe="/?=&%#:,-._~"), status_code=303, headers=PAGE_HEADERS)
        if said is not None:
            cookies.set_cookie(response, self.request.scope, cookies.SAID, said if said in SAID else "", max_age_s=60)
        return response

    def form(self, model: type[FormT], *, beside: str | tuple[str, ...] | None = None) -> FormT:
        """The form that was sent. beside: what fields begin with that `says` reads.

        Raises:
            FormNotValid: a field is missing, wrong, or none of this form.
        """
        fields = self.request.state.fields
        return parsed(model, [pair for pair in fields if beside is None or not pair[0].startswith(beside)])

    def says(self, prefix: str) -> dict[str, dict[str, str]]:
        """The fields that are named `<prefix><form>.<field>`: those of metadata forms, whose names no model knows.

        Raises:
            FormNotValid: such a field comes twice, or names no field.
        """
        return dotted(prefix, self.request.state.fields)

    def _around(self) -> dict[str, Any]:
        """What the layout needs."""
        scope = self.request.scope
        secret = secret_of(scope)
        theme = cookies.cookie(scope, cookies.THEME)
        query = self.request.url.query
        return {
            "actor": self.actor,
            "called": self.called or person(self.actor.id if self.actor else None),
            "weak_confinement": self.rt.weak_confinement,
            "path": self.request.url.path,
            "here": self.request.url.path + (f"?{query}" if query else ""),
            "navigation": self.navigation,
            "languages": LANGUAGES,
            "theme": theme if theme in THEMES else None,
            "now": self.now,
            "ago": lambda at: self.language.ago(at, self.now),
            "form_token": form_token(secret) if secret else "",
            "said": SAID.get(cookies.cookie(scope, cookies.SAID) or ""),
        }


@dataclass(frozen=True)
class Page(Look):
    """A page for somebody who has signed in.

    held: what the policies of their roles allow. called: their own name, where they have one. writes: is there a folder
    that they may write to?
    """

    actor: Actor = field(kw_only=True)
    held: frozenset[str] = field(kw_only=True)
    called: str = field(kw_only=True)
    writes: bool = field(kw_only=True)

    @property
    def navigation(self) -> tuple[Entry, ...]:
        return entries_for(self.may, writes=self.writes)

    def may(self, action: Action, resource: Resource) -> bool:
        """Would the policy let them? For what is shown at all; who acts is asked again."""
        return decide(self.actor, action, resource, actions=self.held).allowed

    def require(self, action: Action, resource: Resource) -> None:
        """Ask for a verb that leaves the asking to who calls it, as the command line does.

        Raises:
            AccessDenied: the policy does not let them.
        """
        with self.begin():
            require(decide(self.actor, action, resource, actions=self.held))

    def begin(self) -> AbstractContextManager[UnitOfWork]:
        """One unit of work of whoever looks at the page."""
        return self.rt.begin(self.actor)


def current_page(request: Request, rt: RuntimeDep, actor: ActorDep) -> Page:
    """The page of whoever has signed in, with what they may go to."""
    with rt.begin(actor) as uow:
        held = identity.actions_of_roles(uow, actor.roles) if actor.roles else frozenset[str]()
        called, writes = identity.display_name_of(uow, actor.id), objects.writes_somewhere(uow)
    return Page(request, rt, actor=actor, held=held, called=called, writes=writes)


def current_look(request: Request, rt: RuntimeDep) -> Look:
    """A page for everybody."""
    return Look(request, rt)


PageDep = Annotated[Page, Depends(current_page)]
LookDep = Annotated[Look, Depends(current_look)]
