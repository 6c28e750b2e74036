"""How many changes a second get from the source's commit into the raw table?

Contenders: our replication (decoded, landed durably, told of, the source told how far), our merge of what landed (fold,
MERGE, tracker), both together; the stream decoded by our reader and dropped; PostgreSQL's own decoding, its messages
counted on the server and dropped, which nothing that reads pgoutput can beat.

Data: a table of 200,000 rows of 8 columns with a key; before each run about 50,000 updates in transactions of 500 are
committed, seed 42 + run. Checked after each run, off the clock: sum and count of the raw table equal the source's.
Command: `python -m bench changes` (`BENCH_ROWS`, `BENCH_CHANGES`).
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.full_load import RULE, TABLE
from bench.installation import OPERATOR, opened, platform_database, scratch, source_database
from bench.measure import Steps, measure_warm, report, rows_wanted
from pergamon import deploy, lake, pipeline, replicate
from pergamon.adapters.postgres_source import PostgresSource
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import new_secret
from pergamon.pipeline import BatchSpec, RawTableSpec
from pergamon.pipeline.apply import advance_to_the_end
from pergamon.replicate.changes import ChangeReader, Committed
from pergamon.replicate.ports import Data
from pergamon.settings import Settings

SEED = 0.42
CHANGES_IN_TRANSACTION = 500
SPEC = RawTableSpec(
    source_schema="hda", source_table="reading", target_database="raw_db", target_table="reading", keys=("id",)
)
SUMS = "SELECT count(*), sum(id)::bigint, sum(patient)::bigint FROM hda.reading"
RAW_SUMS = "SELECT count(*) AS n, sum(id) AS ids, sum(CAST(patient AS BIGINT)) AS patients FROM raw_db.reading"


def main() -> None:
    rows, changes = rows_wanted("BENCH_ROWS", 200_000), rows_wanted("BENCH_CHANGES", 50_000)
    with scratch() as directory, source_database(directory) as conninfo, platform_database(directory) as settings:
        source = Hospital(conninfo, rows, changes)
        source.fill()
        contenders = [
            *measure_warm("commit to raw, both stages", lambda: _ours(settings, source)),
            *measure_warm("decoded by our reader, dropped", lambda: _decoded(source, directory / "spool")),
            *measure_warm("PostgreSQL's decoding, dropped", lambda: _postgres(source)),
        ]
        facts = {"rows": rows, "changes": changes, "changes_in_transaction": CHANGES_IN_TRANSACTION}
        report("changes", contenders, contenders[-1].name, facts, things=(changes, "changes"))


@dataclass(frozen=True)
class Hospital:
    """The source, and what happens in it before each run."""

    conninfo: str
    rows: int
    changes: int

    def fill(self) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA hda")
            connection.execute("SELECT setseed(%s)", (SEED,))
            connection.execute(TABLE.format(rows=self.rows).encode())
            connection.execute("ALTER TABLE hda.reading ADD PRIMARY KEY (id)")
            connection.execute("CREATE PUBLICATION everything FOR TABLE hda.reading")

    def change(self, run: int) -> None:
        """Commit the changes of one run."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("SELECT setseed(%s)", (SEED + run / 100,))
            for _ in range(self.changes // CHANGES_IN_TRANSACTION):
                connection.execute(
                    "UPDATE hda.reading SET patient = (random() * 100000)::int, updated_at = now() WHERE id IN "
                    "(SELECT DISTINCT (random() * (%s - 1))::bigint + 1 FROM generate_series(1, %s))",
                    (self.rows, CHANGES_IN_TRANSACTION),
                )

    def sums(self) -> tuple[int, ...]:
        with psycopg.connect(self.conninfo) as connection:
            return tuple(connection.execute(SUMS).fetchone() or ())

    @contextmanager
    def slot(self, name: str) -> Iterator[str]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
            try:
                yield name
            finally:
                connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))


@contextmanager
def _ours(settings: Settings, source: Hospital) -> Iterator[Steps]:
    token, replicated, merged = new_secret(), list[float](), list[float]()
    spec = replicate.ReplicationTaskSpec(source=replicate.SourceSpec(conninfo="{{secret:source}}"), rules=(RULE,))
    with opened(settings) as runtime:
        deploy.keep_secret(settings, "source", source.conninfo)
        with runtime.begin(OPERATOR) as uow:
            lake.put_bucket(uow, "raw", lake.BucketSpec())
            lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))
            replicate.put_replication_task(uow, "bench", spec, {})
        app = create_app(runtime, token=token, on_commit=pipeline.on_commit)
        with serve(app) as endpoint, runtime.engine(endpoint.uri, token) as engine:
            place = runtime.workplace(engine, "bench")

            def bring() -> None:
                started = time.perf_counter()
                runtime.run_replication(OPERATOR, "bench", until_caught_up=True)
                between = time.perf_counter()
                advance_to_the_end(place, SPEC, BatchSpec())
                replicated.append(between - started)
                merged.append(time.perf_counter() - between)

            def check(_run: int) -> None:
                with engine.session() as session:
                    found = session.sql_to_arrow(RAW_SUMS)
                assert tuple(column[0].as_py() for column in found.columns) == source.sums(), "raw is not the source"

            bring()
            check(-1)
            replicated.clear()
            merged.clear()
            parts = {"  of it: replication, landed": replicated, "  of it: merge into raw": merged}
            yield Steps(bring, before=source.change, after=check, parts=parts)
            postgres = runtime.replication_source(replicate.ReplicationTask("bench", spec))
            postgres.drop_slot(replicate.ReplicationTask("bench", spec).slot)


@contextmanager
def _decoded(source: Hospital, spool: Path) -> Iterator[Steps]:
    reading = PostgresSource(source.conninfo)
    with source.slot("decoded") as slot:

        def decode() -> None:
            target = reading.current_lsn()
            reading.heartbeat()
            seen = changes = 0
            found = reading.slot(slot)
            start = found.confirmed_lsn if found else 0
            with closing(ChangeReader(spool)) as reader, reading.stream(slot, ["everything"], start) as stream:
                stream.confirm(start, reply=True)
                while seen < target:
                    for item in stream.receive(0.5):
                        if isinstance(item, Data):
                            for event in reader.read(item.payload):
                                if isinstance(event, Committed):
                                    seen = event.end_lsn
                                else:
                                    changes += 1
                        elif reader.between_transactions:
                            seen = max(seen, item.lsn)
                stream.confirm(seen)
            assert changes > source.changes * 9 // 10, f"only {changes} changes came"

        yield Steps(decode, before=source.change)
        _wait_until_free(source, slot)


@contextmanager
def _postgres(source: Hospital) -> Iterator[Steps]:
    count = (
        "SELECT count(*) FROM pg_logical_slot_get_binary_changes('dropped', NULL, NULL, 'proto_version', '2', "
        "'publication_names', 'everything')"
    )
    with source.slot("dropped"), psycopg.connect(source.conninfo, autocommit=True) as connection:

        def decode() -> None:
            (messages,) = connection.execute(count.encode()).fetchone() or (0,)
            assert messages > source.changes * 9 // 10, f"only {messages} messages came"

        yield Steps(decode, before=source.change)


def _wait_until_free(source: Hospital, slot: str) -> None:
    """The server notices a moment later that a stream is over."""
    reading = PostgresSource(source.conninfo)
    for _ in range(100):
        found = reading.slot(slot)
        if found is None or not found.active:
            return
        time.sleep(0.1)
