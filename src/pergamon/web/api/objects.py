"""Objects: `/api/v1/buckets/{bucket}/objects/{key}` and their versions and tags: files of any size, in and out.

What is downloaded is somebody's upload. A browser gets it as an attachment, without guessing its type, in a sandbox.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from pergamon import objects
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.body_limit import claimed_size
from pergamon.web.digests import digest_header, expected_sha256
from pergamon.web.errors import NEVER_STORED, WebError
from pergamon.web.object_path import BucketName, KeyDep
from pergamon.web.pagination import After, Limit, cursor, place_in
from pergamon.web.ranges import Conditions, http_date
from pergamon.web.transfer import ContentResponse, TransfersDep, body_with_room, opened

router = APIRouter()

BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
CONTENT = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
VersionId = Annotated[
    str | None, Query(pattern=r"^ver_[0-9a-f]{32}$", description="This version; without it, the current one.")
]
LONGEST_HEADER = 4096
IfMatch = Annotated[
    str | None, Header(max_length=LONGEST_HEADER, description="Only if it is this one: an etag, several, or `*`.")
]
IfNoneMatch = Annotated[
    str | None, Header(max_length=LONGEST_HEADER, description="Only if it is none of these; `*`: if there is none.")
]
IfModifiedSince = Annotated[str | None, Header(max_length=100, description="Only if it is newer.")]
IfUnmodifiedSince = Annotated[str | None, Header(max_length=100, description="Only if it is not newer.")]
IfRange = Annotated[
    str | None, Header(max_length=LONGEST_HEADER, description="The range only of this one, else the whole.")
]
Range = Annotated[str | None, Header(max_length=LONGEST_HEADER, description="One range: `bytes=0-99`.")]
Digest = Annotated[
    str | None, Header(max_length=LONGEST_HEADER, description="`sha-256=:BASE64:` (RFC 9530); what comes must fit.")
]


class NotEncoded(WebError):
    """A content is kept as it is sent: with a content coding it would not be what it says it is."""

    code, status = "web.content_coding", 415


class BadTagsHeader(WebError):
    """`X-Pergamon-Tags` is not of the form name=value&name=value."""

    code, status = "web.bad_tags_header", 400


class ObjectTold(BaseModel):
    """One version of an object."""

    bucket: str
    key: str
    version: str
    size_bytes: int
    sha256: str
    content_type: str
    owner: str
    created_at: str
    tags: dict[str, str]
    is_current: bool
    is_deletion: bool


class Buckets(BaseModel):
    buckets: list[str]


class Listing(BaseModel):
    """A page of a bucket: objects by key, and folders when there is a delimiter."""

    objects: list[ObjectTold]
    prefixes: list[str]
    next: str | None


class Versions(BaseModel):
    """A page of an object's versions; `next` is the `after` of the next one."""

    versions: list[ObjectTold]
    next: str | None


class TagsRequest(BaseModel):
    """All tags of an object: those that are not named are taken away."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    tags: dict[str, str]


class TagsTold(BaseModel):
    tags: dict[str, str]


@router.get("/api/v1/buckets")
def buckets(rt: RuntimeDep, actor: ActorDep) -> Buckets:
    """The buckets in which I may read something."""
    with rt.begin(actor) as uow:
        return Buckets(buckets=objects.visible_buckets(uow))


@router.get("/api/v1/buckets/{bucket}/objects")
def listing(
    *,
    bucket: BucketName,
    rt: RuntimeDep,
    actor: ActorDep,
    prefix: Annotated[str, Query(max_length=1024)] = "",
    delimiter: Annotated[str | None, Query(min_length=1, max_length=10)] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Listing:
    """A page of what I may read, by key; with a delimiter, what lies behind it is told as one folder."""
    (place,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = objects.list_objects(uow, bucket, prefix=prefix, delimiter=delimiter, after=place, limit=limit)
    return Listing(
        objects=[told(version) for version in found.objects],
        prefixes=list(found.prefixes),
        next=cursor(found.next_after) if found.next_after is not None else None,
    )


@router.put(
    "/api/v1/buckets/{bucket}/objects/{key:path}",
    status_code=201,
    openapi_extra=BODY,
    responses={
        412: {"description": "The object is not the one expected."},
        415: {"description": "A content coding, or a part of a content."},
        507: {"description": "The disk has no room for it."},
    },
)
def put(
    *,
    bucket: BucketName,
    key: KeyDep,
    request: Request,
    rt: RuntimeDep,
    actor: ActorDep,
    transfers: TransfersDep,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    content_digest: Digest = None,
    repr_digest: Digest = None,
    x_pergamon_tags: Annotated[
        str | None,
        Header(
            max_length=16_384, description="name=value&name=value, percent-encoded; left out: as the object has them."
        ),
    ] = None,
) -> ObjectTold:
    """Keep the body as the object's new version. Whether it may be is answered before the body is read."""
    _require_plain(request)
    options = objects.UploadOptions(
        content_type=request.headers.get("content-type"),
        tags=read_tags(x_pergamon_tags),
        if_match=if_match,
        if_none_match=if_none_match,
        expect_sha256=expected_sha256(content_digest, repr_digest),
    )
    with transfers.of(actor.id):
        body = body_with_room(request, rt.settings.lake, claimed_size(request.scope))
        return told(objects.upload(lambda: rt.begin(actor), rt.settings.lake, bucket, key, body, **options))


@router.get(
    "/api/v1/buckets/{bucket}/objects/{key:path}",
    response_class=Response,
    responses={
        200: {"description": "The content.", **CONTENT},
        206: {"description": "The part of the content that `Range` asks for.", **CONTENT},
        304: {"description": "It is the content that If-None-Match or If-Modified-Since tells of."},
        412: {"description": "It is not the content that If-Match or If-Unmodified-Since tells of."},
        416: {"description": "The content has no such part."},
    },
)
def get(
    *,
    bucket: BucketName,
    key: KeyDep,
    rt: RuntimeDep,
    actor: ActorDep,
    version: VersionId = None,
    range: Range = None,
    if_range: Range = None,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    if_modified_since: IfModifiedSince = None,
    if_unmodified_since: IfUnmodifiedSince = None,
) -> Response:
    """The content, or one range of it."""
    conditions = Conditions(if_match, if_none_match, if_modified_since, if_unmodified_since, if_range, range)
    with rt.begin(actor) as uow:
        found = objects.read_object(uow, bucket, key, version=version)
    headers = content_headers(found)
    if conditions.is_known(found.etag, found.created_at):
        return Response(status_code=304, headers=_of_304(headers))
    part = conditions.part(found.etag, found.created_at, found.size_bytes)
    file = opened(_path(found), found.size_bytes)
    if part is None:
        digest = {"Content-Digest": digest_header(found.sha256)}
        return ContentResponse(file, first=0, size_bytes=found.size_bytes, status_code=200, headers=headers | digest)
    headers |= {"Content-Range": part.content_range(found.size_bytes)}
    return ContentResponse(file, first=part.first, size_bytes=part.size_bytes, status_code=206, headers=headers)


@router.head(
    "/api/v1/buckets/{bucket}/objects/{key:path}",
    response_class=Response,
    responses={304: {"description": "As GET."}, 412: {"description": "As GET."}},
)
def head(
    *,
    bucket: BucketName,
    key: KeyDep,
    rt: RuntimeDep,
    actor: ActorDep,
    version: VersionId = None,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    if_modified_since: IfModifiedSince = None,
    if_unmodified_since: IfUnmodifiedSince = None,
) -> Response:
    """What GET would say of the content, without it. Asks for the description alone."""
    conditions = Conditions(if_match, if_none_match, if_modified_since, if_unmodified_since)
    with rt.begin(actor) as uow:
        found = objects.describe_object(uow, bucket, key, version=version)
    headers = content_headers(found)
    if conditions.is_known(found.etag, found.created_at):
        return Response(status_code=304, headers=_of_304(headers))
    return Response(status_code=200, headers=headers | {"Content-Length": str(found.size_bytes)})


@router.delete(
    "/api/v1/buckets/{bucket}/objects/{key:path}",
    status_code=204,
    response_class=Response,
    responses={412: {"description": "The object is not the one expected."}},
)
def delete(
    *,
    bucket: BucketName,
    key: KeyDep,
    rt: RuntimeDep,
    actor: ActorDep,
    version: VersionId = None,
    for_good: Annotated[bool, Query(description="Its content goes too; there is no way back.")] = False,
    if_match: IfMatch = None,
) -> Response:
    """Remove the object; its versions stay, unless it is for good."""
    with rt.begin(actor) as uow:
        deletion = objects.remove_object(uow, bucket, key, version=version, for_good=for_good, if_match=if_match)
    stands = {"X-Pergamon-Version": deletion.id} if deletion else {}
    return Response(status_code=204, headers=NEVER_STORED | stands)


@router.get("/api/v1/buckets/{bucket}/versions/{key:path}")
def versions(
    bucket: BucketName,
    key: KeyDep,
    rt: RuntimeDep,
    actor: ActorDep,
    *,
    after: Annotated[str | None, Query(pattern=r"^ver_[0-9a-f]{32}$", description="`next` of the page before.")] = None,
    limit: Limit = 1000,
) -> Versions:
    """The versions that I may read, newest first, deletions among them."""
    with rt.begin(actor) as uow:
        found = objects.object_versions(uow, bucket, key, after=after, limit=limit)
    return Versions(versions=[told(version) for version in found], next=found[-1].id if len(found) == limit else None)


@router.get("/api/v1/buckets/{bucket}/tags/{key:path}")
def tags(bucket: BucketName, key: KeyDep, rt: RuntimeDep, actor: ActorDep) -> TagsTold:
    """The tags of the current version."""
    with rt.begin(actor) as uow:
        return TagsTold(tags=dict(objects.describe_object(uow, bucket, key).tags))


@router.put("/api/v1/buckets/{bucket}/tags/{key:path}")
def put_tags(bucket: BucketName, key: KeyDep, asked: TagsRequest, rt: RuntimeDep, actor: ActorDep) -> TagsTold:
    """Give the current version these tags and no others."""
    with rt.begin(actor) as uow:
        return TagsTold(tags=dict(objects.put_tags(uow, bucket, key, asked.tags).tags))


def told(version: objects.ObjectVersion) -> ObjectTold:
    """A version as it is told."""
    return ObjectTold(
        bucket=version.bucket,
        key=version.key,
        version=version.id,
        size_bytes=version.size_bytes,
        sha256=version.sha256,
        content_type=version.content_type,
        owner=version.owner,
        created_at=version.created_at.isoformat(),
        tags=dict(version.tags),
        is_current=version.is_current,
        is_deletion=version.is_deletion,
    )


def content_headers(version: objects.ObjectVersion) -> dict[str, str]:
    """What goes with a content, whole or in part: how it is known again, and that no browser runs it in our name."""
    name = version.key.rpartition("/")[2]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return NEVER_STORED | {
        "Content-Type": version.content_type,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{version.etag}"',
        "Last-Modified": http_date(version.created_at),
        "Accept-Ranges": "bytes",
        "Repr-Digest": digest_header(version.sha256),
        "X-Pergamon-Version": version.id,
    }


def read_tags(header: str | None) -> dict[str, str] | None:
    """The tags of a header; None when there is none: then the object keeps those that it has.

    Raises:
        BadTagsHeader: it is not of its form, or a name stands twice.
    """
    if header is None:
        return None
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=bool(header), errors="strict")
    except ValueError:
        pairs = [("", ""), ("", "")]
    if len(dict(pairs)) != len(pairs):
        raise BadTagsHeader("X-Pergamon-Tags cannot be read", hint="name=value&name=value, percent-encoded")
    return dict(pairs)


def _require_plain(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotEncoded("a content is kept as it is sent, without a content coding", hint="leave Content-Encoding out")
    if "content-range" in request.headers:
        raise NotEncoded("a part of a content cannot be put", hint="see /api/v1/uploads for uploads in parts")


def _of_304(headers: Mapping[str, str]) -> dict[str, str]:
    """RFC 9110, 15.4.5: what a cache needs, and nothing of the content itself."""
    return {name: value for name, value in headers.items() if name not in {"Content-Type", "Content-Disposition"}}


def _path(version: objects.ObjectVersion) -> Path:
    if version.path is None:
        raise objects.UnknownObject("the object was removed")
    return version.path
