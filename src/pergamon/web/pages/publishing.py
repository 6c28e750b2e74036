"""`/assets/{asset}/edit`: its project describes an asset, fills in the forms that are demanded, and publishes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Path
from pydantic import Field, ValidationError
from starlette.responses import Response

from pergamon import catalog as assets_room
from pergamon.catalog import AccessConditions, AssetContent, AssetEdit, AssetKind, AssetView, draft_resource
from pergamon.kernel import Kind, PergamonError
from pergamon.policy import Action
from pergamon.store import UnitOfWork
from pergamon.web.pages.forms import FormNotValid
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.metadata_forms import SAYS, Said, typed_changes
from pergamon.web.pages.page import Form, Page, PageDep

router = page_router()

AssetPath = Annotated[str, Path(min_length=1, max_length=300)]
Words = Annotated[str, Field(max_length=4_000)]
Line = Annotated[str, Field(max_length=200)]
COLUMN, CONTACT = "column.", "contact."
"""What the fields of the column or contact with that number begin with: `column.0.description`."""
BESIDE = (SAYS, COLUMN, CONTACT)
OF_COLUMN = {"description", "mask", "identifies"}
OF_CONTACT = {"name", "email", "role"}
COLUMNS_EDITED = 500
"""More are described by the API; what is said of them stays."""
TERMS_OFFERED = 500
CONTACTS_OFFERED = 20
MENDABLE = frozenset({Kind.INVALID, Kind.CONFLICT})
"""Errors that whoever filled in the form can mend: they are told at the form, which keeps what was written."""

Rows = Mapping[int, Mapping[str, str]]


class EditForm(Form):
    """What is said of an asset as a whole. expected_version: the one that was looked at. publish: at once."""

    expected_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    title: Line = ""
    description: Words = ""
    readme: Annotated[str, Field(max_length=65_536)] = ""
    classification: Line = ""
    tags: Annotated[str, Field(max_length=50_000)] = ""
    terms: Annotated[list[Line], Field(max_length=TERMS_OFFERED)] = Field(default=[])
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
            change = _change(uow, view.version.content, written)
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
        terms = [term for term in assets_room.list_terms(uow, limit=TERMS_OFFERED) if term.spec.state == "approved"]
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
            (number, column, _offered(masks, column.name, shown, number)) for number, column in enumerate(columns)
        ],
        columns_left=len(content.columns) - len(columns),
        written=shown,
        contacts=[*shown.contacts, {}][:CONTACTS_OFFERED],
        terms=terms,
        forms={name: forms[name] for name in demanded if name in forms},
        other_forms={name: spec for name, spec in forms.items() if name not in demanded},
        missing=assets_room.missing_fields(forms, demanded, content.forms),
        failure=failure,
    )


def _offered(masks: Mapping[str, Sequence[str]], name: str, shown: Written, number: int) -> list[str]:
    """The masks that a column can have, and the one that stands there."""
    there = shown.columns.get(number, {}).get("mask", "")
    return [*([there] if there and there not in masks[name] else []), *masks[name]]


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
        conditions=conditions.text,
        purposes=", ".join(conditions.purposes),
        longest_days=str(conditions.longest_days or ""),
        approvals=str(conditions.approvals),
    )
    columns = {
        number: {
            "description": content.column_descriptions.get(column.name, ""),
            "mask": conditions.masks.get(column.name, ""),
            "identifies": "true" if column.name in conditions.identifiers else "",
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
    columns = _numbered(page.says(COLUMN), OF_COLUMN)
    contacts = _numbered(page.says(CONTACT), OF_CONTACT)
    named = [one for _, one in sorted(contacts.items()) if any(value.strip() for value in one.values())]
    return Written(form, columns, named, page.says(SAYS))


def _numbered(fields: Mapping[str, Mapping[str, str]], known: set[str]) -> dict[int, Mapping[str, str]]:
    """Fields by number.

    Raises:
        FormNotValid: one has no number, or is none of these.
    """
    if any(not number.isascii() or not number.isdecimal() or len(number) > 5 for number in fields):
        raise FormNotValid({"(unknown)": "extra_forbidden"})
    if any(set(one) - known for one in fields.values()):
        raise FormNotValid({"(unknown)": "extra_forbidden"})
    return {int(number): one for number, one in fields.items()}


def _change(uow: UnitOfWork, before: AssetContent, written: Written) -> AssetEdit:
    """What was written, as the verb wants it: what is said now, and what is not said any more.

    Raises:
        FormNotValid: a text cannot stand there.
    """
    form = written.form
    shown = [(column.name, written.columns.get(number, {})) for number, column in enumerate(before.columns)]
    shown = shown[:COLUMNS_EDITED]
    tags = _tags(form.tags)
    try:
        return AssetEdit.model_validate(
            {
                "title": form.title.strip() or None,
                "description": form.description.strip(),
                "readme": form.readme.strip(),
                "classification": form.classification.strip() or None,
                "column_descriptions": {name: one.get("description", "").strip() or None for name, one in shown},
                "tags": {**dict.fromkeys(before.tags), **tags},
                "terms": form.terms,
                "contacts": [
                    {name: value.strip() for name, value in one.items() if value.strip()} for one in written.contacts
                ],
                "forms": typed_changes(assets_room.read_forms(uow), written.says, before.forms),
                "conditions": _conditions(form, before.conditions, shown),
            }
        )
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        named = {str(fault["loc"][0]) if fault["loc"] else "conditions": fault["type"] for fault in faults}
        raise FormNotValid(named) from None


def _conditions(
    form: EditForm, before: AccessConditions, shown: Sequence[tuple[str, Mapping[str, str]]]
) -> AccessConditions:
    """The conditions; what no field of the form speaks of is as it was."""
    names = {name for name, _ in shown}
    masks = {name: mask for name, mask in before.masks.items() if name not in names}
    identifiers = [name for name in before.identifiers if name not in names]
    return AccessConditions.model_validate(
        {
            **dict(before),
            "text": form.conditions.strip(),
            "purposes": [part.strip() for part in form.purposes.split(",") if part.strip()],
            "longest_days": form.longest_days.strip() or None,
            "approvals": form.approvals.strip() or 1,
            "masks": masks | {name: one["mask"] for name, one in shown if one.get("mask")},
            "identifiers": identifiers + [name for name, one in shown if one.get("identifies") == "true"],
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
