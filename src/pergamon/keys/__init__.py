"""Keys: one master key of an installation, and a key of its own for every purpose."""

from pergamon.keys.master import MasterKeyMissing, MasterKeyUnsafe, derived_key

__all__ = ["MasterKeyMissing", "MasterKeyUnsafe", "derived_key"]
