"""The way to a PostgreSQL on the network, for a worker that has no network (law 8).

Two relays, one behind the other. On the host, a Unix socket in a 0700 directory leads to the database's address, and
nowhere else: whoever connects has no say in it. Inside the namespace, a port on its loopback leads to that socket. The
worker connects to the port and keeps the database's real name in its connection string, so TLS is end to end, and a
certificate is checked against that name (libpq: `hostaddr` to connect, `host` to verify). Bytes are passed on unread.
"""

import fcntl
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pergamon.adapters.socket_directory import make_private, socket_directory
from pergamon.kernel import PergamonError, Unavailable

MOST_CONNECTIONS = 64
"""Two threads each; who comes later waits until one ends. A worker holds about twenty."""
MOST_RELAYS = 100
"""Processes of one installation that launch workers at the same time."""
CONNECT_TIMEOUT_S = 10.0
PIECE_BYTES = 64 * 1024
DEFAULT_PORT = 5432
LOOPBACK = "127.0.0.1"
KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
    (socket.TCP_USER_TIMEOUT, 60_000),
)
"""libpq's own only reach as far as the relay, so a database that has vanished is noticed here: after a minute."""


class DatabaseBeyondReach(PergamonError):
    """The worker's network is its own, and what leads out of it cannot lead to a database that is named like this."""

    code = "database_relay.beyond_reach"


class RelayNotStarted(Unavailable):
    """The relay to the database could not be started."""

    code = "database_relay.not_started"


@dataclass(frozen=True)
class DatabaseAddress:
    """Where a PostgreSQL listens: a host name or IP address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def database_address(conninfo: str) -> DatabaseAddress | None:
    """The network address that a connection string names; None for a Unix socket, which needs no relay.

    What libpq would take from its environment (`PGHOST`, `PGPORT`, …) counts as named.
    Raises:
        DatabaseBeyondReach: more than one host, an abstract socket, a service file, or nothing that can be read.
    """
    named = _named(conninfo)
    host, address, port = (named.get(name) or "" for name in ("host", "hostaddr", "port"))
    if named.get("service"):
        raise DatabaseBeyondReach(
            "PERGAMON_DATABASE_URL names a service, which does not say where it leads",
            hint="name host, port and database themselves",
        )
    if "," in host + address + port:
        raise DatabaseBeyondReach(
            "PERGAMON_DATABASE_URL names several hosts, and the worker reaches one",
            hint="name one: an address that always leads to the primary, or a proxy that does",
        )
    if host.startswith("@") and not address:
        raise DatabaseBeyondReach(
            "PERGAMON_DATABASE_URL names an abstract socket, and the worker's network has its own",
            hint="name the directory of PostgreSQL's socket, as host=/var/run/postgresql, or a network address",
        )
    if not address and (not host or host.startswith("/")):
        return None
    return DatabaseAddress(address or host, _port(port))


def through_relay(conninfo: str, port: int) -> str:
    """The same connection string by way of a relay on this loopback port, the database's name kept for TLS."""
    named = _named(conninfo)
    return make_conninfo(conninfo, host=named.get("host") or named["hostaddr"], hostaddr=LOOPBACK, port=port)


class Relay:
    """Passes bytes between whoever connects to a listening socket and one place; ends with the process, or closed.

    Thread-safe. Half-closed connections stay half open; a connection that breaks on one side is broken on the other.
    """

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], socket.socket],
        *,
        leads_to: str,
        say: Callable[[str], None] | None = None,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        """connect: a connection to the one place; may raise OSError.

        leads_to: the place in words. say: is told when it cannot be reached, once until it can be again.
        """
        self._listener, self._connect, self._leads_to = listener, connect, leads_to
        self._say = say or _say_on_stderr
        self._turns = threading.BoundedSemaphore(most_connections)
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._is_closed = False
        self._is_refused = False
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and break those that there are."""
        with self._lock:
            self._is_closed = True
            for end in (self._listener, *self._ends):
                _break(end)

    def _accept(self) -> None:
        with self._listener:
            while True:
                self._turns.acquire()
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    self._turns.release()
                    if self._is_closed:
                        return
                    time.sleep(0.1)  # out of descriptors; they come back
                else:
                    self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        try:
            threading.Thread(target=self._serve, args=(client,), name="relayed", daemon=True).start()
        except RuntimeError:  # out of threads
            client.close()
            self._turns.release()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                server = self._reach()
                if server is None:
                    return
                with server, suppress(OSError, RuntimeError):
                    try:
                        if self._keep(client, server):
                            _carry_both_ways(client, server)
                    finally:
                        self._forget(client, server)
        finally:
            self._turns.release()

    def _reach(self) -> socket.socket | None:
        try:
            server = self._connect()
        except OSError as error:
            if not self._is_refused:
                self._say(f"{self._leads_to} cannot be reached: {error.strerror or error}")
            self._is_refused = True
            return None
        self._is_refused = False
        return server

    def _keep(self, *ends: socket.socket) -> bool:
        with self._lock:
            self._ends.update(ends)
            return not self._is_closed

    def _forget(self, *ends: socket.socket) -> None:
        with self._lock:
            self._ends.difference_update(ends)


@dataclass(frozen=True)
class HostRelay:
    """The relay on the host: from a Unix socket that only this user can reach to the database."""

    path: Path
    relay: Relay
    lock: int

    def close(self) -> None:
        self.relay.close()
        self.path.unlink(missing_ok=True)
        os.close(self.lock)


@dataclass(frozen=True)
class InnerRelay:
    """The relay inside the namespace: from a port on its loopback to the Unix socket."""

    port: int
    relay: Relay

    def close(self) -> None:
        self.relay.close()


def relay_to_database(home: Path, address: DatabaseAddress, say: Callable[[str], None] | None = None) -> HostRelay:
    """Start the relay on the host. One process may have several; a socket that a dead process left is taken over.

    Raises:
        RelayNotStarted: the directory of its socket is not private, or the socket cannot be made.
    """
    directory = socket_directory(home, f"database-{MOST_RELAYS}.sock")
    try:
        if not make_private(directory):
            raise RelayNotStarted(
                f"the socket directory {directory} is not a 0700 directory of this user",
                hint="remove it, or set XDG_RUNTIME_DIR to a private directory",
            )
        path, lock = _free_place(directory)
        listener = _listen_at(path)
    except OSError as error:
        raise RelayNotStarted(f"no socket can be made in {directory}: {error.strerror or error}") from None
    relay = Relay(listener, lambda: _connect_to_database(address), leads_to=f"the database at {address}", say=say)
    return HostRelay(path, relay, lock)


def relay_to_socket(path: Path, prefer_port: int = 0, say: Callable[[str], None] | None = None) -> InnerRelay:
    """Start the relay inside the namespace.

    prefer_port: the database's own, so that a line of a password file that names it still fits; any, if it is taken.
    """
    try:
        listener = socket.create_server((LOOPBACK, prefer_port))
    except OSError:
        listener = socket.create_server((LOOPBACK, 0))
    port = int(listener.getsockname()[1])
    return InnerRelay(port, Relay(listener, lambda: _connect_to_socket(path), leads_to="the host's relay", say=say))


def _named(conninfo: str) -> dict[str, str]:
    """What libpq would connect with, its environment included."""
    defaults = {option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val}
    try:
        named = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise DatabaseBeyondReach(  # the driver's words may hold a password
            "PERGAMON_DATABASE_URL is no connection string of PostgreSQL",
            hint="as postgresql://user@host:port/database, or host=… dbname=… user=…",
        ) from None
    return defaults | {name: str(value) for name, value in named.items() if value is not None}


def _port(text: str) -> int:
    port = int(text or DEFAULT_PORT) if text.isdecimal() or not text else 0
    if not 0 < port < 65536:
        raise DatabaseBeyondReach("PERGAMON_DATABASE_URL names a port that cannot be one", hint="1 to 65535")
    return port


def _free_place(directory: Path) -> tuple[Path, int]:
    """A path for our socket that no living process uses, and the lock that says so until we end."""
    for number in range(MOST_RELAYS):
        lock = os.open(directory / f"database-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        path = directory / f"database-{number}.sock"
        path.unlink(missing_ok=True)
        return path, lock
    raise RelayNotStarted(f"{MOST_RELAYS} processes launch workers already", hint="end some of them")


def _listen_at(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(MOST_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener


def _connect_to_database(address: DatabaseAddress) -> socket.socket:
    server = socket.create_connection((address.host, address.port), timeout=CONNECT_TIMEOUT_S)
    server.settimeout(None)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        server.setsockopt(socket.IPPROTO_TCP, option, value)
    return server


def _connect_to_socket(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(str(path))
    except OSError:
        server.close()
        raise
    return server


def _carry_both_ways(client: socket.socket, server: socket.socket) -> None:
    """Until both sides have ended, or one has broken."""
    for end in (client, server):
        if end.family != socket.AF_UNIX:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # questions and answers are small
    answers = threading.Thread(target=_carry, args=(server, client), name="relayed back", daemon=True)
    answers.start()
    _carry(client, server)
    answers.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    """Pass on until the source has ended, then end the sink's side too; what breaks one breaks both."""
    try:
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _break(source)
        _break(sink)


def _break(end: socket.socket) -> None:
    """Wakes whoever reads or writes there."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _say_on_stderr(text: str) -> None:
    sys.stderr.write(f"database relay: {text}\n")
    sys.stderr.flush()
