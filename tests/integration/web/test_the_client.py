"""`pergamon query` and `pergamon tables`, as a client with a token and as the operator."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import uvicorn

from pergamon.web import create_app
from tests import prepared_processes
from tests.reference.governed_lake import GovernedLake


@pytest.fixture
def server(world: GovernedLake) -> Iterator[str]:
    serving = uvicorn.Server(
        uvicorn.Config(create_app(world.rt), host="127.0.0.1", port=0, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}"
    serving.should_exit = True
    thread.join(10)


def pergamon(world: GovernedLake, *arguments: str, token: str | None = None, stdin: str = "") -> CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PERGAMON_HOME": str(world.rt.settings.home),
        "PERGAMON_DATABASE_URL": world.rt.settings.database_url or "",
        "COLUMNS": "120",
    }
    environment |= {"PERGAMON_TOKEN": token} if token else {}
    return prepared_processes.run("pergamon.cli", *arguments, env=environment, given=stdin.encode())


def test_a_client_sees_rows_a_count_and_a_time(world: GovernedLake, server: str) -> None:
    sql = "SELECT id, name FROM raw_db.patients ORDER BY id"
    done = pergamon(world, "query", sql, "--server", server, token=world.admin.token)
    assert done.returncode == 0, done.stderr
    assert "Änne" in done.stdout
    assert "null" in done.stdout
    assert "3 rows; " in done.stdout
    told = json.loads(pergamon(world, "query", sql, "--server", server, "--json", token=world.admin.token).stdout)
    assert told["rows"] == [[1, "Änne"], [2, "Bo"], [3, None]]
    text = pergamon(world, "query", "-", "--server", server, "--csv", token=world.admin.token, stdin=sql).stdout
    assert list(csv.reader(io.StringIO(text))) == [["id", "name"], ["1", "Änne"], ["2", "Bo"], ["3", ""]]
    listed = pergamon(world, "tables", "--server", server, token=world.user.token)
    assert listed.stdout == "curated_db.vitals\n"


def test_a_table_is_described_to_who_may_read_it(world: GovernedLake, server: str) -> None:
    described = pergamon(world, "tables", "RAW_DB.patients", "--server", server, token=world.admin.token)
    assert described.returncode == 0, described.stderr
    assert [line.split() for line in described.stdout.splitlines()][:2] == [["id", "long"], ["name", "string"]]
    told = json.loads(
        pergamon(world, "tables", "raw_db.patients", "--server", server, "--json", token=world.admin.token).stdout
    )
    assert (told["database"], told["table"], told["columns"][0]) == (
        "raw_db",
        "patients",
        {"name": "id", "type": "long"},
    )
    hidden = pergamon(world, "tables", "raw_db.patients", "--server", server, token=world.user.token)
    assert (hidden.returncode, hidden.stdout) == (4, "")
    assert "no such table: raw_db.patients" in hidden.stderr
    operator = pergamon(world, "tables", "raw_db.patients")
    assert (operator.returncode, operator.stdout) == (4, "")
    assert "the operator reads no data" in operator.stderr
    for name in ("patients", "a.b.c", ".", "raw_db.", "a/../b"):
        assert pergamon(world, "tables", name, "--server", server, token=world.admin.token).returncode in {2, 4}, name


def test_each_kind_of_error_has_its_exit_code_and_its_hint(world: GovernedLake, server: str, tmp_path: Path) -> None:
    def code_of(sql: str, token: str | None, *more: str) -> tuple[int, str]:
        done = pergamon(world, "query", sql, "--server", server, *more, token=token)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    assert code_of("SELECT * FROM raw_db.patients", world.user.token) == (
        4,
        "error: no such table: raw_db.patients\n  hint: `pergamon tables` lists what you may read\n",
    )
    assert code_of("SELECT * FROM read_csv('/etc/passwd')", world.user.token)[0] == 2
    assert code_of("SELECT 1", "pgm_wrong")[0] == 3
    assert code_of("SELECT 1", None)[0] == 3
    open_file = tmp_path / "token"
    open_file.write_text(world.user.token)
    open_file.chmod(0o644)
    assert "chmod 600" in code_of("SELECT 1", None, "--token-file", str(open_file))[1]
    open_file.chmod(0o600)
    done = pergamon(world, "query", "SELECT 1", "--server", server, "--token-file", str(open_file))
    assert done.returncode == 0
    assert pergamon(world, "query", "SELECT 1", "--server", "http://127.0.0.1:1", token="x").returncode == 6
    assert "https" in pergamon(world, "query", "SELECT 1", "--server", "http://example.org", token="x").stderr


def test_the_operator_asks_only_as_somebody_whose_role_allows_it(world: GovernedLake) -> None:
    sql = "SELECT count(*) AS patients FROM raw_db.patients"
    assert pergamon(world, "query", sql).returncode == 4
    assert pergamon(world, "--as", "person:ada", "query", sql).returncode == 3
    done = pergamon(world, "--as", "person:bea", "query", sql, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == [[3]]
    refused = pergamon(world, "--as", "person:bea", "query", sql, "--server", "http://127.0.0.1:1", token="x")
    assert "--as belongs to operator mode" in refused.stderr


def test_what_a_value_holds_cannot_drive_the_terminal(world: GovernedLake, server: str) -> None:
    sql = "SELECT chr(27) || '[31mred' || chr(10) || 'x' AS evil, '[bold]b[/bold]' AS markup"
    done = pergamon(world, "query", sql, "--server", server, token=world.user.token)
    assert "\x1b" not in done.stdout
    assert "[bold]b[/bold]" in done.stdout
