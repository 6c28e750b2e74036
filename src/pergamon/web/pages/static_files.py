"""Styles and scripts: read once, named by their content, so that a browser keeps them for a year and never an old one.

A name that is not one of ours is not public: it is asked who wants to know.
"""

import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from pergamon.kernel import sha256_hex
from pergamon.web.errors import WebError

FOLDER = Path(__file__).parents[1] / "static"
PREFIX = "/static/"

router = APIRouter(include_in_schema=False)


class NoSuchFile(WebError):
    """There is no style, script or picture of this name."""

    code, status = "web.no_such_file", 404


@dataclass(frozen=True)
class StaticFile:
    """A file as it is served. path: `/static/app.3f2a90c1.css`."""

    path: str
    content: bytes
    media_type: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file by the name it has in the folder."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.is_file()}


@cache
def static_paths() -> dict[str, StaticFile]:
    """Every file by its path."""
    return {file.path: file for file in static_files().values()}


def static_path(name: str) -> str:
    """Where a file is served: for templates.

    Raises:
        KeyError: there is no such file.
    """
    return static_files()[name].path


@router.get("/static/{name}")
def static_file(request: Request, name: str) -> Response:
    """A file that never changes: a changed one has another name."""
    file = static_paths().get(request.url.path)
    if file is None:
        raise NoSuchFile("there is no such file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(file.content, media_type=file.media_type, headers=headers)


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(f"{PREFIX}{path.stem}.{sha256_hex(content)[:12]}{path.suffix}", content, kind)
