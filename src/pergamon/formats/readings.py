"""How is a text read as a value? One rule a type, written once as SQL; it guesses from a sample and then checks all.

A reading has three parts: the value (NULL where the text is none), a quick check that is enough, and the exact rule.
What the exact rule does not take is never rounded, cut or guessed: `1.5` is no integer, `007` no number, `13/3/39` no
m/d/y. The engine's own casts are laxer (it reads `1.5` as 2 and drops a time from a date), so they are never trusted
alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from pergamon.formats.engine import literal

LARGEST_SCALE = 6
"""More digits behind the point than this are measurements, and become `double` when that is exact."""
PLAIN_PRECISION = 18
"""Decimals get at least these digits: one machine word, and room for what later files bring."""
NULL_WORDS = ("", "NULL", "null", "Null", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "\\N", "None", "-", ".")
"""Words for *no value* in columns whose other values are numbers, dates or booleans. In text they are text."""

YEAR = "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?"
LOOSE_TIME = "([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?"
ZONE = "(Z|z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
FIRST_MOMENT = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"
LAST_MOMENT = "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
"""An offset can lead out of the years 1 to 9999, which is where most engines' calendars end."""
SEPARATORS = {"/": "/", "-": "-", ".": "[.]"}


DateOrder = Literal["ymd", "dmy", "mdy"]


@dataclass(frozen=True)
class DateForm:
    """Order of the parts, what stands between them, and whether years have two digits (then: the latest year)."""

    order: DateOrder = "ymd"
    separator: str = "-"
    latest_year: int | None = None

    @property
    def is_iso(self) -> bool:
        return self.order == "ymd" and self.separator == "-"


@dataclass(frozen=True)
class Reading:
    """kind: text, boolean, int, long, decimal, double, date, timestamp, timestamptz; the rest is for some."""

    kind: str
    precision: int = 0
    scale: int = 0
    decimal_mark: str = "."
    grouped: bool = False
    form: DateForm = DateForm()

    @property
    def type(self) -> pa.DataType:
        if self.kind == "decimal":
            return pa.decimal128(self.precision, self.scale)
        return ARROW_TYPES[self.kind]

    def as_text(self) -> str:
        """A short word for the part's dialect, read again by `reading_from_text`."""
        form = self.form
        mark = self.decimal_mark + ("g" if self.grouped else "")
        words = (self.kind, self.precision, self.scale, mark, form.order, form.separator, form.latest_year or "")
        return ":".join(map(str, words))


TEXT = Reading("text")
ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


def reading_from_text(word: str) -> Reading:
    """Raises: ValueError when it is not what `as_text` makes."""
    kind, precision, scale, mark, order, separator, latest = word.split(":")
    if kind not in {*ARROW_TYPES, "decimal"} or order not in {"ymd", "dmy", "mdy"} or separator not in SEPARATORS:
        raise ValueError("an unknown reading")
    form = DateForm(order, separator, int(latest) if latest else None)  # type: ignore[arg-type]
    return Reading(kind, int(precision), int(scale), "," if mark[0] == "," else ".", mark[1:] == "g", form)


def value(reading: Reading, text: str) -> str:  # noqa: PLR0911 - one line a kind
    """SQL: the value of a text, NULL where it has none. It may be laxer than `fits`."""
    match reading.kind:
        case "boolean":
            return f"TRY_CAST({text} AS BOOLEAN)"
        case "long":
            return f"TRY_CAST({text} AS BIGINT)"
        case "int":
            return f"TRY_CAST({text} AS INTEGER)"
        case "decimal":
            return f"TRY_CAST({_plain_number(reading, text)} AS DECIMAL({reading.precision},{reading.scale}))"
        case "double":
            return f"TRY_CAST({_plain_number(reading, text)} AS DOUBLE)"
        case "date":
            return f"TRY_CAST({_iso_date(reading.form, f'trim({text})') if _is_odd(reading) else text} AS DATE)"
        case "timestamp":
            return f"TRY_CAST({_iso_timestamp(reading, text)} AS TIMESTAMP)"
        case "timestamptz":
            return f"TRY_CAST({text} AS TIMESTAMPTZ)"
        case _:
            return text


def surely_fits(reading: Reading, text: str, value: str) -> str | None:  # noqa: PLR0911 - one line a kind
    """SQL: a quick check, true only where `fits` is. None: there is none."""
    match reading.kind:
        case "int" | "long":
            return f"CAST({value} AS VARCHAR) = {text}"
        case "decimal" if reading.decimal_mark == "." and not reading.grouped:
            return f"starts_with(CAST({value} AS VARCHAR), {text})"
        case "date" if not _is_odd(reading):
            return f"CAST({value} AS VARCHAR) = {text}"
        case "boolean":
            return f"{text} IN ('true', 'false')"
        case "timestamptz":
            return f"{text} LIKE '____-__-__T__:__:__Z' AND {_is_plain_time(text, value, blanks=0)}"
        case "timestamp" if not _is_odd(reading):
            return f"{text} LIKE '____-__-__ __:__:__' AND {_is_plain_time(text, value, blanks=1)}"
        case _:
            return None


def _is_plain_time(text: str, value: str, *, blanks: int) -> str:
    """SQL, for a text of the usual length: digits where digits belong, no hour 24, no second 60."""
    length = f"strlen(replace({text}, ' ', '')) = strlen({text}) - {blanks}"
    nothing = " AND ".join(f"NOT contains({text}, '{sign}')" for sign in (".+z" if not blanks else ".+zZ"))
    hours = f"substring({text}, 12, 2) < '24' AND substring({text}, 18, 2) < '60'"
    return f"{text} > '0001' AND {length} AND {nothing} AND {hours} AND {value} IS NOT NULL"


def fits(reading: Reading, text: str, value: str) -> str:
    """SQL: is the value exactly what the text says? NULL or false where not."""
    pattern = literal(f" *({pattern_of(reading)}) *")
    exact = f"regexp_full_match({text}, {pattern}) AND {value} IS NOT NULL"
    if reading.kind == "timestamptz":
        exact += f" AND {value} BETWEEN {FIRST_MOMENT} AND {LAST_MOMENT}"
    if reading.kind == "double":
        few = r" *[-+]?[0.]*([1-9]([.]?[0-9]){0,14})?[.]?([eE][+-]?[0-9]{1,3})? *"
        plain = _plain_number(reading, text)
        printed = f"CAST({value} AS VARCHAR) = lower(trim({plain}))"
        exact += (
            f" AND isfinite({value}) AND ({value} <> 0 OR NOT regexp_matches({plain}, '^[^eE]*[1-9]'))"
            f" AND (regexp_full_match({plain}, {literal(few)}) OR {printed})"
        )
    return exact


def checked(reading: Reading, text: str, value: str, null_words: Sequence[str], misfit: str) -> str:
    """SQL: the value; NULL for what means no value; otherwise `misfit`, which is SQL too."""
    if reading.kind == "text":
        return text
    quick = surely_fits(reading, text, value)
    first = f"WHEN {quick} THEN {value} " if quick else ""
    return (
        f"CASE WHEN {text} IS NULL THEN NULL {first}WHEN {fits(reading, text, value)} THEN {value} "
        f"WHEN {means_no_value(text, null_words)} THEN NULL ELSE {misfit} END"
    )


def means_no_value(text: str, null_words: Sequence[str]) -> str:
    """SQL: is this one of the words? Never IN: the engine makes a join of it, one a column, and its memory is gone."""
    return f"list_contains([{', '.join(literal(word) for word in null_words)}], trim({text}))"


def pattern_of(reading: Reading) -> str:  # noqa: PLR0911 - one line a kind
    """The exact rule as a regular expression, in the words that Python and the engine share."""
    match reading.kind:
        case "boolean":
            return "(?i:true|false)"
        case "int" | "long":
            return "-?(0|[1-9][0-9]{0,18})"
        case "decimal" | "double":
            return _number_pattern(reading)
        case "date":
            return _date_pattern(reading.form)
        case "timestamp":
            between, time = ("[ T]", TIME) if reading.form.is_iso else (" +", LOOSE_TIME)
            return f"{_date_pattern(reading.form)}({between}{time})?"
        case "timestamptz":
            return f"{_date_pattern(reading.form)}[ T]{TIME} ?{ZONE}"
        case _:
            return "(?s:.*)"


def _number_pattern(reading: Reading) -> str:
    """No leading zeros: `007` is a name. Zeros at the end, beyond the scale, say nothing."""
    mark, between = ("[.]", ",") if reading.decimal_mark == "." else (",", "[.]")
    grouped = f"[1-9][0-9]{{0,2}}({between}[0-9]{{3}})+|" if reading.grouped else ""
    whole = f"({grouped}0|[1-9][0-9]*)"
    if reading.kind == "double":
        return f"-?({whole}({mark}[0-9]*)?|{mark}[0-9]+)([eE][+-]?[0-9]{{1,3}})?"
    if not reading.scale:
        return f"-?{whole}({mark}0*)?"
    behind = f"{mark}[0-9]{{0,{reading.scale}}}0*"
    return f"-?({whole}({behind})?|{mark}[0-9]{{1,{reading.scale}}}0*)"


def _date_pattern(form: DateForm) -> str:
    between = SEPARATORS[form.separator]
    if form.order == "ymd":
        return f"{YEAR}{between}[0-9]{{2}}{between}[0-9]{{2}}"
    year = "[0-9]{2}" if form.latest_year is not None else YEAR
    return f"[0-9]{{1,2}}{between}[0-9]{{1,2}}{between}{year}"


def _is_odd(reading: Reading) -> bool:
    return not reading.form.is_iso


def _plain_number(reading: Reading, text: str) -> str:
    """SQL: without signs between thousands, with a point."""
    point, comma = (f"replace({text}, ',', '')", f"replace({text}, '.', '')")
    if reading.decimal_mark == ".":
        return point if reading.grouped else text
    return f"replace({comma if reading.grouped else text}, ',', '.')"


def _iso_date(form: DateForm, text: str) -> str:
    """SQL: year-month-day of a text that looks like a date of this form."""
    places = {"ymd": (1, 2, 3), "dmy": (3, 2, 1), "mdy": (3, 1, 2)}[form.order]
    year, month, day = (f"split_part({text}, {literal(form.separator)}, {place})" for place in places)
    if form.latest_year is not None:
        century, rest = divmod(form.latest_year, 100)
        year = f"CASE WHEN {year} <= '{rest:02}' THEN '{century:02}' ELSE '{century - 1:02}' END || {year}"
    return f"concat({year}, '-', {month}, '-', {day})"


def _iso_timestamp(reading: Reading, text: str) -> str:
    if not _is_odd(reading):
        return text
    date, time = f"split_part(trim({text}), ' ', 1)", f"split_part(regexp_replace(trim({text}), ' +', ' '), ' ', 2)"
    return f"trim(concat({_iso_date(reading.form, date)}, ' ', {time}))"
