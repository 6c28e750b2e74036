"""Where does a key come from? Of 32 random bytes in `<home>/keys/master.key`, by HKDF-SHA-256 (RFC 5869).

One key for every purpose; what is derived is never kept.

Key and directory appear together, by one rename: a directory without its key is a key that was lost, and is an error,
because a new key would silently give every person another pseudonym. Who reads the key file can turn pseudonyms back by
trying values, so it belongs to the service user alone, and into the backup.
"""

import errno
import os
import re
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pergamon.kernel import Invalid, Unavailable, durable_write, new_id, publish

KEY_BYTES = 32
DIRECTORY, FILE = "keys", "master.key"
PURPOSE = re.compile(r"[a-z][a-z0-9-]*:[^\s:\x00-\x1f]{1,128}")


class MasterKeyMissing(Unavailable):
    """The directory of keys is there, and the master key is not."""

    code = "keys.master_key_missing"


class MasterKeyUnsafe(Unavailable):
    """The master key is not a plain file of 32 bytes that only its owner can read."""

    code = "keys.master_key_unsafe"


def derived_key(home: Path, purpose: str) -> bytes:
    """The 32 bytes for one purpose (`mask:<project>/<owner>`); the same for ever. The master key is made at first use.

    Raises:
        MasterKeyMissing: it was made once, and is gone.
        MasterKeyUnsafe: others can read it, or it is not what was written.
        Invalid: a purpose is a word, a colon and a name.
    """
    if not PURPOSE.fullmatch(purpose):
        raise Invalid("a key's purpose is a word, a colon and a name")
    info = b"pergamon:v1:" + purpose.encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(_master_key(home))


def has_master_key(home: Path) -> bool:
    return (home / DIRECTORY).is_dir()


def lost(home: Path) -> MasterKeyMissing:
    """The error of a key that was there."""
    return MasterKeyMissing(
        f"the master key {home / DIRECTORY / FILE} is gone",
        hint="bring it back from the backup: with a new one, pseudonyms would no longer match",
    )


def _master_key(home: Path) -> bytes:
    if not has_master_key(home):
        _make(home)
    return _read(home / DIRECTORY)


def _make(home: Path) -> None:
    """Make directory and key at once; whoever comes second finds the first one's and drops its own."""
    temporary = home / f".{DIRECTORY}.{new_id('tmp')}"
    durable_write(temporary / FILE, secrets.token_bytes(KEY_BYTES))
    try:
        publish(temporary, home / DIRECTORY)
    except OSError as error:
        (temporary / FILE).unlink()
        temporary.rmdir()
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise


def _read(directory: Path) -> bytes:
    try:
        descriptor = os.open(directory / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise lost(directory.parent) from error
    except OSError as error:
        raise _unsafe(directory) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        key = file.read(KEY_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
    is_ours = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    if not is_ours or len(key) != KEY_BYTES:
        raise _unsafe(directory)
    return key


def _unsafe(directory: Path) -> MasterKeyUnsafe:
    return MasterKeyUnsafe(
        f"the master key {directory / FILE} is not a file of {KEY_BYTES} bytes that its owner alone can read",
        hint="give it to the service user with mode 0600, or bring it back from the backup",
    )
