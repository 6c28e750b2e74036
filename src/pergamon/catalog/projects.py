"""Projects: where they stand, who belongs to them, and how members of the configuration live beside those people added.

The configuration's members are the configuration's: deploying sets exactly them, and only it removes them. Whom a
project's owners add at run time is kept apart and shown as such; a deployment neither undoes nor hides it. Membership
is the union of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.ask import decide_on, is_slug, require_or_hide
from pergamon.catalog.events import MemberAdded, MemberRemoved, ProjectChanged
from pergamon.catalog.follow import retire
from pergamon.catalog.model import (
    BadContent,
    MemberOfConfiguration,
    NoSuchMember,
    Place,
    UnknownProject,
    UnknownUnit,
)
from pergamon.catalog.rights import NOT_A_NAME, PROJECT_ROLES, project_resource, project_team
from pergamon.catalog.specs import ProjectSpec
from pergamon.identity import actions_of_roles, drop_team, put_team, read_principals
from pergamon.kernel import AccessDenied
from pergamon.policy import Action, Resource, visible
from pergamon.store import UnitOfWork

FROM_CONFIGURATION, FROM_PROJECT = "configuration", "project"


@dataclass(frozen=True)
class Member:
    """A member in one role. origin: `configuration`, or `project` when an owner added them."""

    principal: str
    role: str
    origin: str
    added_by: str
    added_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "principal": self.principal,
            "role": self.role,
            "origin": self.origin,
            "added_by": self.added_by,
            "added_at": tables.now_of(self.added_at),
        }


@dataclass(frozen=True)
class Project:
    """A project with its members and what it works with."""

    name: str
    spec: ProjectSpec
    place: Place
    members: tuple[Member, ...]
    data_sources: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """One line of a list, as JSON."""
        return {"name": self.name, "description": self.spec.description, "unit": self.place.unit}

    def as_json(self) -> dict[str, Any]:
        """The project, with everyone in it."""
        return self.summary() | {
            "members": [member.as_json() for member in self.members],
            "environments": {
                name: {"description": spec.description, "databases": list(spec.databases)}
                for name, spec in sorted(self.spec.environments.items())
            },
            "data_sources": list(self.data_sources),
        }


def put_project(uow: UnitOfWork, name: str, spec: ProjectSpec, tags: Mapping[str, str]) -> None:
    """Make or change a project as the configuration says; members that people added stay.

    Raises:
        UnknownUnit: there is no such domain unit.
        NotFound: a member is no active principal.
    """
    if tables_of_places.unit(uow, spec.unit) is None:
        raise UnknownUnit(f"the project {name} stands in the unit {spec.unit}, which is not there")
    before = tables_of_places.project(uow, name, lock=True)
    tables_of_places.save_project(uow, name, spec, tags)
    wanted = {(role, principal) for role in PROJECT_ROLES for principal in getattr(spec.members, role)}
    tables_of_places.replace_configured_members(uow, name, wanted)
    _form_team(uow, name, must_be_active={principal for _, principal in wanted})
    if before is not None and before[0].unit != spec.unit:
        tables.tell_of_projects(uow, [name])
    uow.record(ProjectChanged(subject=f"project:{name}", unit=spec.unit, removed=False))


def read_projects(uow: UnitOfWork) -> dict[str, ProjectSpec]:
    """Every project as the configuration has it: without the members that people added."""
    return tables_of_places.projects(uow)


def drop_project(uow: UnitOfWork, name: str) -> None:
    """Remove a project: its assets are retired, and whoever belonged to it no longer does. Versions are kept."""
    for asset in tables.assets_of_project(uow, name):
        retire(uow, asset)
    tables_of_places.delete_project(uow, name)
    drop_team(uow, project_team(name))
    uow.record(ProjectChanged(subject=f"project:{name}", unit="", removed=True))


def holding_assets(uow: UnitOfWork) -> dict[str, int]:
    """How many assets each project has; a project with some is not dropped by a deployment without asking."""
    return tables.live_counts(uow)


def list_projects(uow: UnitOfWork, *, after: str = "", limit: int = 100) -> list[Project]:
    """The projects that the actor may see, by name, without their members."""
    places = {place.project: place for place in tables_of_places.places(uow)}
    held = actions_of_roles(uow, uow.actor.roles)
    resources = [project_resource(place) for name, place in places.items() if name > after]
    seen = visible(uow.actor, Action.PROJECT_SEE, resources, actions=held)[:limit]
    specs = tables_of_places.projects(uow) if seen else {}
    return [Project(item.id, specs[item.id], places[item.id], (), ()) for item in seen if item.id in specs]


def read_project(uow: UnitOfWork, name: str) -> Project:
    """One project with its members, wherever they come from.

    Raises:
        UnknownProject: there is none, or the actor may not see it.
    """
    spec, place = visible_project(uow, name)
    members = tuple(
        Member(row["principal_id"], row["role"], row["origin"], row["added_by"], row["added_at"])
        for row in tables_of_places.members(uow, name)
    )
    return Project(name, spec, place, members, tuple(tables_of_places.sources_of_project(uow, name)))


def add_member(uow: UnitOfWork, project: str, principal: str, role: str) -> None:
    """Make a principal a member; twice is as once.

    Raises:
        UnknownProject: there is none, or the actor may not see it.
        AccessDenied: the actor does not manage it.
        NotFound: there is no such active principal.
    """
    _managed(uow, project, role)
    added = tables_of_places.add_member(uow, project, role, principal, FROM_PROJECT)
    _form_team(uow, project, must_be_active={principal})
    if added:
        uow.record(MemberAdded(subject=f"project:{project}", member=principal, role=role))


def remove_member(uow: UnitOfWork, project: str, principal: str, role: str) -> None:
    """End a membership that a project's owner gave.

    Raises:
        UnknownProject: there is none, or the actor may not see it.
        AccessDenied: the actor does not manage it.
        MemberOfConfiguration: the configuration names them.
        NoSuchMember: they are no member in this role.
    """
    _managed(uow, project, role)
    origins = {
        row["origin"]
        for row in tables_of_places.members(uow, project)
        if (row["role"], row["principal_id"]) == (role, principal)
    }
    if origins == {FROM_CONFIGURATION}:
        hint = "take the member out of the configuration, then deploy"
        raise MemberOfConfiguration(f"this member of {project} stands in the configuration", hint=hint)
    if not origins:
        raise NoSuchMember(f"no such member with the role {role} was added to {project}")
    tables_of_places.remove_member(uow, project, role, principal)
    _form_team(uow, project, must_be_active=set())
    uow.record(MemberRemoved(subject=f"project:{project}", member=principal, role=role))


def visible_project(uow: UnitOfWork, name: str, *, lock: bool = False) -> tuple[ProjectSpec, Place]:
    """A project that the actor may see.

    Raises:
        UnknownProject: there is none, or the actor may not see it.
    """
    found = tables_of_places.project(uow, name, lock=lock) if is_slug(name) else None
    resource = project_resource(found[1]) if found else Resource("project", name if is_slug(name) else NOT_A_NAME)
    require_or_hide(uow, Action.PROJECT_SEE, resource, UnknownProject("there is no such project"), exists=bool(found))
    return _there(found)


def _there(found: tuple[ProjectSpec, Place] | None) -> tuple[ProjectSpec, Place]:
    if found is None:
        raise UnknownProject("there is no such project")
    return found


def _managed(uow: UnitOfWork, project: str, role: str) -> None:
    _, place = visible_project(uow, project, lock=True)
    decision = decide_on(uow, Action.PROJECT_MANAGE, project_resource(place))
    if not decision.allowed:
        raise AccessDenied(f"the members of {project} are its owners' business", decision=decision)
    if role not in PROJECT_ROLES:
        raise BadContent("a member's role is one of " + ", ".join(PROJECT_ROLES))


def _form_team(uow: UnitOfWork, project: str, *, must_be_active: set[str]) -> None:
    """The team is the union of both origins; somebody people added and who is gone meanwhile is left out."""
    rows = tables_of_places.members(uow, project)
    active = {name for name, spec in read_principals(uow).items() if spec.active} | must_be_active
    team: dict[str, list[str]] = {}
    for row in rows:
        if row["principal_id"] in active:
            team.setdefault(row["role"], []).append(row["principal_id"])
    put_team(uow, project_team(project), team)
