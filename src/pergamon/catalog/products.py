"""Data products: assets bundled under a text of their own, found as one; edited and published like any asset."""

from pergamon.catalog import tables
from pergamon.catalog.ask import decide_on, is_slug
from pergamon.catalog.assets import AssetView, viewed
from pergamon.catalog.edit import edit_asset
from pergamon.catalog.events import AssetMade
from pergamon.catalog.model import AssetContent, AssetEdit, AssetKind, BadContent, NameTaken
from pergamon.catalog.projects import visible_project
from pergamon.catalog.rights import resource_at
from pergamon.kernel import AccessDenied, new_id
from pergamon.policy import Action
from pergamon.store import UnitOfWork


def make_product(uow: UnitOfWork, project: str, name: str, edit: AssetEdit) -> AssetView:
    """Make a data product of a project, not published yet.

    Raises:
        UnknownProject: there is none, or the actor may not see it.
        AccessDenied: the actor is not one who describes the project's assets.
        NameTaken: the project has a product of this name.
        BadContent: the name cannot be used, or see `edit_asset`.
    """
    _, place = visible_project(uow, project)
    decision = decide_on(uow, Action.ASSET_CURATE, resource_at(place, f"{project}/new", is_published=False))
    if not decision.allowed:
        raise AccessDenied(f"making products of {project} is its project's business", decision=decision)
    if not is_slug(name):
        raise BadContent("a product's name is up to 63 lower-case letters, digits and -, a letter first")
    asset_id = new_id("asset")
    if not tables.insert_asset(uow, asset_id, AssetKind.PRODUCT, project=project, name=name):
        raise NameTaken(f"the project {project} has a product of the name {name}")
    tables.insert_version(uow, asset_id, 1, AssetContent(), "made")
    tables.tell(uow, asset_id)
    uow.record(AssetMade(subject=f"asset:{asset_id}", name=name, project=project, data_source=None))
    return edit_asset(uow, asset_id, edit, expected_version=1) if edit.model_fields_set else viewed(uow, asset_id)
