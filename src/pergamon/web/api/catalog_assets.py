"""`/api/v1/assets`: find, read, describe, publish; and data products, which are assets that bundle assets."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import catalog
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.idempotency import OnceDep
from pergamon.web.pagination import After, Limit, cursor, page, place_in

router = APIRouter()

LARGEST_VERSION = 2**31 - 1
NamePath = Annotated[str, Path(min_length=1, max_length=200)]
AssetPath = Annotated[str, Path(min_length=1, max_length=300, description="The asset's id, or its name.")]
Version = Annotated[int, Field(ge=1, le=LARGEST_VERSION)]
VersionQuery = Annotated[int, Query(ge=1, le=LARGEST_VERSION)]
NameQuery = Annotated[str | None, Query(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class EditRequest(_Asked):
    """What to change, and the version that was looked at."""

    expected_version: Version
    edit: catalog.AssetEdit


class EditsRequest(_Asked):
    """Several edits, all of them or none."""

    edits: Annotated[tuple[catalog.NamedEdit, ...], Field(min_length=1, max_length=500)]


class PublishRequest(_Asked):
    """The version that was looked at, if that matters."""

    expected_version: Version | None = None


class ProductRequest(_Asked):
    """A product's name, and what is said of it."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]
    edit: catalog.AssetEdit = catalog.AssetEdit()


@router.get("/api/v1/assets")
def assets(
    *,
    rt: RuntimeDep,
    actor: ActorDep,
    project: NameQuery = None,
    state: catalog.State | None = None,
    kind: catalog.AssetKind | None = None,
    data_source: NameQuery = None,
    limit: Limit = 100,
    after: After = None,
) -> dict[str, Any]:
    """The assets that one may find, by name. Those that are retired only when asked for."""
    place = place_in(after, str, str) or ("", "")
    with rt.begin(actor) as uow:
        found = catalog.list_assets(
            uow,
            project=project,
            state=state,
            kind=kind,
            data_source=data_source,
            after=(place[0], place[1]),
            limit=limit + 1,
        )
    told = [view.summary() for view in found]
    return page("assets", told, limit, lambda last: cursor(last["name"], last["id"]))


@router.get("/api/v1/assets/{asset}")
def asset(
    asset: AssetPath, rt: RuntimeDep, actor: ActorDep, version: VersionQuery | None = None, listing: bool = False
) -> dict[str, Any]:
    """All that is said of an asset: to its project the working version, to others the listing."""
    with rt.begin(actor) as uow:
        return catalog.read_asset(uow, asset, version=version, listing=listing).as_json()


@router.get("/api/v1/assets/{asset}/versions")
def versions(
    asset: AssetPath, rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None
) -> dict[str, Any]:
    """Its versions, newest first: to its project all of them, to others the listing."""
    place = place_in(after, int)
    with rt.begin(actor) as uow:
        found = catalog.list_versions(uow, asset, before=place[0] if place else None, limit=limit + 1)
    told = [version.as_json() for version in found]
    return page("versions", told, limit, lambda last: cursor(last["version"]))


@router.get("/api/v1/assets/{asset}/differences")
def differences(
    asset: AssetPath, rt: RuntimeDep, actor: ActorDep, older: VersionQuery, newer: VersionQuery
) -> dict[str, Any]:
    """What one version says otherwise than another."""
    with rt.begin(actor) as uow:
        found = catalog.version_differences(uow, asset, older, newer)
    return {"differences": [difference.as_json() for difference in found]}


@router.post("/api/v1/assets/{asset}/edit")
def edit(asset: AssetPath, asked: EditRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Make a version with these changes; the listing stays until it is published again."""
    return once.answer(
        rt,
        actor,
        lambda uow: catalog.edit_asset(uow, asset, asked.edit, expected_version=asked.expected_version).as_json(),
        status=200,
    )


@router.post("/api/v1/assets/edits")
def edits(asked: EditsRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Several edits, all of them or none."""
    return once.answer(
        rt,
        actor,
        lambda uow: {"assets": [view.summary() for view in catalog.edit_assets(uow, asked.edits)]},
        status=200,
    )


@router.post("/api/v1/assets/{asset}/publish")
def publish(
    asset: AssetPath, rt: RuntimeDep, actor: ActorDep, once: OnceDep, asked: PublishRequest | None = None
) -> JSONResponse:
    """Make the working version the listing."""
    expected = asked.expected_version if asked else None
    return once.answer(
        rt, actor, lambda uow: catalog.publish_asset(uow, asset, expected_version=expected).as_json(), status=200
    )


@router.post("/api/v1/assets/{asset}/unpublish")
def unpublish(asset: AssetPath, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Take the listing back; no data source lists it again."""
    return once.answer(rt, actor, lambda uow: {"id": catalog.unpublish_asset(uow, asset).id}, status=200)


@router.get("/api/v1/products")
def products(
    rt: RuntimeDep, actor: ActorDep, project: NameQuery = None, limit: Limit = 100, after: After = None
) -> dict[str, Any]:
    """The data products that one may find, by name."""
    place = place_in(after, str, str) or ("", "")
    with rt.begin(actor) as uow:
        found = catalog.list_assets(
            uow, project=project, kind=catalog.AssetKind.PRODUCT, after=(place[0], place[1]), limit=limit + 1
        )
    told = [view.summary() for view in found]
    return page("products", told, limit, lambda last: cursor(last["name"], last["id"]))


@router.post("/api/v1/projects/{project}/products", status_code=201)
def make_product(
    project: NamePath, asked: ProductRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep
) -> JSONResponse:
    """Make a data product of a project, not published yet."""
    return once.answer(
        rt, actor, lambda uow: catalog.make_product(uow, project, asked.name, asked.edit).as_json(), status=201
    )
