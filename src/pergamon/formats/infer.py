"""What is the type of each column of text? The narrowest reading that every value fits, asked of the engine in bulk.

The same answer over a sample and over all rows, because the question is the same; what remains open after a sample
(two orders of a date, no value at all) is said, so that it can be asked of all rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pergamon.formats.engine import Connection, literal
from pergamon.formats.model import FormatHints
from pergamon.formats.readings import (
    LARGEST_SCALE,
    NULL_WORDS,
    PLAIN_PRECISION,
    SEPARATORS,
    TEXT,
    DateForm,
    DateOrder,
    Reading,
    fits,
    means_no_value,
    pattern_of,
    value,
)

COLUMNS_AT_ONCE = 64
"""Never FILTER: the engine keeps a copy of all columns for each filtered aggregate, so 100 of them fill its memory."""
GLANCE_ROWS = 300
WIDEST_DECIMAL = 38
NUMBER = r" *[-+]?[.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)? *"
LONGEST_VALUE = 200
"""Nothing longer is a number, a date or a truth value: its pattern could cost time by the square of the length."""
BOOLEAN = r" *(?i:true|false) *"
DATE = r" *[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)? *"
ONLY_THOUSANDS = r" *-?[1-9][0-9]{0,2}([.,])[0-9]{3} *"


POINTS_OR_THOUSANDS = "its numbers can be read with thousands or with decimals; hint: decimal"


@dataclass(frozen=True)
class Found:
    """The reading of a column, whether more rows could change it, and what to tell its owner."""

    reading: Reading
    is_open: bool = False
    is_empty: bool = False
    note: str | None = None


def infer(
    connection: Connection, source: str, columns: Sequence[int], hints: FormatHints, this_year: int
) -> dict[int, Found]:
    """The reading of the columns `c<number>` of a relation of texts (SQL)."""
    found: dict[int, Found] = {}
    doubtful: list[int] = []
    glances = _glances(connection, source, columns, null_words(hints))
    for start in range(0, len(columns), COLUMNS_AT_ONCE):
        some = columns[start : start + COLUMNS_AT_ONCE]
        numbers = [number for number in some if _all_match(glances[number], NUMBER)]
        looks = _looks(connection, source, numbers, hints)
        candidates = {number: _candidates(glances[number], looks.get(number), hints, this_year) for number in some}
        fitting = _fitting(connection, source, candidates, hints)
        for number in some:
            found[number] = _chosen(glances[number], looks.get(number), fitting[number], hints)
        doubtful += [number for number in numbers if looks[number].only_thousands and looks[number].has_point]
    if hints.decimal is None and any(one.reading.decimal_mark == "," for one in found.values()):
        found |= {number: Found(TEXT, is_open=True, note=POINTS_OR_THOUSANDS) for number in doubtful}
    return found


def null_words(hints: FormatHints) -> tuple[str, ...]:
    """The words that mean *no value* in a column that is not text."""
    return NULL_WORDS if hints.null_words is None else ("", *hints.null_words)


def _glances(connection: Connection, source: str, columns: Sequence[int], words: Sequence[str]) -> dict[int, list[str]]:
    """Some values of each column; an empty list means that it has none at all."""
    names = ", ".join(f"c{number}" for number in columns)
    rows = connection.execute(f"SELECT {names} FROM {source} LIMIT {GLANCE_ROWS}").fetchall()  # noqa: S608 - ours
    none = set(words)
    glances = {
        number: [row[place] for row in rows if row[place] is not None and row[place].strip(" ") not in none]
        for place, number in enumerate(columns)
    }
    unseen = [number for number, values in glances.items() if not values]
    if unseen and len(rows) == GLANCE_ROWS:
        asked = ", ".join(
            f"{what}(CASE WHEN NOT {means_no_value(f'c{number}', words)} THEN c{number} END)"
            for number in unseen
            for what in ("min", "max")
        )
        row = connection.execute(f"SELECT {asked} FROM {source}").fetchone() or ()  # noqa: S608 - ours
        for place, number in enumerate(unseen):
            glances[number] = [text for text in row[2 * place : 2 * place + 2] if text is not None]
    return glances


def _all_match(values: Sequence[str], pattern: str) -> bool:
    return bool(values) and all(len(text) <= LONGEST_VALUE and re.fullmatch(pattern, text) for text in values)


@dataclass(frozen=True)
class _Look:
    """How the numbers of a column are written: digits before and behind what may be a decimal mark."""

    whole_digits: int
    point_digits: int
    comma_digits: int
    has_point: bool
    has_comma: bool
    has_exponent: bool
    only_thousands: bool
    digits: int


def _looks(connection: Connection, source: str, columns: Sequence[int], hints: FormatHints) -> dict[int, _Look]:
    words = null_words(hints)
    inner = ", ".join(f"CASE WHEN NOT {means_no_value(f'c{n}', words)} THEN c{n} END AS c{n}" for n in columns)
    asked = []
    for number in columns:
        text = f"c{number}"
        there = text
        asked += [
            f"max(length(regexp_extract({there}, '^[^0-9]*([0-9]*)', 1)))",
            f"max(length(regexp_extract({there}, '[.]([0-9]*)[^0-9]*$', 1)))",
            f"max(length(regexp_extract({there}, '[,]([0-9]*)[^0-9]*$', 1)))",
            f"bool_or(contains({there}, '.'))",
            f"bool_or(contains({there}, ','))",
            f"bool_or(contains({there}, 'e') OR contains({there}, 'E'))",
            f"bool_and(regexp_full_match({there}, {literal(ONLY_THOUSANDS)}))",
            f"max(length(regexp_replace({there}, '[^0-9]', '', 'g')))",
        ]
    if not asked:
        return {}
    row = connection.execute(f"SELECT {', '.join(asked)} FROM (SELECT {inner} FROM {source})").fetchone() or ()  # noqa: S608 - ours
    width = len(asked) // len(columns)
    return {
        number: _Look(*(part or 0 for part in row[place * width : (place + 1) * width]))  # type: ignore[arg-type]
        for place, number in enumerate(columns)
    }


def _candidates(values: Sequence[str], look: _Look | None, hints: FormatHints, this_year: int) -> list[Reading]:
    """Readings worth trying, the narrowest first: those that the glance does not rule out."""
    tried: list[Reading] = []
    if _all_match(values, BOOLEAN):
        tried.append(Reading("boolean"))
    if look is not None:
        tried += _numbers(look, hints)
    if _all_match(values, DATE):
        tried += [reading for reading in _dates(hints, this_year) if _all_match(values, f" *({pattern_of(reading)}) *")]
    return tried


def _numbers(look: _Look, hints: FormatHints) -> list[Reading]:
    tried = [] if look.has_point or look.has_comma or look.has_exponent else [Reading("long")]
    for mark in (hints.decimal,) if hints.decimal else (".", ","):
        scale, grouped = look.point_digits, look.has_comma
        if mark == ",":
            scale, grouped = look.comma_digits, look.has_point
        whole = look.digits if grouped else look.whole_digits
        precision = max(PLAIN_PRECISION, whole + scale)
        if scale <= LARGEST_SCALE and not look.has_exponent and precision <= WIDEST_DECIMAL:
            tried.append(Reading("decimal", precision, scale, mark, grouped))
        tried.append(Reading("double", decimal_mark=mark, grouped=grouped))
    return tried


def _dates(hints: FormatHints, this_year: int) -> list[Reading]:
    orders: tuple[DateOrder, ...] = (hints.date_order,) if hints.date_order else ("ymd", "dmy", "mdy")
    forms = []
    for order in orders:
        for separator in SEPARATORS:
            forms.append(DateForm(order, separator))
            if order != "ymd":
                forms.append(DateForm(order, separator, hints.latest_year or this_year))
    readings = [Reading(kind, form=form) for kind in ("date", "timestamp") for form in forms]
    if hints.date_order in (None, "ymd"):
        readings.append(Reading("timestamptz"))
    return readings


def _fitting(
    connection: Connection, source: str, candidates: dict[int, list[Reading]], hints: FormatHints
) -> dict[int, list[Reading]]:
    """Of the candidates, those that every value fits."""
    words = null_words(hints)
    asked, order = [], []
    for number, readings in candidates.items():
        text = f"c{number}"
        for reading in readings:
            there = f"NOT {means_no_value(text, words)}"
            fitting = f"coalesce({fits(reading, text, value(reading, text))}, false)"
            asked.append(f"bool_and(CASE WHEN {there} THEN {fitting} END)")
            order.append((number, reading))
    row = connection.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchone() or () if asked else ()  # noqa: S608 - ours
    kept: dict[int, list[Reading]] = {number: [] for number in candidates}
    for (number, reading), is_so in zip(order, row, strict=True):
        if is_so:
            kept[number].append(reading)
    return kept


def _chosen(values: Sequence[str], look: _Look | None, fitting: list[Reading], hints: FormatHints) -> Found:
    if not values:
        return Found(TEXT, is_open=True, is_empty=True)
    if not fitting:
        return Found(TEXT)
    first = fitting[0]
    orders = {reading.form.order for reading in fitting if reading.kind == first.kind} if _is_time(first) else set()
    if len(orders) > 1:
        return Found(TEXT, is_open=True, note="its dates can be read as day/month or month/day; hint: date_order")
    if look is not None and look.only_thousands and look.has_comma and hints.decimal is None:
        return Found(TEXT, is_open=True, note=POINTS_OR_THOUSANDS)
    if _is_time(first) and first.form.latest_year is not None:
        years = f"{first.form.latest_year - 99} to {first.form.latest_year}"
        return Found(first, note=f"its two-digit years are read as {years}; hint: latest_year")
    return Found(first)


def _is_time(reading: Reading) -> bool:
    return reading.kind in {"date", "timestamp"}
