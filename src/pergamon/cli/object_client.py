"""Objects at a server: the API's own words, files streamed both ways in constant memory.

A large file goes by the tus protocol (version 1.0.0, tus.io), so that a broken line costs a piece and not the whole.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx

from pergamon.cli.client import Client, ServerNotReached, ServerRefused
from pergamon.cli.object_place import CHUNK_BYTES, Advance, Incoming, Json, ObjectName, Outgoing, PutWish, chunks_of
from pergamon.kernel import Invalid, Kind, NotFound, Unavailable, durable_write
from pergamon.settings import logins_directory

RESUMABLE_FROM_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 16 * 1024 * 1024
PATIENCE_S = 600.0
"""How long a broken line may stay broken before a resumable upload gives up."""
PAUSE_S = 1.0
TUS = "1.0.0"
UPLOADS = "/api/v1/uploads"


class ServerPlace:
    """An `ObjectPlace` at a server."""

    def __init__(self, client: Client, http: httpx.Client) -> None:
        self._client, self._http = client, http

    @property
    def server(self) -> str:
        return self._client.server

    def buckets(self) -> list[str]:
        return list(self._json("GET", "/api/v1/buckets")["buckets"])

    def page(self, bucket: str, prefix: str, delimiter: str | None, after: str | None) -> Json:
        asked = {"prefix": prefix, "delimiter": delimiter, "after": after, "limit": "1000"}
        query = urlencode({name: value for name, value in asked.items() if value})
        return self._json("GET", f"/api/v1/buckets/{quote(bucket, safe='')}/objects?{query}")

    def describe(self, name: ObjectName, version: str | None) -> Json:
        try:
            headers = self.answer("HEAD", _address(name, "objects", version=version)).headers
        except ServerRefused as refused:
            if refused.kind is Kind.NOT_FOUND:  # a HEAD's answer has no words of its own
                raise NotFound(
                    f"there is no object {name}, or you may not reach it",
                    hint="`pergamon object ls` lists those that you may read",
                ) from None
            raise
        return {
            "size_bytes": int(headers["content-length"]),
            "sha256": headers["etag"].strip('"'),
            "version": headers["x-pergamon-version"],
        }

    def versions(self, name: ObjectName) -> list[Json]:
        found: list[Json] = []
        after: dict[str, str] = {}
        while True:
            page = self._json("GET", _address(name, "versions"), params=after)
            found += page["versions"]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    def put(self, name: ObjectName, outgoing: Outgoing, wish: PutWish, advance: Advance) -> Json:
        if outgoing.size_bytes >= RESUMABLE_FROM_BYTES:
            return _Resumable(self, name, outgoing, wish, advance).run()
        headers = {
            "Content-Type": wish.content_type or "",
            "Content-Length": str(outgoing.size_bytes),
            "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(outgoing.sha256)).decode()}:",
            "If-None-Match": wish.if_none_match or "",
        }
        given = {key: value for key, value in headers.items() if value}
        if wish.tags is not None:
            given["X-Pergamon-Tags"] = urlencode(dict(wish.tags))
        return self._json("PUT", _address(name, "objects"), content=chunks_of(outgoing.file, advance), headers=given)

    @contextmanager
    def read(self, name: ObjectName, version: str | None, *, first: int, etag: str | None) -> Iterator[Incoming]:
        headers = {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={first}-"} if first else {}
        headers |= {"If-Match": f'"{etag}"'} if etag else {}
        try:
            with self._http.stream("GET", _address(name, "objects", version=version), headers=headers) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise ServerRefused(answer.status_code, _told(answer))
                if first and answer.status_code != 206:
                    raise Unavailable("the server does not send parts", hint="remove the .part file, and try again")
                yield Incoming(answer.headers.get("etag", "").strip('"'), answer.iter_raw(CHUNK_BYTES))
        except httpx.HTTPError as error:
            raise self._not_reached(error) from None

    def remove(self, name: ObjectName, version: str | None, *, for_good: bool) -> None:
        self.answer("DELETE", _address(name, "objects", version=version, for_good="true" if for_good else None))

    def tags(self, name: ObjectName) -> dict[str, str]:
        return dict(self._json("GET", _address(name, "tags"))["tags"])

    def put_tags(self, name: ObjectName, tags: Mapping[str, str]) -> dict[str, str]:
        return dict(self._json("PUT", _address(name, "tags"), json={"tags": dict(tags)})["tags"])

    def _json(self, method: str, path: str, **request: Any) -> Json:  # Any: what httpx takes
        told = _told(self.answer(method, path, **request))
        if not told:
            raise ServerNotReached(
                f"what answers at {self._client.server} is not Pergamon",
                hint="give --server the address that `pergamon up` prints",
            )
        return told

    def answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer to one request; raises ServerRefused, ServerNotReached."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise self._not_reached(error) from None
        if answer.status_code >= 400:
            raise ServerRefused(answer.status_code, _told(answer))
        return answer

    def _not_reached(self, error: httpx.HTTPError) -> ServerNotReached:
        return ServerNotReached(
            f"no answer of Pergamon at {self._client.server} ({type(error).__name__})",
            hint="is it up? run the same command again to go on",
        )


class _Resumable:
    """One upload by tus: begin or find again, send pieces, ask where it stands after a break, and go on from there."""

    def __init__(
        self, place: ServerPlace, name: ObjectName, outgoing: Outgoing, wish: PutWish, advance: Advance
    ) -> None:
        self._place, self._name, self._outgoing, self._wish, self._advance = place, name, outgoing, wish, advance
        self._memory = _memory_of(place.server, name, outgoing, wish)
        self._told = 0

    def run(self) -> Json:
        location, answer = self._found_again() or self._begun()
        offset, broken_since = self._arrived(answer), None
        while offset < self._outgoing.size_bytes:
            try:
                answer = self._send(location, offset)
                broken_since = None
            except (ServerNotReached, ServerRefused) as broken:
                broken_since = broken_since or time.monotonic()
                if not _may_pass(broken) or time.monotonic() - broken_since > PATIENCE_S:
                    raise
                time.sleep(PAUSE_S)
                answer = self._stands(location) or answer
            offset = self._arrived(answer)
        return self._verified(answer)

    def _begun(self) -> tuple[str, httpx.Response]:
        meant = {
            "bucket": self._name.bucket,
            "key": self._name.key,
            "filetype": self._wish.content_type or "",
            "tags": None if self._wish.tags is None else urlencode(dict(self._wish.tags)),
        }
        given = {key: value for key, value in meant.items() if value or (key == "tags" and value is not None)}
        pairs = (
            f"{key} {base64.b64encode(value.encode()).decode()}".strip()
            for key, value in given.items()
            if value is not None
        )
        headers = {
            "Tus-Resumable": TUS,
            "Upload-Length": str(self._outgoing.size_bytes),
            "Upload-Metadata": ",".join(pairs),
        }
        headers |= {"If-None-Match": self._wish.if_none_match} if self._wish.if_none_match else {}
        answer = self._place.answer("POST", UPLOADS, headers=headers)
        location = urlsplit(urljoin(UPLOADS, answer.headers["location"])).path
        durable_write(self._memory, location.encode())
        return location, answer

    def _found_again(self) -> tuple[str, httpx.Response] | None:
        """The upload that an earlier run of the same command began, if the server still has it."""
        try:
            location = self._memory.read_text()
            return location, self._place.answer("HEAD", location, headers={"Tus-Resumable": TUS})
        except FileNotFoundError:
            return None
        except ServerRefused:
            self._memory.unlink(missing_ok=True)
            return None

    def _send(self, location: str, offset: int) -> httpx.Response:
        self._outgoing.file.seek(offset)
        piece = self._outgoing.file.read(PIECE_BYTES)
        headers = {
            "Tus-Resumable": TUS,
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(piece).digest()).decode()}",
            "Content-Type": "application/offset+octet-stream",
        }
        return self._place.answer("PATCH", location, content=piece, headers=headers)

    def _stands(self, location: str) -> httpx.Response | None:
        """What the server says of the upload; None while the line is broken."""
        try:
            return self._place.answer("HEAD", location, headers={"Tus-Resumable": TUS})
        except ServerNotReached:
            return None

    def _arrived(self, answer: httpx.Response) -> int:
        offset = int(answer.headers.get("upload-offset", "0"))
        self._advance(max(0, offset - self._told))
        self._told = max(self._told, offset)
        return offset

    def _verified(self, answer: httpx.Response) -> Json:
        """The object, when its checksum is the file's."""
        self._memory.unlink(missing_ok=True)
        version = answer.headers.get("x-pergamon-version")
        told = self._place.describe(self._name, version)
        if told["sha256"] != self._outgoing.sha256:
            raise Unavailable(
                f"{self._name} is not what was sent (version {version})",
                hint="did the file change meanwhile? remove this version, and put it again",
            )
        return {"bucket": self._name.bucket, "key": self._name.key, **told}


def _memory_of(server: str, name: ObjectName, outgoing: Outgoing, wish: PutWish) -> Path:
    """Where a begun upload is remembered: one file for what is sent, where to, and how."""
    meant = [server, name.bucket, name.key, outgoing.size_bytes, outgoing.sha256, wish.content_type]
    meant += [None if wish.tags is None else sorted(wish.tags.items()), wish.if_none_match]
    return logins_directory() / "uploads" / hashlib.sha256(json.dumps(meant).encode()).hexdigest()[:32]


def _may_pass(broken: ServerNotReached | ServerRefused) -> bool:
    """Is it worth asking again? A lost line, a busy upload, a piece that arrived broken, an answer that was lost."""
    return isinstance(broken, ServerNotReached) or broken.status in {409, 423, 429, 460, 502, 503, 504}


def _address(name: ObjectName, what: str, **query: str | None) -> str:
    """The address of an object; a key that a client library would shorten on its way is refused here.

    Raises:
        Invalid: the key has empty, `.` or `..` segments.
    """
    if not {"", ".", ".."}.isdisjoint(name.key.split("/")):
        raise Invalid(f"{name} is not the key of an object", hint="no empty, `.` or `..` parts between slashes")
    asked = urlencode({key: value for key, value in query.items() if value is not None})
    path = f"/api/v1/buckets/{quote(name.bucket, safe='')}/{what}/{quote(name.key, safe='/')}"
    return f"{path}?{asked}" if asked else path


def _told(answer: httpx.Response) -> Json:
    try:
        told = json.loads(answer.content or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
