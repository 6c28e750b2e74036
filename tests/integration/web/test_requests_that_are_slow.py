"""Half requests: whoever sends one slowly, or never ends it, holds nothing for long."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from pergamon.web import create_app
from pergamon.web.patience import Patience
from pergamon.web.server import PatientProtocol
from tests.reference.governed_lake import GovernedLake
from tests.reference.served import served


class HastyProtocol(PatientProtocol):
    """The same clocks, running fast."""

    head_s = 0.5
    linger_s = 0.5
    unread_s = 0.5


@pytest.fixture
def app(world: GovernedLake) -> FastAPI:
    app = create_app(world.rt)
    patience = next(middleware for middleware in app.user_middleware if middleware.cls is Patience)
    patience.kwargs.update(silence_s=0.5, grace_s=1.0)
    return app


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    with served(app, HastyProtocol) as address:
        yield address


@contextmanager
def connection(address: str) -> Iterator[socket.socket]:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
        yield sock


def read_to_the_end(sock: socket.socket) -> bytes:
    parts = []
    with suppress(ConnectionResetError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def head(world: GovernedLake, *lines: str) -> bytes:
    lines = ("POST /api/v1/query HTTP/1.1", "Host: x", f"Authorization: Bearer {world.user.token}", *lines)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_end_is_cut_off(address: str, sent: bytes) -> None:
    begun = time.monotonic()
    with connection(address) as sock:
        sock.sendall(sent)
        assert read_to_the_end(sock) == b""
    assert time.monotonic() - begun < 5


def test_a_head_that_drips_is_cut_off_although_something_always_comes(address: str) -> None:
    begun = time.monotonic()
    with connection(address) as sock, suppress(OSError):
        while time.monotonic() - begun < 6:
            sock.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - begun < 5


def one_answer(sock: socket.socket) -> bytes:
    """A whole answer of `/healthz`: its head and its body may come apart."""
    answer = b""
    while b'{"status":"ok"}' not in answer:
        answer += sock.recv(65536)
    return answer


def test_a_second_head_on_a_kept_connection_has_the_same_clock(address: str) -> None:
    with connection(address) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in one_answer(sock)
        time.sleep(0.8)  # between requests, the head's clock stands still
        begun = time.monotonic()
        sock.sendall(b"GET /healthz HT")
        assert read_to_the_end(sock) == b""
    assert 0.3 < time.monotonic() - begun < 4


def test_requests_in_a_row_on_one_connection_are_all_answered(address: str) -> None:
    with connection(address) as sock:
        for _ in range(3):
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in one_answer(sock)
            time.sleep(0.4)


def test_a_body_that_stays_away_is_answered_408_and_the_connection_ends(address: str, world: GovernedLake) -> None:
    with connection(address) as sock:
        sock.sendall(head(world, "Content-Type: application/json", "Content-Length: 100") + b'{"sql"')
        told = read_to_the_end(sock)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"web.request_too_slow" in told


def test_a_body_that_drips_ends_when_its_time_is_over(address: str, world: GovernedLake) -> None:
    begun = time.monotonic()
    with connection(address) as sock:
        sock.sendall(head(world, "Content-Type: application/json", "Content-Length: 100000"))
        with suppress(OSError):
            while time.monotonic() - begun < 5:
                sock.sendall(b" ")
                time.sleep(0.1)
    assert 0.9 < time.monotonic() - begun < 3


def test_an_answer_before_the_body_reaches_a_client_that_still_sends(address: str) -> None:
    with connection(address) as sock:
        sock.sendall(b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)
        time.sleep(0.2)
        told = sock.recv(65536)
        assert told.startswith(b"HTTP/1.1 401 ")
        begun = time.monotonic()
        sock.sendall(b"x" * 100_000)
        assert read_to_the_end(sock) == b""  # and then it is not waited for the rest
    assert time.monotonic() - begun < 4


def test_a_client_that_expects_100_is_refused_before_it_sends(address: str) -> None:
    with connection(address) as sock:
        sock.sendall(b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        told = sock.recv(65536)
    assert told.startswith(b"HTTP/1.1 401 ")


def test_a_client_that_expects_100_and_may_send_is_told_so(address: str, world: GovernedLake) -> None:
    with connection(address) as sock:
        lines = ("Content-Type: application/json", "Expect: 100-continue", "Content-Length: 2")
        sock.sendall(head(world, *lines))
        assert sock.recv(65536).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"{}")
        assert sock.recv(65536).startswith(b"HTTP/1.1 422 ")


NOT_HTTP = [
    b"GET /healthz\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000,
]


@pytest.mark.parametrize("sent", NOT_HTTP)
def test_what_is_not_http_is_told_so_in_the_one_form_of_errors(address: str, sent: bytes) -> None:
    with connection(address) as sock, suppress(ConnectionResetError, BrokenPipeError):
        sock.sendall(sent)
        told = read_to_the_end(sock)
        assert told.startswith(b"HTTP/1.1 400 ") or sent.startswith(b"\x16")
        assert b'"code":"web.not_http"' in told or sent.startswith(b"\x16")


def test_a_body_that_turns_out_not_to_be_http_ends_the_request(address: str, world: GovernedLake) -> None:
    with connection(address) as sock:
        sock.sendall(head(world, "Content-Type: application/json", "Transfer-Encoding: chunked") + b"zz\r\n")
        assert b"web.not_http" in read_to_the_end(sock)
