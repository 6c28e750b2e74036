"""The engine that parses text in bulk: DuckDB, in memory, told to reach for nothing by itself.

Its error texts quote the file's rows, so they never leave this file: `said` gives back only what kind of trouble it was
and numbers (law 6).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import _duckdb

from pergamon.formats.model import Limits

Connection = _duckdb.DuckDBPyConnection
EngineError = _duckdb.Error
MISFIT = "pergamon-misfit:"
"""How a query says that the value of a column does not fit: this, and the column's number."""


@cache
def database() -> Connection:
    """The engine's one database of this process, in memory; nothing stays in it.

    Opening it looks at the machine's memory in /proc and /sys, so a confined process calls this before it is confined.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": "",
    }
    return _duckdb.connect(":memory:", False, config)


@contextmanager
def engine(limits: Limits) -> Iterator[Connection]:
    """A connection of its own, closed at the end with all that it made."""
    connection = database().cursor()
    try:
        connection.execute(f"SET memory_limit = '{int(limits.memory_bytes)}B'")
        connection.execute(f"SET threads = {int(limits.threads)}")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@dataclass(frozen=True)
class Trouble:
    """What the engine met. `record`: counted from 1, the header too. column: its number, for a misfit."""

    kind: str  # misfit, ragged, quote, encoding, line, newlines, memory, other
    record: int | None = None
    column: int | None = None
    expected: int | None = None
    found: int | None = None


_KINDS = (
    ("ragged", re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")),
    ("ragged", re.compile(r"null_padding in conjunction with quoted new lines")),
    ("line", re.compile(r"Maximum line size of|exceed(s|ed) the maximum line size|larger than the maximum", re.I)),
    ("quote", re.compile(r"unterminated quote|quote should be followed by", re.I)),
    ("encoding", re.compile(r"Invalid unicode|not utf-?8 encoded|invalid UTF-?8", re.I)),
    ("newlines", re.compile(r"state machine reached an invalid state", re.I)),
    ("memory", re.compile(r"Out of Memory|could not allocate|bad_alloc|failed to pin", re.I)),
)


def said(error: Exception) -> Trouble:
    """The kind of trouble and its numbers; the text, which may hold values, is dropped."""
    text = str(error)
    found = re.search(MISFIT + r"(\d+)", text)
    if found:
        return Trouble("misfit", column=int(found[1]))
    record = re.search(r"CSV Error on Line: (\d+)", text)
    number = int(record[1]) if record else None
    head = re.sub(r"Original Line:.*?(?=\n[A-Z][a-z]+ )", "", text, flags=re.S) if record else text
    for kind, pattern in _KINDS:
        match = pattern.search(head) or (pattern.search(text) if kind in {"ragged", "quote", "encoding"} else None)
        if match:
            counts = (int(match[1]), int(match[2])) if kind == "ragged" and match.groups() else (None, None)
            return Trouble(kind, number, expected=counts[0], found=counts[1])
    return Trouble("other", number)


def literal(text: str) -> str:
    """A text as SQL. A NUL cannot stand in SQL: there is none in the names and words that come here."""
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace("\0", "").replace('"', '""') + '"'
