"""`/api/v1/uploads`: uploads of any size that go on after a cut, by the protocol tus 1.0.0 (see `tus.py`).

`Upload-Metadata` names `bucket` and `key` (or `filename`), and may name `filetype` (or `content_type`) and `tags`.
Where nobody is told before a body is read whether it is welcome, a body would be an attack: each route asks first.
"""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from pergamon import objects
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.web.api.objects import IfMatch, IfNoneMatch
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED
from pergamon.web.object_path import BUCKET_NAME
from pergamon.web.transfer import TransfersDep, body_of
from pergamon.web.tus import (
    CHECKSUMS,
    EXTENSIONS,
    PATH,
    PIECE_TYPE,
    VERSION,
    BadTusHeader,
    TusDep,
    checksum_in,
    headers_of,
    metadata_in,
    metadata_of,
    number_in,
    require_piece,
    tags_in,
)

router = APIRouter()

UploadId = Annotated[str, Path(pattern=r"^upl_[0-9a-f]{32}$")]


def _header(name: str, said: str, *, required: bool = True, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"in": "header", "name": name, "required": required, "description": said, "schema": schema}


TUS = _header("Tus-Resumable", f"`{VERSION}`", pattern=r"^1\.0\.0$")
LENGTH = _header("Upload-Length", "How many bytes it will have.", pattern=r"^[0-9]{1,18}$")
OFFSET = _header("Upload-Offset", "Where the piece begins.", pattern=r"^[0-9]{1,18}$")
METADATA = _header("Upload-Metadata", "`bucket`, `key`, `filetype`, `tags`: each with its value in base64.")
CHECKSUM = _header("Upload-Checksum", "`sha256 BASE64` or `sha1 BASE64`, of the piece.", required=False)
PIECE = {"content": {PIECE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
MAY_FAIL = {
    412: {"description": "Another version of tus; or the object is not the one expected."},
    415: {"description": "Not a piece of an upload."},
    423: {"description": "Another request is just sending a piece."},
    460: {"description": "The piece is not what its checksum says."},
    507: {"description": "The disk has no room for it."},
}


@router.options(PATH, status_code=204, response_class=Response)
def options(actor: ActorDep) -> Response:
    """What of tus is spoken here."""
    said = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(objects.UploadLimits().largest_bytes),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
    return Response(status_code=204, headers=NEVER_STORED | said)


@router.post(
    PATH,
    status_code=201,
    response_class=Response,
    responses={number: MAY_FAIL[number] for number in MAY_FAIL},
    openapi_extra={"parameters": [TUS, LENGTH, METADATA, CHECKSUM], "requestBody": PIECE | {"required": False}},
)
def create(
    request: Request,
    tus: TusDep,
    rt: RuntimeDep,
    actor: ActorDep,
    transfers: TransfersDep,
    *,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Begin an upload; a body is its first piece."""
    size_bytes, metadata, checksum = number_in(request, "upload-length"), metadata_in(request), checksum_in(request)
    has_piece = request.headers.get("content-type") is not None and request.headers.get("content-length") != "0"
    if has_piece:
        require_piece(request)
    bucket, key = metadata.get("bucket"), metadata.get("key") or metadata.get("filename")
    if not bucket or not key or not re.fullmatch(BUCKET_NAME, bucket):
        raise BadTusHeader("Upload-Metadata names no bucket or no key", hint="bucket BASE64,key BASE64")
    with rt.begin(actor) as uow:
        upload = objects.begin_upload(
            uow,
            rt.settings.lake,
            bucket,
            key,
            size_bytes,
            content_type=metadata.get("filetype") or metadata.get("content_type") or None,
            tags=tags_in(metadata),
            if_match=if_match,
            if_none_match=if_none_match,
        )
    if has_piece or size_bytes == 0:
        with transfers.of(actor.id):
            upload = _append(rt, actor, request, upload.id, offset_bytes=0, checksum=checksum)
    return Response(status_code=201, headers=headers_of(upload) | {"Location": f"{PATH}/{upload.id}"})


@router.head(
    f"{PATH}/{{upload_id}}",
    response_class=Response,
    responses={412: MAY_FAIL[412]},
    openapi_extra={"parameters": [TUS]},
)
def state(upload_id: UploadId, tus: TusDep, rt: RuntimeDep, actor: ActorDep) -> Response:
    """How much of my upload has arrived: what is told is on the disk."""
    with rt.begin(actor) as uow:
        upload = objects.read_upload(uow, upload_id)
    said = {"Upload-Length": str(upload.size_bytes), "Upload-Metadata": metadata_of(upload)}
    return Response(status_code=200, headers=headers_of(upload) | said)


@router.patch(
    f"{PATH}/{{upload_id}}",
    status_code=204,
    response_class=Response,
    responses={number: MAY_FAIL[number] for number in MAY_FAIL},
    openapi_extra={"parameters": [TUS, OFFSET, CHECKSUM], "requestBody": PIECE | {"required": True}},
)
def append(
    upload_id: UploadId, request: Request, tus: TusDep, rt: RuntimeDep, actor: ActorDep, *, transfers: TransfersDep
) -> Response:
    """Send a piece of my upload; with the last one it is an object."""
    require_piece(request)
    offset_bytes, checksum = number_in(request, "upload-offset"), checksum_in(request)
    with transfers.of(actor.id):
        upload = _append(rt, actor, request, upload_id, offset_bytes=offset_bytes, checksum=checksum)
    return Response(status_code=204, headers=headers_of(upload))


@router.delete(
    f"{PATH}/{{upload_id}}",
    status_code=204,
    response_class=Response,
    responses={412: MAY_FAIL[412], 423: MAY_FAIL[423]},
    openapi_extra={"parameters": [TUS]},
)
def terminate(upload_id: UploadId, tus: TusDep, rt: RuntimeDep, actor: ActorDep) -> Response:
    """End my upload; what had arrived is removed. An object that it became stays."""
    objects.end_upload(lambda: rt.begin(actor), rt.settings.lake, upload_id)
    return Response(status_code=204, headers=NEVER_STORED)


def _append(
    rt: Runtime,
    actor: Actor,
    request: Request,
    upload_id: str,
    *,
    offset_bytes: int,
    checksum: objects.PieceChecksum | None,
) -> objects.Upload:
    return objects.append_to_upload(
        lambda: rt.begin(actor), rt.settings.lake, upload_id, offset_bytes, body_of(request), checksum=checksum
    )
