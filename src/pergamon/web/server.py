"""The HTTP server as we run it: what uvicorn leaves open about slow and half-done requests is closed here.

Three clocks beside those of `patience.py`: a connection has `HEAD_S` for the head of a request, from its first byte (or
from connecting); one whose request was answered before its body was whole is read, and what comes thrown away, for
`LINGER_S` (closed at once, the system would reset it and the client might lose the answer); one that takes nothing of
its answer for `UNREAD_S` is cut off.
"""

import asyncio
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pergamon.web.errors import WebError, error_response

LARGEST_HEADERS_BYTES = 16_384
HEAD_S = 10.0
LINGER_S = 5.0
UNREAD_S = 60.0
MOST_CONNECTIONS = 500
LEAVE_S = 10
"""How long requests that are under way may still take when the server is told to stop."""


class NotHttp(WebError):
    """What came over a connection cannot be read as an HTTP request."""

    code, status = "web.not_http", 400


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the three clocks."""

    head_s = HEAD_S
    linger_s = LINGER_S
    unread_s = UNREAD_S

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._clocks: dict[str, asyncio.TimerHandle] = {}
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start("head", self.head_s)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self.conn.their_state is h11.IDLE:
            self._start("head", self.head_s)
        super().data_received(data)
        self._look_at_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._start("linger", self.linger_s)
        self._look_at_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start("unread", self.unread_s)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("unread")

    def connection_lost(self, exc: Exception | None) -> None:
        for name in list(self._clocks):
            self._stop(name)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP is told so in the one form of all errors; then nothing more of it is read."""
        answer = error_response(NotHttp("this cannot be read as an HTTP/1.1 request"))
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [*answer.raw_headers, (b"connection", b"close")]
            for event in (
                h11.Response(status_code=answer.status_code, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start("linger", self.linger_s)

    def _look_at_head(self) -> None:
        """The head's clock runs while a head has begun and is not whole; between requests, keep-alive's clock does."""
        is_between_requests = self.cycle is not None and not self.conn.trailing_data[0]
        if self.conn.their_state is not h11.IDLE or is_between_requests:
            self._stop("head")
        if self.conn.their_state is not h11.SEND_BODY and not self._is_refused:
            self._stop("linger")

    def _start(self, name: str, seconds: float) -> None:
        if name not in self._clocks:
            self._clocks[name] = self.loop.call_later(seconds, self._cut_off)

    def _stop(self, name: str) -> None:
        clock = self._clocks.pop(name, None)
        if clock is not None:
            clock.cancel()

    def _cut_off(self) -> None:
        self.transport.abort()


def server_config(app: Any, port: int) -> uvicorn.Config:
    """How the application is served: on loopback only; a proxy speaks to the world."""
    return uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http=PatientProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        h11_max_incomplete_event_size=LARGEST_HEADERS_BYTES,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=LEAVE_S,
        server_header=False,
    )
