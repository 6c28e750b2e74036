"""What an organization may be called: asked by who writes a `pergamon.yaml`, by the very rule of who reads it."""

from pydantic import TypeAdapter, ValidationError

from pergamon.deploy.documents.base import Label
from pergamon.kernel import Invalid


class BadOrganization(Invalid):
    """An organization's name is one that `pergamon.yaml` takes: references and the trail carry it."""

    code = "deploy.bad_organization"


def require_organization(name: str) -> None:
    """Refuse what `pergamon.yaml` would refuse.

    Raises:
        BadOrganization: it does not fit.
    """
    try:
        TypeAdapter(Label).validate_python(name)
    except ValidationError:
        hint = "small letters, digits and dashes, a letter first, at most 31: such as st-elsewhere"
        raise BadOrganization("an organization cannot be called so", hint=hint) from None
