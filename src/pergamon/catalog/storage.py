"""How much does each project keep? Its tables, and the files that were sent for them.

A project's tables are those that it offers as assets, as the catalog knows them: their newest state. Its files are the
objects in the folders that become tables of its data sources' databases. A Parquet file that is taken as it is counts
as both, so the two are never added; what two projects offer counts for both.

Its members know it, and whoever operates the platform. Who merely sees a project does not: the sum of what it has not
published would tell of it.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from pergamon import objects
from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.ask import decide_on
from pergamon.catalog.projects import visible_project
from pergamon.catalog.rights import resource_at
from pergamon.identity import actions_of_roles
from pergamon.policy import Action, Resource, visible
from pergamon.store import UnitOfWork

PLATFORM = Resource("platform", "main")


@dataclass(frozen=True)
class ProjectStorage:
    """What one project keeps. files: those of its tables. older_bytes: earlier versions of its objects."""

    project: str
    tables: int = 0
    files: int = 0
    table_bytes: int = 0
    objects: int = 0
    object_bytes: int = 0
    older_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def list_storage(uow: UnitOfWork, *, after: str = "", limit: int | None = None) -> list[ProjectStorage]:
    """What each project keeps whose storage the actor may know, by name; without a limit, of all of them.

    Cost: two questions, however many projects.
    """
    places = [place for place in tables_of_places.places(uow) if place.project > after]
    if decide_on(uow, Action.PLATFORM_OPERATE, PLATFORM).allowed:
        return _kept(uow, [place.project for place in places][:limit])
    held = actions_of_roles(uow, uow.actor.roles)
    drafts = [resource_at(place, place.project, is_published=False) for place in places]
    seen = visible(uow.actor, Action.ASSET_FIND, drafts, actions=held)
    return _kept(uow, [resource.id for resource in seen][:limit])


def read_storage(uow: UnitOfWork, project: str) -> ProjectStorage | None:
    """What one project keeps; None: the actor may see the project, and not all that is in it.

    Raises:
        UnknownProject: there is none, or the actor may not see it.
    """
    _, place = visible_project(uow, project)
    is_member = decide_on(uow, Action.ASSET_FIND, resource_at(place, project, is_published=False)).allowed
    if not is_member and not decide_on(uow, Action.PLATFORM_OPERATE, PLATFORM).allowed:
        return None
    return _kept(uow, [project])[0]


def _kept(uow: UnitOfWork, projects: Collection[str]) -> list[ProjectStorage]:
    offered = {row.pop("project"): row for row in tables.kept_by_projects(uow, projects)}
    databases: dict[str, set[str]] = {}
    for source in tables_of_places.data_sources(uow).values():
        if source.project in projects:
            databases.setdefault(source.project, set()).update(source.databases)
    sent = objects.kept_for_databases(uow, databases)
    nothing = objects.Kept()
    return [
        ProjectStorage(
            name,
            **offered.get(name, {}),
            objects=sent.get(name, nothing).objects,
            object_bytes=sent.get(name, nothing).size_bytes,
            older_bytes=sent.get(name, nothing).older_bytes,
        )
        for name in projects
    ]
