"""Generated SELECTs over tables whose every value is its own column's name: the values of the result then say which
columns they were made of, and the trace of the text must say the same, exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import duckdb
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pergamon.lineage import trace_select

SCHEMAS = {"db.t": ("k", "a", "B"), "db.u": ("k", "x", "y z")}
FEATURES = {"cte", "subquery", "union", "join", "star", "case", "window", "aggregate", "scalar", "rename", "distinct"}


@dataclass(frozen=True)
class Query:
    """A SELECT, the names of its columns, and what it is made of."""

    sql: str
    columns: tuple[str, ...]
    features: frozenset[str]


def quoted(name: str) -> str:
    return f"`{name}`" if not name.isalnum() else name


def tables() -> st.SearchStrategy[tuple[str, tuple[str, ...], frozenset[str]]]:
    return st.sampled_from([(name, columns, frozenset[str]()) for name, columns in SCHEMAS.items()])


@st.composite
def expressions(draw: st.DrawFn, columns: list[str]) -> tuple[str, frozenset[str]]:
    """Text made of columns; `columns` are full, as `s1.a`."""
    one, two = draw(st.sampled_from(columns)), draw(st.sampled_from(columns))
    kind = draw(st.sampled_from(["plain", "plain", "concat", "case", "window", "constant", "scalar"]))
    match kind:
        case "plain":
            return one, frozenset()
        case "concat":
            return f"concat({one}, ',', upper({two}))", frozenset()
        case "case":
            return f"CASE WHEN {one} IS NULL THEN {two} ELSE concat({one}, ',', {two}) END", frozenset({"case"})
        case "window":
            window = (
                f"string_agg({one}, ',') OVER (ORDER BY {two} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
            )
            return f"concat({two}, ',', {window})", frozenset({"window"})
        case "scalar":
            table, names = draw(st.sampled_from(sorted(SCHEMAS.items())))
            name = draw(st.sampled_from(names))
            return f"concat({one}, ',', (SELECT max(q.{quoted(name)}) FROM {table} AS q))", frozenset({"scalar"})
        case _:
            return "'nothing'", frozenset()


@st.composite
def selects(draw: st.DrawFn, names: Iterator[int], depth: int, around: dict[str, tuple[str, ...]]) -> Query:
    """A SELECT over one or two sources: tables, expressions of WITH that stand around it, subqueries."""
    features: set[str] = set()
    sources, columns, stars = [], list[str](), dict[str, tuple[str, ...]]()
    for _ in range(draw(st.integers(1, 2))):
        alias = f"s{next(names)}"
        choice = draw(st.sampled_from(["table", "subquery", "around"])) if depth else "table"
        if choice == "subquery":
            inner = draw(queries(names, depth - 1, around))
            features |= inner.features | {"subquery"}
            sources.append(f"({inner.sql}) AS {alias}")
            given_names = inner.columns
        elif choice == "around" and around:
            name = draw(st.sampled_from(sorted(around)))
            sources.append(f"{name} AS {alias}")
            given_names = around[name]
        else:
            table, given_names, _ = draw(tables())
            sources.append(f"{table} AS {alias}")
        stars[alias] = given_names
        columns += [f"{alias}.{quoted(name)}" for name in given_names]
    features |= {"join"} if len(sources) > 1 else set()
    text = " CROSS JOIN ".join(sources)
    if len(sources) == 1 and draw(st.booleans()):
        ((_, found),) = stars.items()
        return Query(f"SELECT * FROM {text}", found, frozenset(features | {"star"}))
    outputs, shown = [], []
    for _ in range(draw(st.integers(1, 4))):
        expression, more = draw(expressions(columns))
        features |= more
        name = f"c{next(names)}"
        outputs.append(name)
        shown.append(f"{expression} AS {name}")
    features.add("rename")
    if not features & {"window", "scalar"} and draw(st.booleans()):
        shown = [
            f"string_agg({one.rpartition(' AS ')[0]}, ',') AS {name}" for one, name in zip(shown, outputs, strict=True)
        ]
        features.add("aggregate")
    distinct = "DISTINCT " if draw(st.booleans()) else ""
    features |= {"distinct"} if distinct else set()
    return Query(f"SELECT {distinct}{', '.join(shown)} FROM {text}", tuple(outputs), frozenset(features))


@st.composite
def queries(draw: st.DrawFn, names: Iterator[int], depth: int, around: dict[str, tuple[str, ...]]) -> Query:
    """A SELECT, a union of two, or one WITH others before it."""
    kind = draw(st.sampled_from(["select", "union", "cte"])) if depth else "select"
    if kind == "cte":
        inner = draw(queries(names, depth - 1, around))
        name = f"w{next(names)}"
        outer = draw(selects(names, depth - 1, around | {name: inner.columns}))
        return Query(
            f"WITH {name} AS ({inner.sql}) {outer.sql}", outer.columns, inner.features | outer.features | {"cte"}
        )
    query = draw(selects(names, depth, around))
    if kind == "union":
        other = draw(selects(names, depth - 1, around))
        wanted = len(query.columns)
        padded = [f"z.{quoted(other.columns[place % len(other.columns)])}" for place in range(wanted)]
        right = f"SELECT {', '.join(padded)} FROM ({other.sql}) AS z"
        return Query(f"{query.sql} UNION ALL {right}", query.columns, query.features | other.features | {"union"})
    return query


def whole_queries() -> st.SearchStrategy[Query]:
    return st.builds(count).flatmap(lambda names: queries(names, 3, {}))


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Each table one row, each value the name of its own column."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA db")
        for table, columns in SCHEMAS.items():
            values = ", ".join(f"'{table}.{name}' AS \"{name}\"" for name in columns)
            connection.execute(f"CREATE TABLE {table} AS SELECT {values}")
        yield connection


def columns_in_values(database: duckdb.DuckDBPyConnection, sql: str) -> list[frozenset[tuple[str, str]]]:
    """Which columns each column of the result is made of, as its values say."""
    rows = database.execute(sql.replace("`", '"')).fetchall()
    known = {f"{table}.{name}".lower(): (table, name) for table, names in SCHEMAS.items() for name in names}
    words = [
        {word for value in column if value for word in value.lower().split(",")} for column in zip(*rows, strict=True)
    ]
    return [frozenset(known[word] for word in found & known.keys()) for found in words]


@given(whole_queries())
@settings(max_examples=100, deadline=None)
def test_the_trace_of_a_select_says_what_its_values_say(database: duckdb.DuckDBPyConnection, query: Query) -> None:
    assert list(trace_select(query.sql, SCHEMAS).origins) == columns_in_values(database, query.sql)


@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_every_feature_is_reached(feature: str) -> None:
    """A generator that never makes a window would prove nothing of windows."""
    quick = settings(max_examples=500, phases=[Phase.generate], database=None)
    assert feature in find(whole_queries(), lambda query: feature in query.features, settings=quick).features


EXAMPLES = [
    "SELECT a, k FROM db.t UNION ALL SELECT x, `y z` FROM db.u",
    "SELECT s.b AS c FROM (SELECT B FROM db.t) AS s",
    "SELECT concat(k, ',', a) AS c, c AS d FROM db.t",
    "WITH w(p, q) AS (SELECT a, B FROM db.t) SELECT q, p FROM w",
    "WITH w AS (SELECT a AS x FROM db.t) SELECT w.x, u.x FROM w CROSS JOIN db.u AS u",
    "SELECT k FROM db.t EXCEPT ALL SELECT x FROM db.u",
    "SELECT a FROM db.t WHERE B IN (SELECT x FROM db.u) OR true",
    "SELECT (SELECT max(concat(t.a, ',', u.x)) FROM db.u AS u) AS m FROM db.t AS t",
]


@pytest.mark.parametrize("sql", EXAMPLES)
def test_these_too(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert list(trace_select(sql, SCHEMAS).origins) == columns_in_values(database, sql)
