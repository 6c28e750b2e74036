"""The words of lineage: datasets by their OpenLineage names, and edges between them or their columns.

A table of the lake is `pergamon`, `raw_db.patients`; files of a bucket are `pergamon://<bucket>` and a folder or key; a
source's table is named as OpenLineage's naming rules say (`postgres://host:port`, `hospital.hda.patients`).
Source: OpenLineage specification 2-0-2, "Naming".
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pergamon.kernel import Invalid
from pergamon.lake import TableId

OWN_NAMESPACE = "pergamon"
PLATFORM = "platform"
"""Who tells what the platform did itself; everything else is told by a principal."""
LONGEST_NAMESPACE, LONGEST_NAME, LONGEST_FIELD, LONGEST_JOB = 500, 2_000, 500, 1_000
"""Bytes of UTF-8: they are keys, and an index row of PostgreSQL holds 2,704 bytes."""
OBJECTS = f"{OWN_NAMESPACE}://"


class BadDataset(Invalid):
    """A dataset's namespace or name is empty, too long, or holds control characters."""

    code = "lineage.bad_dataset"


@dataclass(frozen=True, order=True)
class Dataset:
    """Something that data is read from or written to."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        if not (is_plain(self.namespace, LONGEST_NAMESPACE) and is_plain(self.name, LONGEST_NAME)):
            raise BadDataset("a dataset has a namespace of 1 to 500 and a name of 1 to 2,000 bytes, all printable")

    def __str__(self) -> str:
        return self.name if self.namespace == OWN_NAMESPACE else f"{self.namespace}/{self.name}"

    @classmethod
    def of_table(cls, table: TableId) -> Self:
        return cls(OWN_NAMESPACE, str(table))

    @classmethod
    def of_objects(cls, bucket: str, folder_or_key: str) -> Self:
        """Files of a bucket: a folder ends in a slash. Many files of one folder are one dataset."""
        return cls(f"{OBJECTS}{bucket}", folder_or_key or "/")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote: `raw_db.patients`, `pergamon://staging/landing/`, `postgres://host:5432/db.schema.t`.

        Raises:
            BadDataset: it is none.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            return cls(OWN_NAMESPACE, text)
        place, _, name = rest.partition("/")
        return cls(f"{scheme}://{place}", name or "/")

    @property
    def table(self) -> str | None:
        """The table's full name, when it is one of the lake's."""
        return self.name if self.namespace == OWN_NAMESPACE else None

    @property
    def bucket(self) -> str | None:
        """The bucket, when it is files of one of ours."""
        return self.namespace.removeprefix(OBJECTS) if self.namespace.startswith(OBJECTS) else None

    @property
    def is_foreign(self) -> bool:
        """Does it lie outside the platform?"""
        return self.table is None and self.bucket is None

    def as_json(self) -> dict[str, str]:
        kind = "foreign" if self.is_foreign else "files" if self.bucket is not None else "table"
        return {"namespace": self.namespace, "name": self.name, "kind": kind}


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

    def as_json(self) -> dict[str, Any]:
        """An end without a field is the dataset as a whole."""
        return {
            "input": {
                "namespace": self.input.namespace,
                "name": self.input.name,
                "field": self.input_field or None,
            },
            "output": {
                "namespace": self.output.namespace,
                "name": self.output.name,
                "field": self.output_field or None,
            },
            "job": self.job,
            "kind": self.kind,
            "told_by": self.told_by,
            "last_at": self.last_at.isoformat(),
        }


@dataclass(frozen=True)
class Graph:
    """What was found from one dataset. `cut`: the depth or the size ended the search before its end."""

    start: Dataset
    edges: tuple[Edge, ...]
    cut: bool
    field: str = ""
    """The column that was followed, as lineage spells it; empty: the dataset as a whole."""

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        found = {self.start} | {edge.input for edge in self.edges} | {edge.output for edge in self.edges}
        return tuple(sorted(found))

    def as_json(self) -> dict[str, Any]:
        return {
            "dataset": self.start.as_json(),
            "field": self.field or None,
            "datasets": [dataset.as_json() for dataset in self.datasets],
            "edges": [edge.as_json() for edge in self.edges],
            "cut": self.cut,
        }


def is_plain(text: str, longest: int) -> bool:
    """Can it be kept and shown as it is? 1 to `longest` bytes of UTF-8 without control characters or half ones."""
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        return False
    return 0 < len(text.encode()) <= longest


def shown_field(name: str) -> str:
    """A column's name as lineage keeps it: what cannot be kept is replaced, what is too long is cut."""
    plain = "".join("\ufffd" if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in name)
    return plain.encode()[:LONGEST_FIELD].decode(errors="ignore")


def column_by_column(input: Dataset, output: Dataset, columns: Iterable[tuple[str, str]]) -> tuple[ColumnEdge, ...]:
    """Edges for pairs of (input column, output column)."""
    return tuple(ColumnEdge(input, read, output, written) for read, written in columns)
