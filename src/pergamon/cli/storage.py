"""`pergamon storage`: how much each project keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pergamon.cli.catalog import Door, Json, echo_table, listing
from pergamon.kernel import LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import catalog
    from pergamon.store import UnitOfWork
else:
    catalog = LoadedWhenUsed("pergamon.catalog")

HEAD = ("project", "tables", "bytes", "files sent", "bytes", "earlier versions")
SHOWN = ("project", "tables", "table_bytes", "objects", "object_bytes", "older_bytes")


def _echo_storage(found: list[Json]) -> None:
    echo_table(HEAD, ([one[name] for name in SHOWN] for one in found))


@click.command("storage")
@listing(_echo_storage)
def storage_command(door: Door, *, limit: int) -> list[Json]:
    """How much your projects keep: their tables as they stand, and the files that were sent for them, in bytes. A file
    that is a table's as it is counts as both."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [one.as_json() for one in catalog.list_storage(uow, limit=limit)]

    return door.pages("/api/v1/storage", "storage", limit, here)
