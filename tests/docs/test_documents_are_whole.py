"""Documents keep their form, their links lead somewhere, the paths they name exist; generated pages match the code."""

import re
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import click
import pytest

from pergamon.cli.main import group

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
DOCUMENTS = sorted(
    path for folder in ("docs", "src", "bench", "tests") for path in (ROOT / folder).rglob("*.md")
) + sorted(ROOT.glob("*.md"))
SECTIONS = (
    "Status",
    "Context",
    "Decision",
    "Consequences",
    "Alternatives",
    "Enforced by",
    "How we would notice it is wrong",
)
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
NAMED_COMMAND = re.compile(r"`pergamon ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+(?:-[a-z]+)*)\b)?")
NAMED_PATH = re.compile(r"`((?:tests|src|bench|docs)/[\w./-]+)`")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
COVERAGE_STATUS = {"here", "in part", "not yet", "not needed"}


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def load_generator() -> ModuleType:
    """Import docs/generate.py, which is a script and not part of the package."""
    spec = spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    module = load_generator()
    module.import_every_room()
    return module


def prose(path: Path) -> str:
    """A document without its code blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def sections(path: Path) -> list[str]:
    """The sections of a decision, in order, without its title."""
    return re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def broken_links(path: Path) -> list[str]:
    """The links of a document that lead nowhere; links to other sites are not followed."""
    broken = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    return broken


def holds_something(path: Path) -> bool:
    """A file, or a folder with a file of ours in it."""
    return path.is_file() or any(file.is_file() and "__pycache__" not in file.parts for file in path.rglob("*"))


def test_there_are_documents_and_decisions_to_check() -> None:
    assert len(DECISIONS) >= 6
    assert {"README.md", "GLOSSARY.md", "THREAT-MODEL.md", "CONTRIBUTING.md"} <= {short(path) for path in DOCUMENTS}


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_every_section_in_order_on_one_screen(path: Path) -> None:
    assert sections(path) == list(SECTIONS)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, "a decision is at most 40 lines"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_numbered_in_its_file_name_only(path: Path) -> None:
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    title = path.read_text(encoding="utf-8").splitlines()[0]
    assert title.startswith("# ")
    assert path.name[:4] not in title
    assert not re.search(r"\bADR\b", title)


def test_no_two_decisions_have_one_number() -> None:
    numbers = Counter(path.name[:4] for path in DECISIONS)
    assert [number for number, count in numbers.items() if count > 1] == []


def test_the_index_names_every_decision() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DECISIONS if f"({path.name})" not in index] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_every_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One\n[x](b.md) [y](#one) [z](#two) [w](https://example.org)\n```\n[v](c.md)\n```\n")
    assert broken_links(document) == ["b.md", "#two"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_every_path_that_a_document_names_exists(path: Path) -> None:
    named = {name.rstrip("/.") for name in NAMED_PATH.findall(prose(path))}
    assert sorted(name for name in named if not holds_something(ROOT / name)) == []


def missing_command(name: str, argument: str) -> bool:
    """Is there no such verb, or is it a group without that verb?"""
    command = group.get_command(click.Context(group), name)
    if isinstance(command, click.Group) and argument:
        return argument not in command.list_commands(click.Context(command))
    return command is None


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_every_command_that_a_document_names_exists(path: Path) -> None:
    """A line that says "not yet" may name what is to come."""
    lines = [line for line in prose(path).splitlines() if "not yet" not in line]
    named = sorted(set(NAMED_COMMAND.findall("\n".join(lines))))
    assert [words for words in named if missing_command(*words)] == []


def test_every_row_of_the_coverage_says_where_it_stands() -> None:
    """A row of docs/explanation/coverage.md: there | here | status | how it differs."""
    rows = re.findall(r"^\| .+ \|$", prose(ROOT / "docs" / "explanation" / "coverage.md"), re.MULTILINE)
    stated = [row for row in rows if not row.startswith("| There |")]
    assert len(stated) > 60
    assert [row for row in stated if row.split(" | ")[2].strip("* ") not in COVERAGE_STATUS] == []


def test_generated_pages_match_the_code(generator: ModuleType) -> None:
    stale = [short(path) for path, text in generator.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: python docs/generate.py"


def test_every_event_code_is_documented(generator: ModuleType) -> None:
    page = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
    assert [cls.code for cls in generator.our_events() if f"| `{cls.code}` |" not in page] == []


def test_an_event_code_names_its_room_and_what_happened(generator: ModuleType) -> None:
    assert [c.code for c in generator.our_events() if not re.fullmatch(r"[a-z_]+\.[a-z_]+", c.code)] == []


def test_an_error_code_belongs_to_one_error(generator: ModuleType) -> None:
    codes = Counter(cls.code for cls in generator.our_errors())
    assert [code for code, count in codes.items() if count > 1] == []
