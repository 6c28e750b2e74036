"""What may stand in a metadata form, and which forms must be filled in before an asset is published or requested? Pure.

A field's text is checked by length and by a list of choices, never by a regular expression of the configuration: an
expression can be made to take for ever.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pergamon.catalog.model import AssetKind, FieldName, FormValue, Line, Slug, Strict, Text

URL = re.compile(r"https?://[^\s/?#]+[^\s]*")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
LONGEST_URL = 2_000
LONGEST_EMAIL = 254
LONGEST_TEXT = 4_000
LARGEST_INTEGER = 2**63 - 1

FieldType = Literal["text", "number", "integer", "boolean", "date", "enum", "term", "url", "email"]


class FieldSpec(Strict):
    """A field: its type, whether it must be filled in, and between which bounds."""

    type: FieldType
    title: Line | None = None
    description: Text = ""
    required: bool = False
    choices: Annotated[tuple[Line, ...], Field(max_length=1_000)] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] | None = None

    @model_validator(mode="after")
    def _bounds_fit_the_type(self) -> Self:
        if (self.type == "enum") != bool(self.choices):
            raise ValueError("a field has choices if its type is enum, and only then")
        if self.type not in ("number", "integer") and (self.minimum is not None or self.maximum is not None):
            raise ValueError("minimum and maximum are for numbers")
        if self.type != "text" and self.max_length is not None:
            raise ValueError("max_length is for text")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        return self


class FormSpec(Strict):
    """A form: what else is said of an asset, in typed fields."""

    title: Line | None = None
    description: Text = ""
    fields: Annotated[dict[FieldName, FieldSpec], Field(min_length=1, max_length=200)]


class RuleSpec(Strict):
    """A rule: these forms must be filled in when an asset is published, or when it is requested.

    Where: in these units and those below, in these projects, for these kinds of asset. What is empty does not narrow.
    """

    when: Literal["publish", "request"] = "publish"
    forms: Annotated[tuple[Slug, ...], Field(min_length=1)]
    units: tuple[Slug, ...] = ()
    projects: tuple[Slug, ...] = ()
    asset_kinds: tuple[AssetKind, ...] = ()
    description: Text = ""


def required_forms(
    rules: Mapping[str, RuleSpec], when: Literal["publish", "request"], *, unit: str, project: str, kind: AssetKind
) -> list[str]:
    """The forms that hold for an asset, each once, sorted. unit: the path of its unit."""
    inside = set(unit.split("/")) if unit else set[str]()
    holding = (
        rule
        for rule in rules.values()
        if rule.when == when
        and (not rule.units or inside & set(rule.units))
        and (not rule.projects or project in rule.projects)
        and (not rule.asset_kinds or kind in rule.asset_kinds)
    )
    return sorted({form for rule in holding for form in rule.forms})


def missing_fields(
    forms: Mapping[str, FormSpec], needed: Iterable[str], values: Mapping[str, Mapping[str, FormValue]]
) -> list[str]:
    """What still is to be said before those forms are complete: `form.field`, each required field that is empty.

    A form without any required field must have one field filled in, and is named itself.
    """
    missing: list[str] = []
    for name in needed:
        spec, given = forms.get(name), values.get(name, {})
        if spec is None:
            missing.append(name)
            continue
        required = [field for field, rule in spec.fields.items() if rule.required]
        missing += [f"{name}.{field}" for field in required if given.get(field) is None]
        if not required and not any(given.get(field) is not None for field in spec.fields):
            missing.append(name)
    return missing


def wrong_fields(
    forms: Mapping[str, FormSpec], values: Mapping[str, Mapping[str, FormValue]], terms: Iterable[str]
) -> list[str]:
    """What stands in forms and does not fit them: `form.field: what it should be`. terms: the approved ones."""
    known = frozenset(terms)
    wrong: list[str] = []
    for name, given in values.items():
        spec = forms.get(name)
        if spec is None:
            wrong.append(f"{name}: there is no such form")
            continue
        for field, value in given.items():
            rule = spec.fields.get(field)
            fault = "the form has no such field" if rule is None else fault_of(rule, value, known)
            if fault:
                wrong.append(f"{name}.{field}: {fault}")
    return wrong


def fault_of(rule: FieldSpec, value: FormValue, terms: frozenset[str]) -> str:
    """What a value should be, when it is not; `""` when it fits. The value itself is never told."""
    if value is None:
        return ""
    if rule.type in ("integer", "number"):
        return _fault_of_number(rule, value)
    longest = rule.max_length or LONGEST_TEXT
    fits, wanted = {
        "text": (isinstance(value, str) and len(value) <= longest, f"text of at most {longest} characters"),
        "boolean": (isinstance(value, bool), "true or false"),
        "date": (isinstance(value, str) and _is_date(value), "a date, as 2026-01-31"),
        "enum": (value in rule.choices, f"one of {', '.join(rule.choices[:20])}"),
        "term": (value in terms, "the name of an approved term of the glossary"),
        "url": (_is_like(URL, value, LONGEST_URL), "an address that begins with https:// or http://"),
        "email": (_is_like(EMAIL, value, LONGEST_EMAIL), "an e-mail address"),
    }[rule.type]
    return "" if fits else wanted


def _fault_of_number(rule: FieldSpec, value: FormValue) -> str:
    wanted = "a whole number" if rule.type == "integer" else "a number"
    bounds = [f"at least {rule.minimum:g}"] if rule.minimum is not None else []
    bounds += [f"at most {rule.maximum:g}"] if rule.maximum is not None else []
    told = f"{wanted} {' and '.join(bounds)}".strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST_INTEGER:
        return told
    if rule.type == "integer" and not isinstance(value, int):
        return told
    if not math.isfinite(value):
        return told
    above = rule.minimum is None or value >= rule.minimum
    below = rule.maximum is None or value <= rule.maximum
    return "" if above and below else told


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_like(pattern: re.Pattern[str], value: FormValue, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and pattern.fullmatch(value) is not None
