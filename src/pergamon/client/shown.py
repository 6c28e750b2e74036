"""What a notebook shows: tables of plain text, whatever stands in the values."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

ROWS_SHOWN = 20
WIDEST = 200


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]], said: str) -> str:
    """A table, and a line below it."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table><p>{escape(said)}</p>"


class Found(list[dict[str, Any]]):
    """A list of what was found, as the API tells it; a notebook shows it as a table.

    >>> site.grants(state="active")
    """

    def _repr_html_(self) -> str:
        plain = [name for name in (self[0] if self else {}) if any(_is_plain(one.get(name)) for one in self)]
        rows = ([one.get(name) if _is_plain(one.get(name)) else None for name in plain] for one in self[:ROWS_SHOWN])
        return html_table(plain, rows, f"{len(self):,} found")


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _cell(value: object) -> str:
    return "<td></td>" if value is None else f"<td>{escape(str(value)[:WIDEST])}</td>"
