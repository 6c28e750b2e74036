"""The slow, obvious twin of a profile: one Python loop over the rows of each column. No suppression, exact."""

import math
import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class SlowColumn:
    """What can be counted of a column by hand."""

    nulls: int
    empty: int | None
    not_finite: int | None
    distinct: int | None
    lengths: tuple[int, int] | None
    numbers: tuple[float, ...]
    counts: Counter[Any]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.numbers) if self.numbers else None


def slow_profile(table: pa.Table) -> dict[str, SlowColumn]:
    return {name: slow_column(table.column(name)) for name in table.column_names}


def slow_column(column: pa.ChunkedArray) -> SlowColumn:
    values = [value for value in column.to_pylist() if value is not None]
    kind = column.type
    nulls = len(column) - len(values)
    if pa.types.is_nested(kind):
        return SlowColumn(nulls, None, None, None, None, (), Counter())
    is_text, is_float = pa.types.is_string(kind), pa.types.is_floating(kind)
    counts = Counter("nan" if is_float and math.isnan(value) else value for value in values)
    finite = [value for value in values if not (is_float and not math.isfinite(value))]
    is_measured = pa.types.is_integer(kind) or is_float or pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    return SlowColumn(
        nulls=nulls,
        empty=sum(value == "" for value in values) if is_text else None,
        not_finite=len(values) - len(finite) if is_float else None,
        distinct=len(counts),
        lengths=(min(map(len, values)), max(map(len, values))) if is_text and values else None,
        numbers=tuple(as_number(value) for value in finite) if is_measured else (),
        counts=counts,
    )


def as_number(value: Any) -> float:
    """Seconds since 1970 for dates and times."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return float((value - EPOCH).days * 86_400)
    return float(value)
