"""How fast does a full load land, from PostgreSQL to durable landing files, against a COPY that throws the bytes away?

Contenders, in one run: our own replication task (read under a snapshot, Parquet with our columns, SHA-256, fsync,
manifest, tracker); `COPY … TO STDOUT (FORMAT binary)` read and dropped; ADBC fetched and written by pyarrow alone, with
neither our columns nor fsync nor manifest; DuckDB's PostgreSQL scanner copying the table to Parquet (its extension from
the wheel `duckdb-extension-postgres-scanner`, for this benchmark alone).

Data: one table of 3 million rows of 8 columns (bigint, integer, 2 short texts, 2 timestamptz, double, a note of 40
characters), filled by generate_series, seed 42. Checked first: what landed has the source's count and sums.
Goal: at most 2.0x the COPY's time, less than 1 GB of memory. Command: `python -m bench full_load` (`BENCH_ROWS`).
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.installation import OPERATOR, opened, platform_database, scratch, source_database
from bench.measure import Steps, measure, measure_prepared, report, rows_wanted
from pergamon import deploy, replicate
from pergamon.settings import Settings

TABLE = """
CREATE TABLE hda.reading AS
SELECT n::bigint AS id, (random() * 100000)::int AS patient, 'code-' || (n % 97) AS code,
       (ARRAY['final', 'amended', 'draft'])[1 + n % 3] AS status,
       timestamptz '2024-01-01' + n * interval '7 seconds' AS read_at, random() * 200 AS value,
       substr(md5(random()::text) || md5(n::text), 1, 40) AS note,
       timestamptz '2024-01-01' + n * interval '9 seconds' AS updated_at
FROM generate_series(1, {rows}) AS n
"""
RULE = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "all",
    "object-locator": {"schema-name": "hda", "table-name": "%"},
    "rule-action": "include",
}
SUMS = "SELECT count(*), sum(id)::bigint, sum(patient)::bigint, sum(length(note))::bigint FROM hda.reading"


def main() -> None:
    rows = rows_wanted("BENCH_ROWS", 3_000_000)
    with scratch() as directory, source_database(directory) as source, platform_database(directory) as settings:
        sums = _fill(source, rows)
        _deploy(settings, source)
        contenders = [
            measure("COPY binary to nowhere", lambda: _copy(source)),
            measure_prepared("our full load", lambda: _ours(settings, sums)),
            measure("ADBC to Parquet, plain", lambda: _adbc(source, directory / "plain.parquet")),
            measure("DuckDB to Parquet, plain", lambda: _duckdb(source, directory / "duckdb.parquet")),
        ]
        report(
            "full_load",
            contenders,
            "COPY binary to nowhere",
            {"rows": rows, "columns": 8, "bytes": contenders[0].result, "goal": "2.0x COPY, under 1024 MiB"},
            things=(rows, "rows"),
        )


def _fill(source: str, rows: int) -> list[int]:
    """Returns: count and sums."""
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA hda")
        connection.execute("SELECT setseed(0.42)")
        connection.execute(TABLE.format(rows=rows).encode())
        connection.execute("ALTER TABLE hda.reading ADD PRIMARY KEY (id)")
        connection.execute("VACUUM (FREEZE, ANALYZE) hda.reading")
        return list(connection.execute(SUMS).fetchone() or ())


def _deploy(settings: Settings, source: str) -> None:
    spec = replicate.ReplicationTaskSpec(
        source=replicate.SourceSpec(conninfo="{{secret:source}}"),
        migration_type=replicate.MigrationType.FULL_LOAD,
        rules=(RULE,),
    )
    with opened(settings) as runtime:
        deploy.keep_secret(settings, "source", source)
        with runtime.begin(OPERATOR) as uow:
            replicate.put_replication_task(uow, "bench", spec, {})


def _copy(source: str) -> int:
    with (
        psycopg.connect(source) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY hda.reading TO STDOUT (FORMAT binary)") as copy,
    ):
        return sum(len(block) for block in copy)


@contextmanager
def _ours(settings: Settings, sums: list[int]) -> Iterator[Steps]:
    """The clock runs from the command to the last file told of; then the sums are checked."""
    landing = settings.lake / "staging" / "landing"
    shutil.rmtree(landing, ignore_errors=True)
    with opened(settings) as runtime:
        yield Steps(lambda: runtime.run_replication(OPERATOR, "bench", reload=True).rows_landed)
    assert _landed_sums(landing) == sums, "what landed differs from the source"


def _landed_sums(landing: Path) -> list[int]:
    told = [json.loads(path.read_text()) for path in sorted(landing.rglob("*.manifest.json"))]
    assert told[-1]["full_load_complete"], "the load is not complete"
    columns = ["id", "patient", "note"]
    found = pq.read_table([landing / manifest["path"] for manifest in told], columns=columns)
    notes = pc.sum(pc.utf8_length(found["note"]))
    return [found.num_rows, pc.sum(found["id"]).as_py(), pc.sum(found["patient"]).as_py(), notes.as_py()]


def _adbc(source: str, target: Path) -> int:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hda.reading")
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(target, reader.schema, compression="zstd", compression_level=1) as writer:
            for batch in reader:
                writer.write_batch(batch)
    os.unlink(target)  # noqa: PTH108 - its size does not matter here
    return 0


def _duckdb(source: str, target: Path) -> int:
    import duckdb
    import duckdb_extension_postgres_scanner

    [extension] = Path(duckdb_extension_postgres_scanner.__file__).parent.rglob("postgres*.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(f"ATTACH '{source.replace(chr(39), chr(39) * 2)}' AS source (TYPE postgres, READ_ONLY)")
        options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
        connection.execute(f"COPY (SELECT * FROM source.hda.reading) TO '{target}' ({options})")
    os.unlink(target)  # noqa: PTH108 - its size does not matter here
    return 0
