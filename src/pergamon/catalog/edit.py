"""Change what is said of an asset. Who edits says which version they looked at, so that nobody's words are lost."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.ask import decide_on
from pergamon.catalog.assets import AssetView, find_asset, viewed
from pergamon.catalog.conditions import require_conditions
from pergamon.catalog.content import edited, listed
from pergamon.catalog.events import AssetEdited
from pergamon.catalog.forms import wrong_fields
from pergamon.catalog.model import (
    Asset,
    AssetContent,
    AssetEdit,
    AssetKind,
    AssetRetired,
    BadContent,
    Strict,
    VersionMovedOn,
)
from pergamon.catalog.readiness import approved_terms
from pergamon.catalog.rights import draft_resource
from pergamon.kernel import AccessDenied
from pergamon.policy import Action
from pergamon.store import UnitOfWork

MOST_EDITS = 500


class NamedEdit(Strict):
    """One of several edits: which asset, the version that was looked at, what to change."""

    asset: Annotated[str, Field(min_length=1, max_length=300)]
    expected_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    edit: AssetEdit


def edit_asset(uow: UnitOfWork, name: str, edit: AssetEdit, *, expected_version: int) -> AssetView:
    """Make a version with these changes; the listing stays as it is until it is published again.

    An edit that changes nothing makes no version.

    Raises:
        UnknownAsset, AmbiguousName: see `read_asset`.
        AccessDenied: the actor may find the asset and not describe it.
        AssetRetired: its table is gone.
        VersionMovedOn: the working version is not `expected_version` any more.
        BadContent: a column, a term, a form's value or an asset that cannot be so.
        UnfitMask, FilterNotUnderstood, FilterDoesNotFit: a mask or a filter of the conditions that cannot be so.
    """
    asset = find_asset(uow, name, lock=True)
    decision = decide_on(uow, Action.ASSET_CURATE, draft_resource(asset))
    if not decision.allowed:
        raise AccessDenied("describing this asset is its project's business", decision=decision)
    if asset.retired_at is not None:
        raise AssetRetired("the asset's table is gone")
    if asset.working_version != expected_version:
        told = f"the asset is at version {asset.working_version}, not {expected_version} any more"
        raise VersionMovedOn(told, hint="look at it again, then repeat the change")
    before = tables.version_of(uow, asset.id, asset.working_version).content
    after = edited(before, edit)
    if after == before:
        return viewed(uow, asset.id)
    _require_fit(uow, asset, before, after, edit)
    _save(uow, asset, after)
    fields = sorted(name for name in edit.model_fields_set if getattr(before, name) != getattr(after, name))
    uow.record(AssetEdited(subject=asset.subject, version=asset.working_version + 1, fields=fields))
    return viewed(uow, asset.id)


def edit_assets(uow: UnitOfWork, edits: Sequence[NamedEdit]) -> list[AssetView]:
    """Several edits, all of them or none.

    Raises:
        BadContent: more than 500 at once. And whatever `edit_asset` raises.
    """
    if len(edits) > MOST_EDITS:
        raise BadContent(f"at most {MOST_EDITS} edits at once", hint="divide the file")
    ids = [find_asset(uow, one.asset).id for one in edits]
    tables.lock_assets(uow, ids)  # in one order for everybody: two files at once wait, and do not block each other
    return [
        edit_asset(uow, asset_id, one.edit, expected_version=one.expected_version)
        for asset_id, one in zip(ids, edits, strict=True)
    ]


def _save(uow: UnitOfWork, asset: Asset, content: AssetContent) -> None:
    number = asset.working_version + 1
    tables.insert_version(uow, asset.id, number, content, "edit")
    tables.set_working_version(uow, asset.id, number)
    listing = asset.published_version
    shown = tables.version_of(uow, asset.id, listing).content.all_terms if listing is not None else frozenset()
    tables.link_terms(uow, asset.id, content.all_terms | shown)
    tables.tell(uow, asset.id)


def _require_fit(uow: UnitOfWork, asset: Asset, before: AssetContent, after: AssetContent, edit: AssetEdit) -> None:
    """Raises BadContent when something new refers to what is not there. What stood before may stand on."""
    _require_terms(uow, after.all_terms - before.all_terms)
    if edit.forms:
        forms = tables_of_places.forms(uow)
        values = {name: after.forms[name] for name in edit.forms if name in after.forms}
        wrong = wrong_fields(forms, values, approved_terms(uow, forms, values))
        if wrong:
            raise BadContent("; ".join(wrong), hint="`pergamon glossary forms` shows the fields of each form")
    if after.conditions != before.conditions:
        require_conditions(before.conditions, after.conditions, after.columns)
    if edit.assets is not None:
        require_bundle(uow, asset, after.assets)


def _require_terms(uow: UnitOfWork, added: frozenset[str]) -> None:
    if not added:
        return
    tables_of_places.lock_glossary(uow)  # so that none of them is removed meanwhile
    approved = {row["name"] for row in tables_of_places.terms(uow, added) if row["state"] == "approved"}
    unknown = sorted(added - approved)
    if unknown:
        hint = "`pergamon glossary ls` lists the terms"
        raise BadContent(f"the glossary has no approved term {listed(unknown)}", hint=hint)


def require_bundle(uow: UnitOfWork, asset: Asset, ids: tuple[str, ...]) -> None:
    """A product bundles tables of its own project.

    Raises:
        BadContent: this is no product, or something is not such an asset.
    """
    if asset.kind is not AssetKind.PRODUCT:
        raise BadContent("only a data product bundles assets")
    known = {
        found.id
        for found in tables.assets_by_id(uow, ids)
        if found.place.project == asset.place.project and found.kind is AssetKind.TABLE and found.retired_at is None
    }
    unknown = [name for name in ids if name not in known]
    if unknown:
        told = f"the project {asset.place.project} has no such assets: {listed(unknown)}"
        raise BadContent(told, hint="a product bundles tables of its own project, by their ids")
