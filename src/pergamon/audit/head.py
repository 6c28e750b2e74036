"""The signed head: a file outside PostgreSQL that says how long the chain was and how it ended.

Whoever rewrites the chain, or cuts its tail, cannot make this file agree without the key. The key and the file belong
to the service user; an outside anchor (a printed head, another host) is what defends against that user: `docs/`.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pergamon.kernel import (
    Kind,
    PergamonError,
    canonical_bytes,
    durable_write,
    fsync_directory,
    make_durable_directory,
    sha256_hex,
)

TAIL_BYTES = 4_096
"""A line has some 350."""


class SigningKeyMissing(PergamonError):
    """Heads of the trail were signed with a key that is not there any more."""

    code, kind = "audit.signing_key_missing", Kind.UNAVAILABLE


class SignedHeadDamaged(PergamonError):
    """The newest signed head of the trail cannot be read."""

    code, kind = "audit.signed_head_damaged", Kind.UNAVAILABLE
    usual_hint = "run `pergamon audit verify`, which says which line it is, and bring the file back from a copy"


@dataclass(frozen=True)
class Head:
    """Length of the chain (entries) and the hash of its last entry (64 hexadecimal digits)."""

    length: int
    hash: str


class HeadFile:
    """Heads, each signed (Ed25519, RFC 8032) and appended as one JSON line.

    Each line holds the digest of the line before it, so a line taken out of the middle shows.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "heads.jsonl"

    def sign(self, head: Head, at: datetime) -> None:
        """Append a signed head unless one as long stands already; it is on the disk when this returns.

        One process at a time; a line that a crash cut short is taken away first.
        Raises:
            SigningKeyMissing: heads were signed before, and their key is gone.
            SignedHeadDamaged: the newest of them cannot be read; nothing is written behind it.
        """
        make_durable_directory(self._directory)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            previous, end = self._last_line()
            newest = _head_in(previous)
            if newest is not None and newest.length >= head.length:
                return
            line = self._signed_line(head, at, previous)
            os.ftruncate(descriptor, end)
            os.pwrite(descriptor, line.encode(), end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fsync_directory(self._directory)

    def _signed_line(self, head: Head, at: datetime, previous: str) -> str:
        body = {
            "length": head.length,
            "hash": head.hash,
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "previous": sha256_hex(previous.encode()) if previous else "",
        }
        signature = self._key(may_make=not previous).sign(canonical_bytes(body)).hex()
        return json.dumps({**body, "signature": signature}, sort_keys=True) + "\n"

    def newest(self) -> Head | None:
        """The last head that was written, whether its signature holds or not; None when none was ever signed.

        Cost: a look at the end of the file, which after years has some gigabytes.
        Raises:
            SignedHeadDamaged: it cannot be read.
        """
        return _head_in(self._last_line()[0])

    def heads(self) -> tuple[list[Head], str | None]:
        """Every head in order, and the first thing that is wrong with the file, if any."""
        heads: list[Head] = []
        previous = ""
        for number, line in enumerate(self._lines(), start=1):
            try:
                body = json.loads(line)
                signature = bytes.fromhex(body.pop("signature"))
                self._key().public_key().verify(signature, canonical_bytes(body))
            except SigningKeyMissing as missing:
                return heads, missing.message
            except (ValueError, KeyError, TypeError, InvalidSignature):
                return heads, f"line {number} of the signed heads does not carry our signature"
            if body["previous"] != previous:
                return heads, f"a line is missing before line {number} of the signed heads"
            previous = sha256_hex(line.encode())
            heads.append(Head(length=body["length"], hash=body["hash"]))
        return heads, None

    def public_key_hex(self) -> str:
        """The verifying key, for an auditor to keep elsewhere."""
        return self._key(may_make=True).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def _last_line(self) -> tuple[str, int]:
        """The newest complete line, and where it ends in the file; nothing, and its beginning, where there is none."""
        try:
            with self._path.open("rb") as file:
                size, span = file.seek(0, os.SEEK_END), TAIL_BYTES
                while True:
                    start = max(0, size - span)
                    file.seek(start)
                    before, newline, cut_short = file.read(size - start).rpartition(b"\n")
                    line = before.rstrip(b"\n").rpartition(b"\n")
                    if line[1] or start == 0:
                        return line[2].decode(errors="replace"), size - len(cut_short) if newline else 0
                    span *= 8
        except FileNotFoundError:
            return "", 0

    def _lines(self) -> list[str]:
        """Complete lines; a line cut short by a crash was never answered for, and is left out."""
        try:
            text = self._path.read_text(errors="replace")
        except FileNotFoundError:
            return []
        return [line for line in text.split("\n")[:-1] if line]

    def _key(self, *, may_make: bool = False) -> Ed25519PrivateKey:
        path = self._directory / "signing.key"
        try:
            return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
        except FileNotFoundError:
            if not may_make:
                raise SigningKeyMissing(
                    "the key that signed the trail's heads is gone", hint=f"restore {path}"
                ) from None
        key = Ed25519PrivateKey.generate()
        durable_write(path, key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        return key


def _head_in(line: str) -> Head | None:
    if not line:
        return None
    try:
        body = json.loads(line)
        return Head(length=int(body["length"]), hash=str(body["hash"]))
    except (ValueError, KeyError, TypeError):
        raise SignedHeadDamaged("the last line of the signed heads of the trail is not one of ours") from None
