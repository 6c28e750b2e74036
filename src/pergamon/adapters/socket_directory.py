"""Where a Unix socket of ours lies: in a 0700 directory of this user, on a path that is short enough for a socket."""

import os
import tempfile
from pathlib import Path

from pergamon.kernel import sha256_hex

LONGEST_SOCKET_PATH = 100
"""A Unix socket's path may have 107 bytes; some are left free."""


def socket_directory(owner: Path, longest_name: str) -> Path:
    """The `run` directory in `owner` when the path is short enough, else a directory named after it.

    longest_name: the longest file name that is going to lie there.
    """
    beside = owner / "run"
    if len(os.fsencode(beside / longest_name)) <= LONGEST_SOCKET_PATH:
        return beside
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return runtime / f"pergamon-{os.getuid()}-{sha256_hex(os.fsencode(owner))[:16]}"


def make_private(directory: Path) -> bool:
    """Make the directory where it is missing. Returns: whether it is a 0700 directory of this user, and no link."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    is_ours = directory.is_dir() and not directory.is_symlink() and found.st_uid == os.getuid()
    return is_ours and not found.st_mode & 0o077
