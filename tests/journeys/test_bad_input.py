"""Bad input, as an operator meets it at the command line: what is said, that nothing is lost, and how it goes on.

One small site for the whole file: a source of three tables, `pergamon quickstart`, `deploy`. Each test breaks one
thing, reads what is said, mends it as the hint says, and ends with the raw tables equal to the source.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pyiceberg.table import StaticTable

from pergamon import lake, replicate
from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.runtime import Runtime, embedded_postgres, open_runtime, sample_source
from pergamon.settings import Settings

TABLES = """
CREATE SCHEMA ward;
CREATE TABLE ward.patients (id int PRIMARY KEY, name text, age int);
CREATE TABLE ward.stays (patient int, day date, room int, PRIMARY KEY (patient, day));
CREATE TABLE ward.log (note text);
INSERT INTO ward.log VALUES ('opened');
INSERT INTO ward.patients SELECT n, 'patient ' || n, n % 90 FROM generate_series(1, 200) AS n;
INSERT INTO ward.stays SELECT n, date '2026-01-01' + n, n % 7 FROM generate_series(1, 200) AS n;
"""
LOG_RULE = """        - rule-type: selection
          rule-id: "9"
          object-locator:
            schema-name: "ward"
            table-name: "log"
          rule-action: explicit
"""
LOG_TABLE = """  log:
    source_schema: ward
    source_table: log
    target_database: database:raw_db
    target_table: log
    refresh_cadence: daily
    versioning: {how}
"""
UNAVAILABLE, INVALID = 6, 2


@dataclass
class Site:
    """A source, an installation, and the directory of its configuration."""

    source: EmbeddedPostgres
    runtime: Runtime
    directory: Path
    quickstart: str = ""
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pergamon.cli", "--home", str(self.runtime.settings.home), *arguments]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment, **more
        )

    def type(self, *arguments: str, **more: Any) -> "Said":
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=120)
        print(f"\n$ pergamon {' '.join(arguments)}   -> {process.returncode}\n{out}{err}")
        return Said(process.returncode, out, err)

    @property
    def landing(self) -> Path:
        return self.runtime.settings.lake / "staging" / "landing"

    @property
    def secret(self) -> Path:
        return self.runtime.settings.secrets / "source-password"

    @property
    def platform(self) -> EmbeddedPostgres:
        return embedded_postgres(self.runtime.settings)

    def kill(self, server: EmbeddedPostgres) -> None:
        """kill -9 to every process of the cluster."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(server.cluster) in (process / "cmdline").read_text():
                    os.kill(int(process.name), signal.SIGKILL)

    def wait_until_running(self) -> None:
        """Until the replicator has said that it reads changes."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with self.runtime.begin(self.runtime.operator()) as uow:
                if [task.state for task in replicate.status_of_tasks(uow)] == [replicate.TaskState.RUNNING]:
                    return
            time.sleep(0.1)
        raise AssertionError("the replicator does not run")

    def land(self) -> None:
        """Replicate; the next `bring` of the file finds what was lost or came twice."""
        assert self.type("replication", "start", "source", "--until-caught-up").code == 0

    def bring(self) -> None:
        """Replicate, merge, and hold the raw tables against the source."""
        self.land()
        assert self.type("run", "file-processor").code == 0
        for table in ("patients", "stays"):
            with psycopg.connect(self.source.conninfo, row_factory=dict_row) as connection:
                there = connection.execute(f'SELECT * FROM ward."{table}"'.encode()).fetchall()
            assert Counter(map(repr, self.raw(table))) == Counter(map(repr, there)), table

    def raw(self, table: str) -> list[dict[str, Any]]:
        with self.runtime.begin(self.runtime.operator()) as uow:
            location = lake.read_table(uow, lake.TableId("raw_db", table)).metadata_location
        rows = StaticTable.from_metadata(location).scan().to_arrow().to_pylist()
        return [{name: value for name, value in row.items() if name[0] != "_"} for row in rows]

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.source.conninfo, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    source = sample_source(directory / "source")
    home = directory / "home"
    home.mkdir(mode=0o700)
    with source.in_use(), open_runtime(Settings(home=home)) as runtime:
        site = Site(source, runtime, directory / "config")
        site.execute(TABLES)
        parts = source.parameters()
        site.environment["PERGAMON_SECRET_SOURCE_PASSWORD"] = parts["password"]
        url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
        said = site.type("quickstart", url, str(site.directory), "--unencrypted", "a test on a scratch disk")
        assert said.code == 0
        site.quickstart = said.out + said.err
        assert site.type("deploy", "-C", str(site.directory)).code == 0
        yield site


@pytest.fixture(scope="module", autouse=True)
def _loaded(site: Site) -> None:
    """Every test begins and ends with raw equal to the source."""
    site.bring()


def test_a_source_that_is_down(site: Site) -> None:
    site.source.stop()
    said = site.type("replication", "start", "source", "--until-caught-up")
    tested = site.type("replication", "test", "source")
    site.source.start()
    for each in (said, tested):
        assert each.code == UNAVAILABLE
        assert "does not answer" in each.err
        assert "hint: is it up? start the task again once the source answers" in each.err
    assert "failed" in site.type("replication", "status").out
    site.execute("INSERT INTO ward.patients VALUES (1001, 'while it was down', 1)")
    site.land()


def test_a_wrong_password(site: Site) -> None:
    site.execute("UPDATE ward.patients SET age = 2 WHERE id = 10")
    right = site.secret.read_text()
    site.secret.write_text("not-the-secret")
    said = site.type("replication", "start", "source", "--until-caught-up")
    site.secret.write_text(right)
    assert said.code == INVALID
    assert "refuses the password" in said.err
    assert "not-the-secret" not in said.out + said.err
    site.land()


def test_a_role_without_the_replication_right(site: Site) -> None:
    """The script of `replication script`, run by the administrator, is what the hint names, and it suffices."""
    site.execute("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'reading'")
    config = site.directory / "pergamon.yaml"
    as_it_was = config.read_text()
    config.write_text(as_it_was.replace('source-user: "hospital"', 'source-user: "reader"'))
    right = site.secret.read_text()
    site.secret.write_text("reading")
    assert site.type("deploy", "-C", str(site.directory)).code == 0
    said = site.type("replication", "start", "source", "--until-caught-up")
    script = site.type("replication", "script", "source")
    assert "replication script source" in said.err
    site.execute(*script.out.strip().split(";\n"))
    site.execute("UPDATE ward.patients SET age = 3 WHERE id = 9")
    site.bring()
    site.secret.write_text(right)
    config.write_text(as_it_was)
    assert site.type("deploy", "-C", str(site.directory)).code == 0
    assert said.code == INVALID
    assert "may not replicate" in said.err


def test_a_table_without_a_key(site: Site) -> None:
    """quickstart says why it leaves it out; merged by a key it is refused; as a history its inserts come."""
    assert "ward.log is left out" in site.quickstart
    replication, tracker = site.directory / "replication.yaml", site.directory / "tracker.yaml"
    as_it_was = tracker.read_text()
    replication.write_text(replication.read_text() + LOG_RULE)
    tracker.write_text(as_it_was + LOG_TABLE.format(how='S\n    keys: ["note"]'))
    refused = site.type("deploy", "-C", str(site.directory))
    tracker.write_text(as_it_was + LOG_TABLE.format(how="H"))
    assert site.type("deploy", "-C", str(site.directory)).code == 0
    tested = site.type("replication", "test", "source")
    site.land()
    site.execute("INSERT INTO ward.log VALUES ('written')", "UPDATE ward.log SET note = 'changed'")
    site.bring()
    assert sorted(row["note"] for row in site.raw("log")) == ["opened", "written"]
    assert tested.code == 0
    assert "ward.log" in tested.out
    assert "hint:" in tested.out
    assert refused.code == INVALID
    assert "ward.log" in refused.err


def test_an_unknown_rule(site: Site) -> None:
    replication = site.directory / "replication.yaml"
    as_it_was = replication.read_text()
    before, after = as_it_was.rsplit("rule-action: explicit", 1)
    replication.write_text(f"{before}rule-action: sideways{after}")
    said = site.type("synth", "-C", str(site.directory))
    replication.write_text(as_it_was)
    assert said.code == INVALID
    assert "replication.yaml:" in said.err
    assert "sideways" in said.err
    assert site.type("deploy", "-C", str(site.directory)).code == 0


def test_a_parquet_file_cut_in_half(site: Site) -> None:
    """The other tables go on; nothing later of this one is applied; the whole file put back, it is replayed."""
    site.execute("UPDATE ward.patients SET age = 4 WHERE id = 8", "UPDATE ward.stays SET room = 9 WHERE patient = 1")
    before = set(site.landing.rglob("*.parquet"))
    assert site.type("replication", "start", "source", "--until-caught-up").code == 0
    (cut,) = [file for file in set(site.landing.rglob("*.parquet")) - before if "patients" in str(file)]
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    ran = site.type("run", "file-processor")
    listed = site.type("tracker", "ls")
    cut.write_bytes(whole)
    (file,) = [line.split()[-1] for line in listed.out.splitlines() if line.startswith("quarantined")]
    assert site.type("tracker", "replay", file).code == 0
    site.bring()
    assert ran.code == INVALID
    assert f"{cut.name} has {len(whole) // 2} bytes, its manifest says {len(whole)}" in ran.err
    assert f"tracker replay {file}" in ran.err
    assert "✓ table:raw_db.stays" in ran.out


def test_a_type_that_cannot_be_widened(site: Site) -> None:
    site.bring()
    site.execute(
        "ALTER TABLE ward.patients ALTER age TYPE text",
        "UPDATE ward.patients SET age = 'old' WHERE id = (SELECT min(id) FROM ward.patients)",
    )
    assert site.type("replication", "start", "source", "--until-caught-up").code == 0
    ran = site.type("run", "file-processor")
    reloaded = site.type("replication", "start", "source", "--until-caught-up", "--reload")
    assert reloaded.code == 0
    site.bring()
    assert ran.code != 0
    assert "column age was int32 and is now string" in ran.out + ran.err
    assert "replication start TASK --reload" in ran.out + ran.err


LIMIT = 256 * 1024


def test_a_full_disk(site: Site) -> None:
    """A limit on the size of files stands for the disk: the same refusal, and it needs no rights."""

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))

    site.execute(
        "UPDATE ward.patients SET name = (SELECT string_agg(md5(n::text || id), '') FROM generate_series(1, 200) AS n)"
    )
    said = site.type("replication", "start", "source", "--until-caught-up", preexec_fn=small_files_only)
    assert said.code == UNAVAILABLE
    assert "is full; nothing is lost" in said.err
    assert "make room and start the task again" in said.err
    site.land()


def test_the_source_is_killed_in_the_middle(site: Site) -> None:
    site.execute("INSERT INTO ward.patients SELECT n, 'many ' || n FROM generate_series(2000, 30000) AS n")
    replicating = site.start("replication", "start", "source")
    site.wait_until_running()
    site.kill(site.source)
    out, err = replicating.communicate(timeout=60)
    print(replicating.returncode, out, err)
    site.source.start()
    site.bring()
    assert replicating.returncode == UNAVAILABLE
    assert "broke off" in err or "does not answer" in err
    assert "hint:" in err


def test_the_platforms_postgresql_is_killed_in_the_middle(site: Site) -> None:
    site.execute("UPDATE ward.patients SET name = 'again ' || id")
    replicating = site.start("replication", "start", "source")
    site.wait_until_running()
    site.kill(site.platform)
    out, err = replicating.communicate(timeout=60)
    print(replicating.returncode, out, err)
    assert replicating.returncode == UNAVAILABLE
    assert "error:" in err
    assert "Traceback" not in err
    site.platform.start()
    site.execute("DELETE FROM ward.patients WHERE id > 20000")
    site.land()
    merging = site.start("run", "file-processor")
    time.sleep(4)
    site.kill(site.platform)
    out, err = merging.communicate(timeout=90)
    print(merging.returncode, out, err)
    assert "Traceback" not in err
    site.platform.start()
    site.bring()
