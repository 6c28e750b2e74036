"""Module type `tracker`: where landed files are looked for, which raw tables they become, and in what portions."""

from typing import Literal

from pydantic import Field

from pergamon.deploy.documents.base import Declared, Desired, Document, ModuleType, Name, Scope
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json


class TrackerEntry(Document):
    """A place where landed files are looked for."""

    bucket: str = Field(description="`bucket:NAME`, or `bucket:DOMAIN/NAME` for another domain.")
    prefix: str = Field(default="landing", description="Files below it are tracked.")
    description: str = Field(default="", description="For the reader.")


class BatchEntry(Document):
    """Which raw tables are brought up to date together, and in what portions."""

    refresh_cadence: str = Field(description="Takes the raw tables of this cadence.")
    concurrency: int | None = Field(default=None, description="Tables at the same time.")
    max_files: int | None = Field(default=None, description="Landed files in one commit, at most.")
    max_rows: int | None = Field(
        default=None, description="Changes in one commit, about; a transaction is never divided."
    )


class RawTableEntry(Document):
    """How one table of the source becomes one raw table."""

    source_schema: str = Field(description="Its schema at the source.")
    source_table: str = Field(description="Its name at the source.")
    target_database: str = Field(description="`database:NAME`, or `database:DOMAIN/NAME` for another domain.")
    target_table: str | None = Field(default=None, description="Its name in the lake; left out: as at the source.")
    keys: list[str] = Field(
        default=[], description="Columns that identify a row; they lie inside the replica identity."
    )
    versioning: Literal["S", "H"] = Field(
        default="S", description="`S`: the merged state, one row per key. `H`: every change is kept."
    )
    refresh_cadence: str = Field(description="The batch that brings it up to date, such as `daily`.")


class TrackerDocument(Document):
    """Trackers, batches and raw tables."""

    trackers: dict[Name, TrackerEntry] = Field(default={}, description="Tracker name -> tracker.")
    batches: dict[Name, BatchEntry] = Field(default={}, description="Batch name -> batch.")
    raw_tables: dict[Name, RawTableEntry] = Field(default={}, description="A name of your own -> raw table.")


def declares(document: TrackerDocument) -> list[Declared]:
    """Trackers, batches, raw tables."""
    return [
        *(Declared("tracker", name, ("trackers", name)) for name in document.trackers),
        *(Declared("batch", name, ("batches", name)) for name in document.batches),
        *(Declared("raw-table", name, ("raw_tables", name)) for name in document.raw_tables),
    ]


def translate(document: TrackerDocument, scope: Scope) -> list[Desired]:
    """Trackers and batches, then the raw tables."""
    _every_table_has_a_batch(document, scope)
    raw_tables = [_raw_table(name, entry, scope) for name, entry in document.raw_tables.items()]
    _each_target_once(raw_tables, scope)
    return [
        *(_tracker(name, entry, scope) for name, entry in document.trackers.items()),
        *(_batch(name, entry) for name, entry in document.batches.items()),
        *raw_tables,
    ]


def _each_target_once(raw_tables: list[Desired], scope: Scope) -> None:
    """Two sources merged into one table would overwrite each other."""
    taken: dict[tuple[str, str], str] = {}
    for table in raw_tables:
        target = (str(table.spec["target_database"]), str(table.spec["target_table"]))
        first = taken.setdefault(target, table.name)
        if first != table.name:
            message = f"the table {target[0]}.{target[1]} is already filled by `{first}`"
            scope.problem((*table.path, "target_table"), message, "give it a target_table of its own")


def _every_table_has_a_batch(document: TrackerDocument, scope: Scope) -> None:
    cadences = {batch.refresh_cadence for batch in document.batches.values()}
    for name, table in document.raw_tables.items():
        if table.refresh_cadence not in cadences:
            hint = "cadences of the batches here: " + (", ".join(sorted(cadences)) or "none; write one under `batches`")
            message = f"no batch here has the cadence `{table.refresh_cadence}`: this table would never be merged"
            scope.problem(("raw_tables", name, "refresh_cadence"), message, hint)


def _tracker(name: str, entry: TrackerEntry, scope: Scope) -> Desired:
    path: KeyPath = ("trackers", name)
    bucket = scope.resolve(entry.bucket, "bucket", (*path, "bucket"))
    spec: dict[str, Json] = {"bucket": bucket, "prefix": entry.prefix.strip("/"), "description": entry.description}
    return Desired("tracker", name, spec, path)


def _batch(name: str, entry: BatchEntry) -> Desired:
    return Desired("batch", name, {**entry.model_dump(exclude_none=True)}, ("batches", name))


def _raw_table(name: str, entry: RawTableEntry, scope: Scope) -> Desired:
    path: KeyPath = ("raw_tables", name)
    spec: dict[str, Json] = {
        "source_schema": entry.source_schema,
        "source_table": entry.source_table,
        "target_database": scope.resolve(entry.target_database, "database", (*path, "target_database")),
        "target_table": entry.target_table or entry.source_table.lower(),
        "keys": [*entry.keys],
        "versioning": entry.versioning,
        "refresh_cadence": entry.refresh_cadence,
    }
    return Desired("raw-table", name, spec, path)


TRACKER = ModuleType("tracker", "Landed files, batches and raw tables.", TrackerDocument, declares, translate)
