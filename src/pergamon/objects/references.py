"""Which tables' data lies in which objects? Those stay, and are served raw only as the tables' rules say (law 8)."""

from collections.abc import Iterable

from pergamon import lake
from pergamon.objects import tables
from pergamon.store import UnitOfWork


def refer(uow: UnitOfWork, table: lake.TableId, version_ids: Iterable[str]) -> None:
    """Remember that these versions' contents are data files of a table, in the transaction that makes them so.

    A version that is not there (any more) breaks the transaction: a table must not name a file that may be freed.
    """
    tables.add_references(uow, str(table), sorted(version_ids))


def unrefer(uow: UnitOfWork, table: lake.TableId, version_ids: Iterable[str]) -> None:
    """They are the table's no more, and may be removed. Served raw they are as before: the same rows stand in them."""
    tables.end_references(uow, str(table), sorted(version_ids))


def referring_tables(uow: UnitOfWork, version_id: str) -> list[lake.TableId]:
    """The tables that exist and whose data lies in a version."""
    named = [lake.TableId.parse(name) for name in tables.referring(uow, version_id)]
    return sorted(lake.keys_of_tables(uow, named), key=str) if named else []
