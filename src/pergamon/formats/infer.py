"""What is the type of each column of text? The narrowest reading that every value fits, asked of the engine in bulk.

The same answer over a sample and over all rows, because the question is the same; what remains open after a sample
(two orders of a date, no value at all) is said, so that it can be asked of all rows. A column whose numbers can be read
in two ways (`1.234`) is decided by the other columns of its file, or not at all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pergamon.formats.engine import Connection
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


POINTS_OR_THOUSANDS = "its numbers can be read with thousands or with decimals; hint: decimal"
DAY_FIRST = "its dates with dots are read day first (day.month.year); hint: date_order"


@dataclass(frozen=True)
class Found:
    """The reading of a column, whether more rows could change it, and what to tell its owner."""

    reading: Reading
    is_open: bool = False
    is_empty: bool = False
    note: str | None = None
    other: Reading | None = None
    """With a decimal comma, where `reading` has a point and every value fits both, with another meaning."""
    shows_mark: bool = False
    """Its values settle which sign is the decimal one."""


def infer(
    connection: Connection, source: str, columns: Sequence[int], hints: FormatHints, this_year: int
) -> dict[int, Found]:
    """The readings of the columns `c<number>` of a relation of texts (SQL), each for itself; see `settled`."""
    found: dict[int, Found] = {}
    glances = _glances(connection, source, columns, null_words(hints))
    for start in range(0, len(columns), COLUMNS_AT_ONCE):
        some = columns[start : start + COLUMNS_AT_ONCE]
        numbers = [number for number in some if _all_match(glances[number], NUMBER)]
        looks = _looks(connection, source, numbers, hints)
        candidates = {number: _candidates(glances[number], looks.get(number), hints, this_year) for number in some}
        fitting = _fitting(connection, source, candidates, hints)
        for number in some:
            found[number] = _chosen(glances[number], looks.get(number), fitting[number], hints)
    return found


def settled(found: Mapping[int, Found], delimiter: str) -> dict[int, Found]:
    """The readings of all columns of a file, where numbers like `1.234` are read as its other columns are written.

    Where nothing in the file settles the decimal sign, they are text if they have commas, or if the file comes from
    where commas are decimal signs, as a semicolon between fields and dots in dates say.
    """
    marks = {one.reading.decimal_mark for one in found.values() if one.shows_mark}
    is_comma_country = delimiter == ";" or any(_is_time(one.reading) and _has_dots(one) for one in found.values())
    return {number: _settled(one, marks, is_comma_country) for number, one in found.items()}


def _settled(one: Found, marks: set[str], is_comma_country: bool) -> Found:
    if one.other is None:
        return one
    if len(marks) == 1:
        reading = one.other if "," in marks else one.reading
        between = "," if reading.decimal_mark == "." else "."
        taken = (
            f"its {between!r} are read as signs between thousands, as its other columns have decimals; hint: decimal"
        )
        return Found(reading, note=taken if reading.grouped else None)
    if marks or is_comma_country or one.reading.grouped:
        return Found(TEXT, is_open=True, note=POINTS_OR_THOUSANDS)
    return Found(one.reading)


def _has_dots(one: Found) -> bool:
    return one.reading.form.separator == "."


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
    if _is_time(first):
        return _chosen_time([reading for reading in fitting if reading.kind == first.kind])
    if look is not None and (look.has_point or look.has_comma):
        other = next((reading for reading in fitting if reading.decimal_mark != first.decimal_mark), None)
        return Found(first, other=other, shows_mark=other is None and hints.decimal is None)
    return Found(first)


def _chosen_time(fitting: list[Reading]) -> Found:
    """A dot between the parts of a date is day first; other signs say nothing about the order."""
    by_order = {reading.form.order: reading for reading in reversed(fitting)}
    chosen, notes = fitting[0], []
    if len(by_order) > 1:
        if chosen.form.separator != "." or "dmy" not in by_order:
            return Found(TEXT, is_open=True, note="its dates can be read as day/month or month/day; hint: date_order")
        chosen, notes = by_order["dmy"], [DAY_FIRST]
    latest = chosen.form.latest_year
    if latest is not None:
        notes.append(f"its two-digit years are read as {latest - 99} to {latest}; hint: latest_year")
    return Found(chosen, note="; ".join(notes) or None)


def _is_time(reading: Reading) -> bool:
    return reading.kind in {"date", "timestamp"}
