"""A table's metadata file: read, name and write it. PyIceberg's models; our own durable writing (law 4)."""

from pathlib import Path
from uuid import uuid4

from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil

from pergamon.kernel import Unavailable, durable_write
from pergamon.lake.locations import local_path


class MetadataMissing(Unavailable):
    """The pointer names a metadata file that cannot be read: the directory is gone, or a restore is under way."""

    code = "lake.metadata_missing"


def file_io() -> FileIO:
    """Reads and writes of manifests. Loaded when it is used: it brings pandas, which would slow every command."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    return PyArrowFileIO(properties={})


def read_metadata(metadata_location: str) -> TableMetadata:
    """Read a metadata file.

    Raises:
        MetadataMissing: it is not there or not whole.
    """
    path = local_path(metadata_location)
    try:
        return TableMetadataUtil.parse_raw(path.read_text())
    except (OSError, ValueError, ValidationError):
        raise MetadataMissing(
            f"cannot read {path.name}", hint="is the lake's directory there? see `pergamon status`"
        ) from None


def next_metadata_location(table_location: str, previous: str | None) -> str:
    """The name of the next metadata file: `00003-<uuid>.metadata.json`; the number only helps the eye."""
    number = int(Path(previous).name.split("-", 1)[0]) + 1 if previous else 0
    return f"{table_location}/metadata/{number:05d}-{uuid4()}.metadata.json"


def write_metadata(metadata: TableMetadata, location: str) -> None:
    """Write a new metadata file durably, before any pointer may name it."""
    durable_write(local_path(location), metadata.model_dump_json(exclude_none=True).encode())
