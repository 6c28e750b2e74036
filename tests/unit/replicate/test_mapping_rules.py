"""Rules that are refused name their rule-id and what to do; what is accepted does what DMS does."""

from copy import deepcopy
from typing import Any

import pytest

from pergamon.replicate.mapping_rules import RuleNotUsable, check_targets, parse_rules

INCLUDE: dict[str, Any] = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "1",
    "object-locator": {"schema-name": "hda", "table-name": "%"},
    "rule-action": "include",
    "filters": [],
}
UPPER: dict[str, Any] = {
    "rule-type": "transformation",
    "rule-id": "2",
    "rule-name": "2",
    "rule-target": "column",
    "object-locator": {"schema-name": "%", "table-name": "%", "column-name": "%"},
    "rule-action": "convert-uppercase",
    "value": None,
    "old-value": None,
}
ADD: dict[str, Any] = {
    "rule-type": "transformation",
    "rule-id": "3",
    "rule-name": "3",
    "rule-target": "column",
    "object-locator": {"schema-name": "%", "table-name": "%"},
    "rule-action": "add-column",
    "value": "CDC_TIMESTAMP_SEQ",
    "expression": "$AR_H_CHANGE_SEQ",
    "data-type": {"type": "string", "length": 50},
}


def changed(rule: dict[str, Any], **changes: Any) -> dict[str, Any]:
    copy = deepcopy(rule)
    for key, value in changes.items():
        copy[key.replace("_", "-")] = value
    return copy


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (changed(INCLUDE, rule_id="7", surprise=1), "rule 7 has the unknown key 'surprise'"),
        (changed(INCLUDE, rule_id="7", rule_action="maybe"), "rule 7 has rule-action 'maybe'"),
        (changed(INCLUDE, rule_id="7", rule_type="sorting"), "rule 7 has rule-type 'sorting'"),
        (
            changed(INCLUDE, rule_id="7", filters=[{"filter-type": "source"}]),
            "rule 7 has filters, which are not supported",
        ),
        (changed(INCLUDE, rule_id="7", object_locator={"schema-name": "hda"}), "rule 7 has no 'table-name'"),
        (
            changed(INCLUDE, rule_id="7", object_locator={"schema-name": "h", "table-name": "[a"}),
            "rule 7 has an unusable",
        ),
        (
            changed(INCLUDE, rule_id="7", object_locator={"schema-name": "h", "table-name": "t", "table-type": "view"}),
            "rule 7 has table-type 'view'",
        ),
        (changed(INCLUDE, rule_id="7", load_order="first"), "rule 7 has a load-order"),
        (changed(INCLUDE, rule_id="1"), "rule 1 appears twice"),
        (changed(UPPER, rule_id="7", rule_target="tablespace"), "rule 7 has rule-target 'tablespace'"),
        (
            changed(UPPER, rule_id="7", rule_action="data-masking-hash-mask"),
            "rule 7 has rule-action 'data-masking-hash-mask', which is not supported",
        ),
        (
            changed(UPPER, rule_id="7", rule_action="change-data-type"),
            "rule 7 has rule-action 'change-data-type', which is not supported",
        ),
        (changed(UPPER, rule_id="7", rule_action="rename", value="x"), "rule 7 renames every column"),
        (changed(UPPER, rule_id="7", rule_action="add-prefix"), "rule 7 has no 'value'"),
        (changed(UPPER, rule_id="7", value="x"), "rule 7 has 'value', which convert-uppercase does not use"),
        (changed(UPPER, rule_id="7", rule_action="remove-column", rule_target="table"), "rule 7 removes a column but"),
        (changed(ADD, rule_id="7", expression="$AR_H_USER"), "rule 7 has the expression"),
        (changed(ADD, rule_id="7", expression="upper($NAME)"), "rule 7 has the expression"),
        (changed(ADD, rule_id="7", expression="AR_H_OPERATION"), "rule 7 has the expression"),
        (changed(ADD, rule_id="7", data_type={"type": "int4"}), "rule 7 has data-type 'int4', which is not supported"),
        (changed(ADD, rule_id="7", data_type={"type": "datetime", "precision": 6}), "rule 7 wants"),
        (changed(ADD, rule_id="7", data_type={"type": "string", "length": 10}), "rule 7 has a length of 10"),
        (
            changed(ADD, rule_id="7", data_type={"type": "string", "scale": 3}),
            "rule 7 has the unknown data-type key 'scale'",
        ),
    ],
)
def test_what_is_not_supported_is_an_error_that_names_the_rule(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleNotUsable) as caught:
        parse_rules({"rules": [INCLUDE, rule]})
    assert said in caught.value.message
    assert caught.value.hint


def test_the_rules_of_the_published_accelerator_are_taken_as_they_are() -> None:
    rules = parse_rules({"rules": [INCLUDE, UPPER, ADD]})
    plan = rules.plan("hda", "patients", ["id", "name"], ["id"])
    assert plan.columns == (("id", "ID"), ("name", "NAME"))
    assert [(added.name, added.header) for added in plan.added] == [("CDC_TIMESTAMP_SEQ", "AR_H_CHANGE_SEQ")]
    assert rules.selects("hda", "patients")
    assert not rules.selects("HDA", "patients")


def test_an_explicit_rule_has_no_wildcards() -> None:
    rule = changed(INCLUDE, rule_action="explicit", object_locator={"schema-name": "hda", "table-name": "a_b"})
    rules = parse_rules([rule])
    assert rules.selects("hda", "a_b")
    assert not rules.selects("hda", "axb")


def test_schema_and_table_are_renamed_for_landing_only() -> None:
    schema = changed(UPPER, rule_target="schema", object_locator={"schema-name": "hda"})
    table = changed(UPPER, rule_id="3", rule_target="table", rule_action="rename", value="people")
    table["object-locator"] = {"schema-name": "hda", "table-name": "patients"}
    plan = parse_rules([INCLUDE, schema, table]).plan("hda", "patients", ["id"])
    assert (plan.schema, plan.table, plan.target_schema, plan.target_table) == ("hda", "patients", "HDA", "people")


def test_two_tables_may_not_land_as_one() -> None:
    table = changed(UPPER, rule_target="table", rule_action="remove-suffix", value="_old")
    table["object-locator"] = {"schema-name": "hda", "table-name": "%"}
    rules = parse_rules([INCLUDE, table])
    with pytest.raises(RuleNotUsable, match=r"hda\.a and hda\.a_old would both land as hda\.a"):
        check_targets([rules.plan("hda", "a", ["id"]), rules.plan("hda", "a_old", ["id"])])


def test_a_key_column_may_not_be_removed() -> None:
    rule = changed(UPPER, rule_id="9", rule_action="remove-column")
    rule["object-locator"]["column-name"] = "id"
    with pytest.raises(RuleNotUsable, match=r"rule 9 removes hda\.patients\.id, which belongs to the key"):
        parse_rules([INCLUDE, rule]).plan("hda", "patients", ["id", "name"], ["id"])


def test_names_that_differ_only_in_case_are_refused_because_engines_do_not_tell_them_apart() -> None:
    with pytest.raises(RuleNotUsable, match="would both be called"):
        parse_rules([INCLUDE]).plan("hda", "patients", ["id", "ID"])


def test_pergamons_own_columns_may_not_be_hidden() -> None:
    with pytest.raises(RuleNotUsable, match="Pergamon's own column Op"):
        parse_rules([INCLUDE]).plan("hda", "patients", ["id", "op"])


@pytest.mark.parametrize("name", ["../etc", ".hidden", "a/b"])
def test_a_table_may_not_land_outside_its_folder(name: str) -> None:
    with pytest.raises(RuleNotUsable, match="would land in a folder called"):
        parse_rules([INCLUDE]).plan("hda", name, ["id"])


@pytest.mark.parametrize("document", [{}, [], {"rules": []}, {"rules": [INCLUDE], "more": 1}, [1], "text", [UPPER]])
def test_a_document_without_a_usable_selection_is_refused(document: Any) -> None:
    with pytest.raises(RuleNotUsable):
        parse_rules(document)


@pytest.mark.parametrize(
    "name", ["_operation", "__operation", "__keep_note", "_previous_id", "__OLD_x", "_POSITION", "op"]
)
def test_a_column_that_a_merge_would_take_for_its_own_is_refused_before_it_lands(name: str) -> None:
    with pytest.raises(RuleNotUsable, match=r"for themselves|would both be called"):
        parse_rules([INCLUDE]).plan("hda", "patients", ["id", name])
