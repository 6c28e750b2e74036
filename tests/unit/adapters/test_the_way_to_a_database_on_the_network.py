"""Two relays, one behind the other, pass every byte on and nothing else; TLS goes through them unseen."""

import os
import socket
import ssl
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pergamon.adapters.database_relay import (
    DatabaseAddress,
    DatabaseBeyondReach,
    HostRelay,
    Relay,
    RelayNotStarted,
    database_address,
    relay_to_database,
    relay_to_socket,
    through_relay,
)
from pergamon.adapters.embedded_postgres import free_port

PATIENCE_S = 20
LARGE = 32 * 1024 * 1024
SSL_REQUEST_BYTES = 8
Conversation = Callable[[socket.socket], None]


@contextmanager
def database(talk: Conversation) -> Iterator[DatabaseAddress]:
    """A listener that holds this conversation with each who comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def hold(client: socket.socket) -> None:
        with client:
            client.settimeout(PATIENCE_S)
            talk(client)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=hold, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield DatabaseAddress("127.0.0.1", listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def way(home: Path, address: DatabaseAddress, told: list[str] | None = None) -> Iterator[int]:
    """Both relays. Yields: the port at this end."""
    with ExitStack() as stack:
        outer = relay_to_database(home, address, say=None if told is None else told.append)
        stack.callback(outer.close)
        inner = relay_to_socket(outer.path, say=None if told is None else told.append)
        stack.callback(inner.close)
        yield inner.port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def read_all(end: socket.socket) -> bytes:
    pieces = []
    while piece := end.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def echo(client: socket.socket) -> None:
    while piece := client.recv(65536):
        client.sendall(piece)


# --- bytes ---


def test_bytes_go_both_ways(tmp_path: Path) -> None:
    with database(echo) as address, way(tmp_path, address) as port, connect(port) as client:
        for word in (b"one", b"two", bytes(range(256))):
            client.sendall(word)
            assert client.recv(1024) == word


def test_large_transfers_arrive_whole_while_both_sides_send(tmp_path: Path) -> None:
    sent = os.urandom(1024) * (LARGE // 1024)
    with database(echo) as address, way(tmp_path, address) as port, connect(port) as client:

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        assert read_all(client) == sent
        sender.join(PATIENCE_S)


def test_who_has_ended_speaking_still_gets_the_answer(tmp_path: Path) -> None:
    def answer_at_the_end(client: socket.socket) -> None:
        client.sendall(b"heard " + str(len(read_all(client))).encode())

    with database(answer_at_the_end) as address, way(tmp_path, address) as port, connect(port) as client:
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"heard 100000"


def test_a_database_that_has_ended_speaking_is_still_heard_by(tmp_path: Path) -> None:
    heard: list[bytes] = []
    is_over = threading.Event()

    def end_first(client: socket.socket) -> None:
        client.shutdown(socket.SHUT_WR)
        heard.append(read_all(client))
        is_over.set()

    with database(end_first) as address, way(tmp_path, address) as port, connect(port) as client:
        assert client.recv(10) == b""
        client.sendall(b"goodbye")
        client.shutdown(socket.SHUT_WR)
        assert is_over.wait(PATIENCE_S)
    assert heard == [b"goodbye"]


def test_the_last_words_of_who_hangs_up_arrive(tmp_path: Path) -> None:
    heard: list[bytes] = []
    is_over = threading.Event()

    def listen(client: socket.socket) -> None:
        heard.append(read_all(client))
        is_over.set()

    with database(listen) as address, way(tmp_path, address) as port:
        client = connect(port)
        client.sendall(b"X" * 1_000_000)
        client.close()
        assert is_over.wait(PATIENCE_S)
    assert heard == [b"X" * 1_000_000]


# --- who may, and how many ---


def test_the_socket_is_this_users_alone(tmp_path: Path) -> None:
    outer = relay_to_database(tmp_path, DatabaseAddress("127.0.0.1", 1))
    assert stat.S_IMODE(outer.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(outer.path.stat().st_mode) == 0o600
    outer.close()
    assert not outer.path.exists()


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)
    with pytest.raises(RelayNotStarted, match="not a 0700 directory"):
        relay_to_database(tmp_path, DatabaseAddress("127.0.0.1", 1))


def test_a_long_home_gets_a_short_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as short, database(echo) as address:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        outer = relay_to_database(tmp_path / ("long" * 30), address)
        assert outer.path.parent.parent == Path(short)
        outer.close()


def test_each_process_has_a_socket_of_its_own_and_a_dead_ones_is_taken_over(tmp_path: Path) -> None:
    with database(echo) as address:
        relays: list[HostRelay] = [relay_to_database(tmp_path, address) for _ in range(2)]
        assert relays[0].path != relays[1].path
        relays[0].relay.close()
        os.close(relays[0].lock)  # as the end of a process does; its socket stays behind
        assert relays[0].path.exists()
        third = relay_to_database(tmp_path, address)
        assert third.path == relays[0].path
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(third.path))
            client.sendall(b"new")
            assert client.recv(10) == b"new"
        third.close()
        relays[1].close()


def test_who_comes_when_all_turns_are_taken_waits_and_is_served(tmp_path: Path) -> None:
    with database(echo) as address:
        relay = Relay(
            listener := socket.create_server(("127.0.0.1", 0)),
            lambda: socket.create_connection((address.host, address.port)),
            leads_to="the database",
            most_connections=1,
        )
        port = listener.getsockname()[1]
        with connect(port) as second:
            with connect(port) as first:
                pass  # whichever is first ends, and gives its turn back
            second.sendall(b"mine")
            assert second.recv(10) == b"mine"
            with connect(port) as first:
                first.sendall(b"late")
                first.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    first.recv(10)
                second.close()
                first.settimeout(PATIENCE_S)
                assert first.recv(10) == b"late"
        relay.close()


def test_what_is_closed_breaks_its_connections_and_takes_no_more(tmp_path: Path) -> None:
    with database(echo) as address, way(tmp_path, address) as port:
        client = connect(port)
        client.sendall(b"here")
        assert client.recv(10) == b"here"
    with client:
        assert client.recv(10) == b""
    with pytest.raises(ConnectionError):
        connect(port)


def test_a_database_that_refuses_is_said_once_until_it_answers_again(tmp_path: Path) -> None:
    port = free_port()
    told: list[str] = []
    with way(tmp_path, DatabaseAddress("127.0.0.1", port), told) as near:
        for _ in range(3):
            with connect(near) as client:
                assert read_all(client) == b""
        assert told == [f"the database at 127.0.0.1:{port} cannot be reached: Connection refused"]
        with socket.create_server(("127.0.0.1", port)) as listener, connect(near) as client:
            listener.settimeout(PATIENCE_S)
            server, _ = listener.accept()
            server.close()
            assert read_all(client) == b""
        with connect(near) as client:
            assert read_all(client) == b""
        assert len(told) == 2


def test_a_driver_meets_a_clear_end_where_the_database_refuses(tmp_path: Path) -> None:
    with (
        way(tmp_path, DatabaseAddress("127.0.0.1", free_port()), []) as near,
        pytest.raises(psycopg.OperationalError, match=r"closed the connection|reset by peer"),
    ):
        psycopg.connect(through_relay("host=db.example user=u dbname=p", near), connect_timeout=PATIENCE_S)


# --- what a connection string names ---


@pytest.mark.parametrize(
    ("conninfo", "address"),
    [
        ("postgresql://u:p@db.example/x", DatabaseAddress("db.example", 5432)),
        ("postgresql://u@db.example:6543/x?sslmode=verify-full", DatabaseAddress("db.example", 6543)),
        ("postgresql://u@[::1]:6543/x", DatabaseAddress("::1", 6543)),
        ("host=db.example hostaddr=10.0.0.7", DatabaseAddress("10.0.0.7", 5432)),
        ("hostaddr=10.0.0.7 port=7", DatabaseAddress("10.0.0.7", 7)),
        ("host=127.0.0.1", DatabaseAddress("127.0.0.1", 5432)),
        ("host=/var/run/postgresql", None),
        ("postgresql://u@%2Frun%2Fpg/p", None),
        ("dbname=p", None),
    ],
)
def test_a_connection_string_names_an_address_or_a_socket(conninfo: str, address: DatabaseAddress | None) -> None:
    assert database_address(conninfo) == address


def test_the_drivers_own_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGPORT", "6543")
    assert database_address("dbname=p") == DatabaseAddress("db.example", 6543)
    assert conninfo_to_dict(through_relay("dbname=p", 7))["host"] == "db.example"
    assert database_address("host=/var/run/postgresql") is None


@pytest.mark.parametrize(
    ("conninfo", "reason"),
    [
        ("postgresql://one:1,two:2/p", "several hosts"),
        ("host=/run/pg,db.example", "several hosts"),
        ("hostaddr=10.0.0.1,10.0.0.2", "several hosts"),
        ("host=db.example port=1,2", "several hosts"),
        ("host=@pg dbname=p", "abstract socket"),
        ("service=main", "names a service"),
        ("host=db.example port=high", "port that cannot be one"),
        ("host=db.example port=65536", "port that cannot be one"),
        ("postgresql://u:hunter2@db.example/p?colour=red", "no connection string"),
    ],
)
def test_what_cannot_be_reached_is_refused_and_no_password_told(conninfo: str, reason: str) -> None:
    with pytest.raises(DatabaseBeyondReach, match=reason) as refused:
        database_address(conninfo)
    assert "hunter2" not in str(refused.value)


def test_only_the_address_is_rewritten() -> None:
    url = "postgresql://u:p@db.example:6543/x?sslmode=verify-full&options=-c%20a%3Db"
    rewritten = conninfo_to_dict(through_relay(url, 7))
    assert rewritten == conninfo_to_dict(url) | {"hostaddr": "127.0.0.1", "port": "7"}
    assert conninfo_to_dict(through_relay("hostaddr=10.0.0.7", 7))["host"] == "10.0.0.7"  # its name in a certificate


def test_the_databases_own_port_is_taken_where_it_is_free(tmp_path: Path) -> None:
    free = free_port()
    inner = relay_to_socket(tmp_path / "none", prefer_port=free)
    other = relay_to_socket(tmp_path / "none", prefer_port=free)
    assert inner.port == free
    assert other.port != free
    inner.close()
    other.close()


# --- TLS ---


def certificate(directory: Path, name: x509.GeneralName) -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself. Returns: its file, and what a server that holds its key needs."""
    key = ec.generate_private_key(ec.SECP256R1())
    common = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    signed = (
        x509.CertificateBuilder(common, common, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "certificate.pem").write_bytes(pem)
    (directory / "both.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "both.pem")
    return directory / "certificate.pem", context


def refuse_everyone(context: ssl.SSLContext) -> Conversation:
    """PostgreSQL's first words under TLS: yes to encryption, then, to whoever believed the certificate, a refusal."""

    def talk(client: socket.socket) -> None:
        client.recv(SSL_REQUEST_BYTES, socket.MSG_WAITALL)
        client.sendall(b"S")
        try:
            with context.wrap_socket(client, server_side=True) as encrypted:
                if encrypted.recv(1024):
                    fields = b"SFATAL\0VFATAL\0C28000\0Mthis is the database, under TLS\0\0"
                    encrypted.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        except OSError:
            return  # the certificate was not believed

    return talk


@pytest.mark.parametrize(
    ("asked", "message"),
    [("host=db.example", "this is the database, under TLS"), ("host=other.example", "does not match host name")],
)
def test_tls_is_end_to_end_and_checks_the_real_name(tmp_path: Path, asked: str, message: str) -> None:
    root, context = certificate(tmp_path, x509.DNSName("db.example"))
    with database(refuse_everyone(context)) as address, way(tmp_path, address) as near:
        conninfo = make_conninfo(asked, user="u", sslmode="verify-full", sslrootcert=str(root), connect_timeout=20)
        with pytest.raises(psycopg.OperationalError, match=message):
            psycopg.connect(through_relay(conninfo, near))


def test_tls_checks_the_real_address_where_there_is_no_name(tmp_path: Path) -> None:
    root, context = certificate(tmp_path, x509.IPAddress(ip_address("10.0.0.7")))
    with database(refuse_everyone(context)) as address, way(tmp_path, address) as near:
        conninfo = make_conninfo("hostaddr=10.0.0.7 user=u sslmode=verify-full", sslrootcert=str(root))
        with pytest.raises(psycopg.OperationalError, match="this is the database, under TLS"):
            psycopg.connect(through_relay(conninfo, near))
