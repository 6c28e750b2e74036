"""A rule as SQL: how many rows are judged, how many of them break it. Names and values of the rule are checked first.

Names of columns become places, values become literals that are written here. What a rule says wrongly is told as the
state of this rule (BadRule), before any engine hears of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pergamon.quality.model import BadRule, Family, TableColumn
from pergamon.quality.ports import MeasuredTable
from pergamon.quality.predicate import parse_condition, shown
from pergamon.quality.profile_sql import literal, source
from pergamon.quality.rules import (
    AgreesWith,
    AnyRule,
    CodeList,
    Condition,
    ForeignKey,
    Format,
    Fresh,
    InSet,
    Length,
    NotNull,
    Pattern,
    Range,
    Unique,
    iso_moment,
)

_FORMATS = {
    "iso-date": r"regexp_full_match({0}, '\d{{4}}-\d{{2}}-\d{{2}}') AND try_cast({0} AS DATE) IS NOT NULL",
    "iso-timestamp": r"regexp_full_match({0}, '\d{{4}}-\d{{2}}-\d{{2}}[T ]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?"
    r"(Z|[+-]\d{{2}}:?\d{{2}})?')"
    " AND try_cast({0} AS TIMESTAMPTZ) IS NOT NULL",
    "integer": r"regexp_full_match({0}, '[+-]?\d+')",
    "number": r"regexp_full_match({0}, '[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?')",
    "boolean": "lower({0}) IN ('true', 'false', 't', 'f', 'yes', 'no', '0', '1')",
    "uuid": "regexp_full_match(lower({0}), '[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}')",
    "email": r"regexp_full_match({0}, '[^@\s]+@[^@\s]+\.[^@\s]+')",
}
_COMPARABLE = (Family.NUMBER, Family.TEXT, Family.BOOLEAN, Family.DATE, Family.TIMESTAMP)


@dataclass(frozen=True)
class Aggregates:
    """Two aggregates over the table itself: many of them are computed in one reading."""

    judged: str
    failed: str
    upto: int


@dataclass(frozen=True)
class Statement:
    """A whole SELECT of (judged, failed), over these other tables too."""

    sql: str
    others: tuple[MeasuredTable, ...] = ()


@dataclass(frozen=True)
class Said:
    """What can be said without looking into any file."""

    judged: int
    failed: int


def compile_rule(  # noqa: PLR0911 - one return for each kind of rule
    rule: AnyRule,
    table: MeasuredTable,
    others: Mapping[str, MeasuredTable],
    *,
    now: datetime,
    committed_at: datetime | None,
) -> Aggregates | Statement | Said:
    """What is to be asked for a rule.

    Args: others: the reference tables that exist, by full name.
    Raises:
        BadRule: the rule does not fit the table.
    """
    match rule:
        case NotNull():
            return _not_null(rule, table)
        case Unique():
            return _unique(rule, table)
        case Fresh(column=None):
            return _changed(rule, now, committed_at)
        case Fresh():
            return _fresh(rule, table, now)
        case Condition():
            return _condition(rule, table)
        case CodeList():
            return _foreign_key(table, [rule.column], _other(rule.table, others), [rule.table_column])
        case ForeignKey():
            return _foreign_key(table, rule.columns, _other(rule.table, others), rule.table_columns)
        case AgreesWith():
            return _agrees_with(rule, table, _other(rule.table, others))
        case _:
            return _of_values(rule, table)


def _not_null(rule: NotNull, table: MeasuredTable) -> Aggregates:
    if rule.columns == ("*",):
        places = [(place, column) for place, column in enumerate(table.columns)]
    else:
        # Each once: a column named ten times would count its missing rows in tens, which are then told exactly.
        places = list(dict(_place(table, name) for name in rule.columns).items())
    if len(places) > 2_000:
        raise BadRule("`*` is for tables of at most 2,000 columns", hint="name the columns")
    tests = [f"count(*) FILTER (WHERE {_missing(f'c{at}', column, rule)})" for at, column in places]
    return Aggregates(f"count(*) * {len(places)}", " + ".join(tests), max(at for at, _ in places) + 1)


def _missing(name: str, column: TableColumn, rule: NotNull) -> str:
    if column.family is Family.TEXT and rule.empty_is_missing:
        return f"{name} IS NULL OR trim({name}) = ''"
    if column.is_floating:
        return f"{name} IS NULL OR isnan({name})"
    return f"{name} IS NULL"


def _unique(rule: Unique, table: MeasuredTable) -> Statement:
    places = [_place(table, name) for name in rule.columns]
    for _, column in places:
        if column.family is Family.NESTED:
            raise BadRule(f"the column {shown(column.name)} is nested: it cannot be unique")
    names = [f"c{at}" for at, _ in places]
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    upto = max(at for at, _ in places) + 1
    return Statement(
        "SELECT coalesce(sum(n), 0) AS judged, coalesce(sum(n - 1), 0) AS failed FROM (SELECT count(*) AS n "  # noqa: S608
        f"FROM {source(table, upto)} WHERE {present} GROUP BY {', '.join(names)})"
    )


def _changed(rule: Fresh, now: datetime, committed_at: datetime | None) -> Said:
    if committed_at is None:
        return Said(1, 1)
    return Said(1, 0 if now - committed_at <= timedelta(hours=rule.within_hours) else 1)


def _fresh(rule: Fresh, table: MeasuredTable, now: datetime) -> Aggregates:
    at, column = _place(table, str(rule.column))
    if column.family not in (Family.DATE, Family.TIMESTAMP):
        raise BadRule(f"the column {shown(column.name)} is no date and no timestamp")
    oldest = (now - timedelta(hours=rule.within_hours)).astimezone(UTC)
    low, high = (_moment(moment, column) for moment in (oldest, now.astimezone(UTC)))
    newest = f"max(c{at}) FILTER (WHERE c{at} <= {high})"
    return Aggregates("1", f"CASE WHEN {newest} >= {low} THEN 0 ELSE 1 END", at + 1)


def _moment(moment: datetime, column: TableColumn) -> str:
    if column.family is Family.DATE:
        return f"DATE '{moment.date().isoformat()}'"
    text = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return f"TIMESTAMPTZ '{text}+00'" if column.type == "timestamptz" else f"TIMESTAMP '{text}'"


def _condition(rule: Condition, table: MeasuredTable) -> Aggregates:
    columns = {column.name.lower(): (column, f"c{at}") for at, column in enumerate(table.columns)}
    condition = parse_condition(rule.condition, columns)
    upto = max((_place(table, name)[0] for name in condition.columns), default=0) + 1
    return Aggregates(f"count({condition.sql})", f"count(*) FILTER (WHERE NOT {condition.sql})", upto)


def _of_values(rule: InSet | Range | Pattern | Format | Length, table: MeasuredTable) -> Aggregates:
    at, column = _place(table, rule.column)
    name = f"c{at}"
    kept = _kept(rule, column, name)
    return Aggregates(f"count({name})", f"count(*) FILTER (WHERE {name} IS NOT NULL AND NOT ({kept}))", at + 1)


def _kept(rule: InSet | Range | Pattern | Format | Length, column: TableColumn, name: str) -> str:
    match rule:
        case InSet():
            return f"{name} IN ({', '.join(_scalar(value, column) for value in rule.values)})"
        case Range():
            ends = [f"{name} >= {_scalar(rule.minimum, column)}"] if rule.minimum is not None else []
            ends += [f"{name} <= {_scalar(rule.maximum, column)}"] if rule.maximum is not None else []
            return " AND ".join(ends)
        case Pattern():
            _require_text(column, "a pattern")
            return f"regexp_full_match({name}, {literal(rule.pattern)})"
        case Format():
            _require_text(column, "a format")
            return _FORMATS[rule.format].format(name)
        case Length():
            _require_text(column, "a length")
            upper = f" AND length({name}) <= {rule.maximum}" if rule.maximum is not None else ""
            return f"length({name}) >= {rule.minimum}{upper}"


def _require_text(column: TableColumn, what: str) -> None:
    if column.family is not Family.TEXT:
        raise BadRule(f"{what} is for text; the column {shown(column.name)} is of the type {column.type[:60]}")


def _scalar(value: bool | int | float | str, column: TableColumn) -> str:
    """A value of a rule as a literal of the column's family."""
    family = column.family
    if family is Family.BOOLEAN and isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if family is Family.NUMBER and is_number and -1e300 < float(value) < 1e300:
        return f"({value!r})"
    if family is Family.TEXT and isinstance(value, str):
        return literal(value)
    if family in (Family.DATE, Family.TIMESTAMP) and isinstance(value, str):
        try:
            moment = iso_moment(value)
        except ValueError:
            raise BadRule(f"a value for {shown(column.name)} is no ISO date or timestamp") from None
        word = "TIMESTAMP" if isinstance(moment, datetime) else "DATE"
        return f"{word} '{moment!s}'"
    raise BadRule(f"a value of the rule does not fit the column {shown(column.name)} of the type {column.type[:60]}")


def _foreign_key(
    table: MeasuredTable, columns: Sequence[str], other: MeasuredTable, other_columns: Sequence[str]
) -> Statement:
    pairs = _pairs(table, columns, other, other_columns)
    mine, theirs = [f"c{a}" for a, _ in pairs], [f"d{b}" for _, b in pairs]
    left = _keyed(table, "c", mine, "k")
    right = _keyed(other, "d", theirs, "k", distinct=True)
    on = " AND ".join(f"l.k{at} = r.k{at}" for at in range(len(pairs)))
    return Statement(
        f"SELECT count(*) AS judged, count(*) - count(r.hit) AS failed FROM ({left}) l "  # noqa: S608 - by place
        f"LEFT JOIN (SELECT *, 1 AS hit FROM ({right})) r ON {on}",
        (other,),
    )


def _keyed(table: MeasuredTable, prefix: str, names: Sequence[str], key: str, *, distinct: bool = False) -> str:
    chosen = ", ".join(f"{name} AS {key}{at}" for at, name in enumerate(names))
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    upto = max(int(name[1:]) for name in names) + 1
    word = "DISTINCT " if distinct else ""
    return f"SELECT {word}{chosen} FROM {source(table, upto, prefix=prefix)} WHERE {present}"  # noqa: S608 - by place


def _agrees_with(rule: AgreesWith, table: MeasuredTable, other: MeasuredTable) -> Statement:
    """A key that the reference has twice says nothing: rows with it are not judged."""
    keys = _pairs(table, rule.key, other, rule.table_key or rule.key)
    compared = _pairs(table, rule.columns, other, rule.table_columns or rule.columns)
    left = ", ".join(
        [f"c{a} AS k{i}" for i, (a, _) in enumerate(keys)] + [f"c{a} AS v{i}" for i, (a, _) in enumerate(compared)]
    )
    right = ", ".join(
        [f"d{b} AS k{i}" for i, (_, b) in enumerate(keys)]
        + [f"any_value(d{b}) AS v{i}" for i, (_, b) in enumerate(compared)]
    )
    group = ", ".join(f"d{b}" for _, b in keys)
    on = " AND ".join(f"l.k{i} = r.k{i}" for i in range(len(keys)))
    differs = " OR ".join(f"l.v{i} IS DISTINCT FROM r.v{i}" for i in range(len(compared)))
    mine = source(table, max(a for a, _ in (*keys, *compared)) + 1)
    theirs = source(other, max(b for _, b in (*keys, *compared)) + 1, prefix="d")
    return Statement(
        f"SELECT count(*) AS judged, count(*) FILTER (WHERE {differs}) AS failed FROM (SELECT {left} FROM {mine}) l "  # noqa: S608
        f"JOIN (SELECT {right} FROM {theirs} GROUP BY {group} HAVING count(*) = 1) r ON {on}",
        (other,),
    )


def _pairs(
    table: MeasuredTable, columns: Sequence[str], other: MeasuredTable, other_columns: Sequence[str]
) -> list[tuple[int, int]]:
    found = []
    for mine, theirs in zip(columns, other_columns, strict=True):
        at, column = _place(table, mine)
        other_at, other_column = _place(other, theirs)
        times = (Family.DATE, Family.TIMESTAMP)
        are_alike = column.family is other_column.family or (column.family in times and other_column.family in times)
        if not are_alike or column.family not in _COMPARABLE:
            raise BadRule(
                f"{shown(column.name)} ({column.type[:60]}) cannot be compared with {shown(other_column.name)} "
                f"({other_column.type[:60]})"
            )
        found.append((at, other_at))
    return found


def _place(table: MeasuredTable, name: str) -> tuple[int, TableColumn]:
    """A column's place, by its name without regard to case."""
    for at, column in enumerate(table.columns):
        if column.name.lower() == name.lower():
            return at, column
    raise BadRule(f"the table {table.id} has no column {shown(name)}")


def _other(name: str, others: Mapping[str, MeasuredTable]) -> MeasuredTable:
    if name not in others:
        raise BadRule(f"there is no table {name}")
    return others[name]
