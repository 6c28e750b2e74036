"""What the catalog endpoint tells the trail."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class TableLoaded(Event):
    """An outside engine was told where a table's files are: from then on it may read them all by itself."""

    code: ClassVar[str] = "catalog_endpoint.table_loaded"
    snapshot_id: int | None
