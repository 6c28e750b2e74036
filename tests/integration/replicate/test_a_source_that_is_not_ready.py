"""Every way in which a source is not ready is a sentence with a hint, and never shows a secret."""

import threading
from pathlib import Path

import psycopg
import pytest

from pergamon import deploy, replicate
from pergamon.adapters.postgres_source import PostgresSource
from tests.integration.replicate.conftest import EVERYTHING, Replication
from tests.source_database import SourceDatabase, start_source_server

PASSWORD = "correct-horse-battery"


@pytest.fixture
def weak(replication: Replication) -> str:
    """A role that may connect, and nothing else. Returns its conninfo."""
    name = "weak_" + replication.source.rows("SELECT current_database() AS name")[0]["name"]
    replication.source.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'", "CREATE TABLE hda.patients (id int PRIMARY KEY)"
    )
    return replication.source.as_user(name, PASSWORD)


def connect_as(replication: Replication, conninfo: str) -> None:
    deploy.keep_secret(replication.rt.settings, "source", conninfo, replace=True)
    replication.deploy()


def failed(replication: Replication) -> dict[str, replicate.Finding]:
    found = replication.rt.test_replication(replication.operator, "hospital")
    return {finding.check: finding for finding in found if not finding.ok}


def test_a_wrong_password(replication: Replication, weak: str) -> None:
    connect_as(replication, weak.replace(PASSWORD, "not-the-secret"))
    with pytest.raises(replicate.SourceRefused, match="refuses the password") as caught:
        replication.run()
    assert "not-the-secret" not in str(caught.value)
    assert "not-the-secret" not in str(replication.status().message)
    assert "not-the-secret" not in repr(PostgresSource(weak))


def test_a_source_that_is_down(replication: Replication) -> None:
    connect_as(replication, "host=127.0.0.1 port=1 user=nobody dbname=none password=secret-word")
    with pytest.raises(replicate.SourceUnavailable, match="does not answer") as caught:
        replication.run()
    assert "secret-word" not in str(caught.value)


def test_a_role_that_may_neither_read_nor_replicate(replication: Replication, weak: str) -> None:
    connect_as(replication, weak)
    found = failed(replication)
    assert set(found) == {"select", "replication right", "publication"}
    assert "ALTER ROLE" in found["replication right"].hint
    with pytest.raises(replicate.SourceRefused, match=r"the source is not ready: .*may not replicate"):
        replication.run()
    assert not list(replication.landing.rglob("*.parquet"))


def test_the_administrators_script_makes_a_weak_role_strong_enough(replication: Replication, weak: str) -> None:
    """Many sites give no superuser: the script is all that their administrator needs to run."""
    connect_as(replication, weak)
    script = replication.rt.replication_script(replication.operator, "hospital")
    with psycopg.connect(replication.source.conninfo) as administrator:
        administrator.execute(script.encode())
    assert failed(replication) == {}
    replication.run()
    replication.source.execute("INSERT INTO hda.patients VALUES (1)")
    replication.run()
    assert [row["id"] for row in replication.changes("patients")] == [1]


def test_an_existing_slot_and_publication_are_accepted(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.patients (id int PRIMARY KEY)", "CREATE PUBLICATION theirs FOR ALL TABLES"
    )
    replication.source.execute("SELECT pg_create_logical_replication_slot('their_slot', 'pgoutput')")
    replication.source.execute("INSERT INTO hda.patients VALUES (1)")
    replication.deploy(publication="theirs", slot="their_slot")
    replication.run()
    replication.source.execute("INSERT INTO hda.patients VALUES (2)")
    replication.run()
    assert [(row["Op"], row["id"]) for row in replication.landed("patients")] == [("I", 1), ("I", 2)]
    assert set(replication.replayed("patients")) == {"1", "2"}
    assert [row["pubname"] for row in replication.source.rows("SELECT pubname FROM pg_publication")] == ["theirs"]


def test_a_slot_of_another_plugin_or_in_use_is_refused(replication: Replication) -> None:
    replication.source.execute("CREATE TABLE hda.patients (id int PRIMARY KEY)")
    replication.deploy()
    replication.run()
    source = replication.rt.replication_source(replicate.ReplicationTask("hospital", _spec(replication)))
    with (
        source.stream("pergamon_hospital", ["pergamon_hospital"], 0),
        pytest.raises(replicate.SlotInUse, match="read by another process"),
    ):
        replication.run()


def _spec(replication: Replication) -> replicate.ReplicationTaskSpec:
    with replication.rt.begin(replication.operator) as uow:
        return replicate.read_replication_tasks(uow)["hospital"]


def test_no_table_matches(replication: Replication) -> None:
    replication.source.execute('CREATE TABLE hda."Patients" (id int PRIMARY KEY)')
    rule = {**EVERYTHING, "object-locator": {"schema-name": "hda", "table-name": "patients"}}
    replication.deploy(rule)
    with pytest.raises(replicate.SourceRefused, match=r"no table of the source matches hda\.patients"):
        replication.run()


def test_a_publication_of_some_rows_is_refused(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.patients (id int PRIMARY KEY)",
        "CREATE PUBLICATION partly FOR TABLE hda.patients WHERE (id > 5)",
    )
    replication.deploy(publication="partly")
    assert "publishes only some rows or columns of hda.patients" in failed(replication)["publication"].message


def test_a_publication_that_tells_partitions_apart_is_refused(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.vitals (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE hda.vitals_1 PARTITION OF hda.vitals FOR VALUES FROM (0) TO (10)",
        "CREATE PUBLICATION theirs FOR ALL TABLES",
    )
    replication.deploy(publication="theirs")
    assert "under the names of its partitions" in failed(replication)["publication"].message
    replication.source.execute("ALTER PUBLICATION theirs SET (publish_via_partition_root = true)")
    assert failed(replication) == {}


def test_a_server_that_does_not_log_changes(replication: Replication, tmp_path: Path) -> None:
    server = start_source_server(tmp_path / "plain", wal_level="replica")
    try:
        SourceDatabase(server.conninfo).execute("CREATE SCHEMA hda", "CREATE TABLE hda.patients (id int PRIMARY KEY)")
        connect_as(replication, server.conninfo)
        assert failed(replication)["wal_level"].hint == "set it to logical and restart"
        replication.deploy(migration_type="full-load")
        SourceDatabase(server.conninfo).execute("INSERT INTO hda.patients VALUES (1)")
        assert replication.run().rows_landed == 1
    finally:
        server.stop()


def test_a_source_that_dies_while_running_is_a_clear_error_and_resumable(
    replication: Replication, tmp_path: Path
) -> None:
    server = start_source_server(tmp_path / "mortal", fsync="on")
    source = SourceDatabase(server.conninfo)
    source.execute("CREATE SCHEMA hda", "CREATE TABLE hda.patients (id int PRIMARY KEY)")
    connect_as(replication, server.conninfo)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            replication.run(until_caught_up=False)
        except replicate.SourceUnavailable as error:
            failures.append(error)

    runner = threading.Thread(target=run)
    runner.start()
    try:
        while replication.status().state is not replicate.TaskState.RUNNING:
            assert runner.is_alive()
        source.execute("INSERT INTO hda.patients VALUES (1)")
        server.stop()
        runner.join(timeout=30)
        assert len(failures) == 1
        assert replication.status().state is replicate.TaskState.FAILED
        server.start()
        source.execute("INSERT INTO hda.patients VALUES (2)")
        replication.run()
        assert set(replication.replayed("patients")) == {"1", "2"}
    finally:
        server.stop()
