"""Wildcards against a slow matcher; plans that keep every column; rules that are refused and never ignored."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.replicate.mapping_rules import RuleNotUsable, matches, parse_rules

letters = st.sampled_from("abcAB_%")
names = st.text(letters, max_size=6)
patterns = st.lists(st.sampled_from(["%", "_", "a", "b", "A", "[_]", "[ab]", "[a-c]", "[%]"]), max_size=5)


def slowly(parts: list[str], name: str) -> bool:
    """Try every way in which the pattern could be laid over the name."""
    if not parts:
        return not name
    head, rest = parts[0], parts[1:]
    if head == "%":
        return any(slowly(rest, name[cut:]) for cut in range(len(name) + 1))
    if not name:
        return False
    allowed = {"[_]": "_", "[ab]": "ab", "[a-c]": "abc", "[%]": "%"}.get(head, head)
    return (head == "_" or name[0] in allowed) and slowly(rest, name[1:])


@given(patterns, names)
def test_wildcards_match_as_a_slow_matcher_does(parts: list[str], name: str) -> None:
    assert matches("".join(parts), name) == slowly(parts, name)


def selection(number: int, schema: str, table: str, action: str) -> dict[str, Any]:
    locator = {"schema-name": schema, "table-name": table}
    return {"rule-type": "selection", "rule-id": str(number), "rule-action": action, "object-locator": locator}


@given(st.lists(st.tuples(patterns, st.sampled_from(["include", "exclude"])), min_size=1, max_size=4), names)
def test_a_table_is_taken_when_included_and_not_excluded(given_rules: list[tuple[list[str], str]], name: str) -> None:
    chosen = [("".join(parts) or "%", action) for parts, action in given_rules]
    document = [selection(number, "%", table, action) for number, (table, action) in enumerate(chosen)]
    if all(action == "exclude" for _, action in chosen):
        with pytest.raises(RuleNotUsable, match="select nothing"):
            parse_rules(document)
        return
    found = [action for table, action in chosen if matches(table, name)]
    assert parse_rules(document).selects("hda", name) == ("include" in found and "exclude" not in found)


columns = st.lists(st.text(st.sampled_from("abcdXYZ"), min_size=1, max_size=5), unique_by=str.casefold, max_size=6)
renamings = st.sampled_from(
    [
        ("convert-uppercase", {}),
        ("convert-lowercase", {}),
        ("add-prefix", {"value": "p_"}),
        ("add-suffix", {"value": "_s"}),
        ("remove-prefix", {"value": "a"}),
        ("replace-suffix", {"value": "1", "old-value": "b"}),
    ]
)


@given(columns, st.lists(renamings, max_size=4))
def test_a_plan_keeps_every_column_once_or_is_refused(
    given_columns: list[str], chosen: list[tuple[str, dict[str, str]]]
) -> None:
    locator = {"schema-name": "%", "table-name": "%", "column-name": "%"}
    document = [selection(1, "%", "%", "include")]
    for number, (action, values) in enumerate(chosen, start=2):
        document.append(
            {"rule-type": "transformation", "rule-id": str(number), "rule-target": "column", "rule-action": action}
            | {"object-locator": locator, **values}
        )
    try:
        plan = parse_rules({"rules": document}).plan("s", "t", given_columns)
    except RuleNotUsable as error:
        assert "would both be called" in error.message  # noqa: PT017 - only this refusal is possible here
        return
    assert [name for name, _ in plan.columns] == given_columns
    landed = [name.casefold() for _, name in plan.columns]
    assert len(set(landed)) == len(landed)
