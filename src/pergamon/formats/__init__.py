"""What is in this file? Formats, dialects, types; read in a confined child, never in the process that decides."""

from pergamon.formats.files import inspect_file, write_part
from pergamon.formats.merge import (
    Incompatible,
    Merged,
    iceberg_widens,
    is_without_values,
    merge_all,
    merge_schemas,
    widest_type,
    without_values,
)
from pergamon.formats.model import (
    FORMATS,
    NO_VALUES,
    ORIGINAL_NAME,
    Compression,
    Constant,
    Failed,
    FilePart,
    Format,
    FormatHints,
    Inspected,
    Limits,
    Misfit,
    ReadRequest,
    Unreadable,
    WriteRequest,
    WrittenPart,
)
from pergamon.formats.names import safe_names
from pergamon.formats.ports import ConfinedReader, Progress
from pergamon.formats.schema_json import schema_as_json, schema_from_json

__all__ = [
    "FORMATS",
    "NO_VALUES",
    "ORIGINAL_NAME",
    "Compression",
    "ConfinedReader",
    "Constant",
    "Failed",
    "FilePart",
    "Format",
    "FormatHints",
    "Incompatible",
    "Inspected",
    "Limits",
    "Merged",
    "Misfit",
    "Progress",
    "ReadRequest",
    "Unreadable",
    "WriteRequest",
    "WrittenPart",
    "iceberg_widens",
    "inspect_file",
    "is_without_values",
    "merge_all",
    "merge_schemas",
    "safe_names",
    "schema_as_json",
    "schema_from_json",
    "widest_type",
    "without_values",
    "write_part",
]
