"""Publish an asset's working version as its listing, or take the listing back."""

from pergamon.catalog import tables
from pergamon.catalog.ask import decide_on
from pergamon.catalog.assets import AssetView, find_asset, viewed
from pergamon.catalog.content import listed
from pergamon.catalog.events import AssetPublished, AssetUnpublished
from pergamon.catalog.model import (
    Asset,
    AssetContent,
    AssetKind,
    AssetRetired,
    BadContent,
    FormsIncomplete,
    NotPublished,
    VersionMovedOn,
)
from pergamon.catalog.readiness import lacks_for_publishing
from pergamon.catalog.rights import asset_resource, draft_resource
from pergamon.kernel import AccessDenied
from pergamon.policy import Action
from pergamon.store import UnitOfWork


def publish_asset(uow: UnitOfWork, name: str, *, expected_version: int | None = None) -> AssetView:
    """Make the working version the listing. Publishing what is published changes nothing.

    Raises:
        UnknownAsset, AmbiguousName: see `read_asset`.
        AccessDenied: the actor may find it and not publish it.
        AssetRetired: its table is gone.
        VersionMovedOn: the working version is not `expected_version` any more.
        FormsIncomplete: rules demand forms; every missing field is named.
        BadContent: a product bundles nothing, or something that is not published.
    """
    asset = find_asset(uow, name, lock=True)
    for action, resource in ((Action.ASSET_PUBLISH, asset_resource(asset)), (Action.ASSET_FIND, draft_resource(asset))):
        decision = decide_on(uow, action, resource)
        if not decision.allowed:
            raise AccessDenied("publishing is for the project's owners and stewards", decision=decision)
    if asset.retired_at is not None:
        raise AssetRetired("the asset's table is gone")
    if expected_version is not None and asset.working_version != expected_version:
        told = f"the asset is at version {asset.working_version}, not {expected_version} any more"
        raise VersionMovedOn(told, hint="look at it again, then publish")
    if asset.has_draft:
        content = tables.version_of(uow, asset.id, asset.working_version).content
        _require_complete(uow, asset, content)
        tables.set_published(uow, asset.id, asset.working_version)
        tables.link_terms(uow, asset.id, content.all_terms)
        tables.tell(uow, asset.id)
        uow.record(AssetPublished(subject=asset.subject, version=asset.working_version, automatic=False))
    return viewed(uow, asset.id)


def unpublish_asset(uow: UnitOfWork, name: str) -> Asset:
    """Take the listing back: only the project finds the asset from now on, and no data source lists it again.

    Raises:
        UnknownAsset, AmbiguousName: see `read_asset`.
        AccessDenied: the actor may find it and not decide on it.
        NotPublished: it has no listing.
    """
    asset = find_asset(uow, name, lock=True)
    decision = decide_on(uow, Action.ASSET_PUBLISH, asset_resource(asset))
    if not decision.allowed:
        raise AccessDenied("unpublishing is for the project's owners and stewards", decision=decision)
    if asset.published_version is None:
        raise NotPublished("the asset is not published")
    content = tables.version_of(uow, asset.id, asset.working_version).content
    tables.set_unpublished(uow, asset.id)
    tables.link_terms(uow, asset.id, content.all_terms)
    tables.tell(uow, asset.id)
    uow.record(AssetUnpublished(subject=asset.subject, version=asset.published_version))
    return asset


def _require_complete(uow: UnitOfWork, asset: Asset, content: AssetContent) -> None:
    lacks = lacks_for_publishing(uow, asset, content)
    if lacks:
        hint = "fill them in with `pergamon asset edit … --form FORM.FIELD=VALUE`"
        raise FormsIncomplete(f"before it is published, this is to be said: {', '.join(lacks)}", hint=hint)
    if asset.kind is not AssetKind.PRODUCT:
        return
    if not content.assets:
        raise BadContent("a product that bundles nothing cannot be published", hint="edit its assets first")
    there = {one.id for one in tables.assets_by_id(uow, content.assets) if one.is_published}
    hidden = [name for name in content.assets if name not in there]
    if hidden:
        raise BadContent(f"these assets of the product are not published: {listed(hidden)}", hint="publish them first")
