"""Measure one table: the statements, one after the other, within a bounded time; less exactly when memory is short."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pergamon.quality import disclosure, profile_sql
from pergamon.quality.disclosure import Bucket
from pergamon.quality.model import MOST_COLUMNS, ColumnProfile, StatementTimedOut, StatementTooLarge
from pergamon.quality.ports import Limits, MeasuredTable, ProfileEngine
from pergamon.quality.profile_sql import Measured


@dataclass(frozen=True)
class Measurement:
    """What was measured. sampled_rows: None where every row was looked at."""

    rows: int
    sampled_rows: int | None
    columns: tuple[ColumnProfile, ...]
    left_out: int


@dataclass
class Asking:
    """An engine with a deadline. `between`: called before each statement; it may raise."""

    engine: ProfileEngine
    limits: Limits
    between: Callable[[], None] = lambda: None
    clock_s: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._deadline = self.clock_s() + self.limits.budget_s

    def rows(self, sql: str, tables: Sequence[MeasuredTable]) -> list[dict[str, Any]]:
        """The rows of a statement.

        Raises:
            StatementTimedOut: also when the whole profile has used up its time.
            StatementTooLarge, StatementRefused, EngineFailed.
        """
        left = int(self._deadline - self.clock_s())
        if left < 1:
            raise StatementTimedOut(f"measuring takes longer than {self.limits.budget_s} s")
        self.between()
        limits = Limits(
            timeout_s=min(self.limits.timeout_s, left),
            budget_s=left,
            memory_mb=self.limits.memory_mb,
            threads=self.limits.threads,
        )
        found: list[dict[str, Any]] = self.engine.run(sql, tables, limits).to_pylist()
        return found


def measure(asking: Asking, table: MeasuredTable) -> Measurement:
    """Measure every column of a table.

    Raises:
        StatementTooLarge, StatementTimedOut, StatementRefused, EngineFailed.
    """
    places = range(min(len(table.columns), MOST_COLUMNS))
    sample = None
    if table.about_rows > profile_sql.SAMPLE_ABOVE_ROWS:
        sample = 100 * profile_sql.SAMPLE_ROWS / table.about_rows
    exact = table.about_rows <= profile_sql.EXACT_UP_TO_ROWS
    measured = [
        found
        for part in _portions(list(places), profile_sql.COLUMNS_AT_ONCE)
        for found in _measured(asking, table, part, exact=exact, sample=sample)
    ]
    looked_at = measured[0].rows if measured else 0
    rows = looked_at
    if sample is not None:
        rows = int(asking.rows(profile_sql.counting(table), [table])[0]["n"])
    codes = _codes(asking, table, measured, sample)
    coded = {place for place, found in codes.items() if disclosure.is_coded([rows for _, rows in found])}
    buckets = _buckets(asking, table, [one for one in measured if one.place not in coded], sample)
    columns = [profile_sql.column_profile(one, codes.get(one.place), buckets.get(one.place, ())) for one in measured]
    return Measurement(
        rows=rows,
        sampled_rows=looked_at if sample is not None else None,
        columns=tuple(columns),
        left_out=len(table.columns) - len(columns),
    )


def _measured(
    asking: Asking, table: MeasuredTable, places: list[int], *, exact: bool, sample: float | None
) -> list[Measured]:
    """Short of memory: estimate instead of counting, then fewer columns at once."""
    try:
        (row,) = asking.rows(profile_sql.measuring(table, places, exact=exact, sample=sample), [table])
        return list(profile_sql.read_measured(table, row, exact=exact))
    except StatementTooLarge:
        if not exact and len(places) == 1:
            raise
    halves = [places] if exact else [places[: len(places) // 2], places[len(places) // 2 :]]
    return [found for part in halves for found in _measured(asking, table, part, exact=False, sample=sample)]


def _codes(
    asking: Asking, table: MeasuredTable, measured: Sequence[Measured], sample: float | None
) -> dict[int, list[tuple[str | None, int]]]:
    """Every code of the columns that may be coded, with the number of its rows; an uncommon one without its value."""
    found: dict[int, list[tuple[str | None, int]]] = {}
    for part in _portions([m.place for m in measured if profile_sql.may_be_coded(m)], profile_sql.CODES_AT_ONCE):
        found |= {place: [] for place in part}
        for row in asking.rows(profile_sql.coding(table, part, sample=sample), [table]):
            found[row["place"]].append((row["code"], row["n"]))
    return found


def _buckets(
    asking: Asking, table: MeasuredTable, measured: Sequence[Measured], sample: float | None
) -> dict[int, list[Bucket]]:
    edges = {one.place: profile_sql.edges_of(one) for one in measured}
    wanted = [place for place, ends in edges.items() if ends]
    found: dict[int, list[Bucket]] = {}
    for part in _portions(wanted, profile_sql.COLUMNS_AT_ONCE):
        chosen = {place: edges[place] for place in part}
        (row,) = asking.rows(profile_sql.shaping(table, chosen, sample=sample), [table])
        found |= {place: profile_sql.read_buckets(edges[place], row[f"h{place}"]) for place in part}
    return found


def _portions(places: list[int], size: int) -> list[list[int]]:
    return [places[at : at + size] for at in range(0, len(places), size)]
