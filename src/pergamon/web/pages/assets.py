"""`/assets/{asset}`: what it is, what it holds, how good it is, where it comes from, and how to get at its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from pergamon import access
from pergamon import catalog as assets_room
from pergamon import quality as quality_room
from pergamon.access import AccessRequest, Grant, GrantState
from pergamon.access.model import UNDECIDED
from pergamon.catalog import AssetKind, AssetView
from pergamon.lineage import Dataset
from pergamon.policy import Action
from pergamon.store import UnitOfWork
from pergamon.web.pages.charts import Lines, lines
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.lineage_drawing import drawn
from pergamon.web.pages.page import Page, PageDep

router = page_router()

AssetPath = Annotated[str, Path(min_length=1, max_length=300)]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
MOST_VERSIONS = 50
MOST_POINTS = 60


@dataclass(frozen=True)
class Standing:
    """How somebody's projects stand to an asset. grants: live ones. may_ask: projects that have no request waiting."""

    undecided: Sequence[AccessRequest]
    grants: Sequence[Grant]
    may_ask: Sequence[str]
    is_of_own_project: bool
    waiting: int
    """How many requests of others on it wait."""


@router.get("/assets/{asset}")
def overview(asset: AssetPath, page: PageDep, version: Version = None) -> Response:
    """Summary, columns, conditions, and the status of what one asked for."""
    with page.begin() as uow:
        view = assets_room.read_asset(uow, asset, version=version)
        standing = standing_of(uow, view)
    return page.show("assets/overview.html", **around(page, view), standing=standing, asked_version=version)


@router.get("/assets/{asset}/quality")
def quality(asset: AssetPath, page: PageDep) -> Response:
    """What was measured, which rules hold, and how that has changed."""
    with page.begin() as uow:
        view = assets_room.read_asset(uow, asset)
        profile, history = None, []
        if view.asset.kind is AssetKind.TABLE:
            table = quality_room.table_named(uow, view.asset.id)
            history = quality_room.profile_history(uow, table, limit=MOST_POINTS)
            profile = quality_room.visible_profile(uow, table).as_json() if history else None
    scores = [(point["at"], point["score"]) for point in reversed(history) if point["score"] is not None]
    return page.show(
        "assets/quality.html", **around(page, view), profile=profile, scores=scores, trend=score_chart(page, scores)
    )


@router.get("/assets/{asset}/lineage")
def lineage(asset: AssetPath, page: PageDep) -> Response:
    """What it comes from and what comes from it, drawn, and column by column."""
    with page.begin() as uow:
        view = assets_room.read_asset(uow, asset)
        graphs = []
        if view.asset.kind is AssetKind.TABLE:
            start = Dataset.of_table(assets_room.table_of(view.asset))
            graphs = [assets_room.read_lineage(uow, start, direction=way) for way in ("up", "down")]
    edges = [edge for graph in graphs for edge in graph.edges]
    return page.show(
        "assets/lineage.html",
        **around(page, view),
        drawing=drawn(graphs[0].start, edges) if graphs else None,
        columns=[edge for edge in edges if edge.output_field],
        is_cut=any(graph.cut for graph in graphs),
    )


@router.get("/assets/{asset}/versions")
def versions(asset: AssetPath, page: PageDep, of: Version = None) -> Response:
    """Its versions, newest first, and what one of them changed."""
    with page.begin() as uow:
        view = assets_room.read_asset(uow, asset)
        found = assets_room.list_versions(uow, view.asset.id, limit=MOST_VERSIONS)
        numbers = [version.version for version in found]
        changes: list[Any] = []
        if of in numbers and of - 1 in numbers:
            changes = [one.as_json() for one in assets_room.version_differences(uow, view.asset.id, of - 1, of)]
    return page.show("assets/versions.html", **around(page, view), versions=found, of=of, changes=changes)


def score_chart(page: Page, scores: Sequence[tuple[str, float]]) -> Lines | None:
    """A score over time, from nothing to all; None for fewer than two measurements."""
    language = page.language
    places = [datetime.fromisoformat(at).timestamp() for at, _ in scores]
    told = [f"{language.moment(at)}: {language.percent(score)}" for at, score in scores]
    return lines([""], places, [[score for _, score in scores]], floor=0.0, ceiling=1.0, told=lambda _, row: told[row])


def standing_of(uow: UnitOfWork, view: AssetView) -> Standing:
    """What the actor's projects have asked for and were given of this asset."""
    asset = view.asset
    roles = uow.actor.roles
    asking = set(access.asking_projects(uow))
    members = assets_room.projects_of_roles(roles, *assets_room.PROJECT_ROLES)
    undecided = [one for state in UNDECIDED for one in access.list_requests(uow, asset=asset.id, state=state)]
    own = [one for one in undecided if one.project in members]
    grants = grants_of(uow, view)
    can_be_asked = asset.kind is AssetKind.TABLE and asset.is_published and asset.retired_at is None
    taken = {one.project for one in own} | {grant.project for grant in grants}
    return Standing(
        undecided=own,
        grants=grants,
        may_ask=sorted(asking - taken - {asset.place.project}) if can_be_asked else [],
        is_of_own_project=asset.place.project in members,
        waiting=len([one for one in undecided if one.project not in members]),
    )


def grants_of(uow: UnitOfWork, view: AssetView) -> list[access.Grant]:
    """What the actor's projects have of this asset now."""
    members = assets_room.projects_of_roles(uow.actor.roles, *assets_room.PROJECT_ROLES)
    found = access.list_grants(uow, asset=view.asset.id, state=GrantState.ACTIVE)
    return [grant for grant in found if grant.project in members]


def around(page: Page, view: AssetView) -> dict[str, Any]:
    """What all pages of an asset show."""
    may_curate = page.may(Action.ASSET_CURATE, assets_room.draft_resource(view.asset))
    return {"asset": view.as_json(), "sees_draft": view.sees_draft, "may_curate": may_curate}
