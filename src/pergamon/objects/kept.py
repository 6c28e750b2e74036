"""How much lies in the folders whose objects become tables of some databases? Counted in one question, for many owners.

For the platform's own rooms, which ask the policy who may know it: a count tells of objects that nobody reads by it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pergamon.objects import tables
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Kept:
    """Objects as they stand, and the older versions that are kept of them."""

    objects: int = 0
    size_bytes: int = 0
    older_bytes: int = 0


def kept_for_databases(uow: UnitOfWork, databases: Mapping[str, Collection[str]]) -> dict[str, Kept]:
    """What is kept for each owner: objects below the prefixes that become tables of its databases, none twice.

    Cost: the index entries of those objects. An owner for whom nothing lies there is left out.
    """
    pairs = [(owner, name) for owner, names in databases.items() for name in names]
    return {
        row["owner"]: Kept(row["objects"], row["size_bytes"], row["older_bytes"])
        for row in (tables.kept_below_governed(uow, pairs) if pairs else ())
    }
