"""Serve the endpoint on a loopback port of this (network) namespace, in a thread of this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from pergamon.kernel import Unavailable

START_TIMEOUT_S = 20
GRACE_S = 2


class EndpointDidNotStart(Unavailable):
    """The catalog endpoint did not answer in time."""

    code = "catalog_endpoint.did_not_start"


@dataclass(frozen=True)
class RunningEndpoint:
    """Where the endpoint listens."""

    port: int

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serve(app: ASGIApp) -> Iterator[RunningEndpoint]:
    """Listen on a free loopback port while the block runs.

    Raises:
        EndpointDidNotStart: it did not come up.
    """
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without, every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_S)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="catalog-endpoint", daemon=True)
    thread.start()
    try:
        if not server.ready.wait(START_TIMEOUT_S):
            raise EndpointDidNotStart("the catalog endpoint did not start")
        yield RunningEndpoint(port=int(listener.getsockname()[1]))
    finally:
        server.should_exit = True
        thread.join(timeout=START_TIMEOUT_S)
        listener.close()
