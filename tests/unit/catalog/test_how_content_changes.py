"""An edit as a merge: what is not named stays, null takes away; and what two versions say differently."""

from typing import Any

import pytest
from pydantic import ValidationError

from pergamon.catalog import AssetContent, AssetEdit, Column, TableFacts, differences
from pergamon.catalog.content import column_changes, edited, with_table
from pergamon.catalog.model import BadContent

CONTENT = AssetContent(
    columns=(Column(name="id", type="long"), Column(name="sex", type="string")),
    title="Patients",
    description="All.",
    column_descriptions={"sex": "as registered"},
    column_terms={"sex": ("person",)},
    terms=("patient",),
    tags={"source": "register", "year": "2024"},
    forms={"ehds": {"basis": "law", "persons": 3}},
)


@pytest.mark.parametrize(
    ("edit", "field", "value"),
    [
        ({}, "title", "Patients"),
        ({"title": None}, "title", None),
        ({"title": "People"}, "title", "People"),
        ({"description": None}, "description", ""),
        ({"tags": {"year": None}}, "tags", {"source": "register"}),
        ({"tags": {"year": "2025", "a": "b"}}, "tags", {"a": "b", "source": "register", "year": "2025"}),
        ({"tags": None}, "tags", {}),
        ({"terms": ["b", "a", "b"]}, "terms", ("b", "a")),
        ({"terms": []}, "terms", ()),
        ({"column_descriptions": {"id": "the key"}}, "column_descriptions", {"id": "the key", "sex": "as registered"}),
        ({"column_descriptions": {"sex": None}}, "column_descriptions", {}),
        ({"column_terms": {"sex": []}}, "column_terms", {}),
        ({"forms": {"ehds": {"persons": None}}}, "forms", {"ehds": {"basis": "law"}}),
        ({"forms": {"ehds": {"persons": 0}}}, "forms", {"ehds": {"basis": "law", "persons": 0}}),
        ({"forms": {"ehds": {"exact": False}}}, "forms", {"ehds": {"basis": "law", "exact": False, "persons": 3}}),
        ({"forms": {"ehds": None}}, "forms", {}),
        ({"forms": {"ehds": {"basis": None, "persons": None}}}, "forms", {}),
    ],
)
def test_what_an_edit_leaves(edit: dict[str, Any], field: str, value: Any) -> None:
    after = edited(CONTENT, AssetEdit.model_validate(edit))
    assert getattr(after, field) == value
    others = {name for name in AssetContent.model_fields if getattr(after, name) != getattr(CONTENT, name)}
    assert others <= {field}


def test_a_column_that_the_table_has_not_is_refused_unless_it_is_taken_away() -> None:
    with pytest.raises(BadContent, match="`age`"):
        edited(CONTENT, AssetEdit(column_descriptions={"age": "x"}))
    assert edited(CONTENT, AssetEdit(column_descriptions={"age": None})) == CONTENT


def test_what_was_said_of_a_column_comes_back_with_it() -> None:
    gone = with_table(CONTENT, TableFacts(columns=(Column(name="id", type="long"),)))
    back = with_table(gone, TableFacts(columns=CONTENT.columns))
    assert back == CONTENT
    changes = column_changes(gone.columns, back.columns)
    assert (changes.added, changes.removed, changes.retyped) == (("sex",), (), ())


def test_the_difference_is_told_field_by_field() -> None:
    edit = {"title": None, "tags": {"year": None}, "forms": {"ehds": {"persons": 4}}, "terms": ["other"]}
    after = edited(CONTENT, AssetEdit.model_validate(edit))
    retyped = (Column(name="id", type="string", required=True),)
    told = {d.field: (d.before, d.after) for d in differences(CONTENT, after.model_copy(update={"columns": retyped}))}
    assert told == {
        "columns.id": ("long", "string required"),
        "columns.sex": ("string", None),
        "title": ("Patients", None),
        "tags.year": ("2024", None),
        "terms": (["patient"], ["other"]),
        "forms.ehds.persons": (3, 4),
    }


@pytest.mark.parametrize(
    "edit",
    [
        {"title": "a\nb"},
        {"title": " a"},
        {"title": ""},
        {"title": "\x00"},
        {"title": "\x9b"},
        {"title": "\ud800"},
        {"title": "x" * 201},
        {"readme": "x" * 65_537},
        {"readme": "\x1b[31m"},
        {"tags": {"a": "\x00"}},
        {"tags": {str(number): "x" for number in range(101)}},
        {"column_descriptions": {"\x00": "x"}},
        {"terms": ["Not A Slug"]},
        {"terms": ["a\n"]},
        {"classification": "../secret"},
        {"contacts": [{"name": "A", "email": "no address"}]},
        {"contacts": [{"name": "A", "phone": "1"}]},
        {"forms": {"a": {"b": ["list"]}}},
        {"forms": {"a": {"b": "\x00"}}},
        {"unknown": 1},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_what_cannot_be_said_is_refused_and_not_repeated(edit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        AssetEdit.model_validate(edit)
    assert "input_value" not in str(refused.value)


def test_text_in_any_script_may_be_said() -> None:
    AssetEdit(title="患者 — مریض‌ها 👩‍⚕️", readme="# Über\n\n\tindented\n")
