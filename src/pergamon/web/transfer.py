"""Bytes of many gigabytes, both ways, in constant memory; and how many bodies are read at once.

A route that reads a body runs in a thread, as every route does, and fetches piece after piece from the event loop. So
it holds a thread for as long as its client sends, and there are turns: some for each actor, fewer in all than threads.
A download holds a thread only while a piece is read from the disk.
"""

import os
import shutil
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO

import anyio.from_thread
import anyio.to_thread
from fastapi import Depends, Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from pergamon import objects
from pergamon.kernel import Kind
from pergamon.web.errors import WebError

PIECE_BYTES = 256 * 1024
LARGEST_OBJECT_BYTES = 5 * 1024**4
"""5 TiB: a bound, so that nothing is without one; the disk ends earlier."""


class ClientGone(WebError):
    """The client went away before its request was whole. Nobody reads this answer."""

    code, status = "web.client_gone", 400


class TransfersBusy(WebError):
    """As many uploads are under way as one actor may have, or as this host takes."""

    code, kind, status = "web.transfers_busy", Kind.UNAVAILABLE, 503
    headers = {"Retry-After": "2"}  # noqa: RUF012 - a ClassVar of the base


@dataclass
class Transfers:
    """The bodies that are being read in this process. Thread-safe."""

    each: int = 8
    together: int = 24
    _taken: "Counter[str]" = field(default_factory=Counter, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def of(self, actor: str) -> Iterator[None]:
        """Hold a turn while the block runs.

        Raises:
            TransfersBusy: there is none.
        """
        with self._lock:
            if self._taken[actor] >= self.each or self._taken.total() >= self.together:
                raise TransfersBusy("too many uploads are under way", hint="wait until one of them has ended")
            self._taken[actor] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[actor] -= 1
                self._taken += Counter()  # forgets who has none


def current_transfers(request: Request) -> Transfers:
    """The transfers of this application."""
    transfers: Transfers = request.app.state.transfers
    return transfers


TransfersDep = Annotated[Transfers, Depends(current_transfers)]


def body_of(request: Request) -> Iterator[bytes]:
    """The request's body, piece by piece, in a route's own thread. The first one asked for says "100 continue".

    Raises:
        ClientGone: it ends before it is whole.
        RequestTooSlow: nothing came in time.
    """
    more = True
    while more:
        message = anyio.from_thread.run(_next_message, request)
        if message["type"] == "http.disconnect":
            raise ClientGone("the client went away before its request was whole")
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


async def _next_message(request: Request) -> Message:
    return await request.receive()


def body_with_room(request: Request, lake: Path, claimed_bytes: int) -> Iterator[bytes]:
    """The body, as long as the lake's disk, which the database may share, has room for it.

    Nothing is asked or read before the first piece is wanted: by then the policy has been asked.
    Raises:
        objects.StorageFull: it claims to have more, or has.
        and what `body_of` raises.
    """
    room = min(LARGEST_OBJECT_BYTES, shutil.disk_usage(lake).free - objects.UploadLimits().spare_bytes)
    room -= claimed_bytes
    for piece in [] if room < 0 else body_of(request):
        room -= 0 if claimed_bytes else len(piece)
        if room < 0:
            break
        yield piece
    if room < 0:
        raise objects.StorageFull("the lake's disk has no room for this", hint="ask the operator for space")


class ContentResponse(StreamingResponse):
    """A file, or a part of it, as an answer; the file is open before the answer begins, and closed whatever happens."""

    def __init__(
        self, file: BinaryIO, *, first: int, size_bytes: int, status_code: int, headers: Mapping[str, str]
    ) -> None:
        self._file = file
        file.seek(first)
        super().__init__(_pieces(file, size_bytes), status_code, {**headers, "Content-Length": str(size_bytes)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def opened(path: Path, size_bytes: int) -> BinaryIO:
    """A content's file, opened: from now on it stays readable, even if the object is removed for good.

    Raises:
        objects.ContentGone: it is not there any more, or not as large as it was.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)
    except FileNotFoundError:
        raise objects.ContentGone("the content was removed just now", hint="ask again") from None
    if os.fstat(file.fileno()).st_size != size_bytes:
        file.close()
        raise objects.ContentGone("the content on the disk is not as large as it was when it came")
    return file


async def _pieces(file: BinaryIO, size_bytes: int) -> AsyncIterator[bytes]:
    left = size_bytes
    while left > 0:
        piece = await anyio.to_thread.run_sync(file.read, min(PIECE_BYTES, left))
        if not piece:
            return  # cut short: the answer is shorter than its Content-Length, which every client notices
        left -= len(piece)
        yield piece
