"""Which properties may a table have? None that would put its files elsewhere, change its format, or speak as we do."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from pyiceberg.table.name_mapping import NameMapping

from pergamon.lake.model import BadSchema

SUMMARY_PREFIX = "pergamon."
"""Properties and summary entries with this prefix are ours: no engine sets them."""
NAME_MAPPING = "schema.name-mapping.default"
"""Iceberg's own property: which column of a file without field ids is which (specification, "Column Projection")."""

PLACES = re.compile(
    r"(?:.*[._-])?(?:path|location|location-provider\.impl|object-storage\.enabled|object-storage\..*)|"
    r"(?:.*\.)?py-location-provider.*|encryption\..*"
)
"""Properties that say where files lie, by whom they are named, or how they are sealed."""
FORMAT_VERSION: Final = 2
FORMAT = "format-version"
IS_A_PLACE = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:/|file:|/|\\|~|\.\.?/).*", re.DOTALL)
LONGEST_PROPERTY = 65_536


def plain_properties(wanted: Mapping[str, str]) -> dict[str, str]:
    """The properties that a table takes of those wanted. The format version may be said, when it is ours; it is no
    property.

    Raises:
        BadSchema: one of them names a place, changes the format, is ours, or cannot be read.
    """
    refused = sorted(name for name, value in wanted.items() if not _is_plain(name, value))
    if refused:
        hint = "a table's files lie in its own location, in the format that all engines read"
        raise BadSchema(f"the table properties {refused} cannot be set", hint=hint)
    return {name: value for name, value in wanted.items() if name != FORMAT}


def require_not_ours(names: Iterable[str]) -> None:
    """Refuse to remove what we rely on.

    Raises:
        BadSchema: one of them is ours.
    """
    ours = sorted(name for name in names if name.casefold().startswith(SUMMARY_PREFIX) or name == NAME_MAPPING)
    if ours:
        raise BadSchema(f"the table properties {ours} cannot be removed")


def _is_plain(name: str, value: str) -> bool:
    key = name.strip().casefold()
    if key == FORMAT:
        return name == FORMAT and value == str(FORMAT_VERSION)
    if not key or len(name) > 255 or len(value) > LONGEST_PROPERTY or PLACES.fullmatch(key):
        return False
    if key.startswith(SUMMARY_PREFIX) or (key.startswith("write.") and IS_A_PLACE.fullmatch(value)):
        return False
    return key != NAME_MAPPING or (name == NAME_MAPPING and _is_name_mapping(value))


def _is_name_mapping(text: str) -> bool:
    try:
        NameMapping.model_validate_json(text)
    except ValueError:
        return False
    return True
