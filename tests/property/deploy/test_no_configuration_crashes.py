"""Whatever is written, the answer is a configuration or a list of problems with places: never a crash, never a hang."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pergamon.deploy import InvalidConfiguration, checked_configuration
from pergamon.deploy.problems import Problem
from pergamon.deploy.yaml_document import parse_yaml
from pergamon.starter_kits import copy_kit

WORDS = [
    "", "null", "true", "[]", "{}", "[1]", "{a: 1}", "-1", "1.5", "x", "''", "*", "&a b", "!t x", "{{", "{{x}}",
    '"{{secret:a}}"', '"{{context:}}"', '"{{context:source-port}}"', "bucket:", "bucket:a/b/c", "generated-role-id:",
    "../x", "/etc/passwd", ".", "\u2028", "9" * 40, "- - -", "key: [", "\"",
]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kits") / "kit"
    copy_kit("health-data-accelerator", folder)
    return folder


FILES = [
    "pergamon.yaml", "tags.yaml", "roles.yaml", "datalake/datalake.yaml", "datalake/query.yaml", "dataops/roles.yaml",
    "dataops/project.yaml", "dataops/replication.yaml", "dataops/tracker.yaml", "dataops/jobs.yaml",
    "dataops/workflows.yaml", "dataops/mappings/orgs_table_mappings.yaml", "governance/audit.yaml",
    "governance/audit-trail.yaml",
]  # fmt: skip


def broken(text: str, at: int, how: str, word: str) -> str:
    """One line of a file, changed in one way."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    at %= len(lines)
    key, colon, _ = lines[at].partition(":")
    changed = {
        "value": [f"{key}{colon} {word}"],
        "key": [f"{key[: len(key) - len(key.lstrip())]}{word}{colon} 1"],
        "drop": [],
        "twice": [lines[at], lines[at]],
        "deeper": [f"  {lines[at]}"],
        "item": [f"{key[: len(key) - len(key.lstrip())]}- {word}"],
    }[how]
    return "\n".join([*lines[:at], *changed, *lines[at + 1 :]]) + "\n"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    file=st.sampled_from(FILES),
    at=st.integers(0, 200),
    how=st.sampled_from(["value", "key", "drop", "twice", "deeper", "item"]),
    word=st.sampled_from(WORDS),
)
def test_a_changed_line_is_a_configuration_or_problems_with_places(  # noqa: PLR0917
    original: Path, tmp_path: Path, file: str, at: int, how: str, word: str
) -> None:
    folder = tmp_path / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    (folder / file).write_text(broken((folder / file).read_text(), at, how, word), encoding="utf-8")
    assert all(has_a_place(folder, problem) for problem in problems_of(folder))


def problems_of(folder: Path) -> list[Problem]:
    try:
        checked_configuration(folder, folder)
    except InvalidConfiguration as error:
        return error.problems
    return []


@pytest.mark.parametrize(("how", "word", "valid"), [("twice", "", False), ("key", "x", False), ("value", "5", True)])
def test_the_changes_reach_both_answers(original: Path, tmp_path: Path, how: str, word: str, valid: bool) -> None:
    """What the generator does to a file is seen: else every example would pass for the wrong reason."""
    folder = tmp_path / "changed"
    shutil.copytree(original, folder)
    file = folder / "governance/audit.yaml"
    file.write_text(broken(file.read_text(), 0, how, word), encoding="utf-8")
    assert (problems_of(folder) == []) is valid


def has_a_place(folder: Path, problem: Problem) -> bool:
    count = len((folder / problem.place.file).read_text().splitlines())
    return 1 <= problem.place.line <= count + 1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:- \n\t#&*!|>'\"{}[],?%@`\0é\u2028", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    node, problems = parse_yaml(text, "a.yaml")
    assert (node is None) <= bool(problems)
