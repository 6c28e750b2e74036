"""`/assets/{asset}/edit`: its project describes an asset, fills in the forms that are demanded, and publishes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Path
from pydantic import Field, ValidationError
from starlette.responses import Response

from pergamon import catalog as assets_room
from pergamon.catalog import AccessConditions, AssetEdit, AssetKind, AssetView, Term, draft_resource
from pergamon.kernel import Kind, PergamonError
from pergamon.policy import Action
from pergamon.store import UnitOfWork
from pergamon.web.pages.forms import FormNotValid
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.mask_fields import (
    COLUMN,
    LIMITS,
    OF_MASK,
    NotFitting,
    Rows,
    fields_of,
    mask_written,
    numbered,
    offered,
)
from pergamon.web.pages.metadata_forms import SAYS, Said, typed_changes
from pergamon.web.pages.page import Form, Page, PageDep

router = page_router()

AssetPath = Annotated[str, Path(min_length=1, max_length=300)]
Words = Annotated[str, Field(max_length=4_000)]
Line = Annotated[str, Field(max_length=200)]
CONTACT = "contact."
"""What the fields of the contact with that number begin with, as `COLUMN` of a column's: `contact.0.name`."""
BESIDE = (SAYS, COLUMN, CONTACT)
OF_COLUMN = OF_MASK | {"description", "identifies", "terms"}
OF_CONTACT = frozenset({"name", "email", "role"})
COLUMNS_EDITED = 500
"""More are described by the API; what is said of them stays."""
TERMS_OFFERED = 500
MOST_TERMS = 20_000
ASSETS_OFFERED = 500
"""Of its project, for a product to bundle; others that it bundles stay."""
NO_SUCH_TERM = marked("The glossary has no approved term of this name. Several have commas between.")
CONTACTS_OFFERED = 20
MENDABLE = frozenset({Kind.INVALID, Kind.CONFLICT})
"""Errors that whoever filled in the form can mend: they are told at the form, which keeps what was written."""


class EditForm(Form):
    """What is said of an asset as a whole. expected_version: the one that was looked at. publish: at once."""

    expected_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    title: Line = ""
    description: Words = ""
    readme: Annotated[str, Field(max_length=65_536)] = ""
    classification: Line = ""
    tags: Annotated[str, Field(max_length=50_000)] = ""
    terms: Annotated[list[Line], Field(max_length=TERMS_OFFERED)] = Field(default=[])
    assets: Annotated[list[Line], Field(max_length=ASSETS_OFFERED)] = Field(default=[])
    conditions: Words = ""
    purposes: Words = ""
    longest_days: Line = ""
    approvals: Line = ""
    publish: bool = False


class VersionForm(Form):
    """The version that was looked at."""

    expected_version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Nothing(Form):
    """A button alone."""


@dataclass(frozen=True)
class Written:
    """What stands in the form: what the working version says, or what was written and could not be kept."""

    form: EditForm
    columns: Rows = field(default_factory=dict)
    contacts: Sequence[Mapping[str, str]] = ()
    says: Said = field(default_factory=dict)


@router.get("/assets/{asset}/edit")
def edit_page(asset: AssetPath, page: PageDep) -> Response:
    """The form, with what is said now."""
    return _editing(page, asset)


@router.post("/assets/{asset}/edit")
def edit(asset: AssetPath, page: PageDep) -> Response:
    """Keep what was written, as a new version; and publish it at once, if that was asked."""
    try:
        written = _written(page)
    except FormNotValid as fault:
        return _editing(page, asset, failure=fault)
    try:
        with page.begin() as uow:
            view = assets_room.read_asset(uow, asset)
            change = _change(page, uow, view, written)
            edited = assets_room.edit_asset(uow, view.asset.id, change, expected_version=written.form.expected_version)
            if written.form.publish:
                assets_room.publish_asset(uow, view.asset.id, expected_version=edited.asset.working_version)
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _editing(page, asset, written=written, failure=error)
    if written.form.publish:
        return page.go(f"/assets/{view.asset.id}", said="asset-published")
    return page.go(f"/assets/{view.asset.id}/edit", said="asset-saved")


@router.post("/assets/{asset}/publish")
def publish(asset: AssetPath, page: PageDep) -> Response:
    """Let others see the working version."""
    asked = page.form(VersionForm)
    try:
        with page.begin() as uow:
            view = assets_room.publish_asset(uow, asset, expected_version=asked.expected_version)
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        return _editing(page, asset, failure=error)
    return page.go(f"/assets/{view.asset.id}", said="asset-published")


@router.post("/assets/{asset}/unpublish")
def unpublish(asset: AssetPath, page: PageDep) -> Response:
    """Take the listing back."""
    page.form(Nothing)
    with page.begin() as uow:
        found = assets_room.unpublish_asset(uow, asset)
    return page.go(f"/assets/{found.id}/edit", said="asset-unpublished")


def _editing(
    page: Page, asset: str, *, written: Written | None = None, failure: PergamonError | None = None
) -> Response:
    with page.begin() as uow:
        view = assets_room.read_asset(uow, asset)
        resource = draft_resource(view.asset)
        forms = assets_room.read_forms(uow)
        demanded = assets_room.forms_demanded(uow, view.asset, "publish")
        terms = _terms(uow)
        bundle = _to_bundle(uow, view)
    page.require(Action.ASSET_CURATE, resource)
    content = view.version.content
    shown = written or _as_it_is(view)
    columns = content.columns[:COLUMNS_EDITED]
    masks = assets_room.fitting_masks(columns)
    return page.show(
        "publishing/edit.html",
        status=422 if failure else 200,
        asset=view.as_json(),
        sees_draft=view.sees_draft,
        may_curate=True,
        may_publish=page.may(Action.ASSET_PUBLISH, assets_room.asset_resource(view.asset)),
        is_table=view.asset.kind is AssetKind.TABLE,
        columns=[
            (number, column, offered(masks[column.name], shown.columns.get(number, {}).get("mask", "")))
            for number, column in enumerate(columns)
        ],
        anchors=assets_room.anchors(columns),
        mask_limits=LIMITS,
        beside=failure.beside if isinstance(failure, NotFitting) else {},
        columns_left=len(content.columns) - len(columns),
        written=shown,
        contacts=[*shown.contacts, {}][:CONTACTS_OFFERED],
        terms=terms[:TERMS_OFFERED],
        bundle=bundle,
        forms={name: forms[name] for name in demanded if name in forms},
        other_forms={name: spec for name, spec in forms.items() if name not in demanded},
        missing=assets_room.missing_fields(forms, demanded, content.forms),
        failure=failure,
    )


def _terms(uow: UnitOfWork) -> list[Term]:
    """The terms that may be put on something."""
    return [term for term in assets_room.list_terms(uow, limit=MOST_TERMS) if term.spec.state == "approved"]


def _to_bundle(uow: UnitOfWork, view: AssetView) -> dict[str, str]:
    """Of a product, what it can bundle: tables of its project, by id, with what they are called."""
    if view.asset.kind is not AssetKind.PRODUCT:
        return {}
    project = view.asset.place.project
    found = assets_room.list_assets(uow, project=project, kind=AssetKind.TABLE, limit=ASSETS_OFFERED)
    return {one.asset.id: one.summary()["title"] for one in found}


def _as_it_is(view: AssetView) -> Written:
    content, conditions = view.version.content, view.version.content.conditions
    form = EditForm(
        expected_version=view.version.version,
        title=content.title or "",
        description=content.description,
        readme=content.readme,
        classification=content.classification or "",
        tags="\n".join(f"{name}={value}" for name, value in content.tags.items()),
        terms=list(content.terms),
        assets=list(content.assets),
        conditions=conditions.text,
        purposes=", ".join(conditions.purposes),
        longest_days=str(conditions.longest_days or ""),
        approvals=str(conditions.approvals),
    )
    columns = {
        number: {
            "description": content.column_descriptions.get(column.name, ""),
            **fields_of(conditions.masks.get(column.name, "")),
            "identifies": "true" if column.name in conditions.identifiers else "",
            "terms": ", ".join(term for term in content.column_terms.get(column.name, ()) if term in view.terms),
        }
        for number, column in enumerate(content.columns[:COLUMNS_EDITED])
    }
    contacts = [{"name": one.name, "email": one.email or "", "role": one.role or ""} for one in content.contacts]
    return Written(form, columns, contacts, content.forms)


def _written(page: Page) -> Written:
    """
    Raises:
        FormNotValid: a field is missing, wrong, or none of this form.
    """
    form = page.form(EditForm, beside=BESIDE)
    columns = numbered(page.says(COLUMN), OF_COLUMN)
    contacts = numbered(page.says(CONTACT), OF_CONTACT)
    named = [one for _, one in sorted(contacts.items()) if any(value.strip() for value in one.values())]
    return Written(form, columns, named, page.says(SAYS))


def _change(page: Page, uow: UnitOfWork, view: AssetView, written: Written) -> AssetEdit:
    """What was written, as the verb wants it: what is said now, and what is not said any more.

    Raises:
        FormNotValid: a text cannot stand there.
    """
    form, before = written.form, view.version.content
    shown = [(column.name, written.columns.get(number, {})) for number, column in enumerate(before.columns)]
    shown = shown[:COLUMNS_EDITED]
    terms = _column_terms(uow, view, shown)
    masks = {name: mask for name, one in shown if (mask := mask_written(one))}
    identifiers = [name for name, one in shown if one.get("identifies") == "true"]
    beside: dict[str, PergamonError | str] = {}
    wrong_masks = assets_room.mask_faults(before.columns, masks, identifiers)
    for number, (name, _) in enumerate(shown):
        if name in wrong_masks:
            beside[f"{COLUMN}{number}.mask"] = wrong_masks[name]
        if None in terms[name]:
            beside[f"{COLUMN}{number}.terms"] = page.text(NO_SUCH_TERM)
    if beside:
        raise NotFitting(beside)
    given: dict[str, Any] = {"assets": _bundled(uow, view, form.assets)} if view.asset.kind is AssetKind.PRODUCT else {}
    try:
        return AssetEdit.model_validate(
            given
            | {
                "title": form.title.strip() or None,
                "description": form.description.strip(),
                "readme": form.readme.strip(),
                "classification": form.classification.strip() or None,
                "column_descriptions": {name: one.get("description", "").strip() or None for name, one in shown},
                "column_terms": {name: found or None for name, found in terms.items()},
                "tags": {**dict.fromkeys(before.tags), **_tags(form.tags)},
                "terms": [*form.terms, *(term for term in before.terms if term not in view.terms)],
                "contacts": [
                    {name: value.strip() for name, value in one.items() if value.strip()} for one in written.contacts
                ],
                "forms": typed_changes(assets_room.read_forms(uow), written.says, before.forms),
                "conditions": _conditions(form, before.conditions, [name for name, _ in shown], masks, identifiers),
            }
        )
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        named = {str(fault["loc"][0]) if fault["loc"] else "conditions": fault["type"] for fault in faults}
        raise FormNotValid(named) from None


def _column_terms(
    uow: UnitOfWork, view: AssetView, shown: Sequence[tuple[str, Mapping[str, str]]]
) -> dict[str, list[str | None]]:
    """The terms on each column, by their names or titles; None: there is none. One that is hidden from whoever writes
    stays where it is."""
    called: dict[str, str] = {}
    if any(one.get("terms", "").strip() for _, one in shown):
        for term in _terms(uow):
            called |= {term.spec.title.casefold(): term.name}
        called |= {name: name for name in [*called.values(), *view.terms]}
    there = view.version.content.column_terms
    return {
        name: [called.get(word.strip().casefold()) for word in one.get("terms", "").split(",") if word.strip()]
        + [term for term in there.get(name, ()) if term not in view.terms]
        for name, one in shown
    }


def _bundled(uow: UnitOfWork, view: AssetView, chosen: Sequence[str]) -> list[str]:
    """What a product bundles, in its order: what was there and is chosen still or was not offered, then what is new."""
    offer, before = _to_bundle(uow, view), view.version.content.assets
    kept = [one for one in before if one in chosen or one not in offer]
    return [*kept, *(one for one in chosen if one not in kept)]


def _conditions(
    form: EditForm, before: AccessConditions, shown: Sequence[str], masks: Mapping[str, str], identifiers: Sequence[str]
) -> AccessConditions:
    """The conditions; what no field of the form speaks of is as it was."""
    others = {name: mask for name, mask in before.masks.items() if name not in shown}
    return AccessConditions.model_validate(
        {
            **dict(before),
            "text": form.conditions.strip(),
            "purposes": [part.strip() for part in form.purposes.split(",") if part.strip()],
            "longest_days": form.longest_days.strip() or None,
            "approvals": form.approvals.strip() or 1,
            "masks": {**others, **masks},
            "identifiers": [*(name for name in before.identifiers if name not in shown), *identifiers],
        }
    )


def _tags(text: str) -> dict[str, str]:
    """One `name=value` a line.

    Raises:
        FormNotValid: a line is none, or a name stands twice.
    """
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    if len(found) != len(pairs) or not all(name.strip() and value.strip() for name, _, value in pairs):
        raise FormNotValid({"tags": "one name=value a line"})
    return found
