"""`/lake`: the buckets, folders and files that one may see; of a file, its versions, its tags, and its content."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Query, Request
from starlette.responses import Response

from pergamon import objects
from pergamon.web.api.objects import VersionId, content_headers
from pergamon.web.object_path import BadPath, BucketName, decoded
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.page import PageDep
from pergamon.web.pagination import After, cursor, place_in
from pergamon.web.transfer import ContentResponse, opened

router = page_router()

SHOWN = 100
DELIMITER = "/"
Prefix = Annotated[str, Query(max_length=1024, pattern=r"^[^\x00]*$")]


def key_in(request: Request, bucket: BucketName, key: str) -> str:
    """The key behind `/lake/{bucket}/<what>/`, from the address as it was sent.

    Raises:
        BadPath: it cannot be decoded without guessing.
    """
    parts = request.scope["raw_path"].split(b"/", 4)
    if len(parts) != 5 or parts[2] != bucket.encode():
        raise BadPath("the address names no object", hint="go there by the links of the page before")
    return decoded(parts[4])


KeyDep = Annotated[str, Depends(key_in)]


@router.get("/lake")
def buckets(page: PageDep) -> Response:
    """The buckets in which one may read something."""
    with page.begin() as uow:
        found = objects.visible_buckets(uow)
    return page.show("lake/buckets.html", buckets=found)


@router.get("/lake/{bucket}")
def folder(bucket: BucketName, page: PageDep, prefix: Prefix = "", after: After = None) -> Response:
    """A folder of a bucket: folders and files by name."""
    (place,) = place_in(after, str) or ("",)
    with page.begin() as uow:
        found = objects.list_objects(uow, bucket, prefix=prefix, delimiter=DELIMITER, after=place, limit=SHOWN)
    return page.show(
        "lake/folder.html",
        bucket=bucket,
        prefix=prefix,
        above=list(folders_above(prefix)),
        folders=[(one, one.removeprefix(prefix).rstrip(DELIMITER)) for one in found.prefixes],
        files=[(one, one.key.removeprefix(prefix), file_address(bucket, one.key)) for one in found.objects],
        more=cursor(found.next_after) if found.next_after is not None else None,
        after=after,
    )


@router.get("/lake/{bucket}/file/{key:path}")
def file(bucket: BucketName, key: KeyDep, page: PageDep) -> Response:
    """One file: what is known of it, its tags, and its versions, deletions among them."""
    with page.begin() as uow:
        found = objects.object_versions(uow, bucket, key)
    current = next((one for one in found if one.is_current and not one.is_deletion), None)
    return page.show(
        "lake/file.html",
        bucket=bucket,
        key=key,
        folder=key.rpartition(DELIMITER)[0] + DELIMITER * (DELIMITER in key),
        name=key.rpartition(DELIMITER)[2],
        above=list(folders_above(key)),
        current=current,
        versions=found,
        download=file_address(bucket, key, "content"),
    )


@router.get("/lake/{bucket}/content/{key:path}")
def content(bucket: BucketName, key: KeyDep, page: PageDep, version: VersionId = None) -> Response:
    """The content, as an attachment that no browser runs in our name."""
    with page.begin() as uow:
        found = objects.read_object(uow, bucket, key, version=version)
    if found.path is None:
        raise objects.UnknownObject("the object was removed")
    opened_file = opened(found.path, found.size_bytes)
    headers = content_headers(found) | {"Accept-Ranges": "none"}
    return ContentResponse(opened_file, first=0, size_bytes=found.size_bytes, status_code=200, headers=headers)


def folders_above(key: str) -> Iterator[tuple[str, str]]:
    """Each folder on the way to a key or prefix, the outermost first: its name, and its own prefix."""
    done = ""
    for name in key.split(DELIMITER)[:-1]:
        done += name + DELIMITER
        yield name, done


def file_address(bucket: str, key: str, what: str = "file") -> str:
    """Where a file's page is, each octet of its key that is not plain percent-encoded."""
    return f"/lake/{bucket}/{what}/{quote(key, safe='/')}"
