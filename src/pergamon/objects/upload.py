"""Upload: ask, receive, put. The three steps of a writer, with no transaction open while bytes arrive."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypedDict, Unpack

from pergamon.kernel import PergamonError
from pergamon.objects.content import discard_content, receive_content
from pergamon.objects.model import ObjectVersion, ReceivedContent
from pergamon.objects.put import may_put, put_object
from pergamon.store import UnitOfWork

Begin = Callable[[], AbstractContextManager[UnitOfWork]]


class PutOptions(TypedDict, total=False):
    """What a writer may say of an object besides its name; see `put_object`."""

    content_type: str | None
    tags: Mapping[str, str] | None
    if_match: str | None
    if_none_match: str | None


class ExpectedContent(TypedDict, total=False):
    """What a writer says will come; see `receive_content`."""

    largest_bytes: int | None
    expect_bytes: int | None
    expect_sha256: str | None


class UploadOptions(PutOptions, ExpectedContent, total=False):
    """Both."""


def upload(
    begin: Begin, root: Path, bucket: str, key: str, chunks: Iterable[bytes], **options: Unpack[UploadOptions]
) -> ObjectVersion:
    """Make an object of what arrives, or leave nothing behind.

    Raises:
        what `may_put`, `receive_content` and `put_object` raise.
    """
    of_object = _of_object(options)
    with begin() as uow:
        may_put(uow, bucket, key, **of_object)
    content = receive_content(
        root,
        bucket,
        key,
        chunks,
        largest_bytes=options.get("largest_bytes"),
        expect_bytes=options.get("expect_bytes"),
        expect_sha256=options.get("expect_sha256"),
    )
    return finish_upload(begin, content, bucket, key, **of_object)


def finish_upload(
    begin: Begin, content: ReceivedContent, bucket: str, key: str, **options: Unpack[PutOptions]
) -> ObjectVersion:
    """Make an object of a received content; when that is refused, the content goes.

    When the commit itself is in doubt, the content stays: the object may be there. The sweep finds out later.
    Raises:
        what `put_object` raises.
    """
    with begin() as uow:
        try:
            return put_object(uow, content, bucket, key, **options)
        except PergamonError:
            discard_content(content)
            raise


def _of_object(options: UploadOptions) -> PutOptions:
    return {
        "content_type": options.get("content_type"),
        "tags": options.get("tags"),
        "if_match": options.get("if_match"),
        "if_none_match": options.get("if_none_match"),
    }
