"""Is this the master key that the installation has always had? The database knows its fingerprint.

Whoever restores the database without the directory of keys would otherwise get a new key without noticing, and every
person another pseudonym.
"""

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pergamon.kernel import Event, Unavailable
from pergamon.keys.master import derived_key, has_master_key, lost
from pergamon.store import UnitOfWork

FINGERPRINT = "fingerprint:master"


class MasterKeyChanged(Unavailable):
    """The master key is not the one that this installation has used."""

    code = "keys.master_key_changed"


@dataclass(frozen=True)
class MasterKeyKnown(Event):
    """The master key was used for the first time."""

    code: ClassVar[str] = "keys.master_key_known"


def known_key(uow: UnitOfWork, home: Path, purpose: str) -> bytes:
    """The 32 bytes for one purpose, derived from the key that the database knows.

    Raises:
        MasterKeyMissing: it was used before, and is gone. MasterKeyChanged: it is another one.
        MasterKeyUnsafe, Invalid: see `derived_key`.
    """
    known = _fingerprint(uow)
    if known is not None and not has_master_key(home):
        raise lost(home)
    fingerprint = derived_key(home, FINGERPRINT).hex()
    if known is None:
        known = _remember(uow, fingerprint)
    if not hmac.compare_digest(known, fingerprint):
        raise MasterKeyChanged(
            "the master key is not the one that this installation has used",
            hint="bring the directory of keys back from the backup: pseudonyms would no longer match",
        )
    return derived_key(home, purpose)


def _fingerprint(uow: UnitOfWork) -> str | None:
    row = uow.row("SELECT fingerprint FROM master_key")
    return row["fingerprint"] if row else None


def _remember(uow: UnitOfWork, fingerprint: str) -> str:
    """Whoever comes first is right."""
    added = uow.execute(
        "INSERT INTO master_key (fingerprint, known_since) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (fingerprint, uow.now),
    )
    if added:
        uow.record(MasterKeyKnown(subject="key:master"))
        return fingerprint
    return _fingerprint(uow) or ""
