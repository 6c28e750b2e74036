"""Where a database's tables lie. The one mapping from names to places, so that a lake can be moved (law 11).

`raw_db` in bucket `raw`, prefix `data`, table `patients`: `file://<lake>/raw/data/raw_db/patients`.
"""

import os
import re
from collections.abc import Container
from pathlib import Path

from pergamon.lake.model import BadLocation, DatabaseSpec, TableId

SCHEME = "file://"


def bucket_path(root: Path, bucket: str) -> Path:
    """The directory of a bucket below the lake's root."""
    return root / bucket


def database_path(name: str, database: DatabaseSpec) -> str:
    """A database's prefix inside its bucket: what reaches it reaches every table in it."""
    return "/".join(part for part in (database.prefix, name) if part)


def path_in_bucket(table: TableId, database: DatabaseSpec) -> str:
    """A table's prefix inside its bucket: what access rules are matched against."""
    return f"{database_path(table.database, database)}/{table.name}"


def table_location(root: Path, table: TableId, database: DatabaseSpec) -> str:
    """The location of a table's files.

    Raises:
        BadLocation: the lake's own path has characters that engines escape in different ways.
    """
    path = bucket_path(root, database.bucket) / path_in_bucket(table, database)
    if not re.fullmatch(r"[A-Za-z0-9._/=+@-]+", str(path)):
        raise BadLocation(
            f"the lake cannot live below {root}", hint="use a path of plain letters, digits and . _ - = + @ only"
        )
    return f"{SCHEME}{path}"


def local_path(location: str) -> Path:
    """The path on this host of a `file://` location or of a bare absolute path.

    Raises:
        BadLocation: another scheme, a relative path, or segments and escapes that could lead elsewhere: readers of
            locations end a path at `?` or `#`, so they would open another file than the one that was looked at.
    """
    bare = location.removeprefix(SCHEME) if location.startswith(SCHEME) else location.removeprefix("file:")
    segments = bare[1:].split("/")
    if not bare.startswith("/") or any(part in ("", ".", "..") for part in segments) or re.search(r"[%?#\x00]", bare):
        raise BadLocation("a file's location is not a plain absolute path on this host")
    return Path(bare)


def require_inside(location: str, table_location: str, *, besides: Container[Path] = frozenset()) -> Path:
    """The path of a file that lies in its table, links resolved, or is one of `besides`, exactly.

    Raises:
        BadLocation: it lies outside, is a link, or is not a regular file.
    """
    path, home = local_path(location), local_path(table_location)
    real, real_home = Path(os.path.realpath(path)), Path(os.path.realpath(home))
    is_inside = path.is_relative_to(home) and real.is_relative_to(real_home)
    if not (is_inside or path in besides) or path.is_symlink():
        raise BadLocation("a commit names a file outside its table's location")
    if not path.is_file():
        raise BadLocation("a commit names a file that is not there")
    return path


def require_own_location(location: str, table_location: str) -> None:
    """Let a client's word for where a table lies pass when it is where the table lies; a slash at its end is no matter.

    Raises:
        BadLocation: it is another place, or spelled in another way.
    """
    if local_path(location.removesuffix("/")) != local_path(table_location):
        raise BadLocation(
            "a table lies where its name says, and nowhere else",
            hint=f"leave the location out, or say {table_location}",
        )
