"""Where `put`, `get` and their kin act: at a server as a client, or at this host as a person the operator acts for.

Both speak of objects in the same words, those of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from pergamon.kernel import Invalid, NotFound

if TYPE_CHECKING:
    from pergamon.kernel import Actor
    from pergamon.runtime import Runtime

Json = dict[str, Any]  # Any: whatever JSON can hold
Advance = Callable[[int], None]
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ObjectName:
    """`BUCKET/KEY`, as it is written at the command line; the key may be a prefix, or empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> ObjectName:
        bucket, _, key = text.partition("/")
        if not bucket:
            raise Invalid("this names no bucket", hint="write BUCKET/KEY, as ehds-assets/medical_assets/patients.csv")
        return cls(bucket, key)


@dataclass(frozen=True)
class PutWish:
    """How an object is to be put. tags: None leaves an object that is replaced those that it has."""

    content_type: str | None = None
    tags: Mapping[str, str] | None = None
    if_none_match: str | None = None


@dataclass(frozen=True)
class Outgoing:
    """A file that is being sent."""

    file: BinaryIO
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Incoming:
    """A content that arrives: its version as a whole, and its bytes from where was asked."""

    etag: str
    chunks: Iterable[bytes]


class ObjectPlace(Protocol):
    """What the commands ask for; every method raises what the policy and the room `objects` say."""

    def buckets(self) -> list[str]:
        """The buckets in which one may read something."""

    def page(self, bucket: str, prefix: str, delimiter: str | None, after: str | None) -> Json:
        """`objects`, `prefixes`, `next`."""

    def describe(self, name: ObjectName, version: str | None) -> Json:
        """At least `size_bytes`, `sha256` and `version`."""

    def versions(self, name: ObjectName) -> list[Json]:
        """Newest first."""

    def put(self, name: ObjectName, outgoing: Outgoing, wish: PutWish, advance: Advance) -> Json:
        """The new version."""

    def read(
        self, name: ObjectName, version: str | None, *, first: int, etag: str | None
    ) -> AbstractContextManager[Incoming]:
        """The content from `first` on, of the content `etag` and no other."""

    def remove(self, name: ObjectName, version: str | None, *, for_good: bool) -> None:
        """Remove it."""

    def tags(self, name: ObjectName) -> dict[str, str]:
        """The current tags."""

    def put_tags(self, name: ObjectName, tags: Mapping[str, str]) -> dict[str, str]:
        """All tags anew."""


def every_object(place: ObjectPlace, bucket: str, prefix: str) -> Iterator[Json]:
    """All objects below a prefix, page by page."""
    after: str | None = None
    while True:
        page = place.page(bucket, prefix, None, after)
        yield from page["objects"]
        after = page["next"]
        if after is None:
            return


def chunks_of(file: BinaryIO, advance: Advance) -> Iterator[bytes]:
    """A file's bytes from where it stands, told as they go."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
        advance(len(chunk))


class LocalPlace:
    """This host, as a person the operator acts for (law 10)."""

    def __init__(self, runtime: Runtime, actor: Actor) -> None:
        self._runtime, self._actor = runtime, actor

    def buckets(self) -> list[str]:
        from pergamon import objects

        with self._runtime.begin(self._actor) as uow:
            return objects.visible_buckets(uow)

    def page(self, bucket: str, prefix: str, delimiter: str | None, after: str | None) -> Json:
        from pergamon import objects

        with self._runtime.begin(self._actor) as uow:
            found = objects.list_objects(uow, bucket, prefix=prefix, delimiter=delimiter, after=after or "")
        listed = [version.facts() for version in found.objects]
        return {"objects": listed, "prefixes": list(found.prefixes), "next": found.next_after}

    def describe(self, name: ObjectName, version: str | None) -> Json:
        from pergamon import objects

        with self._runtime.begin(self._actor) as uow:
            return objects.describe_object(uow, name.bucket, name.key, version=version).facts()

    def versions(self, name: ObjectName) -> list[Json]:
        from pergamon import objects

        found: list[objects.ObjectVersion] = []
        with self._runtime.begin(self._actor) as uow:
            while page := objects.object_versions(uow, name.bucket, name.key, after=found[-1].id if found else None):
                found += page
        return [version.facts() for version in found]

    def put(self, name: ObjectName, outgoing: Outgoing, wish: PutWish, advance: Advance) -> Json:
        chunks = chunks_of(outgoing.file, advance)
        return self._runtime.put_object(
            self._actor,
            name.bucket,
            name.key,
            chunks,
            content_type=wish.content_type,
            tags=wish.tags,
            if_none_match=wish.if_none_match,
            expect_bytes=outgoing.size_bytes,
            expect_sha256=outgoing.sha256,
        ).facts()

    @contextmanager
    def read(self, name: ObjectName, version: str | None, *, first: int, etag: str | None) -> Iterator[Incoming]:
        from pergamon import objects

        with self._runtime.begin(self._actor) as uow:
            found = objects.read_object(uow, name.bucket, name.key, version=version)
        if found.path is None or (etag is not None and found.etag != etag):
            raise NotFound(f"{name} is no longer the object that was begun", hint="run the command again")
        with found.path.open("rb") as file:
            file.seek(first)
            yield Incoming(found.etag, chunks_of(file, lambda _: None))

    def remove(self, name: ObjectName, version: str | None, *, for_good: bool) -> None:
        from pergamon import objects

        with self._runtime.begin(self._actor) as uow:
            objects.remove_object(uow, name.bucket, name.key, version=version, for_good=for_good)

    def tags(self, name: ObjectName) -> dict[str, str]:
        return dict(self.describe(name, None)["tags"])

    def put_tags(self, name: ObjectName, tags: Mapping[str, str]) -> dict[str, str]:
        from pergamon import objects

        with self._runtime.begin(self._actor) as uow:
            return dict(objects.put_tags(uow, name.bucket, name.key, tags).tags)
