"""Is an asset complete enough to be published, or to be requested? What the rules demand of it, with what is there."""

from collections.abc import Mapping
from typing import Literal

from pergamon.catalog import tables_of_places as places
from pergamon.catalog.forms import FormSpec, missing_fields, required_forms, wrong_fields
from pergamon.catalog.model import Asset, AssetContent, FormValue
from pergamon.store import UnitOfWork


def lacks_for_publishing(uow: UnitOfWork, asset: Asset, content: AssetContent) -> tuple[str, ...]:
    """Every field that is missing or wrong before this content may be the listing, as `form.field`; none: it may."""
    needed = forms_demanded(uow, asset, "publish")
    if not needed and not content.forms:
        return ()
    forms = places.forms(uow)
    values = {name: given for name, given in content.forms.items() if name in forms}
    wrong = wrong_fields(forms, values, approved_terms(uow, forms, values))
    return (*missing_fields(forms, needed, content.forms), *wrong)


def lacks_for_requesting(
    uow: UnitOfWork, asset: Asset, given: Mapping[str, Mapping[str, FormValue]]
) -> tuple[str, ...]:
    """Every field that is missing or wrong of the forms that a request gives, or must give; none: all is said."""
    needed = forms_demanded(uow, asset, "request")
    if not needed and not given:
        return ()
    forms = places.forms(uow)
    return (
        *missing_fields(forms, needed, given),
        *wrong_fields(forms, given, approved_terms(uow, forms, given)),
    )


def forms_demanded(uow: UnitOfWork, asset: Asset, when: Literal["publish", "request"]) -> list[str]:
    """The forms that rules demand of this asset when it is published or requested."""
    rules = places.rules(uow)
    return required_forms(rules, when, unit=asset.place.unit, project=asset.place.project, kind=asset.kind)


def approved_terms(uow: UnitOfWork, forms: dict[str, FormSpec], values: object) -> list[str]:
    """The approved terms, when a form has a field that names one."""
    if not values or not any(field.type == "term" for form in forms.values() for field in form.fields.values()):
        return []
    return [row["name"] for row in places.terms(uow) if row["state"] == "approved"]
