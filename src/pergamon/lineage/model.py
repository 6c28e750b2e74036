"""The words of lineage: datasets by their OpenLineage names, and edges between them or their columns.

A table of the lake is `pergamon`, `raw_db.patients`; files of a bucket are `pergamon://<bucket>` and a folder or key; a
source's table is named as OpenLineage's naming rules say (`postgres://host:port`, `hospital.hda.patients`).
Source: OpenLineage specification 2-0-2, "Naming".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pergamon.kernel import Invalid
from pergamon.lake import TableId

OWN_NAMESPACE = "pergamon"
PLATFORM = "platform"
"""Who tells what the platform did itself; everything else is told by a principal."""
LONGEST_NAME = 2_000


class BadDataset(Invalid):
    """A dataset's namespace or name is empty, too long, or holds control characters."""

    code = "lineage.bad_dataset"


@dataclass(frozen=True, order=True)
class Dataset:
    """Something that data is read from or written to."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.namespace, self.name):
            if not 0 < len(part) <= LONGEST_NAME or any(ord(sign) < 32 or ord(sign) == 127 for sign in part):
                raise BadDataset("a dataset has a namespace and a name, each of 1 to 2,000 printable characters")

    def __str__(self) -> str:
        return self.name if self.namespace == OWN_NAMESPACE else f"{self.namespace}/{self.name}"

    @classmethod
    def of_table(cls, table: TableId) -> Self:
        return cls(OWN_NAMESPACE, str(table))

    @classmethod
    def of_objects(cls, bucket: str, folder_or_key: str) -> Self:
        """Files of a bucket: a folder ends in a slash. Many files of one folder are one dataset."""
        return cls(f"{OWN_NAMESPACE}://{bucket}", folder_or_key or "/")

    @property
    def table(self) -> str | None:
        """The table's full name, when it is one of the lake's."""
        return self.name if self.namespace == OWN_NAMESPACE else None


@dataclass(frozen=True, order=True)
class ColumnEdge:
    """One column was made from another."""

    input: Dataset
    input_field: str
    output: Dataset
    output_field: str


@dataclass(frozen=True)
class LineageRun:
    """One run of something that reads and writes. kind: `replication`, `merge`, `job`, `crawl`, or `told`."""

    job: str
    kind: str
    run_id: str


@dataclass(frozen=True)
class Edge:
    """What lineage knows: an input became an output, by a job. Fields are `""` for the dataset as a whole."""

    input: Dataset
    input_field: str
    output: Dataset
    output_field: str
    job: str
    kind: str
    told_by: str
    last_at: datetime
    is_current: bool


@dataclass(frozen=True)
class Graph:
    """What was found from one dataset. `cut`: the depth or the size ended the search before its end."""

    start: Dataset
    edges: tuple[Edge, ...]
    cut: bool

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        found = {self.start} | {edge.input for edge in self.edges} | {edge.output for edge in self.edges}
        return tuple(sorted(found))


def column_by_column(input: Dataset, output: Dataset, columns: Iterable[tuple[str, str]]) -> tuple[ColumnEdge, ...]:
    """Edges for pairs of (input column, output column)."""
    return tuple(ColumnEdge(input, read, output, written) for read, written in columns)
