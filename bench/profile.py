"""How long does the profile of a table take? Ours (two readings, in the sandbox) against DuckDB's own SUMMARIZE.

Baseline: `SUMMARIZE` on the same Parquet file, in the same run, with the same threads, in this process and unconfined.
It tells exact minima and maxima and no histogram; ours tells counts, rounded figures, histograms and codes.
Data: 5 million rows x 10 columns (numbers, text, dates, times), seed 42, one zstd Parquet file (`BENCH_ROWS`).
Command: `python -m bench profile`. Correctness first: rows and nulls must agree with SUMMARIZE.
"""

import tempfile
from pathlib import Path

import duckdb
from pyiceberg.catalog.memory import InMemoryCatalog

from bench.measure import measure, report, rows_wanted
from pergamon.adapters.duckdb_sandbox import DuckDBSandbox
from pergamon.adapters.profile_engine import SandboxedProfiles
from pergamon.lake import TableId
from pergamon.quality import Limits, MeasuredTable, TableColumn
from pergamon.quality.measure import Asking
from pergamon.quality.measure import measure as measure_table

ROWS = 5_000_000
MAKE = """
SELECT i AS id, (random() * 100)::INT AS age, CASE WHEN random() < 0.1 THEN NULL ELSE random() * 200 END AS weight,
  'name ' || (random() * 1e6)::INT AS name, ['f', 'm', 'x'][1 + (random() * 2)::INT] AS sex,
  DATE '1930-01-01' + (random() * 30000)::INT AS born,
  TIMESTAMP '2020-01-01' + INTERVAL (random() * 1e8) SECOND AS seen,
  (random() * 1000)::DECIMAL(9, 2) AS cost, random() < 0.5 AS flag, 'I' || (random() * 500)::INT AS code
FROM range({rows}) t(i)
"""


def main() -> None:
    rows = rows_wanted("BENCH_ROWS", ROWS)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        table = _table(root / "lake", rows)
        (data,) = [path for path in table.files if "/data/" in path]

        def ours() -> None:
            sandbox = DuckDBSandbox(root / "lake", root / "engine.log", parallel=1)
            found = measure_table(Asking(SandboxedProfiles(sandbox), Limits()), table)
            sandbox.close()
            assert found.rows == rows
            assert {column.name: column.nulls for column in found.columns} == nulls

        nulls = _nulls(data, rows)
        results = [
            measure("pergamon: profile in the sandbox", ours),
            measure("duckdb: SUMMARIZE", lambda: _summarize(data)),
        ]
        report("profile", results, baseline="duckdb: SUMMARIZE", facts={"rows": rows, "columns": 10})


def _table(lake: Path, rows: int) -> MeasuredTable:
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.42)")
    arrow = connection.execute(MAKE.format(rows=rows)).to_arrow_table()
    lake.mkdir()
    catalog = InMemoryCatalog("lake", warehouse=f"file://{lake}")
    catalog.create_namespace("raw_db")
    table = catalog.create_table("raw_db.people", arrow.schema)
    table.append(arrow)
    snapshot = table.current_snapshot()
    place = Path(table.location().removeprefix("file://"))
    return MeasuredTable(
        id=TableId("raw_db", "people"),
        snapshot_id=snapshot.snapshot_id if snapshot else None,
        metadata=table.metadata_location.removeprefix("file://"),
        files=tuple(str(path) for path in sorted(place.rglob("*")) if path.is_file()),
        columns=tuple(TableColumn(field.name, str(field.field_type)) for field in table.schema().fields),
        about_rows=rows,
    )


def _summarize(data: str) -> None:
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    connection.execute(f"SUMMARIZE SELECT * FROM '{data}'").fetchall()


def _nulls(data: str, rows: int) -> dict[str, int]:
    found = duckdb.sql(f"SELECT COLUMNS(c -> true) FROM (SELECT count(COLUMNS(*)) FROM '{data}')")
    (counts,) = found.fetchall()
    names = duckdb.sql(f"SELECT * FROM '{data}' LIMIT 0").columns
    return {name: rows - count for name, count in zip(names, counts, strict=True)}


if __name__ == "__main__":
    main()
