"""An answer of the endpoint goes out at once: head and body are two writes, and Nagle's delay would hold the second."""

import socket
from typing import Any

import httpx

from pergamon.catalog_endpoint import serve


def test_an_accepted_connection_does_not_wait_for_the_peers_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY only on sockets that name their protocol; jobs once took four times as long."""
    found: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        connection = send.__self__.transport.get_extra_info("socket")  # uvicorn's own end of the connection
        found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with serve(app) as endpoint:  # type: ignore[arg-type]  # any ASGI application
        assert httpx.get(endpoint.uri).status_code == 204
    assert found == [1]
