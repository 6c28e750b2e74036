"""Our launcher of the wheel's PostgreSQL: private, authenticated, one per directory, stopped by its last user."""

import os
import signal
import stat
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pergamon.adapters.embedded_postgres import EmbeddedPostgres, PostgresDidNotStart


def test_everything_is_private_and_a_password_is_demanded(tmp_path: Path) -> None:
    parent_mode = tmp_path.stat().st_mode
    server = EmbeddedPostgres(tmp_path / "pg")
    with server.in_use():
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((server.data_dir / "password").stat().st_mode) == 0o600
        with psycopg.connect(server.conninfo) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(server.conninfo, password="wrong"))
    assert tmp_path.stat().st_mode == parent_mode, "a parent's mode is never changed"
    assert not server.is_running()


def test_the_password_stands_in_no_command_line(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    with server.in_use():
        password = (server.data_dir / "password").read_text()
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert password not in process.read_text(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue


def test_a_second_user_shares_the_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    first, second = EmbeddedPostgres(tmp_path / "pg"), EmbeddedPostgres(tmp_path / "pg")
    with first.in_use():
        with second.in_use():
            assert second.server_pid() == first.server_pid()
        assert first.is_running()
    assert not first.is_running()


def test_a_killed_server_with_its_stale_files_is_started_again(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    with server.in_use():
        with psycopg.connect(server.conninfo) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        pid = server.server_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while server.is_running():
            time.sleep(0.02)
        assert server.start()
        with psycopg.connect(server.conninfo) as connection:
            assert connection.execute("SELECT a FROM t").fetchone() == (1,)


def test_a_pid_file_that_names_a_stranger_is_not_believed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "server.pid").write_text(f"{os.getpid()} 1")
    assert not server.is_running()


def test_a_long_path_gets_a_short_socket_directory(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long-" * 30))
    with server.in_use(), psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.socket_dir.rmdir()


def test_a_socket_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.socket_dir.mkdir(parents=True)
    server.socket_dir.chmod(0o777)
    with pytest.raises(PostgresDidNotStart, match="0700"):
        server.start()


def test_why_it_does_not_start_is_told_without_the_log_of_earlier_starts(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    server.stop()
    (server.cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(PostgresDidNotStart) as caught:
        server.start()
    reason = caught.value.message.removeprefix("PostgreSQL did not start: ")
    assert reason.startswith("FATAL:  database files are incompatible with server")
    assert "shut down" not in reason
    assert str(server.log_file) in str(caught.value.hint)


def test_a_lost_password_is_no_bug_of_ours(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    try:
        (server.data_dir / "password").unlink()
        with pytest.raises(PostgresDidNotStart, match="password is missing"):
            _ = server.conninfo
    finally:
        server.stop()


def test_a_setting_that_postgres_refuses_is_an_error_with_its_reason(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", settings={"wal_level": "nonsense"})
    with pytest.raises(PostgresDidNotStart, match="wal_level"):
        server.start()
