"""A PostgreSQL on the network serves as the platform's own, although the worker lives where there is no network."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pergamon.adapters.embedded_postgres import EmbeddedPostgres, free_port
from pergamon.adapters.network_namespace import bwrap_command, refusal_of_namespaces
from pergamon.kernel import Actor
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings
from tests.integration.pipeline.test_a_workflow_runs_to_its_end import deploy, land, parts, pergamon

needs_namespaces = pytest.mark.skipif(refusal_of_namespaces() is not None, reason="this host forbids namespaces")

PATIENCE_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One that listens on TCP."""
    directory = tmp_path_factory.mktemp("tcp")
    server = EmbeddedPostgres(directory, settings={"fsync": "off"}, port=free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rt(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[Runtime]:
    """An empty installation on a database that is reached by TCP."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(server.tcp_conninfo(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with open_runtime(Settings(home=home, database_url=make_conninfo(server.tcp_conninfo(), dbname=name))) as runtime:
        yield runtime


@needs_namespaces
def test_a_namespace_cannot_reach_it_by_itself(server: EmbeddedPostgres) -> None:
    bash = f"exec 3<>/dev/tcp/127.0.0.1/{server.port}"
    assert subprocess.run(["bash", "-c", bash], check=False).returncode == 0
    tried = subprocess.run([*bwrap_command(), "bash", "-c", bash], check=False, capture_output=True)
    assert tried.returncode != 0


@needs_namespaces
def test_a_worker_in_its_own_network_runs_workflows_to_their_end(rt: Runtime, operator: Actor) -> None:
    deploy(rt, operator)
    land(rt, "patients", 1)
    land(rt, "visits", 2)
    done = pergamon(rt, "run", "file-processor", "--with-dependents", "--json")
    assert done.returncode == 0, done.stderr
    merge, transform = json.loads(done.stdout)
    assert parts(merge) == {"table:raw_db.patients": "succeeded", "table:raw_db.visits": "succeeded"}
    assert parts(transform) == {"job:count": "succeeded", "job:other": "succeeded"}
    with rt.begin(operator) as uow:  # the workflow engine's own connections went the same way
        recorded = uow.row("SELECT count(*) AS n FROM dbos.workflow_status WHERE status = 'SUCCESS'")
    assert recorded is not None
    assert recorded["n"] >= 2
    assert [path.name for path in (rt.settings.home / "run").iterdir()] == ["database-0.lock"]  # the relay has ended


def wait_for(log: Path, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)


def wait_for_the_second_beat(rt: Runtime, operator: Actor) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with rt.begin(operator) as uow:
            if uow.row("SELECT 1 AS here FROM pipeline_worker WHERE heartbeat_at > started_at"):
                return
        assert time.monotonic() < deadline, "no worker"
        time.sleep(0.1)


@needs_namespaces
def test_a_database_that_goes_away_is_named_and_the_worker_goes_on_when_it_is_back(
    rt: Runtime, operator: Actor, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    deploy(rt, operator)
    land(rt, "patients", 1)
    log = tmp_path / "worker.log"
    environment = os.environ | {"PERGAMON_DATABASE_URL": rt.settings.database_url or ""}
    command = [sys.executable, "-m", "pergamon.worker", "--home", str(rt.settings.home)]
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stderr=output) as worker:
        try:
            wait_for_the_second_beat(rt, operator)
            server.stop()
            wait_for(log, f"the database at 127.0.0.1:{server.port} cannot be reached: Connection refused")
            server.start()
            done = pergamon(rt, "run", "file-processor", "--json")
            assert done.returncode == 0, done.stderr
            assert worker.poll() is None, "it is the same worker"
        finally:
            worker.terminate()
            worker.wait(PATIENCE_S)
            server.start()


@pytest.mark.parametrize("command", ["up", "worker"])
def test_several_hosts_are_refused_before_anything_starts(tmp_path: Path, command: str) -> None:
    url = "postgresql://one.example,two.example/pergamon"
    arguments = ["pergamon.cli", "--home", str(tmp_path / "home"), "up"]
    if command == "worker":
        arguments = ["pergamon.worker", "--home", str(tmp_path / "home")]
    environment = os.environ | {"PERGAMON_DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "names several hosts" in done.stderr
    assert "internal error" not in done.stderr
