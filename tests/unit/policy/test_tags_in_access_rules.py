"""An access rule with tags reaches what carries all of them, below its prefix; a thing without tags never."""

import pytest

from pergamon.policy import AccessRule, Resource, resource_for_path, rule_reaches

TABLE = [
    # tags of the rule, tags of the thing, reached
    ({}, {}, True),
    ({}, {"a": "1"}, True),
    ({"a": "1"}, {}, False),
    ({"a": "1"}, {"a": "1"}, True),
    ({"a": "1"}, {"a": "1", "b": "2"}, True),
    ({"a": "1"}, {"a": "2"}, False),
    ({"a": "1"}, {"A": "1"}, False),
    ({"a": "1"}, {"b": "1"}, False),
    ({"a": "1", "b": "2"}, {"a": "1"}, False),
    ({"a": ""}, {}, False),
    ({"a": ""}, {"a": ""}, True),
]


@pytest.mark.parametrize(("asked", "carried", "reached"), TABLE)
def test_a_rule_reaches_what_carries_all_its_tags(
    asked: dict[str, str], carried: dict[str, str], reached: bool
) -> None:
    rule = AccessRule("data/", readers=frozenset({"reader"}), tags=asked)
    assert rule_reaches(rule, "data/x", carried) is reached
    assert not rule_reaches(rule, "other/x", carried)
    assert bool(resource_for_path("object", "b/data/x", "data/x", [rule], tags=carried).readers) is reached


def test_a_table_is_reached_by_no_rule_with_tags() -> None:
    rules = [AccessRule("", readers=frozenset({"reader"}), supers=frozenset({"super"}), tags={"open": "yes"})]
    assert resource_for_path("table", "db.t", "data/db/t", rules) == Resource("table", "db.t")
