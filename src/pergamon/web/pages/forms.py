"""What was sent in a form, field by field, as its model says; and what is wrong with it, at the field where it is."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from pergamon.web.errors import WebError

ModelT = TypeVar("ModelT", bound=BaseModel)
SEVERAL = (list, tuple, frozenset, set)


class FormNotValid(WebError):
    """A field of a form is missing, wrong, or none of this form. `faults`: what, by field."""

    code, status = "web.form_not_valid", 422

    def __init__(self, faults: Mapping[str, str]) -> None:
        named = ", ".join(sorted(faults)[:10])
        super().__init__(f"the form cannot be used as it is: {named}", hint="mend these fields, then send it again")
        self.faults = faults


def parsed(model: type[ModelT], fields: Sequence[tuple[str, str]]) -> ModelT:
    """A model of the fields. What is left empty is not given. A field that may come several times is a sequence.

    Raises:
        FormNotValid: a field is missing, wrong, comes twice, or is none of this form.
    """
    given: dict[str, Any] = {}
    several = {name for name, spec in model.model_fields.items() if _is_several(spec.annotation)}
    twice = set()
    for name, value in fields:
        if name in several:
            given.setdefault(name, []).append(value)
        elif name in given:
            twice.add(name)
        elif value.strip() or name not in model.model_fields:
            given[name] = value
    if twice:
        raise FormNotValid({_shown(model, name): "twice" for name in twice})
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise FormNotValid(
            {_shown(model, str(fault["loc"][0]) if fault["loc"] else ""): fault["type"] for fault in faults}
        ) from None


def dotted(prefix: str, fields: Sequence[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Fields by form: `says.ethics.board` is {"ethics": {"board": …}}.

    Raises:
        FormNotValid: such a field comes twice, or names no field.
    """
    found: dict[str, dict[str, str]] = {}
    for name, value in fields:
        if not name.startswith(prefix):
            continue
        form, dot, called = name.removeprefix(prefix).partition(".")
        if not dot or called in found.get(form, {}):
            raise FormNotValid({"(unknown)": "extra_forbidden"})
        found.setdefault(form, {})[called] = value
    return found


def _shown(model: type[BaseModel], name: str) -> str:
    """A field's name; of one that is none of this form, nothing: it is somebody's text."""
    return name if name in model.model_fields else "(unknown)"


def _is_several(annotation: Any) -> bool:  # Any: a type
    kinds = (annotation, *getattr(annotation, "__args__", ()))
    return any(get_origin(kind) in SEVERAL or kind in SEVERAL for kind in kinds)
