"""What of a query's rows is drawn, and how: which column stands along, which columns are measured. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pergamon.web.pages.charts import MOST_BARS, MOST_LINES, MOST_POINTS, Bars, Lines, bars, lines
from pergamon.web.pages.language import Language

NUMBERS = ("int", "uint", "double", "float", "decimal", "half")
TIMES = ("date", "timestamp")
"""How Arrow's types begin that are drawn as numbers, and as moments."""
COLUMNS_OFFERED = 30

Kind = Literal["bar", "line"]
Column = Mapping[str, str]
"""Name and type."""
Rows = Sequence[Sequence[Any]]  # Any: JSON values


@dataclass(frozen=True)
class ResultChart:
    """A picture of a result, and what it was made of. along, measured: places of columns.

    offered: the columns that can stand along, and those that can be measured. first, last: the ends of what is along.
    """

    kind: Kind
    along: int
    measured: tuple[int, ...]
    offered_along: tuple[int, ...]
    offered_measured: tuple[int, ...]
    lines: Lines | None
    bars: Bars | None
    first: str
    last: str
    drawn: int


def is_number(column: Column) -> bool:
    """Can this column be measured?"""
    return column["type"].startswith(NUMBERS)


def chart_of(
    kind: Kind,
    columns: Sequence[Column],
    rows: Rows,
    language: Language,
    *,
    along: int | None = None,
    measured: Sequence[int] = (),
) -> ResultChart | None:
    """The picture that was asked for; what was not said, or is not there, is chosen. None: no column is of numbers."""
    countable = [place for place, column in enumerate(columns) if is_number(column)][:COLUMNS_OFFERED]
    if not countable:
        return None
    every = tuple(range(len(columns)))[:COLUMNS_OFFERED]
    others = [place for place in every if place not in countable] or list(every)
    chosen_along = along if along in every else others[0]
    wanted = [place for place in dict.fromkeys(measured) if place in countable]
    chosen = tuple(wanted or [place for place in countable if place != chosen_along][:1] or countable[:1])
    chosen = chosen[: MOST_LINES if kind == "line" else 1]
    shown = rows[: MOST_POINTS if kind == "line" else MOST_BARS]
    made_lines, made_bars, first, last = None, None, "", ""
    if kind == "line":
        shown, places = _in_order(shown, chosen_along, columns[chosen_along])
        names = [_text(row[chosen_along], columns[chosen_along], language) or "" for row in shown]
        numbers = [[number_in(row[place]) for row in shown] for place in chosen]

        def told(line: int, row: int) -> str:
            return f"{names[row]}: {language.number(numbers[line][row] or 0)}"

        made_lines = lines([columns[place]["name"] for place in chosen], places, numbers, told=told)
        first, last = (names[0], names[-1]) if names else ("", "")
    else:
        made_bars = bars(
            [_text(row[chosen_along], columns[chosen_along], language) for row in shown],
            [number_in(row[chosen[0]]) for row in shown],
        )
    return ResultChart(
        kind, chosen_along, chosen, every, tuple(countable), made_lines, made_bars, first, last, len(shown)
    )


def number_in(value: Any) -> float | None:  # Any: a JSON value
    """A value as a number; what JSON could not say exactly came as text. None: it is none, or without end."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _in_order(rows: Rows, along: int, column: Column) -> tuple[Rows, list[float]]:
    """Rows by what is along, and where each stands: numbers and moments where they are, anything else one by one."""
    read = number_in if is_number(column) else _moment if column["type"].startswith(TIMES) else None
    if read is None:
        return rows, [float(place) for place in range(len(rows))]
    placed = [(place, row) for row in rows if (place := read(row[along])) is not None]
    placed.sort(key=lambda pair: pair[0])
    return [row for _, row in placed], [place for place, _ in placed]


def _moment(value: Any) -> float | None:  # Any: a JSON value
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _text(value: Any, column: Column, language: Language) -> str | None:  # Any: a JSON value
    """What stands beside a bar or at the end of a line. None: the value is missing."""
    if value is None:
        return None
    number = number_in(value) if is_number(column) else None
    return str(value) if number is None else language.number(number)
