"""An application behind a real socket, served exactly as the web process serves it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from pergamon.web.server import PatientProtocol, server_config


@contextmanager
def served(app: FastAPI, protocol: type[PatientProtocol] = PatientProtocol) -> Iterator[str]:
    """Serve on a free loopback port; `protocol`: with other clocks, for tests that would wait for long."""
    config = server_config(app, port=0)
    config.http, config.log_config = protocol, None
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}
