"""The SQL of a room names its own tables, and of other rooms the views that they publish (ADR 0030)."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2] / "src/pergamon"
MADE = re.compile(r"^CREATE (TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)
NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|COPY)\s+(?:ONLY\s+)?([a-z]\w+)")


def _room_of_each_table() -> dict[str, str]:
    """By the name of the migration that makes it: `NNNN_room_what.sql`."""
    found = {}
    for file in sorted((ROOT / "store/migrations").glob("*.sql")):
        for kind, name in MADE.findall(file.read_text(encoding="utf-8")):
            if kind == "TABLE":
                found[name] = file.stem.split("_")[1]
    return found


def test_no_room_names_a_table_of_another() -> None:
    rooms = _room_of_each_table()
    assert len(rooms) > 50
    wrong = [
        f"{file.relative_to(ROOT)} names {table} of {rooms[table]}"
        for file in sorted(ROOT.rglob("*.py"))
        for table in NAMED.findall(file.read_text(encoding="utf-8"))
        if rooms.get(table, file.relative_to(ROOT).parts[0]) != file.relative_to(ROOT).parts[0]
    ]
    assert not wrong
