"""Whatever is cut off, and wherever: what has landed is what the source holds, each change once."""

import errno
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pergamon import deploy, replicate
from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.kernel import Actor, Unavailable, durable
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
from tests.integration.replicate.conftest import Replication
from tests.prepared_processes import Command
from tests.source_database import SourceDatabase

TABLES = ("patients", "readings")


def change_the_hospital(source: SourceDatabase, chance: random.Random, transactions: int) -> None:
    """Random inserts, updates, key changes and deletes over two tables, transactions of a few to a thousand rows."""
    with psycopg.connect(source.conninfo) as connection:
        for _ in range(transactions):
            for table in chance.sample(TABLES, k=chance.randint(1, 2)):
                rows, shift = chance.choice([1, 3, 1000]), chance.randint(1, 10**9) * 1000
                connection.execute(
                    f"INSERT INTO hda.{table} SELECT %s + g, 'row ' || g FROM generate_series(1, %s) g "
                    "ON CONFLICT DO NOTHING",
                    (shift, rows),
                )
                connection.execute(
                    f"UPDATE hda.{table} SET name = name || '!' WHERE id %% 7 = %s", (chance.randint(0, 6),)
                )
                connection.execute(f"UPDATE hda.{table} SET id = -id WHERE id %% 50 = %s", (chance.randint(0, 49),))
                connection.execute(f"DELETE FROM hda.{table} WHERE id %% 31 = %s", (chance.randint(0, 30),))
            connection.commit()


def assert_landed_is_what_the_source_holds(replication: Replication) -> None:
    for table in TABLES:
        held = {str(row["id"]): row for row in replication.source.rows(f"SELECT id, name FROM hda.{table}")}
        assert replication.replayed(table) == held


@pytest.fixture
def hospital(replication: Replication) -> Replication:
    for table in TABLES:
        replication.source.execute(
            f"CREATE TABLE hda.{table} (id bigint PRIMARY KEY, name text)",
            f"INSERT INTO hda.{table} SELECT g, 'row ' || g FROM generate_series(1, 3000) g",
        )
    replication.deploy(max_file_rows=500, max_batch_interval_s=0.05)
    return replication


def start_replicator(hospital: Replication, database_url: str, *boundary: str) -> Command:
    words = (str(hospital.rt.settings.home), database_url, *boundary)
    return Command("tests.integration.replicate.replicator", *words, env=os.environ)


def manifests_on_disk(hospital: Replication) -> int:
    return sum(1 for _ in hospital.landing.rglob("*.manifest.json"))


def take_for_dead(hospital: Replication) -> None:
    """A killed replicator is taken for dead after a minute; we know better."""
    with hospital.rt.begin(hospital.operator) as uow:
        uow.execute("UPDATE replication_task SET state = 'failed'")


def assert_everything_landed_is_registered(hospital: Replication) -> None:
    told = {f"staging/landing/{manifest['path']}" for table in TABLES for manifest in hospital.manifests(table)}
    assert set(hospital.registered()) == told


@pytest.mark.parametrize("seed", range(2))
def test_a_replicator_killed_at_any_moment_goes_on_where_it_was(
    hospital: Replication, postgres_url: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    for _ in range(2):
        enough = manifests_on_disk(hospital) + chance.randint(2, 6)
        replicator = start_replicator(hospital, postgres_url)
        try:
            deadline = time.monotonic() + 60
            while manifests_on_disk(hospital) < enough:
                assert time.monotonic() < deadline, "the replicator lands nothing: there would be nothing to kill"
                change_the_hospital(hospital.source, chance, 1)
                time.sleep(0.3)
            time.sleep(chance.uniform(0, 0.1))
        finally:
            replicator.send_signal(signal.SIGKILL)
            replicator.wait()
        take_for_dead(hospital)
    _run_when_the_slot_is_free(hospital)
    assert_landed_is_what_the_source_holds(hospital)
    assert_everything_landed_is_registered(hospital)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("ending", [".parquet", ".manifest.json", "hospital.json"])
def test_a_replicator_that_dies_at_a_boundary_goes_on_where_it_was(
    hospital: Replication, postgres_url: str, when: str, ending: str
) -> None:
    """File, manifest, progress: before and after each gets its name, in the middle of a transaction of many files."""
    hospital.run()
    change_the_hospital(hospital.source, random.Random(7), 3)  # noqa: S311
    replicator = start_replicator(hospital, postgres_url, when, ending, "1" if ending == "hospital.json" else "3")
    deadline = time.monotonic() + 60
    while replicator.poll() is None:
        assert time.monotonic() < deadline
        hospital.source.execute("UPDATE hda.patients SET name = name || '.' WHERE id BETWEEN 1 AND 20")
        time.sleep(0.3)
    assert replicator.returncode == 9
    take_for_dead(hospital)
    _run_when_the_slot_is_free(hospital)
    assert_landed_is_what_the_source_holds(hospital)
    assert_everything_landed_is_registered(hospital)


def _run_when_the_slot_is_free(hospital: Replication) -> None:
    for _ in range(100):
        try:
            hospital.run()
        except replicate.SlotInUse:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the source does not notice that its reader is dead")


CUTS = ("write", "fsync", "replace")


@pytest.mark.parametrize("call", CUTS)
def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(
    hospital: Replication, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    hospital.run()
    chance = random.Random(call)  # noqa: S311
    change_the_hospital(hospital.source, chance, 4)
    real, calls = getattr(os, call, None), 0

    def full(*_arguments: Any, **_more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*_arguments, **_more)  # type: ignore[misc]

    with monkeypatch.context() as patched:
        if call == "write":
            patched.setattr("pergamon.replicate.landing.open_exclusive", _open_on_a_full_disk)
        else:
            patched.setattr(os, call, full)
        with pytest.raises(replicate.LandingNotWritable, match="is full; nothing is lost"):
            hospital.run()
    status = hospital.status()
    assert status.state is replicate.TaskState.FAILED
    assert "is full" in str(status.message)
    hospital.run()
    assert_landed_is_what_the_source_holds(hospital)
    assert not list(hospital.landing.rglob(".*.tmp_*"))


def _open_on_a_full_disk(path: Path, mode: int = 0o600) -> Any:
    """The kernel's own full device stands for the disk; the file's name is made, so that it must be cleaned up."""
    durable.open_exclusive(path, mode).close()
    return Path("/dev/full").open("wb", buffering=0)


def test_the_source_may_forget_only_what_is_durable(hospital: Replication, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of writes: file, its name, its manifest, the progress file; only then the word to the source."""
    hospital.run()
    told: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        told.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        told.append(f"name {Path(target).name}")
        real_replace(source, target)

    from pergamon.adapters.postgres_source import PostgresChangeStream

    real_confirm = PostgresChangeStream.confirm
    confirmed: list[int] = []

    def confirm(self: PostgresChangeStream, lsn: int, *, reply: bool = False) -> None:
        if confirmed and lsn > confirmed[-1]:
            told.append("confirm")
        confirmed.append(lsn)
        real_confirm(self, lsn, reply=reply)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(PostgresChangeStream, "confirm", confirm)
    hospital.source.execute("INSERT INTO hda.patients VALUES (0, 'new')")
    hospital.run()
    names = [line for line in told if line == "confirm" or line.startswith("name")]
    change = next(at for at, line in enumerate(names) if line.endswith(".parquet"))
    file = names[change].removeprefix("name ")
    assert names[change + 1] == f"name {file}.manifest.json"
    assert names[change + 2] == "name hospital.json"
    assert names[change + 3] == "confirm"
    at = told.index(names[change])
    assert told[at - 1].startswith(f"fsync .{file}.tmp_")  # the bytes before the name
    assert told[at + 1].startswith("fsync ")  # and the directory after it
    assert not told[at + 1].endswith(".parquet")


def test_the_source_is_never_told_more_than_has_landed(hospital: Replication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is confirmed while a change has no manifest yet lies before that change."""
    from pergamon.adapters.postgres_source import PostgresChangeStream

    hospital.run()
    landed_before = manifests_on_disk(hospital)
    before_the_change = int(hospital.source.rows("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS lsn")[0]["lsn"])
    hospital.source.execute("INSERT INTO hda.patients VALUES (0, 'new')")
    told: list[tuple[int, bool]] = []
    real_confirm = PostgresChangeStream.confirm

    def confirm(self: PostgresChangeStream, lsn: int, *, reply: bool = False) -> None:
        told.append((lsn, manifests_on_disk(hospital) > landed_before))
        real_confirm(self, lsn, reply=reply)

    monkeypatch.setattr(PostgresChangeStream, "confirm", confirm)
    hospital.run()
    assert [lsn for lsn, landed in told if lsn > before_the_change and landed], "the landed change is confirmed"
    assert not [lsn for lsn, landed in told if lsn > before_the_change and not landed]


def test_a_load_that_was_cut_off_is_loaded_anew_under_higher_numbers(
    hospital: Replication, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.deploy(max_load_file_bytes=1024)
    hospital.source.execute("INSERT INTO hda.readings SELECT g, repeat('x', 600) FROM generate_series(5000, 90000) g")
    real = durable.open_exclusive

    def third_file_fails(path: Path, mode: int = 0o600) -> Any:
        if "readings" in str(path) and path.name.startswith(".LOAD00000002"):
            raise OSError(errno.ENOSPC, "full")
        return real(path, mode)

    with monkeypatch.context() as patched:
        patched.setattr("pergamon.replicate.landing.open_exclusive", third_file_fails)
        with pytest.raises(replicate.LandingNotWritable):
            hospital.run()
    change_the_hospital(hospital.source, random.Random(1), 2)  # noqa: S311
    hospital.run()
    assert_landed_is_what_the_source_holds(hospital)
    loads = [manifest for manifest in hospital.manifests("readings") if manifest["kind"] == "full_load"]
    assert len({manifest["load_id"] for manifest in loads}) == 2
    assert len({manifest["file"] for manifest in loads}) == len(loads)
    complete = [manifest for manifest in loads if manifest["full_load_complete"]]
    assert len(complete) == 1
    assert complete[0]["full_load_files"] == len(loads) - 1


def test_a_slot_that_is_ahead_parks_the_task_and_names_the_gap(hospital: Replication) -> None:
    hospital.run()
    hospital.source.execute("INSERT INTO hda.patients VALUES (0, 'lost')")
    hospital.source.execute("SELECT pg_replication_slot_advance('pergamon_hospital', pg_current_wal_lsn())")
    with pytest.raises(replicate.TaskParked, match=r"stands at \w+/\w+, but the landing zone knows changes only up to"):
        hospital.run()
    assert hospital.status().state is replicate.TaskState.PARKED
    hospital.run(reload=True)
    assert_landed_is_what_the_source_holds(hospital)


def test_a_slot_that_is_gone_parks_the_task(hospital: Replication) -> None:
    hospital.run()
    hospital.source.execute("SELECT pg_drop_replication_slot('pergamon_hospital')")
    with pytest.raises(replicate.TaskParked, match="is gone"):
        hospital.run()
    hospital.run(reload=True)
    assert_landed_is_what_the_source_holds(hospital)


def test_stopping_lands_what_is_held_and_starting_goes_on(hospital: Replication) -> None:
    hospital.run()
    stop = threading.Event()
    runner = threading.Thread(target=lambda: hospital.run(until_caught_up=False, should_stop=stop.is_set))
    runner.start()
    while hospital.status().state is not replicate.TaskState.RUNNING:
        time.sleep(0.05)
    change_the_hospital(hospital.source, random.Random(5), 3)  # noqa: S311
    with hospital.rt.begin(hospital.operator) as uow:
        replicate.stop_replication(uow, "hospital")
        assert replicate.tasks_to_run(uow) == []
    runner.join(timeout=30)
    assert not runner.is_alive()
    assert hospital.status().state is replicate.TaskState.STOPPED
    hospital.run()
    assert_landed_is_what_the_source_holds(hospital)
    assert hospital.status().lag_bytes == 0


def test_quiet_tables_do_not_make_the_source_keep_everybodys_log(
    hospital: Replication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pergamon.replicate.run.ALIVE_INTERVAL_S", 0.2)
    hospital.deploy(heartbeat_interval_s=0.2)
    hospital.source.execute("CREATE SCHEMA busy", "CREATE TABLE busy.t (id int)")
    stop = threading.Event()
    runner = threading.Thread(target=lambda: hospital.run(until_caught_up=False, should_stop=stop.is_set))
    runner.start()
    try:
        while hospital.status().state is not replicate.TaskState.RUNNING:
            time.sleep(0.05)
        hospital.source.execute("INSERT INTO busy.t SELECT generate_series(1, 20000)")
        behind = "SELECT pg_current_wal_lsn()::text AS lsn"
        written = hospital.source.rows(behind)[0]["lsn"]
        caught_up = "SELECT confirmed_flush_lsn >= %s::pg_lsn AS yes FROM pg_replication_slots WHERE NOT temporary"
        deadline = time.monotonic() + 30
        while not hospital.source.rows(caught_up + " AND database = current_database()", [written])[0]["yes"]:
            assert time.monotonic() < deadline, "the slot holds back log of tables that are not replicated"
            time.sleep(0.1)
    finally:
        stop.set()
        runner.join()
    assert hospital.changes("patients") == []


def test_the_platforms_own_database_dying_is_an_error_and_resumable(
    source_database: SourceDatabase, operator: Actor, tmp_path: Path
) -> None:
    """What landed and was not registered yet is told again at the next start."""
    server = EmbeddedPostgres(tmp_path / "platform", settings={"fsync": "on"})
    server.start()
    try:
        home = tmp_path / "home"
        with open_runtime(Settings(home=home, database_url=server.conninfo)) as runtime:
            deploy.keep_secret(runtime.settings, "source", source_database.conninfo)
            source_database.execute("CREATE SCHEMA hda", "CREATE TABLE hda.patients (id bigint PRIMARY KEY, name text)")
            replication = Replication(runtime, operator, source_database)
            replication.deploy()
            replication.run()
            source_database.execute("INSERT INTO hda.patients VALUES (1, 'a')")
            calls = iter(range(1000))

            def die_at_the_tenth_look() -> bool:
                if next(calls) == 10:
                    server.stop()
                return False

            with pytest.raises(Unavailable):
                replication.run(until_caught_up=False, should_stop=die_at_the_tenth_look)
        server.start()
        source_database.execute("INSERT INTO hda.patients VALUES (2, 'b')")
        with open_runtime(Settings(home=home, database_url=server.conninfo)) as runtime:
            replication = Replication(runtime, operator, source_database)
            with runtime.begin(operator) as uow:
                uow.execute("UPDATE replication_task SET state = 'failed'")
            _run_when_the_slot_is_free(replication)
            assert set(replication.replayed("patients")) == {"1", "2"}
            told = {f"staging/landing/{manifest['path']}" for manifest in replication.manifests("patients")}
            assert set(replication.registered()) == told
    finally:
        server.stop()
