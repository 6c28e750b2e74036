"""Which assets are there, and what is said of one? Its project sees the working version, others see the listing."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.ask import decide_on, require_or_hide
from pergamon.catalog.content import Difference, differences
from pergamon.catalog.documents import format_of
from pergamon.catalog.glossary import terms_seen
from pergamon.catalog.model import (
    AmbiguousName,
    Asset,
    AssetKind,
    AssetVersion,
    UnknownAsset,
    UnknownVersion,
)
from pergamon.catalog.rights import NOT_A_NAME, asset_resource, draft_resource, resource_at
from pergamon.catalog.specs import TermSpec
from pergamon.identity import actions_of_roles
from pergamon.policy import Action, Resource, visible
from pergamon.store import UnitOfWork

ASSET_ID = re.compile(r"asset_[0-9a-f]{32}")
LONGEST_NAME = 300
State = Literal["published", "unpublished", "retired"]


@dataclass(frozen=True)
class AssetView:
    """An asset as the actor sees it. `version`: what is shown, the working version or the listing."""

    asset: Asset
    version: AssetVersion
    sees_draft: bool
    terms: Mapping[str, TermSpec] = field(default_factory=dict)
    """Those on the asset and its columns that the actor may see."""
    bundled: tuple[tuple[str, str, str], ...] = ()
    """Of a product: (id, name, title) of what it bundles and the actor may find."""

    def summary(self) -> dict[str, Any]:
        """One line of a list, as JSON."""
        asset, content = self.asset, self.version.content
        told = {
            "id": asset.id,
            "kind": asset.kind.value,
            "name": asset.name,
            "title": content.title or asset.name,
            "project": asset.place.project,
            "unit": asset.place.unit,
            "state": asset.state.value,
            "version": self.version.version,
            "rows": asset.facts.get("rows"),
            "quality_score": asset.quality_score,
            "data_changed_at": tables.now_of(asset.data_changed_at),
        }
        if self.sees_draft:
            told["has_draft"] = asset.has_draft
        return told

    def as_json(self) -> dict[str, Any]:
        """All that is said of it."""
        asset, content = self.asset, self.version.content
        told = self.summary() | {
            "description": content.description,
            "readme": content.readme,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "required": column.required,
                    "description": content.column_descriptions.get(column.name, ""),
                    "terms": [name for name in content.column_terms.get(column.name, ()) if name in self.terms],
                }
                for column in content.columns
            ],
            "partitions": list(content.partitions),
            "terms": [name for name in content.terms if name in self.terms],
            "term_titles": {name: term.title for name, term in self.terms.items()},
            "term_definitions": {name: term.definition for name, term in self.terms.items()},
            "tags": dict(content.tags),
            "classification": content.classification,
            "contacts": [contact.model_dump(mode="json") for contact in content.contacts],
            "forms": {name: dict(values) for name, values in content.forms.items()},
            "conditions": content.conditions.model_dump(mode="json"),
            "format": format_of(asset),
            "size_bytes": asset.facts.get("size_bytes"),
            "files": asset.facts.get("files"),
            "published_at": tables.now_of(asset.published_at),
        }
        if asset.kind is AssetKind.PRODUCT:
            told["assets"] = [{"id": i, "name": name, "title": title} for i, name, title in self.bundled]
        if self.sees_draft:
            told |= {
                "working_version": asset.working_version,
                "published_version": asset.published_version,
                "published_by": asset.published_by,
                "withheld": asset.withheld,
                "data_source": asset.data_source,
                "retired_at": tables.now_of(asset.retired_at),
            }
        return told


def list_assets(
    uow: UnitOfWork,
    *,
    project: str | None = None,
    state: State | None = None,
    kind: AssetKind | None = None,
    data_source: str | None = None,
    after: tuple[str, str] = ("", ""),
    limit: int = 100,
) -> list[AssetView]:
    """The assets that the actor may find, by name and id; those that are retired only when asked for.

    after: (name, id) of the last one of the page before.
    Cost: index lookups, for each project that the actor may look into.
    """
    whole, published = _projects_to_look_into(uow, project)
    found = tables.page_of_assets(
        uow,
        whole,
        published,
        after=after,
        limit=limit,
        state=state,
        kind=kind.value if kind else None,
        source=data_source,
    )
    wanted = {asset.id: _number_shown(asset, sees_draft=asset.place.project in whole) for asset in found}
    versions = tables.versions_by_number(uow, wanted)
    return [AssetView(asset, versions[asset.id], asset.place.project in whole) for asset in found]


def read_asset(uow: UnitOfWork, name: str, *, version: int | None = None, listing: bool = False) -> AssetView:
    """One asset by its id, or by its name where only one that the actor may find has it.

    version: an earlier one, for members of the project. listing: as others see it.

    Raises:
        UnknownAsset: there is none, or the actor may not find it, or it has no listing.
        UnknownVersion: it has no such version, or the actor may not see it.
        AmbiguousName: several have this name.
    """
    asset = find_asset(uow, name)
    decision = decide_on(uow, Action.ASSET_FIND, draft_resource(asset))
    sees_draft = decision.allowed and not listing
    if not sees_draft and not asset.is_published:
        raise UnknownAsset("there is no such asset, or it has no listing", decision=None if listing else decision)
    number = _number_shown(asset, sees_draft=sees_draft) if version is None else version
    if not sees_draft and number != asset.published_version:
        refused = None if decision.allowed else decision
        raise UnknownVersion(f"the asset has no version {number} that you may see", decision=refused)
    shown = tables.version(uow, asset.id, number)
    if shown is None:
        raise UnknownVersion(f"the asset has no version {number}")
    return _viewed(uow, asset, shown, sees_draft=sees_draft)


def list_versions(uow: UnitOfWork, name: str, *, before: int | None = None, limit: int = 100) -> list[AssetVersion]:
    """An asset's versions, newest first: all of them for its project, the listing for others.

    Raises:
        UnknownAsset, AmbiguousName: see `read_asset`.
    """
    asset = find_asset(uow, name)
    if decide_on(uow, Action.ASSET_FIND, draft_resource(asset)).allowed:
        return tables.versions(uow, asset.id, before=before, limit=limit)
    number = asset.published_version
    is_asked = number is not None and (before is None or number < before)
    return [tables.version_of(uow, asset.id, number)] if number is not None and is_asked else []


def version_differences(uow: UnitOfWork, name: str, older: int, newer: int) -> list[Difference]:
    """What one version says otherwise than another.

    Raises:
        UnknownAsset, UnknownVersion, AmbiguousName: see `read_asset`.
    """
    before, after = read_asset(uow, name, version=older), read_asset(uow, name, version=newer)
    return differences(before.version.content, after.version.content)


def find_asset(uow: UnitOfWork, name: str, *, lock: bool = False) -> Asset:
    """The asset of an id or a name that the actor may find.

    Raises:
        UnknownAsset: there is none, or the actor may not find it.
        AmbiguousName: several have this name.
    """
    candidates = _candidates(uow, name)
    held = actions_of_roles(uow, uow.actor.roles)
    seen = visible(uow.actor, Action.ASSET_FIND, map(asset_resource, candidates), actions=held)
    if len(seen) > 1:
        ids = ", ".join(resource.id for resource in seen[:10])
        raise AmbiguousName(f"{len(seen)} assets have this name", hint=f"say which, by its id: {ids}")
    if not seen:
        named = asset_resource(candidates[0]) if candidates else Resource("asset", _told(name))
        hidden = UnknownAsset("there is no such asset", hint="`pergamon asset ls` lists those that you may find")
        require_or_hide(uow, Action.ASSET_FIND, named, hidden, exists=False)
    asset = tables.asset(uow, seen[0].id, lock=lock)
    if asset is None:
        raise UnknownAsset("there is no such asset")
    return asset


def viewed(uow: UnitOfWork, asset_id: str) -> AssetView:
    """An asset's working version, for a verb that has asked the policy."""
    asset = tables.asset(uow, asset_id)
    if asset is None:
        raise UnknownAsset("there is no such asset")
    return _viewed(uow, asset, tables.version_of(uow, asset.id, asset.working_version), sees_draft=True)


def _projects_to_look_into(uow: UnitOfWork, only: str | None) -> tuple[list[str], list[str]]:
    """The projects of which the actor finds everything, and those of which the actor finds what is published.

    Within a project, an asset's roles depend on nothing but whether it is published: one decision holds for all.
    """
    places = [place for place in tables_of_places.places(uow) if only is None or place.project == only]
    held = actions_of_roles(uow, uow.actor.roles)

    def seen(*, is_published: bool) -> list[str]:
        resources = [resource_at(place, place.project, is_published=is_published) for place in places]
        return [resource.id for resource in visible(uow.actor, Action.ASSET_FIND, resources, actions=held)]

    return seen(is_published=False), seen(is_published=True)


def _number_shown(asset: Asset, *, sees_draft: bool) -> int:
    return asset.working_version if sees_draft or asset.published_version is None else asset.published_version


def _viewed(uow: UnitOfWork, asset: Asset, version: AssetVersion, *, sees_draft: bool) -> AssetView:
    terms = {name: term.spec for name, term in terms_seen(uow, version.content.all_terms).items()}
    return AssetView(asset, version, sees_draft, terms, _found(uow, version.content.assets))


def titles_found(uow: UnitOfWork, ids: Collection[str]) -> dict[str, str]:
    """What those of these assets are called that the actor may find, in their order. Cost: one query."""
    return {asset_id: title for asset_id, _, title in _found(uow, ids)}


def _found(uow: UnitOfWork, ids: Collection[str]) -> tuple[tuple[str, str, str], ...]:
    """(id, name, title) of those of these assets that the actor may find, in their order."""
    if not ids:
        return ()
    shown = {asset.id: (asset, version) for asset, version in tables.shown_assets(uow, ids)}
    held = actions_of_roles(uow, uow.actor.roles)
    resources = [asset_resource(shown[name][0]) for name in ids if name in shown]
    seen = [shown[resource.id] for resource in visible(uow.actor, Action.ASSET_FIND, resources, actions=held)]
    return tuple((asset.id, asset.name, version.content.title or asset.name) for asset, version in seen)


def _candidates(uow: UnitOfWork, name: str) -> list[Asset]:
    if ASSET_ID.fullmatch(name):
        found = tables.asset(uow, name)
        return [found] if found else []
    return tables.assets_by_name(uow, name) if 0 < len(name) <= LONGEST_NAME and name.isprintable() else []


def _told(name: str) -> str:
    return name if ASSET_ID.fullmatch(name) else NOT_A_NAME
