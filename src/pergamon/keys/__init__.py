"""Keys: one master key of an installation, and a key of its own for every purpose."""

from pergamon.keys.known import MasterKeyChanged, MasterKeyKnown, known_key
from pergamon.keys.master import MasterKeyMissing, MasterKeyUnsafe, derived_key

__all__ = [
    "MasterKeyChanged",
    "MasterKeyKnown",
    "MasterKeyMissing",
    "MasterKeyUnsafe",
    "derived_key",
    "known_key",
]
