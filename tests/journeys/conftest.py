"""One small site for a whole file: a source of three tables, `pergamon quickstart`, `deploy`, and raw tables loaded.

Each test breaks one thing, reads what is said, mends it as the hint says, and ends with the raw tables equal to the
source.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pyiceberg.table import StaticTable

from pergamon import lake, pipeline, replicate
from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.runtime import Runtime, embedded_postgres, open_runtime, sample_source
from pergamon.settings import Settings
from pergamon.store import UnitOfWork
from tests.journeys.browsing import address, browser, open_as, portal, sessions
from tests.prepared_processes import Command

__all__ = ["address", "browser", "open_as", "portal", "sessions"]

TABLES = """
CREATE SCHEMA ward;
CREATE TABLE ward.patients (id int PRIMARY KEY, name text, age int);
CREATE TABLE ward.stays (patient int, day date, room int, PRIMARY KEY (patient, day));
CREATE TABLE ward.log (note text);
INSERT INTO ward.log VALUES ('opened');
INSERT INTO ward.patients SELECT n, 'patient ' || n, n % 90 FROM generate_series(1, 200) AS n;
INSERT INTO ward.stays SELECT n, date '2026-01-01' + n, n % 7 FROM generate_series(1, 200) AS n;
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

    def start(self, *arguments: str, first: Callable[[], None] | None = None) -> Command:
        words = ("--home", str(self.runtime.settings.home), *arguments)
        return Command("pergamon.cli", *words, env=self.environment, first=first)

    def type(self, *arguments: str, first: Callable[[], None] | None = None) -> "Said":
        return self.said(self.start(*arguments, first=first))

    def said(self, command: Command) -> "Said":
        """What a command printed, when it has ended."""
        done = command.completed(120)
        print(f"\n$ pergamon {' '.join(done.args)}   -> {done.returncode}\n{done.stdout}{done.stderr}")
        return Said(done.returncode, done.stdout, done.stderr)

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
        running = [replicate.TaskState.RUNNING]
        self._wait(
            "the replicator does not run",
            lambda uow: [task.state for task in replicate.status_of_tasks(uow)] == running,
        )

    def wait_until_merging(self) -> None:
        """Until a worker has begun with a run."""
        self._wait("no run has begun", lambda uow: any(run["state"] == "running" for run in pipeline.list_runs(uow, 1)))

    def _wait(self, otherwise: str, is_so: Callable[[UnitOfWork], bool]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with self.runtime.begin(self.runtime.operator()) as uow:
                if is_so(uow):
                    return
            time.sleep(0.1)
        raise AssertionError(otherwise)

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
        site.bring()
        yield site


@pytest.fixture(scope="module")
def worker(site: Site) -> Iterator[None]:
    """A worker that stays, as `pergamon up` keeps one: a run does not wait for an engine to start."""
    command = [sys.executable, "-m", "pergamon.worker", "--home", str(site.runtime.settings.home)]
    process = subprocess.Popen(command, env=site.environment)
    yield
    process.terminate()
    process.wait(60)
