"""What does governed SQL cost on joins? TPC-H's 22 queries at scale factor 1, against plain DuckDB on the same files.

Contenders: a governed statement (judged in a confined process, run by a sandboxed one, its Arrow answer validated)
where everything is given; the same where of orders and lineitem only a part is given, with masks; plain DuckDB on the
same Parquet files, for the part with the same predicate and masks in its text. 2 threads each. Plain DuckDB
has a process of its own for each answer, and beside it, without a bound, one that has answered the same before.
Bounds, beyond the fixed cost of a statement (`bench.governed`): all given at most 1.15 times; a part at most 1.5 times,
where 5 million rows and more are read (lineitem has 6). They hold for each query; those above are named at the end,
beside the geometric mean.
Checked: both sides answer the same rows before the clock is believed (TPC-H counts in decimals, floats do not differ).

Data and queries: DuckDB's own generator (the extension `tpch`; TPC-H specification 3.0.1), written as Iceberg tables.
Command: `python -m bench tpch` (`BENCH_SCALE`; `BENCH_QUERIES`, the first so many).
"""

import os
import re
import statistics
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import duckdb

from bench.governed import by_hand, compare, fixed, in_iceberg, in_part, parquet_files
from bench.installation import scratch
from bench.measure import conclude, rows_wanted
from pergamon.query import GrantedTable

TABLES = ("lineitem", "orders", "customer", "part", "partsupp", "supplier", "nation", "region")
GIVEN = {"lineitem": "l_shipmode <> 'TRUCK' and l_quantity > 2", "orders": "o_orderpriority <> '5-LOW'"}
MASKED = {"l_comment": "replace-with-null", "o_clerk": "show-last-4"}
BOUNDS = {"whole": 1.15, "in part": 1.5}
ENDS_FROM = {"where", "group", "order", "select", "having", ")"}


def main() -> None:
    with scratch() as directory:
        lake, scale = directory / "lake", float(os.environ.get("BENCH_SCALE", "1"))
        whole, queries = _generated(lake, scale)
        plain = {name: parquet_files(table) for name, table in whole.items()}
        masks = {name: {column.name: MASKED.get(column.name) for column in whole[name].columns} for name in GIVEN}
        part = whole | {name: in_part(whole[name], masks[name], where) for name, where in GIVEN.items()}
        hand = plain | {name: by_hand(whole[name], masks[name], where) for name, where in GIVEN.items()}
        fixed_s = fixed("tpch", lake, whole, "lineitem")
        ratios: dict[str, dict[int, float]] = {"whole": {}, "in part": {}}
        for number, query in list(queries.items())[: rows_wanted("BENCH_QUERIES", 22)]:
            facts = {"query": number, "scale": scale, "fixed_s": fixed_s}
            for kind, ours, theirs in (("whole", whole, plain), ("in part", part, hand)):
                ratios[kind][number] = compare("tpch", f"query {number}, {kind}", lake, ours, theirs, query, facts)
        read = [number for number in ratios["whole"] if "{lineitem}" in queries[number]]
        means = {kind: _mean(found[number] for number in read) for kind, found in ratios.items()}
        above = {
            kind: {number: found[number] for number in read if found[number] > BOUNDS[kind]}
            for kind, found in ratios.items()
        }
        conclude("tpch", {"scale": scale, "of_queries": read, "geometric_mean": means, "above_their_bound": above})


def _mean(ratios: Iterable[float]) -> float:
    """The geometric mean, by which TPC-H counts its queries together (specification 3.0.1, 5.4.1)."""
    return round(statistics.geometric_mean(ratios), 2)


def _generated(lake: Path, scale: float) -> tuple[dict[str, GrantedTable], dict[int, str]]:
    """The tables, and the queries with their tables in braces, by number."""
    with duckdb.connect(config={"threads": "2"}) as connection:
        connection.execute(f"LOAD '{_extension()}'")
        connection.execute(f"CALL dbgen(sf = {scale})")
        tables = {}
        for name in TABLES:
            rows = connection.execute(f"SELECT * FROM {name}").to_arrow_table()
            tables[name] = in_iceberg(lake, name, rows.schema, [rows])
        asked = connection.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY 1").fetchall()
    return tables, {number: in_braces(query.rstrip().rstrip(";")) for number, query in asked}


def in_braces(query: str) -> str:
    """The query with every table that its FROM clauses name in braces: `nation` is also a column of some."""
    words, in_from = re.split(r"(\w+|\))", query), False
    for place, word in enumerate(words):
        if word.lower() == "from":
            in_from = True
        elif word.lower() in ENDS_FROM:
            in_from = False
        elif in_from and word in TABLES:
            words[place] = f"{{{word}}}"
    return "".join(words)


def _extension() -> Path:
    wheel = find_spec("duckdb_extension_tpch")
    assert wheel is not None, "install the development requirements: pip install -r requirements.lock"
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "extensions" / f"v{duckdb.__version__}" / "tpch.duckdb_extension"


if __name__ == "__main__":
    main()
