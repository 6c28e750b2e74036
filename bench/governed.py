"""What does governed SQL cost where only a part is given: masks and a row filter, against the same written by hand?

Contenders: a governed statement over a table with three masks and a filter (judged in a confined process, run by a
sandboxed DuckDB process of its own behind the barrier of ADR 0023, its Arrow answer validated), against plain DuckDB
with the same masks and the same predicate in its text; a governed statement over the same table without rights, against
plain DuckDB without either; and the fixed cost of a statement: back to back, when a process must be forked for it,
after a pause, when one waits, and as the first of all, when the process that forks is started.
Plain DuckDB, the baseline, answers in a process of its own too, open before the clock starts: the memory that it takes
is new to it, as it is to ours. Beside it, without a bound: a connection that has answered the same before (`again`).
They answer in turns, and a ratio is the median of those of the rounds: this machine is slower now and then.
Bounds: with rights at most 1.5 times, without at most 1.15 times, both beyond the fixed cost, which has its own: 150 ms
back to back, 40 ms after a pause. Counts and look-ups of one row have no bound: by hand, statistics answer them.

Data: a table of 20 million rows of 8 columns in files of 2 million, seed 42; half of its rows are given; a join of it
with a table of 5 million. Both sides read the same Parquet files with 2 threads, and their rows are held to be the same
before the time is believed. Command: `python -m bench governed` (`BENCH_ROWS`).
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from pyiceberg.catalog.memory import InMemoryCatalog

from bench.installation import scratch
from bench.measure import Measured, Steps, measure_in_turns, measure_prepared, measure_warm, report, rows_wanted
from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.policy import GrantRights, PolicyColumn, bind, bind_mask, parse_filter, parse_mask, united
from pergamon.query import (
    Column,
    GrantedTable,
    QueryJob,
    QueryLimits,
    Reading,
    TableName,
    judge,
    looked_for,
    mask_secrets,
)
from pergamon.query.mask_sql import mask_sql

KEY, SALT = bytes(range(32)), bytes(range(16))
LIMITS = QueryLimits(timeout_s=600, memory_mb=4096, max_rows=100_000, threads=2)
A_FILE = 2_000_000
A_PAUSE_S = 0.2
"""Between two statements, so that a process waits when the next one comes."""
MASKS = {"name": "show-last-4", "born": "truncate-to-month", "code": None, "patient": None, "value": None, "id": None}
FILTER = "(site = 'north' or value > 600) and not withdrawn"
BY_HAND = "(site = 'north' OR value > 600) AND NOT withdrawn"
BOUNDED = {
    "group": "SELECT code, count(*) AS n, count(DISTINCT patient) AS patients, sum(value)::BIGINT AS total "
    "FROM {readings} GROUP BY code ORDER BY code",
    "masked group": "SELECT born, count(*) AS n FROM {readings} GROUP BY born ORDER BY born",
    "join": "SELECT s.region, count(*) AS n, sum(r.value)::BIGINT AS total FROM {readings} r "
    "JOIN {stays} s ON r.id = s.id GROUP BY s.region ORDER BY s.region",
}
UNBOUNDED = {
    "count": "SELECT count(*) AS n FROM {readings}",
    "look-up": "SELECT id, code, value, name FROM {readings} WHERE id = 4242",
}


def main() -> None:
    rows = rows_wanted("BENCH_ROWS", 20_000_000)
    with scratch() as directory:
        lake = directory / "lake"
        whole = {
            "readings": _table(lake, "readings", _readings, rows),
            "stays": _table(lake, "stays", _stays, rows // 4),
        }
        part = whole | {"readings": in_part(whole["readings"], MASKS, FILTER)}
        fixed_s = fixed("governed", lake, whole, "stays")
        for name, statement in (BOUNDED | UNBOUNDED).items():
            facts = {"rows": rows, "statement": statement, "bound": name in BOUNDED, "fixed_s": fixed_s}
            plain = {name: parquet_files(table) for name, table in whole.items()}
            hand = plain | {"readings": by_hand(whole["readings"], MASKS, BY_HAND)}
            compare("governed", f"{name}, in part", lake, part, hand, statement, facts)
            compare("governed", f"{name}, whole", lake, whole, plain, statement, facts)


def compare(  # noqa: PLR0917 - two sides, each with its tables
    question: str,
    name: str,
    lake: Path,
    tables: dict[str, GrantedTable],
    sources: dict[str, str],
    statement: str,
    facts: dict[str, Any],
) -> float:
    """The same statement on both sides, in turns, where their rows agree. facts: `fixed_s` among them.

    Returns: how many times longer it takes governed, beyond the fixed cost: the median of the rounds.
    """
    ours, theirs = f"{name}: governed", f"{name}: by hand"
    measured, rounds = measure_in_turns(
        {ours: lambda: _governed(lake, tables, statement), f"{theirs}, again": lambda: _plain(sources, statement)},
        {theirs: lambda: _plain(sources, statement)},
    )
    assert all(each.result == measured[0].result for each in measured), f"{name}: the rows differ"
    ratio = round(statistics.median((each[ours] - facts["fixed_s"]) / each[theirs] for each in rounds), 2)
    print(f"  {name}: {ratio} times beyond the fixed cost")
    report(question, _counted(measured), theirs, facts | {"ratio_beyond_fixed": ratio})
    return ratio


def fixed(question: str, lake: Path, tables: dict[str, GrantedTable], of: str) -> float:
    """A statement that reads nothing: what is left is what each one costs. Returns: seconds, after a pause."""
    statement = "SELECT 1 AS one"
    warm, *_ = measure_warm("fixed cost, after a pause", lambda: _governed(lake, {}, statement))
    busy, *_ = measure_warm("fixed cost, back to back", lambda: _governed(lake, {}, statement, pause_s=0))
    first = measure_prepared("fixed cost, first of all", lambda: _governed(lake, {}, statement, pause_s=0))
    opened, *_ = measure_warm(
        "with a view, after a pause", lambda: _governed(lake, tables, f"SELECT * FROM {{{of}}} LIMIT 0")
    )
    report(question, _counted([warm, busy, first, opened]), warm.name, {"statement": statement})
    return warm.median_s


@contextmanager
def _governed(
    lake: Path, tables: dict[str, GrantedTable], statement: str, *, pause_s: float = A_PAUSE_S
) -> Iterator[Steps]:
    sandbox = DuckDBSandbox(lake, lake.parent / "engine.log")
    sql = statement.format(**{name: str(table.name) for name, table in tables.items()})

    def run() -> list[dict[str, Any]]:
        judged = judge(sql, sandbox.parse)
        granted = tuple(table for table in tables.values() if table.name in judged.tables)
        sought = looked_for(judged, granted)
        asked = tuple(replace(table, sought=sought[table.name]) for table in granted)
        rows, _more = sandbox.run(QueryJob("query_bench", sql, asked, LIMITS))
        found: list[dict[str, Any]] = rows.to_pylist()
        return found

    try:
        yield Steps(run, before=lambda _: time.sleep(pause_s))
    finally:
        sandbox.close()


@contextmanager
def _plain(sources: dict[str, str], statement: str) -> Iterator[Steps]:
    with duckdb.connect(config={"threads": "2"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        work = lambda: connection.execute(statement.format(**sources)).to_arrow_table().to_pylist()  # noqa: E731
        yield Steps(work, before=lambda _: time.sleep(A_PAUSE_S))


def _counted(measured: list[Measured]) -> list[Measured]:
    return [replace(each, result=len(each.result)) for each in measured]


# --- the tables ---


def _readings(first: int, count: int) -> pa.Table:
    random = np.random.default_rng(42 + first)
    names = pa.array([f"person number {n}" for n in range(1000)])
    return pa.table(
        {
            "id": np.arange(first, first + count),
            "patient": random.integers(0, 100_000, count),
            "code": pa.array([f"code-{n}" for n in range(97)]).take(pa.array(random.integers(0, 97, count))),
            "value": random.integers(0, 1000, count),
            "name": names.take(pa.array(random.integers(0, 1000, count))),
            "born": pa.array(random.integers(-15_000, 15_000, count).astype(np.int32)).cast(pa.date32()),
            "site": pa.array(["north", "south", None]).take(pa.array(random.integers(0, 3, count))),
            "withdrawn": random.integers(0, 10, count) == 0,
        }
    )


def _stays(first: int, count: int) -> pa.Table:
    random = np.random.default_rng(43 + first)
    region = pa.array(["east", "west", "centre"]).take(pa.array(random.integers(0, 3, count)))
    return pa.table({"id": np.arange(first, first + count) * 4, "region": region})


def in_iceberg(lake: Path, name: str, schema: pa.Schema, pieces: Iterable[pa.Table]) -> GrantedTable:
    """A table of the database `bench_db` of these rows, each piece a file."""
    lake.mkdir(exist_ok=True)
    catalog = InMemoryCatalog("lake", warehouse=f"file://{lake}")
    catalog.create_namespace_if_not_exists("bench_db")
    table = catalog.create_table(f"bench_db.{name}", schema)
    for piece in pieces:
        table.append(piece)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    place = Path(table.location().removeprefix("file://"))
    files = tuple(str(path) for path in sorted(place.rglob("*")) if path.is_file())
    columns = tuple(Column(field.name, str(field.field_type), field.field_id) for field in table.schema().fields)
    metadata = table.metadata_location.removeprefix("file://")
    catalog.close()
    alone = tuple(file for file in files if file.endswith(".parquet"))
    return GrantedTable(
        TableName("bench_db", name), snapshot.snapshot_id, metadata, files, columns, parquet_alone=alone
    )


def _table(lake: Path, name: str, made: Callable[[int, int], pa.Table], rows: int) -> GrantedTable:
    pieces = (made(first, min(A_FILE, rows - first)) for first in range(0, rows, A_FILE))
    return in_iceberg(lake, name, made(0, 0).schema, pieces)


def in_part(table: GrantedTable, masks: Mapping[str, str | None], where: str) -> GrantedTable:
    """What a grant with these masks (a column that is not named is not given) and this filter gives of a table."""
    columns = [PolicyColumn(column.field_id, column.name, column.type, False) for column in table.columns]
    bound = {
        column.field_id: bind_mask(parse_mask(mask), column, columns) if (mask := masks[column.name]) else None
        for column in columns
        if column.name in masks
    }
    rights = united([GrantRights(bound, bind(parse_filter(where), columns))])
    return replace(table, reading=Reading(table.columns, rights, mask_secrets(KEY, SALT)))


def parquet_files(table: GrantedTable) -> str:
    """The same files for plain DuckDB."""
    return f"read_parquet({[file for file in table.files if file.endswith('.parquet')]})"


def by_hand(table: GrantedTable, masks: Mapping[str, str | None], where: str) -> str:
    """What somebody who may see everything would write for the same."""
    secrets = mask_secrets(KEY, SALT)
    shown = []
    for column in table.columns:
        if column.name in masks:
            mask = masks[column.name]
            policy = PolicyColumn(column.field_id, column.name, column.type, False)
            bound = bind_mask(parse_mask(mask), policy, [policy]) if mask else None
            text = mask_sql(bound, column.name, column.type, secrets) if bound else column.name
            shown.append(f"{text} AS {column.name}")
    return f"(SELECT {', '.join(shown)} FROM {parquet_files(table)} WHERE {where})"


if __name__ == "__main__":
    main()
