"""Every code block that a reader may type is run, page by page, and prints what the page shows.

A page's blocks (`sh`, `bash`, `python`, `yaml`) run in their order in one temporary directory with a home of its own.
An HTML comment directly above a block says what the block alone cannot; a reader does not see it:

- `<!-- not run: reason -->`: it cannot be run as it stands; it is counted and named in NOT_RUN below;
- `<!-- stays -->`: it runs until the page ends, as in a terminal of its own;
- `<!-- needs: curl -->`: it is left out where there is no such program;
- `<!-- exit code 4 -->`: its last command is to end so;
- `<!-- file: name.py -->`: it is the content of this file, which a later block uses;
- `<!-- part of: datalake/datalake.yaml -->`: configuration; merged into that file of the kit, it is valid.

`<!-- run here: ../how-to/page.md -->` runs that page's blocks at this place. A `text` block below a block is what it
prints: its lines come in this order; a number stands for any number, `…` for anything.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pergamon.deploy import checked_configuration
from pergamon.starter_kits import copy_kit, kit_path

ROOT = Path(__file__).parents[2]
RUN = ("sh", "bash", "python", "yaml")
SHELL = ("sh", "bash")
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
TOGETHER = [
    ROOT / "docs" / "how-to" / name for name in ("use-the-api.md", "upload-files.md", "describe-and-publish.md")
]
"""Pages that begin with the same kit and are not in each other's way: the later ones find the first one's platform up,
and have a directory of their own."""
WITH_A_BROWSER = [ROOT / "docs" / "tutorial" / "the-portal.md"]
"""Pages whose steps need one: `tests/journeys/test_the_portal_tutorial.py` runs their blocks, too."""
RUNS = [*([page] for page in PAGES if page not in [*TOGETHER, *WITH_A_BROWSER]), TOGETHER]
NOT_RUN = {
    "docs/tutorial/first-hour.md": 1,
    "docs/how-to/configure.md": 1,
    "docs/how-to/crawl-files.md": 5,
    "docs/how-to/find-data.md": 3,
    "docs/how-to/follow-lineage.md": 3,
    "docs/how-to/log-in-with-a-password.md": 2,
    "docs/how-to/run-it-as-a-service.md": 5,
    "docs/how-to/use-the-portal.md": 1,
    "docs/how-to/when-something-fails.md": 2,
}
"""Blocks that are not run, by page. Raise a number here only with a reason on the page."""
README_VERBS = {"make demo", "make test"}
"""The whole of the README's code. Not run here: the first is what `tests/journeys` runs, the second runs this."""
PORT = "8620"
"""The port in the pages; each run takes a free one."""

PART = re.compile(
    r"<!-- (?P<comment>[^\n]*?) -->\n|^```(?P<language>[\w-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass
class Block:
    """A fenced block of a page, what its comments say, and what it is to print."""

    page: str
    language: str
    text: str
    line: int
    comments: list[str] = field(default_factory=list)
    prints: list[str] = field(default_factory=list)

    def says(self, word: str) -> str | None:
        """What a comment says after `word`, or None; the empty text for a comment that is only the word."""
        for comment in self.comments:
            if comment.startswith(word):
                return comment.removeprefix(word).lstrip(": ").strip()
        return None

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page in order; those of a page that is run at a place stand there."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    comments: list[tuple[int, str]] = []
    end_of_block = -1
    for part in PART.finditer(text):
        if part["comment"] is not None:
            if part["comment"].startswith("run here: "):
                found += blocks_of((page.parent / part["comment"].removeprefix("run here: ")).resolve())
            comments = [*(c for c in comments if c[0] == part.start()), (part.end(), part["comment"])]
            continue
        above = [comment for end, comment in comments] if comments and comments[-1][0] == part.start() else []
        if part["language"] in RUN:
            line = text.count("\n", 0, part.start()) + 1
            found.append(Block(str(page.relative_to(ROOT)), part["language"], part["text"], line, above))
            end_of_block = part.end()
        elif part["language"] == "text" and found and text[end_of_block : part.start()].strip() == "":
            found[-1].prints += [line for line in part["text"].splitlines() if line.strip()]
        comments = []
    return found


def pages_run_elsewhere() -> set[Path]:
    """Pages whose blocks run within another page."""
    named = (
        (page.parent / name).resolve()
        for page in PAGES
        for name in re.findall(r"<!-- run here: (.+?) -->", page.read_text(encoding="utf-8"))
    )
    return set(named)


def as_pattern(line: str) -> re.Pattern[str]:
    """A shown line as a pattern: any number for a number, anything for `…`, any space for a space."""
    words = (re.escape(word) for word in line.split())
    loose = r"\s+".join(re.sub(r"\d+(?:\\,\d+|,\d+)*", r"[\\d,]+", word).replace("…", ".*") for word in words)
    return re.compile(loose)


def missing_line(shown: list[str], printed: str) -> str | None:
    """The first shown line that was not printed in its turn, or None."""
    lines = iter(printed.splitlines())
    for line in shown:
        pattern = as_pattern(line)
        if not any(pattern.search(candidate) for candidate in lines):
            return line
    return None


class Terminals:
    """Runs blocks one after the other as in one terminal; what stays, stays in terminals of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state.sh"
        self.new_page(1)
        self.staying: dict[str, subprocess.Popen[bytes]] = {}
        self.port = str(free_port())
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "HOME": str(directory),
            "PERGAMON_HOME": str(directory / "home"),
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
        }

    def new_page(self, number: int) -> None:
        """Begin in an empty directory, without the last page's variables; what stays is left running."""
        here = self.directory / f"here{number}"
        here.mkdir(exist_ok=True)
        self.state.write_text(f"cd {here}\n")

    def run(self, block: Block) -> None:
        needed = block.says("needs")
        if needed and shutil.which(needed) is None:
            return
        text = block.text.replace(PORT, self.port)
        name = block.says("file")
        if name is not None:
            self.file(name, text)
        elif block.says("stays") is not None:
            self.stay(block, text)
        elif block.language in SHELL:
            self.shell(block, text)
        else:
            self.file("block.py", text)
            self.shell(block, "python block.py")

    def file(self, name: str, text: str) -> None:
        written = subprocess.run(["bash", "-c", f". {self.state}; cat > {name}"], input=text, text=True, check=True)
        assert written.returncode == 0

    def shell(self, block: Block, text: str) -> None:
        """Directory and exported variables are kept for the next block; a question is answered by yes."""
        keep = f"trap '{{ umask -p; export -p; echo cd \"$PWD\"; }} > {self.state}.new; exit $code' EXIT; code=0\n"
        script = f". {self.state}\n{keep}set -eE; trap 'code=$?' ERR\n{text}"
        done = subprocess.run(
            ["bash", "-c", script], input="y\n" * 5, capture_output=True, text=True, env=self.environment, check=False
        )
        Path(f"{self.state}.new").replace(self.state)
        said = done.stdout + done.stderr
        assert done.returncode == int(block.says("exit code") or 0), f"{block.where} ended with {said[-3000:]}"
        missing = missing_line(block.prints, said)
        assert missing is None, f"{block.where} does not print {missing!r} but:\n{said[-3000:]}"

    def stay(self, block: Block, text: str) -> None:
        """Start it, unless it runs already, and wait until it has printed what the page shows."""
        log = self.directory / f"stays-{len(self.staying)}.log"
        if text in self.staying:
            assert self.staying[text].poll() is None, f"what {block.where} says had ended"
            return
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", f". {self.state}\n{text}"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environment,
                start_new_session=True,
            )
        self.staying[text] = process
        deadline = time.monotonic() + 120
        while (missing := missing_line(block.prints, log.read_text())) is not None:
            assert time.monotonic() < deadline, f"{block.where} does not print {missing!r} but:\n{log.read_text()}"
            assert process.poll() is None, f"{block.where} ended:\n{log.read_text()}"
            time.sleep(0.1)

    def close(self) -> None:
        """Ctrl-C in every terminal, the last one first."""
        for process in reversed(self.staying.values()):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def terminals() -> Iterator[Terminals]:
    """In a directory with a short path: a Unix socket's path may not be long."""
    directory = Path(tempfile.mkdtemp(prefix="pg-docs-", dir="/tmp"))
    opened = Terminals(directory)
    try:
        yield opened
    finally:
        opened.close()
        shutil.rmtree(directory, ignore_errors=True)


def check_configuration(block: Block, name: str, directory: Path) -> None:
    """The block, merged into the file of that name of the first kit that has it, is a valid configuration."""
    kits = ("health-data-accelerator", "ehds-governance")
    copy_kit(next(kit for kit in kits if Path(str(kit_path(kit)), name).is_file()), directory)
    file = directory / name
    merged = merge(yaml.safe_load(file.read_text()), yaml.safe_load(block.text))
    file.write_text(yaml.safe_dump(merged, sort_keys=False))
    checked_configuration(directory, directory / "lake")


def merge(base: Any, over: Any) -> Any:  # Any: what YAML holds
    """Mappings are joined; anything else is replaced."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return base | {key: merge(base.get(key), value) for key, value in over.items()}


@pytest.mark.parametrize("pages", RUNS, ids=lambda pages: " ".join(page.name for page in pages))
def test_every_block_runs_and_prints_what_the_page_shows(pages: list[Path], tmp_path: Path) -> None:
    blocks = {page: blocks_to_run(page) for page in pages if page not in pages_run_elsewhere()}
    if not any(blocks.values()):
        return
    with terminals() as opened:
        for page_number, page in enumerate(blocks, 1):
            opened.new_page(page_number)
            for number, block in enumerate(blocks[page]):
                if block.language == "yaml":
                    name = block.says("part of")
                    assert name, f"{block.where}: say which file it is a part of, or why it is not run"
                    check_configuration(block, name, tmp_path / f"{page_number}-{number}")
                else:
                    opened.run(block)


def blocks_to_run(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.says("not run") is None and block.page != "README.md"]


def test_the_blocks_that_are_not_run_are_counted_and_give_a_reason() -> None:
    skipped = [
        block
        for page in PAGES
        for block in blocks_of(page)
        if block.says("not run") is not None and block.page == str(page.relative_to(ROOT))
    ]
    assert dict(Counter(block.page for block in skipped)) == NOT_RUN
    assert [block.where for block in skipped if not block.says("not run")] == []


def test_the_readme_asks_for_nothing_but_the_verbs_of_the_makefile() -> None:
    commands = [
        line.partition("#")[0].strip() for block in blocks_of(ROOT / "README.md") for line in block.text.splitlines()
    ]
    assert {command for command in commands if command} == README_VERBS
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{verb.removeprefix('make ')}:", makefile, re.MULTILINE) for verb in README_VERBS)


def test_a_shown_line_is_held_against_what_was_printed() -> None:
    printed = "  alert   1,234 rows (0.5 s)\ndone: run_01ab in 3 files\n"
    assert missing_line(["alert 99 rows (1.2 s)", "done: … in 7 files"], printed) is None
    assert missing_line(["done: … in 7 files", "alert 99 rows"], printed) == "alert 99 rows", "the order counts"
    assert missing_line(["done: … in seven files"], printed) == "done: … in seven files"


def test_a_block_that_fails_fails_the_page() -> None:
    with terminals() as opened:
        opened.run(Block("page", "sh", "cd /; export A=1", 1))
        opened.run(Block("page", "sh", 'echo "$PWD $A"', 2, prints=["/ 1"]))
        opened.run(Block("page", "sh", "(exit 4)", 3, comments=["exit code 4"]))
        for wrong in (Block("page", "sh", "false\ntrue", 4), Block("page", "sh", "echo a", 5, prints=["b"])):
            with pytest.raises(AssertionError, match=f"page:{wrong.line}"):
                opened.run(wrong)
