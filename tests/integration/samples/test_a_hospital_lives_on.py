"""Live changes on a real PostgreSQL: decided by the seed, seen in the log as what they should be."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pergamon.replicate import pgoutput
from pergamon.samples import fill_hospital, keep_changing, live_changes
from pergamon.samples.live import ADD_COLUMN_AFTER, KINDS

UNTIL = datetime(2026, 6, 17, 4, tzinfo=UTC)


@pytest.fixture
def connection(empty_postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(empty_postgres_url, autocommit=True) as opened:
        fill_hospital(opened, patients=100, until=UNTIL)
        yield opened


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    found = connection.execute(query).fetchone()
    assert found
    return found[0]


def timeless(connection: psycopg.Connection[Any]) -> list[Any]:
    """The rows without the instants at which they were written."""
    return [
        connection.execute(query).fetchall()
        for query in (
            "SELECT id, visit_count, md5(notes), preferred_language FROM hda.patients ORDER BY id",
            "SELECT ward, bed, patient_id, md5(nursing_plan) FROM hda.bed_stay ORDER BY ward, bed",
            "SELECT id, reading FROM vital.vital_reading ORDER BY id",
            "SELECT device_serial, level, message FROM vital.device_log ORDER BY 1, 2, 3",
        )
    ]


def test_the_same_seed_decides_the_same_changes(connection: psycopg.Connection[Any]) -> None:
    counts = live_changes(connection, seed=3, count=150)
    first = timeless(connection)
    fill_hospital(connection, patients=100, until=UNTIL, replace=True)
    assert live_changes(connection, seed=3, count=150) == counts
    assert timeless(connection) == first


def test_every_kind_happens_and_the_column_comes_once(connection: psycopg.Connection[Any]) -> None:
    counts = live_changes(connection, seed=1, count=400)
    assert set(counts) == {*KINDS, "add column"}
    assert counts["add column"] == 1
    assert sum(counts.values()) == 400
    assert one(connection, "SELECT count(*) FROM hda.patients WHERE preferred_language IS NOT NULL") > 0


def test_a_second_life_with_the_same_seed_makes_other_changes(connection: psycopg.Connection[Any]) -> None:
    live_changes(connection, seed=1, count=ADD_COLUMN_AFTER + 10)
    before = timeless(connection)
    assert "add column" not in live_changes(connection, seed=1, count=ADD_COLUMN_AFTER + 10)
    assert timeless(connection) != before


def logged(connection: psycopg.Connection[Any], count: int) -> list[list[tuple[str, Any]]]:
    """Live changes as the log carries them: a list of transactions, each a list of (table, change)."""
    connection.execute("CREATE PUBLICATION watch FOR ALL TABLES")
    connection.execute("SELECT pg_create_logical_replication_slot('watch', 'pgoutput')")
    live_changes(connection, seed=2, count=count)
    messages = connection.execute(
        "SELECT data FROM pg_logical_slot_get_binary_changes('watch', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'watch')"
    ).fetchall()
    connection.execute("SELECT pg_drop_replication_slot('watch')")
    tables: dict[int, str] = {}
    transactions: list[list[tuple[str, Any]]] = []
    for (data,) in messages:
        message = pgoutput.decode(data)
        if isinstance(message, pgoutput.Begin):
            transactions.append([])
        elif isinstance(message, pgoutput.Relation):
            tables[message.relation_id] = f"{message.schema}.{message.table}"
        elif isinstance(message, pgoutput.Insert | pgoutput.Update | pgoutput.Delete):
            transactions[-1].append((tables[message.relation_id], message))
    return transactions


def test_the_log_shows_swaps_key_changes_and_values_that_did_not_travel(connection: psycopg.Connection[Any]) -> None:
    transactions = logged(connection, 250)
    changes = [change for transaction in transactions for change in transaction]

    def has(table: str, kind: type, **what: Any) -> bool:
        return any(
            name == table
            and isinstance(change, kind)
            and all(getattr(change, field) == value for field, value in what.items())
            for name, change in changes
        )

    assert any(name == "hda.patients" and pgoutput.UNCHANGED in change.new for name, change in changes)
    assert any(
        name == "hda.bed_stay"
        and isinstance(change, pgoutput.Update)
        and change.old_kind == "K"
        and pgoutput.UNCHANGED in change.new
        for name, change in changes
    ), "a key changed while a long value beside it did not travel"
    assert has("vital.device_log", pgoutput.Update, old_kind="O")
    assert has("vital.device_log", pgoutput.Delete, old_kind="O")
    assert has("vital.vital_reading", pgoutput.Delete, old_kind="K")
    assert has("vital.gateway_event", pgoutput.Insert)
    swaps = [
        [change for name, change in transaction if name == "hda.bed_stay"]
        for transaction in transactions
        if any(
            name == "hda.bed_stay" and change.new[:2] == (b"", b"0")
            for name, change in transaction
            if not isinstance(change, pgoutput.Delete)
        )
    ]
    assert swaps
    assert all(len(swap) == 3 and swap[0].old[:2] == swap[1].new[:2] for swap in swaps)
    assert any(len(transaction) > 5 for transaction in transactions)


def test_work_rolled_back_leaves_no_patient(connection: psycopg.Connection[Any]) -> None:
    counts = live_changes(connection, seed=4, count=200)
    admitted = one(connection, "SELECT count(*) FROM hda.patients WHERE family_name = 'Ünal'")
    assert counts["rolled back"] > 0
    assert admitted == counts["admit patient"]


def test_the_rate_and_the_bounds_are_kept(connection: psycopg.Connection[Any]) -> None:
    started = time.monotonic()
    counts = keep_changing(connection, seed=1, rate_per_s=40, duration_s=1.0)
    assert 0.9 <= time.monotonic() - started <= 3
    assert 10 <= sum(counts.values()) <= 41
    assert sum(keep_changing(connection, seed=1, rate_per_s=1_000, limit=7).values()) == 7


def test_asked_to_end_the_command_finishes_its_transaction_and_prints_the_counts(
    connection: psycopg.Connection[Any], empty_postgres_url: str, tmp_path: Path
) -> None:
    url = tmp_path / "source"
    url.write_text(empty_postgres_url)
    command = "from pergamon.cli.sample import sample_group; sample_group()"
    arguments = ["hospital", "--database-url-file", str(url), "--live", "30", "--json"]
    process = subprocess.Popen([sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, text=True)
    life = "SELECT obj_description('vital'::regnamespace, 'pg_namespace') LIKE '%life 1'"
    while not one(connection, life):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert '"changes"' in printed
