"""Fields of every type, with what fits and what does not; which forms hold where."""

import time
from typing import Any

import pytest
from pydantic import ValidationError

from pergamon.catalog import AssetKind, FieldSpec, FormSpec, RuleSpec, missing_fields, required_forms, wrong_fields

TERMS = ["approved"]
FIELDS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "max_length": 3},
    "number": {"type": "number", "minimum": 0, "maximum": 1},
    "integer": {"type": "integer", "minimum": 0},
    "boolean": {"type": "boolean"},
    "date": {"type": "date"},
    "enum": {"type": "enum", "choices": ["a", "b"]},
    "term": {"type": "term"},
    "url": {"type": "url"},
    "email": {"type": "email"},
}
FITS: dict[str, list[Any]] = {
    "text": ["", "abc", "äöü", None],
    "number": [0, 1, 0.5, None],
    "integer": [0, 10**12],
    "boolean": [True, False],
    "date": ["2024-02-29"],
    "enum": ["a", "b"],
    "term": ["approved"],
    "url": ["https://example.org/a?b#c", "http://[::1]/"],
    "email": ["a@b", "ä@ö.example"],
}
DOES_NOT_FIT: dict[str, list[Any]] = {
    "text": ["abcd", 1, True],
    "number": [-0.1, 1.1, float("nan"), float("inf"), "0.5", True, 10**400],
    "integer": [-1, 1.0, 1.5, "1", False, 2**63],
    "boolean": [0, 1, "true"],
    "date": ["2023-02-29", "20240229", "2024-2-9", "2024-02-29T00:00", 20240229, ""],
    "enum": ["A", "c", "", 1, True],
    "term": ["draft", "", 1],
    "url": ["ftp://x", "https://", "https:// x", "javascript:alert(1)", "", 1, "https://" + "a" * 3000],
    "email": ["a", "a@", "@b", "a b@c", "a@b@c", "", 1],
}
FORM = FormSpec.model_validate({"fields": FIELDS})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FITS.items() for value in values])
def test_what_fits_is_let_in(name: str, value: Any) -> None:
    assert wrong_fields({"form": FORM}, {"form": {name: value}}, TERMS) == []


@pytest.mark.parametrize(("name", "value"), [(n, value) for n, values in DOES_NOT_FIT.items() for value in values])
def test_what_does_not_fit_is_told_without_the_value(name: str, value: Any) -> None:
    (fault,) = wrong_fields({"form": FORM}, {"form": {name: value}}, TERMS)
    assert fault.startswith(f"form.{name}: ")
    if isinstance(value, str) and len(value) > 8:
        assert value not in fault


def test_every_type_of_field_is_tried() -> None:
    types = set(FieldSpec.model_fields["type"].annotation.__args__)  # type: ignore[union-attr]
    assert types == set(FITS) == set(DOES_NOT_FIT) == set(FIELDS)


def test_no_text_takes_long_to_be_looked_at() -> None:
    begun = time.perf_counter()
    for text in ("https://" + "/" * 1990, "a" * 4000 + "@" * 2, "@" * 4000, "0" * 4000):
        wrong_fields({"form": FORM}, {"form": {"url": text, "email": text, "date": text, "text": text}}, TERMS)
    assert time.perf_counter() - begun < 0.5


def test_an_unknown_form_and_an_unknown_field_are_told() -> None:
    assert wrong_fields({"form": FORM}, {"form": {"x": 1}, "other": {}}, TERMS) == [
        "form.x: the form has no such field",
        "other: there is no such form",
    ]


@pytest.mark.parametrize(
    "field",
    [
        {"type": "enum"},
        {"type": "text", "choices": ["a"]},
        {"type": "text", "minimum": 1},
        {"type": "date", "max_length": 3},
        {"type": "number", "minimum": 2, "maximum": 1},
        {"type": "regex"},
    ],
)
def test_a_field_whose_bounds_do_not_fit_its_type_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FieldSpec.model_validate(field)


REQUIRED = FormSpec.model_validate({"fields": {"a": {"type": "text", "required": True}, "b": {"type": "boolean"}}})
OPTIONAL = FormSpec.model_validate({"fields": {"a": {"type": "text"}}})


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, ["free", "strict.a"]),
        ({"strict": {"b": False}}, ["free", "strict.a"]),
        ({"strict": {"a": "x"}}, ["free"]),
        ({"strict": {"a": None}, "free": {"a": "x"}}, ["strict.a"]),
        ({"strict": {"a": ""}, "free": {"a": "x"}}, []),
    ],
)
def test_every_required_field_that_is_empty_is_named(values: dict[str, Any], missing: list[str]) -> None:
    assert missing_fields({"strict": REQUIRED, "free": OPTIONAL}, ["free", "strict"], values) == missing


def test_a_form_that_is_demanded_and_gone_is_named() -> None:
    assert missing_fields({}, ["gone"], {}) == ["gone"]


RULES = {
    "everywhere": RuleSpec(forms=("f1",)),
    "clinic": RuleSpec(forms=("f2",), units=("clinic",)),
    "heart": RuleSpec(forms=("f3",), projects=("heart",)),
    "products": RuleSpec(forms=("f4",), asset_kinds=(AssetKind.PRODUCT,)),
    "request": RuleSpec(forms=("f5",), when="request"),
    "both": RuleSpec(forms=("f6", "f1"), units=("cardiology",), projects=("heart",)),
}


@pytest.mark.parametrize(
    ("unit", "project", "kind", "forms"),
    [
        ("", "other", AssetKind.TABLE, ["f1"]),
        ("clinic", "other", AssetKind.TABLE, ["f1", "f2"]),
        ("clinic/cardiology", "other", AssetKind.TABLE, ["f1", "f2"]),
        ("clinic/cardiology", "heart", AssetKind.TABLE, ["f1", "f2", "f3", "f6"]),
        ("clinical", "heart", AssetKind.PRODUCT, ["f1", "f3", "f4"]),
    ],
)
def test_which_forms_hold_where(unit: str, project: str, kind: AssetKind, forms: list[str]) -> None:
    assert required_forms(RULES, "publish", unit=unit, project=project, kind=kind) == forms
    assert required_forms(RULES, "request", unit=unit, project=project, kind=kind) == ["f5"]
