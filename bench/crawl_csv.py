"""How fast does a large CSV file become a table's Parquet file, in a confined process, with every value checked?

Contenders, in one run: ours (inspect, then write, each in a process that can open nothing else, forked from one that is
up; types that hold for every value, decimals exact, the file synced to disk), and DuckDB's own
`COPY (FROM read_csv(…)) TO … (FORMAT parquet, COMPRESSION zstd)` in one process, which guesses from a sample, reads
decimals as doubles, and does not sync.

Data: readings of a hospital in 11 columns (numbers, identifiers with leading zeros, timestamps with zone, dates,
decimals, booleans, notes with quotes), 2 GB, seed 7. Checked first: both have all rows, and ours the sum of the exact
decimals. Goal: at most 1.3x the time. Command: `python -m bench crawl_csv` (`BENCH_MB` for another size).
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.installation import scratch
from bench.measure import Steps, measure, measure_prepared, report, rows_wanted
from pergamon.adapters.confined_reader import LandlockedReader
from pergamon.formats import Inspected, Limits, ReadRequest, WriteRequest, WrittenPart

HEADER = "reading_id,patient_id,ward,device,taken_at,code,value,unit,is_valid,born,note\n"
UNITS = ("bpm", "mmHg", "°C", "%", "mg/dL")
WARDS = ("ICU-1", "Cardiology", "Emergency", "Surgery 2")
ROWS_A_BLOCK = 10_000


def main() -> None:
    megabytes = rows_wanted("BENCH_MB", 2_000)
    with scratch() as directory:
        path = directory / "readings.csv"
        rows, total = make_readings(path, megabytes * 10**6)
        contenders = [
            measure("DuckDB's COPY", lambda: duckdb_copy(path, directory / "theirs.parquet")),
            measure_prepared("ours, confined and checked", lambda: ours(path, directory)),
        ]
        assert [one.result for one in contenders] == [rows, rows]
        found = pc.sum(pq.read_table(directory / "out" / "ours.parquet", columns=["value"])["value"]).as_py()
        assert found == total, "the exact sum of the decimals"
        facts = {"bytes": path.stat().st_size, "rows": rows, "columns": 11, "goal": "1.3x DuckDB's COPY"}
        report("crawl_csv", contenders, "DuckDB's COPY", facts, things=(rows, "rows"))


def make_readings(path: Path, size_bytes: int) -> tuple[int, Decimal]:
    """Returns: rows, and the sum of the values."""
    chance = random.Random(7)
    rows, cents, written = 0, 0, 0
    with path.open("w", encoding="utf-8") as file:
        written += file.write(HEADER)
        while written < size_bytes:
            block = [_reading(chance) for _ in range(ROWS_A_BLOCK)]
            cents += sum(number for _, number in block)
            rows += ROWS_A_BLOCK
            written += file.write("".join(line for line, _ in block))
    return rows, Decimal(cents) / 100


def _reading(chance: random.Random) -> tuple[str, int]:
    cents = chance.randrange(3_000, 20_000)
    note = chance.choice(('"restless, ""again"""', "after medication")) if chance.random() < 0.2 else ""
    taken = (
        f"2023-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T{chance.randrange(24):02}:{cents % 60:02}:07Z"
    )
    born = f"19{chance.randrange(10, 99)}-0{chance.randrange(1, 10)}-1{chance.randrange(10)}"
    return (
        f"{chance.randrange(10**9)},{chance.getrandbits(64):016x},{chance.choice(WARDS)},0{chance.randrange(10**5)},"
        f"{taken},{8000 + cents % 999}-{cents % 9},{cents // 100}.{cents % 100:02},{chance.choice(UNITS)},"
        f"{'true' if chance.random() < 0.9 else 'false'},{born},{note}\n"
    ), cents


def duckdb_copy(path: Path, out: Path) -> int:
    with duckdb.connect() as connection:
        source = f"FROM read_csv('{path}')"
        told = connection.execute(f"COPY ({source}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)").fetchone()
    return int(told[0]) if told else 0


@contextmanager
def ours(path: Path, directory: Path) -> Iterator[Steps]:
    """One reader that is up, as a worker's is; two processes one after the other: look, then write with the types that
    were found. What is written is on disk when the clock stops."""
    out = directory / "out"
    out.mkdir(exist_ok=True)
    (directory / "first.csv").write_text("a\n1\n")
    reader = LandlockedReader(directory, directory / "reader.log", Limits(threads=os.cpu_count() or 1))
    reader.inspect([ReadRequest(directory / "first.csv", "first.csv")])

    def run() -> int:
        (found,) = reader.inspect([ReadRequest(path, path.name)])
        assert isinstance(found, Inspected), found
        (part,) = found.parts
        (written,) = reader.write([WriteRequest(path, part, part.schema, out / "ours.parquet")])
        assert isinstance(written, WrittenPart), written
        return written.rows

    try:
        yield Steps(run)
    finally:
        reader.close()
