"""The statements that measure a table, and what their answers mean.

Columns are named by their place (`c0`, `c1`, …), never by their name: names come from strangers' files. The first
statement reads each column once: counts, moments, quantiles. The second reads again only columns that may have a
histogram (between edges that the first one gave) or codes. No single value of a row comes out of either, but those
that stand in k rows or more.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pergamon.quality import disclosure
from pergamon.quality.disclosure import FEWEST_FOR_MOMENTS, FEWEST_FOR_SHAPE, FEWEST_FOR_TAILS, FEWEST_ROWS, Bucket
from pergamon.quality.model import ColumnProfile, Family, TableColumn
from pergamon.quality.ports import MeasuredTable

EXACT_UP_TO_ROWS = 100_000
"""Up to so many rows distinct values are counted and quantiles computed; beyond that both are estimated."""
SAMPLE_ABOVE_ROWS = 20_000_000
SAMPLE_ROWS = 10_000_000
COLUMNS_AT_ONCE = 100
CODES_AT_ONCE = 40
CODES_MAYBE = 70
"""An estimate of so many distinct values may mean 50: HyperLogLog errs by some per cent."""
LARGEST_MOMENT = 1e140
"""Larger numbers would overflow the sum of squares."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
SHAPED = (Family.NUMBER, Family.DATE, Family.TIMESTAMP)
ISO_DATE = 10
"""Characters; dates of other eras are longer, and sort otherwise as text."""
CODABLE = (Family.NUMBER, Family.TEXT, Family.DATE, Family.BOOLEAN)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def source(table: MeasuredTable, upto: int, *, alias: str = "t", prefix: str = "c", sample: float | None = None) -> str:
    """The table in a FROM, its first `upto` columns named by their places. sample: per cent of its rows."""
    names = ", ".join(f"{prefix}{place}" for place in range(upto))
    name = f"{identifier(table.id.database)}.{identifier(table.id.name)}"
    if sample is not None:
        name = f"(SELECT * FROM {name} USING SAMPLE {sample:.6f} PERCENT (bernoulli, 42))"  # noqa: S608 - quoted
    return f"{name} AS {alias}({names})"


@dataclass(frozen=True)
class Measured:
    """What the first statement said of a column."""

    place: int
    column: TableColumn
    rows: int
    present: int
    empty: int | None
    distinct: int | None
    is_exact: bool
    lengths: tuple[int, int] | None = None
    finite: int | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()


def number_of(column: TableColumn, name: str) -> str:
    """A column as a number: of seconds since 1970 for times. What is not finite is NULL."""
    if column.family in (Family.DATE, Family.TIMESTAMP):
        return f"(CASE WHEN isfinite({name}) THEN epoch({name}) END)"
    if column.is_floating:
        return f"(CASE WHEN isfinite({name}) THEN {name}::DOUBLE END)"
    return f"{name}::DOUBLE"


def measuring(table: MeasuredTable, places: Sequence[int], *, exact: bool, sample: float | None) -> str:
    """The first statement, for some of the columns: one row with a struct for each."""
    structs = [f"{_struct(table.columns[place], f'c{place}', exact=exact)} AS s{place}" for place in places]
    parts = ", ".join(["count(*) AS n", *structs])
    return f"SELECT {parts} FROM {source(table, max(places, default=0) + 1, sample=sample)}"  # noqa: S608 - by place


def counting(table: MeasuredTable) -> str:
    return f"SELECT count(*) AS n FROM {source(table, 1)}"  # noqa: S608 - quoted


def _struct(column: TableColumn, name: str, *, exact: bool) -> str:
    parts = {"present": f"count({name})"}
    if column.family is not Family.NESTED:
        parts["distinct"] = f"count(DISTINCT {name})" if exact else f"approx_count_distinct({name})"
    if column.family is Family.TEXT:
        parts["empty"] = f"count(*) FILTER (WHERE {name} = '')"
        parts["shortest"], parts["longest"] = f"min(length({name}))", f"max(length({name}))"
    if column.family in SHAPED:
        number = number_of(column, name)
        moderate = f"(CASE WHEN abs({number}) <= {LARGEST_MOMENT!r} THEN {number} END)"
        quantiles = ", ".join(map(repr, QUANTILES))
        quantile = "quantile_cont" if exact else "approx_quantile"
        parts["finite"], parts["moderate"] = f"count({number})", f"count({moderate})"
        parts["mean"], parts["deviation"] = f"avg({moderate})", f"stddev_samp({moderate})"
        parts["quantiles"] = f"{quantile}({number}, [{quantiles}])"
    return "{" + ", ".join(f"'{key}': {value}" for key, value in parts.items()) + "}"


def read_measured(table: MeasuredTable, row: Mapping[str, Any], *, exact: bool) -> Iterator[Measured]:
    """What the answer to `measuring` means."""
    for key, said in row.items():
        if key == "n":
            continue
        place = int(key[1:])
        column = table.columns[place]
        is_complete = said.get("moderate") == said.get("finite")
        yield Measured(
            place=place,
            column=column,
            rows=row["n"],
            present=said["present"],
            empty=said.get("empty"),
            distinct=None if "distinct" not in said else min(said["distinct"], said["present"]),
            is_exact=exact,
            lengths=(said["shortest"], said["longest"]) if said.get("longest") is not None else None,
            finite=said.get("finite"),
            mean=said.get("mean") if is_complete else None,
            deviation=said.get("deviation") if is_complete else None,
            quantiles=tuple(said.get("quantiles") or ()),
        )


def may_be_coded(measured: Measured) -> bool:
    """Is it worth looking at each of the column's values?"""
    if measured.column.family not in CODABLE or measured.distinct is None or measured.present < FEWEST_ROWS:
        return False
    most = disclosure.MOST_CODES if measured.is_exact else CODES_MAYBE
    return 0 < measured.distinct <= most


def edges_of(measured: Measured) -> list[float]:
    """Where the buckets of the column's histogram end; empty: it has none."""
    if measured.column.family not in SHAPED or (measured.finite or 0) < FEWEST_FOR_SHAPE or not measured.quantiles:
        return []
    low, high = measured.quantiles[1], measured.quantiles[-2]
    if (measured.finite or 0) >= 100 * FEWEST_ROWS:
        low, high = measured.quantiles[0], measured.quantiles[-1]
    if measured.column.family is Family.NUMBER:
        return disclosure.round_edges(low, high, whole=measured.column.is_whole)
    return disclosure.calendar_edges(low, high, days_only=measured.column.family is Family.DATE)


def shaping(table: MeasuredTable, edges: Mapping[int, Sequence[float]], *, sample: float | None) -> str:
    """The statement of histograms: for each column a map from edge to count.

    DuckDB's buckets hold their upper end. Ours hold their lower one, so both values and edges are turned round.
    """
    parts = []
    for place, ends in edges.items():
        number = number_of(table.columns[place], f"c{place}")
        turned = ", ".join(f"{-end!r}::DOUBLE" for end in reversed(ends))
        parts.append(f"histogram(-({number}), [{turned}]) AS h{place}")
    return f"SELECT {', '.join(parts)} FROM {source(table, max(edges) + 1, sample=sample)}"  # noqa: S608 - by place


def read_buckets(edges: Sequence[float], said: Any) -> list[Bucket]:  # Any: Arrow's map, a list of pairs
    """The buckets behind the answer to `shaping`, from the lowest, none of them small."""
    counts = [count for _, count in said or ()]
    turned = list(reversed(counts + [0] * (len(edges) + 1 - len(counts))))
    ends = [None, *edges, None]
    return disclosure.merged([Bucket(ends[at], ends[at + 1], rows) for at, rows in enumerate(turned)])


def coding(table: MeasuredTable, places: Sequence[int], *, sample: float | None) -> str:
    """The statement of codes: every value that stands in k rows or more, and the counts of the others."""
    parts = [
        f"SELECT {place} AS place, CASE WHEN count(*) >= {FEWEST_ROWS} AND "  # noqa: S608 - by place
        f"length(CAST(c{place} AS VARCHAR)) <= {disclosure.LONGEST_CODE} THEN CAST(c{place} AS VARCHAR) END AS code, "
        f"count(*) AS n FROM {source(table, place + 1, sample=sample)} WHERE c{place} IS NOT NULL GROUP BY c{place}"
        for place in places
    ]
    return " UNION ALL ".join(parts)


def column_profile(
    measured: Measured, codes: Sequence[tuple[str | None, int]] | None, buckets: Sequence[Bucket]
) -> ColumnProfile:
    """What is kept of a column."""
    column = measured.column
    is_coded = codes is not None and disclosure.is_coded([rows for _, rows in codes])
    is_coded = is_coded and all(code is not None for code, _ in codes or ())
    values = dict(_values(measured, codes if is_coded else None, buckets))
    return ColumnProfile(
        name=column.name,
        type=column.type,
        nulls=measured.rows - measured.present,
        empty=measured.empty,
        not_finite=measured.present - (measured.finite or 0) if column.is_floating else None,
        distinct=len(codes) if codes is not None else measured.distinct,
        distinct_is_exact=measured.is_exact or codes is not None,
        values=values,
        withheld=None if values else _why_nothing(measured),
    )


def _why_nothing(measured: Measured) -> str:
    if measured.column.family in (Family.NESTED, Family.OTHER):
        return "nothing but counts is kept of this type"
    if measured.present < FEWEST_ROWS:
        return f"fewer than {FEWEST_ROWS} rows have a value"
    return "its values would single somebody out"


def _values(
    measured: Measured, codes: Sequence[tuple[str | None, int]] | None, buckets: Sequence[Bucket]
) -> Iterator[tuple[str, Any]]:
    family, present = measured.column.family, measured.present
    if present < FEWEST_ROWS:
        return
    if measured.lengths is not None:
        shortest, longest = disclosure.rounded_lengths(*measured.lengths)
        yield "length", {"at_least": shortest, "at_most": longest}
    if codes is not None:
        ordered = sorted(codes, key=lambda code: (-code[1], str(code[0])))
        yield "codes", [{"value": code, "rows": rows} for code, rows in ordered]
        if family in SHAPED:
            known = sorted((code for code, _ in codes if code is not None), key=_as_number(family))
            finite = [code for code in known if code.lower() not in ("nan", "inf", "-inf", "infinity", "-infinity")]
            if finite and (family is Family.NUMBER or all(len(code) == ISO_DATE for code in finite)):
                yield "minimum", finite[0]
                yield "maximum", finite[-1]
    if family in SHAPED and (measured.finite or 0) >= FEWEST_FOR_MOMENTS and measured.quantiles:
        yield from _moments(measured)
    if len(buckets) > 1:
        days_only = family is Family.DATE
        yield (
            "histogram",
            [
                {"from": _end(b.from_, measured, days_only), "to": _end(b.to, measured, days_only), "rows": b.rows}
                for b in buckets
            ],
        )


def _as_number(family: Family) -> Any:  # Any: a key for sorted
    return float if family is Family.NUMBER else str


def _moments(measured: Measured) -> Iterator[tuple[str, Any]]:
    """Mean, deviation, quantiles, rounded to a hundredth of the middle nine tenths' spread."""
    is_time = measured.column.family is not Family.NUMBER
    days_only = measured.column.family is Family.DATE
    low, high = measured.quantiles[1], measured.quantiles[-2]
    spread = high - low
    if not math.isfinite(spread):
        return
    grain = disclosure.nice_step(spread / 100) if spread > 0 else disclosure.significant(low)
    if is_time:
        grain = max(grain, DAY if days_only else 1.0)

    def told(value: float, grain: float = grain) -> float | str:
        near = disclosure.rounded(value, grain)
        return disclosure.time_text(near, days_only=days_only) if is_time else near

    rows = measured.finite or 1
    if measured.mean is not None:
        yield "mean", told(measured.mean, disclosure.blurred(grain, measured.deviation, rows))
    if measured.deviation is not None and math.isfinite(measured.deviation):
        unit = DAY if is_time else 1.0
        fine = min(grain, disclosure.significant(measured.deviation) or grain)
        near = disclosure.rounded(measured.deviation, disclosure.blurred(fine, measured.deviation, 2 * rows))
        yield ("deviation_days", round(near / unit, 2)) if is_time else ("deviation", near)
    chosen = [place for place, share in enumerate(QUANTILES) if share in (0.25, 0.5, 0.75)]
    if (measured.finite or 0) >= FEWEST_FOR_TAILS:
        chosen = [place for place, share in enumerate(QUANTILES) if 0.05 <= share <= 0.95]
    yield "quantiles", {f"{QUANTILES[place]:g}": told(measured.quantiles[place]) for place in chosen}


DAY = float(disclosure.DAY_S)


def _end(value: float | None, measured: Measured, days_only: bool) -> float | str | None:
    if value is None or measured.column.family is Family.NUMBER:
        return value
    return disclosure.time_text(value, days_only=days_only)
