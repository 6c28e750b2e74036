"""What the trail holds was named by others: printing it forges no entry and sends nothing to the terminal."""

from pathlib import Path

import pytest

from pergamon.cli.main import main
from pergamon.cli.one_line import one_line, several_lines


@pytest.mark.parametrize(
    "name", ["a\n2026-01-01  operator:root  audit.sealed", "\x1b[2J", "a\rb", "a\u202eb", "a\u2028b"]
)
def test_an_entry_stays_one_line_of_printable_text(name: str) -> None:
    shown = one_line(f"file:staging/landing/hda/{name}")
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1


def test_ordinary_names_are_shown_as_they_are() -> None:
    assert one_line("table:raw_db.größe  {}") == "table:raw_db.größe  {}"


def test_an_error_keeps_its_own_lines_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert several_lines("two\nlines\x1b[2J") == "two\nlines·[2J"
    taken = tmp_path / "a\u202eb"
    (taken / "full").mkdir(parents=True)
    with pytest.raises(SystemExit):
        main(["init", "ehds-governance", str(taken)])
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert all(line.isprintable() for line in told.splitlines())
