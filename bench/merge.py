"""How long does a MERGE of 10,000 changes into 5 million rows take, through lease, catalog endpoint and audit trail?

Contenders: our MERGE statement, from sending it to the engine's answer, so with the durable commit at our endpoint;
our whole batch (files verified, folded, merged, tracker and trail in the commit's transaction); the same changes by
DuckDB's own MERGE into a native DuckDB table on disk (no open format, no catalog, one process); PyIceberg's `upsert` of
the updates and inserts (it cannot delete) into an Iceberg table of its own SQLite catalog, without fsync.

Data: 5 million rows of 6 columns; each run has its own 10,000 changes: 8,000 updates, 1,000 deletes, 1,000 inserts in
one landing file, seed 42 + run. One process holds the engine, as a worker does. Checked after each run, off the clock:
the table's count and sum equal what an array kept beside says.
Goal: at most 1.5 s for the statement. Command: `python -m bench merge` (`BENCH_ROWS`, `BENCH_CHANGES`).
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import Steps, measure_warm, report, rows_wanted, runs_wanted
from pergamon import lake, pipeline
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import new_secret
from pergamon.pipeline import BatchSpec, RawTableSpec
from pergamon.pipeline.apply import advance_to_the_end
from pergamon.settings import Settings

SEED = 42
SPEC = RawTableSpec(
    source_schema="hda", source_table="reading", target_database="raw_db", target_table="reading", keys=("id",)
)
FOLDER = Path("staging/landing/hda/reading")
COLUMNS = {"id": pa.int64(), "patient": pa.int32(), "code": pa.string(), "value": pa.int64(), "note": pa.string()}
COLUMNS["read_at"] = pa.timestamp("us", tz="UTC")
OWN = {"_position": pa.string(), "_unchanged": pa.list_(pa.string()), "_previous_key": pa.string()}


def main() -> None:
    rows, changes = rows_wanted("BENCH_ROWS", 5_000_000), rows_wanted("BENCH_CHANGES", 10_000)
    with scratch() as directory, platform_database(directory) as settings:
        plan = Plan(directory / "plan", rows, changes)
        plan.prepare()
        contenders = [
            *measure_warm("our whole batch", lambda: _ours(settings, plan)),
            *measure_warm("DuckDB MERGE, native table", lambda: _duckdb(directory, plan)),
            *measure_warm("PyIceberg upsert, no deletes", lambda: _pyiceberg(directory, plan)),
        ]
        facts = {"rows": rows, "changes": changes, "goal": "our MERGE with its commit at most 1.5 s"}
        report("merge", contenders, "DuckDB MERGE, native table", facts, things=(changes, "changes"))


# --- the data ---


@dataclass
class Plan:
    """What happens to the table, run by run, and what must then stand in it. Files are written before any clock."""

    directory: Path
    rows: int
    changes: int
    expected: list[tuple[int, int]] = field(default_factory=list)
    """(count, sum of `value`) after each run."""
    expected_without_deletes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def load(self) -> Path:
        return self.directory / "LOAD00000001.parquet"

    def changes_file(self, run: int) -> Path:
        return self.directory / f"20260101-{run:09d}.parquet"

    def prepare(self) -> None:
        """Write the full load and the changes of every run."""
        self.directory.mkdir()
        values = np.arange(self.rows, dtype=np.int64) % 1000
        _write(self.load, "I", np.arange(self.rows), values, lsn=1)
        value = dict.fromkeys(("kept", "all"), int(values.sum()))
        alive, next_id, count = np.ones(self.rows, dtype=bool), self.rows, self.rows
        current = values.copy()
        for run in range(1 + runs_wanted()):
            random = np.random.default_rng(SEED + run)
            chosen = random.choice(np.flatnonzero(alive), self.changes * 9 // 10, replace=False)
            updated, deleted = chosen[: self.changes * 8 // 10], chosen[self.changes * 8 // 10 :]
            inserted = np.arange(next_id, next_id + self.changes - len(chosen))
            next_id += len(inserted)
            ids = np.concatenate([updated, deleted, inserted])
            new = random.integers(0, 1000, len(ids))
            ops = np.array(["U"] * len(updated) + ["D"] * len(deleted) + ["I"] * len(inserted))
            order = random.permutation(len(ids))
            _write(self.changes_file(run), ops[order], ids[order], new[order], lsn=10 + run)
            sent = int(new[: len(updated)].sum()) + int(new[len(updated) + len(deleted) :].sum())
            value["all"] += sent - int(current[updated].sum())
            value["kept"] += sent - int(current[updated].sum()) - int(current[deleted].sum())
            current[updated] = new[: len(updated)]
            alive[deleted] = False
            count += len(inserted) - len(deleted)
            self.expected.append((count, value["kept"]))
            self.expected_without_deletes.append((next_id, value["all"]))


def _write(path: Path, ops: Any, ids: Any, values: Any, *, lsn: int) -> None:
    count = len(ids)
    is_load = isinstance(ops, str)
    positions = (
        pa.repeat(f"{lsn:016X}.{0:010d}", count) if is_load else [f"{lsn:016X}.{n + 1:010d}" for n in range(count)]
    )
    columns = [
        pa.repeat(ops, count) if is_load else pa.array(ops),
        pa.array(ids, pa.int64()),
        pa.array(ids % 100_000, pa.int32()),
        pa.array([f"code-{n}" for n in range(97)]).take(pa.array(ids % 97)),
        pa.array(values, pa.int64()),
        pa.array([f"a note of forty characters, number {n:05d}" for n in range(1000)]).take(pa.array(values % 1000)),
        pa.array(ids * 7_000_000, pa.timestamp("us", tz="UTC")),
        positions,
        pa.ListArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count + 1), pa.array([], pa.string())),
        pa.nulls(count, pa.string()),
    ]
    schema = pa.schema({"Op": pa.string(), **COLUMNS, **OWN})
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd", compression_level=1)


def _land(lake_root: Path, file: Path, *, lsn: int, kind: str) -> None:
    """Put a file into the landing zone, with its manifest, as replication leaves it."""
    folder = lake_root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    landed = folder / file.name
    landed.hardlink_to(file)
    content, rows = landed.read_bytes(), pq.read_metadata(landed).num_rows
    first, last = (0, 0) if kind == "full_load" else (1, rows)
    document = {
        "version": 1, "task": "bench", "schema": "hda", "table": "reading", "kind": kind, "load_id": "load",
        "file": file.name, "path": f"hda/reading/{file.name}", "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content), "rows": rows,
        "position": {"first": f"{lsn:016X}.{first:010d}", "last": f"{lsn:016X}.{last:010d}"},
        "columns": [{"name": name, "pg_type": None, "arrow_type": str(kind)} for name, kind in COLUMNS.items()],
        "replica_identity_columns": ["id"], "source_columns": list(COLUMNS),
        "full_load_complete": kind == "full_load", "full_load_files": 1,
    }  # fmt: skip
    landed.with_name(landed.name + ".manifest.json").write_text(json.dumps(document))


# --- ours ---


@dataclass
class TimedEngine:
    """The engine's session, its writing statements timed. Reads are passed on."""

    session: Any
    seconds: list[float]

    def execute_sql(self, sql: str) -> None:
        started = time.perf_counter()
        self.session.execute_sql(sql)
        self.seconds.append(time.perf_counter() - started)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)


@contextmanager
def _ours(settings: Settings, plan: Plan) -> Iterator[Steps]:
    token, seconds = new_secret(), list[float]()
    with opened(settings) as runtime:
        with runtime.begin(OPERATOR) as uow:
            lake.put_bucket(uow, "raw", lake.BucketSpec())
            lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))
        app = create_app(runtime, token=token, on_commit=pipeline.on_commit)
        with serve(app) as endpoint, runtime.engine(endpoint.uri, token) as engine:

            @contextmanager
            def timed() -> Iterator[TimedEngine]:
                with engine.session() as session:
                    yield TimedEngine(session, seconds)

            place = replace(runtime.workplace(engine, "bench"), engine=timed)

            def check(run: int) -> None:
                with engine.session() as session:
                    found = session.sql_to_arrow("SELECT count(*) AS n, sum(value) AS total FROM raw_db.reading")
                assert (found["n"][0].as_py(), found["total"][0].as_py()) == plan.expected[run], "the merge is wrong"

            _land(settings.lake, plan.load, lsn=1, kind="full_load")
            advance_to_the_end(place, SPEC, BatchSpec())
            seconds.clear()
            yield Steps(
                lambda: advance_to_the_end(place, SPEC, BatchSpec()).facts(),
                before=lambda run: _land(settings.lake, plan.changes_file(run), lsn=10 + run, kind="changes"),
                after=check,
                parts={"our MERGE with its commit": seconds},
            )


# --- baselines ---


@contextmanager
def _duckdb(directory: Path, plan: Plan) -> Iterator[Steps]:
    with duckdb.connect(str(directory / "native.duckdb")) as connection:
        listed = ", ".join(COLUMNS)
        connection.execute(f"CREATE TABLE reading AS SELECT {listed} FROM read_parquet('{plan.load}')")
        connection.execute("CHECKPOINT")
        runs = iter(range(1 + runs_wanted()))

        def merge() -> None:
            source = f"read_parquet('{plan.changes_file(next(runs))}')"
            updates = ", ".join(f"{name} = s.{name}" for name in COLUMNS if name != "id")
            connection.execute(
                f"MERGE INTO reading AS t USING {source} AS s ON t.id = s.id WHEN MATCHED AND s.Op = 'D' THEN DELETE "
                f"WHEN MATCHED THEN UPDATE SET {updates} WHEN NOT MATCHED THEN INSERT ({listed}) "
                f"VALUES ({', '.join('s.' + name for name in COLUMNS)})"
            )

        def check(run: int) -> None:
            found = connection.execute("SELECT count(*), sum(value)::bigint FROM reading").fetchone()
            assert found == plan.expected[run], "DuckDB's merge is wrong"

        yield Steps(merge, after=check)


@contextmanager
def _pyiceberg(directory: Path, plan: Plan) -> Iterator[Steps]:
    from pyiceberg.catalog.sql import SqlCatalog

    warehouse = directory / "pyiceberg"
    warehouse.mkdir()
    catalog = SqlCatalog("bench", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=f"file://{warehouse}")
    catalog.create_namespace("raw_db")
    schema = pa.schema([pa.field(name, kind, nullable=name != "id") for name, kind in COLUMNS.items()])
    table = catalog.create_table("raw_db.reading", schema)
    table.append(pq.read_table(plan.load, columns=list(COLUMNS)).cast(schema))
    changes: list[pa.Table] = []

    def read(run: int) -> None:
        rows = pq.read_table(plan.changes_file(run))
        changes[:] = [rows.filter(pc.not_equal(rows["Op"], "D")).select(list(COLUMNS)).cast(schema)]

    def upsert() -> int:
        table.upsert(changes[0], join_cols=["id"])
        return changes[0].num_rows

    yield Steps(upsert, before=read)
    found = table.scan(selected_fields=("value",)).to_arrow()["value"]
    assert (len(found), pc.sum(found).as_py()) == plan.expected_without_deletes[-1], "PyIceberg's upsert is wrong"
