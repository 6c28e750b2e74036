"""Several files make one module; placeholders are filled, secrets are not."""

from typing import Any

import pytest

from pergamon.deploy.merge import merged
from pergamon.deploy.placeholders import Surroundings, filled, secret_name
from pergamon.deploy.problems import Problem
from pergamon.deploy.yaml_document import parse_yaml

AROUND = Surroundings("acme", "shared", "dev", {"port": 5433, "host": "db.example", "on": True}, "pergamon.yaml")


def joined(*texts: str) -> tuple[Any, list[Problem]]:
    nodes = []
    for number, text in enumerate(texts):
        node, faults = parse_yaml(text, f"{number}.yaml")
        assert node is not None
        assert not faults
        nodes.append(node)
    problems: list[Problem] = []
    return merged(nodes, problems).plain(), problems


def put_in(text: str) -> tuple[Any, list[Problem]]:
    node, _ = parse_yaml(text, "a.yaml")
    assert node is not None
    problems: list[Problem] = []
    return filled(node, AROUND, problems).plain(), problems


def test_mappings_are_joined_and_lists_are_put_one_after_the_other() -> None:
    value, problems = joined("t:\n  a: 1\n  rules: [1]\n", "t:\n  b: 2\n  rules: [2, 3]\n", "t:\n  rules: [4]\n")
    assert value == {"t": {"a": 1, "b": 2, "rules": [1, 2, 3, 4]}}
    assert not problems


def test_the_same_value_in_two_files_is_no_contradiction() -> None:
    assert joined("a: 1\n", "a: 1\n") == ({"a": 1}, [])


@pytest.mark.parametrize("second", ["a: 2", "a: [1]", "a: {b: 1}", "a: '1'", "a: true", "a:"])
def test_two_files_that_contradict_each_other_are_a_problem_that_names_both(second: str) -> None:
    _, (problem,) = joined("\na: 1\n", second)
    assert str(problem.place) == "1.yaml:1"
    assert "0.yaml:2" in problem.message
    assert problem.path == ("a",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"{{org}}-{{domain}}-{{env}}"', "acme-shared-dev"),
        ('"{{context:port}}"', 5433),
        ('"{{ context:port }}"', 5433),
        ('"{{context:on}}"', True),
        ('"x-{{context:port}}-{{context:on}}"', "x-5433-true"),
        ('"{{secret:x}}"', "{{secret:x}}"),
    ],
)
def test_a_placeholder_is_filled_and_a_lone_one_keeps_its_type(text: str, value: object) -> None:
    key = "password" if "secret" in text else "key"
    assert put_in(f"{key}: {text}\n") == ({key: value}, [])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('key: "{{context:prot}}"', "no context value `prot`", "did you mean `port`"),
        ('key: "{{region}}"', "not a placeholder", "{{context:name}}"),
        ('key: "{{secret:x}}"', "may not be used here", "password"),
        ('password: "a{{secret:x}}"', "whole value", "alone"),
        ('password: "{{secret:../x}}"', "whole value", "alone"),
        ("password: hunter2", "may not stand in the configuration", "{{secret:NAME}}"),
        ('password: "{{context:host}}"', "may not stand in the configuration", "{{secret:NAME}}"),
    ],
)
def test_what_cannot_be_filled_says_what_to_write(text: str, message: str, hint: str) -> None:
    _, (problem,) = put_in(text)
    assert message in problem.message
    assert hint in problem.hint


def test_the_value_of_a_secret_is_not_repeated_in_its_problem() -> None:
    _, (problem,) = put_in("password: hunter2")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(("text", "name"), [("{{secret:a-b.c}}", "a-b.c"), ("{{secret:}}", None), ("x", None)])
def test_the_name_of_a_secret_is_read(text: str, name: str | None) -> None:
    assert secret_name(text) == name
