"""Every key keeps its file and line, and nothing in YAML can surprise."""

import os
from pathlib import Path

import pytest

from pergamon.deploy.problems import Place, Problem
from pergamon.deploy.yaml_document import DEEPEST, LARGEST_BYTES, Node, parse_yaml, read_yaml


def read(text: str) -> Node:
    node, problems = parse_yaml(text, "a.yaml")
    assert node is not None
    assert not problems
    return node


def faults(text: str) -> list[Problem]:
    return parse_yaml(text, "a.yaml")[1]


def test_a_key_keeps_its_line() -> None:
    node = read("a:\n  b:\n    - 1\n    - c: 2\n")
    assert node.place_of(("a", "b", 1, "c")) == Place("a.yaml", 4)
    assert node.place_of(("a", "b")) == Place("a.yaml", 2)


def test_a_key_that_does_not_exist_has_the_place_of_its_parent() -> None:
    assert read("a:\n  b: 1\n").place_of(("a", "missing", 3)) == Place("a.yaml", 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("16:30", "16:30"),
        ("0123", "0123"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        ("0 3 * * *", "0 3 * * *"),
        ('"5432"', "5432"),
        ("5432", 5432),
        ("-1", -1),
        ("1.5", 1.5),
        ("1e5", "1e5"),
        ("true", True),
        ("True", "True"),
        ("null", None),
        ("", None),
        ("9" * 30, "9" * 30),
    ],
)
def test_a_plain_word_means_what_it_looks_like(text: str, value: object) -> None:
    assert read(f"key: {text}\n").plain() == {"key": value}


def test_a_key_that_is_written_twice_is_a_fault_that_names_both_lines() -> None:
    (fault,) = faults("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert fault.place == Place("a.yaml", 4)
    assert fault.path == ("a", "b")
    assert "line 2" in fault.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: *x\n", "anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", "tag"),
        ("a: !secret x\n", "tag"),
        ("a: {{context:x}}\n", "a key must be text"),
        ("? [1, 2]\n: 3\n", "a key must be text"),
        ("a: [1\n", "not YAML"),
        ("\ta: 1\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("[" * (DEEPEST + 5), "levels deep"),
        ("a: \x00\n", "not YAML"),
    ],
)
def test_what_is_not_read_is_a_fault_and_never_a_crash(text: str, message: str) -> None:
    assert any(message in fault.message for fault in faults(text))


def test_an_unquoted_placeholder_is_told_to_be_quoted() -> None:
    assert 'quote placeholders: "{{context:name}}"' in faults("a: {{context:x}}\n")[0].hint


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x]"] + [f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]" for i in range(20)]
    assert faults("\n".join(lines))


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert read("# nothing\n").plain() == {}


def test_a_file_that_is_too_large_missing_or_not_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(b"#" * (LARGEST_BYTES + 1))
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    for name, message in (("large", "larger"), ("latin", "UTF-8"), ("none", "no such file")):
        node, problems = read_yaml(tmp_path / f"{name}.yaml", f"{name}.yaml")
        assert node is None
        assert message in problems[0].message


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pergamon.yaml")
    for path in (tmp_path / "pergamon.yaml", tmp_path, Path("/dev/zero")):
        node, problems = read_yaml(path, "a.yaml")
        assert node is None
        assert [problem.message for problem in problems] == ["this is not a plain file"]
