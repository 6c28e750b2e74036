"""Who may find, change and publish an asset? The roles that a place gives, for the policy to decide with (law 1).

Members of the project find everything of it; others find what is published, where the domain unit lets them. Owners,
contributors and stewards write descriptions; owners and stewards publish. Who owns a unit, or one above it, looks after
its projects and may take back what is published there, and does not see what is not published.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from pergamon.catalog.model import Asset, Place
from pergamon.identity import team_role
from pergamon.policy import Resource

OWNER, CONTRIBUTOR, CONSUMER, STEWARD = "owner", "contributor", "consumer", "steward"
PROJECT_ROLES = (OWNER, CONTRIBUTOR, CONSUMER, STEWARD)
ProjectRole = Literal["owner", "contributor", "consumer", "steward"]
NOT_A_NAME = "(not a name)"
"""What stands in the trail for something that could not be the name of anything: it may be somebody's data."""


def project_team(project: str) -> str:
    """The team of a project's members."""
    return f"project:{project}"


def unit_team(unit: str) -> str:
    """The team of a domain unit's owners."""
    return f"unit:{unit}"


@lru_cache(maxsize=10_000)
def project_roles(project: str, *roles: str) -> frozenset[str]:
    """The roles that membership gives: `project:heart/owner`."""
    return frozenset(team_role(project_team(project), role) for role in roles)


def projects_of_roles(held: Iterable[str], *roles: str) -> set[str]:
    """The projects of which somebody with these roles is a member in one of `roles`."""
    parts = (role.rpartition("/") for role in held)
    return {team.removeprefix("project:") for team, _, role in parts if role in roles and team.startswith("project:")}


def project_resource(place: Place) -> Resource:
    """A project: seen by its members, managed by its owners; the unit's owners see and manage it too."""
    supers = project_roles(place.project, OWNER) | place.unit_owners
    return Resource(
        "project",
        place.project,
        readers=project_roles(place.project, *PROJECT_ROLES) | supers,
        writers=project_roles(place.project, OWNER, CONTRIBUTOR, STEWARD) | supers,
        supers=supers,
    )


def asset_resource(asset: Asset) -> Resource:
    """An asset as others meet it: its listing when it is published, otherwise its working version."""
    return resource_at(asset.place, asset.id, is_published=asset.is_published and asset.retired_at is None)


def draft_resource(asset: Asset) -> Resource:
    """An asset's working version, and every version that is not the listing: for the members of its project."""
    return resource_at(asset.place, asset.id, is_published=False)


def resource_at(place: Place, asset_id: str, *, is_published: bool) -> Resource:
    """What an asset's place gives: all assets of one project that are alike in this have the same roles."""
    members = project_roles(place.project, *PROJECT_ROLES)
    writers = project_roles(place.project, OWNER, CONTRIBUTOR, STEWARD)
    supers = project_roles(place.project, OWNER, STEWARD)
    if not is_published:
        return Resource("asset", asset_id, readers=members, writers=writers, supers=supers)
    supers |= place.unit_owners
    return Resource("asset", asset_id, readers=members | place.found_by | supers, writers=writers, supers=supers)
