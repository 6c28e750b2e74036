"""Does a value mean what a text says? Slow and plain: the oracle of every reading of text."""

# ruff: noqa: DTZ001, E501 - times without a zone are a type of their own

import datetime
import re
from decimal import Decimal

NULLS = {"", "NULL", "null", "Null", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "\\N", "None", "-", "."}
Value = str | bool | int | float | Decimal | datetime.date | datetime.datetime | None


def means(text: str, value: Value, *, latest_year: int = 2026) -> bool:  # noqa: PLR0911
    """True when nothing of the text is lost in the value."""
    if isinstance(value, str):
        return text == value
    plain = text.strip(" ")
    if value is None:
        return plain in NULLS
    if isinstance(value, bool):
        return plain.lower() == str(value).lower()
    if isinstance(value, int):
        return plain == str(value) or plain == "-0" == f"-{value}"
    if isinstance(value, Decimal | float):
        return (Decimal(repr(value)) if isinstance(value, float) else value) in _numbers(plain)
    if isinstance(value, datetime.datetime):
        return value in _moments(plain, latest_year)
    return value in {moment.date() for moment in _moments(plain, latest_year) if ":" not in plain}


def _numbers(text: str) -> set[Decimal]:
    """Every number that the text may mean: leading zeros are names, signs between digits must be thousands."""
    numbers = set()
    for mark, between in ((".", ","), (",", ".")):
        found = re.fullmatch(rf"-?([\d{re.escape(between)}]*)(?:[{mark}](\d*))?(?:[eE][-+]?\d+)?", text)
        if not found or not re.search(r"\d", text):
            continue
        whole = found[1]
        grouped = re.fullmatch(rf"[1-9]\d{{0,2}}({re.escape(between)}\d{{3}})+", whole)
        if not (grouped or re.fullmatch(r"0|[1-9]\d*|", whole)):
            continue
        numbers.add(Decimal(text.replace(between, "").replace(mark, ".")))
    return numbers


def _moments(text: str, latest_year: int) -> set[datetime.datetime]:
    """Every moment that the text may mean; zones in UTC."""
    found = re.fullmatch(
        r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[ T]+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6})0*)?)?)? ?(Z|z|[+-]\d\d:?\d*)?",
        text,
    )
    if not found:
        return set()
    a, b, c = found[1], found[3], found[4]
    orders = [(a, b, c)] if len(a) == 4 else [(c, b, a), (c, a, b)]
    moments = set()
    for year, month, day in orders:
        full = (
            int(year)
            if len(year) == 4
            else max(y for y in range(latest_year - 99, latest_year + 1) if y % 100 == int(year))
        )
        time = [int(part or 0) for part in (found[5], found[6], found[7])]
        micro = int((found[8] or "0").ljust(6, "0"))
        try:
            moment = datetime.datetime(full, int(month), int(day), *time, micro)
        except ValueError:
            continue
        if found[9]:
            sign = found[9].replace(":", "")
            offset = datetime.timedelta()
            if sign not in "Zz":
                offset = datetime.timedelta(hours=int(sign[1:3]), minutes=int(sign[3:] or 0)) * (
                    -1 if sign[0] == "-" else 1
                )
            moment = (moment - offset).replace(tzinfo=datetime.UTC)
        moments.add(moment)
    return moments
