"""Which prefixes become tables? What lies there is governed before it is one, and if it never is (law 8).

Who makes tables of objects (a crawler) says so here, with the database that its tables go to. From then on an object
below such a prefix is served raw only to whom that database is open, whatever its bucket's rules say: also what was
there before, what is being crawled, what was set aside, and every older version.
"""

from collections.abc import Iterable

from pergamon.objects import tables
from pergamon.store import UnitOfWork


def govern_prefixes(uow: UnitOfWork, governor: str, bucket: str, prefixes: Iterable[str], database: str) -> None:
    """Objects below these prefixes become tables of a database, and no others do by this governor.

    Args: governor: who says so, as `crawler:name`; prefixes: normalised, `""` for the whole bucket.
    """
    tables.drop_governed(uow, governor)
    tables.add_governed(uow, governor, bucket, sorted(set(prefixes)), database)


def release_prefixes(uow: UnitOfWork, governor: str) -> None:
    """The governor makes no tables any more. What a table holds, or once held, stays the table's to open."""
    tables.drop_governed(uow, governor)
