"""What is a column called? As in its file, unless an engine could not carry that; then made safe, never left out.

The rule: Unicode in its composed form, no blanks around; control characters, line ends, quotes, backquotes, dots,
backslashes and what cannot be printed (no-break blanks, soft hyphens) become `_`; an empty name becomes
`column_<place>`; a colon before ` optional ` or ` required `, with which a name would read like a type, becomes `_`;
more than 120 characters are cut; a name that differs from an earlier one only in case gets `_2`, `_3`, … The name
in the file stays in the field's metadata.
"""

import re
import unicodedata
from collections.abc import Sequence

import pyarrow as pa

from pergamon.formats.model import ORIGINAL_NAME

LONGEST = 120
_NOT_CARRIED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\"'`\\.\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]|:(?= (?:optional|required) )"
)


def safe_names(originals: Sequence[str]) -> list[str]:
    """A name for each column, in order, all different even without regard to case."""
    names: list[str] = []
    taken: set[str] = set()
    wanted = [_safe(name) or f"column_{place}" for place, name in enumerate(originals, start=1)]
    for name in wanted:
        unique, number = name, 2
        while unique.casefold() in taken:
            suffix = f"_{number}"
            unique, number = name[: LONGEST - len(suffix)] + suffix, number + 1
        taken.add(unique.casefold())
        names.append(unique)
    return names


def named_field(name: str, original: str, kind: pa.DataType) -> pa.Field:
    """A field that remembers what it was called."""
    metadata = None if name == original else {ORIGINAL_NAME: original.encode(errors="replace")[:4096]}
    return pa.field(name, kind, metadata=metadata)


def renamed_warning(names: Sequence[str], originals: Sequence[str]) -> tuple[str, ...]:
    """One warning for all columns that are called differently here."""
    places = [str(place) for place, (a, b) in enumerate(zip(names, originals, strict=True), start=1) if a != b]
    if not places:
        return ()
    some = ", ".join(places[:10]) + (", …" if len(places) > 10 else "")
    return (f"{len(places)} column names were made safe (columns {some})",)


def _safe(name: str) -> str:
    plain = _NOT_CARRIED.sub("_", unicodedata.normalize("NFC", name)).strip()
    return "".join(letter if letter.isprintable() else "_" for letter in plain)[:LONGEST].strip()
