"""When two tables are the same: the same rows as often, in any order, floats to a relative 1e-9."""

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


def assert_same_bag(found: list[Row], expected: list[Row], *, key: tuple[str, ...]) -> None:
    """Raises AssertionError that names the first row and column that differ. `key` orders the rows."""
    assert len(found) == len(expected), f"{len(found)} rows, expected {len(expected)}"
    for one, other in zip(_ordered(found, key), _ordered(expected, key), strict=True):
        assert set(one) == set(other), f"columns differ: {sorted(set(one) ^ set(other))}"
        for column, value in other.items():
            assert _same(one[column], value), f"{column} of {[one[k] for k in key]}: {one[column]!r}, not {value!r}"


def _ordered(rows: list[Row], key: tuple[str, ...]) -> list[Row]:
    return sorted(rows, key=lambda row: [str(row[column]) for column in key])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other
    if isinstance(one, str | int | Decimal | date):
        return bool(one == other)
    raise TypeError(f"no rule to compare {type(one).__name__}")
