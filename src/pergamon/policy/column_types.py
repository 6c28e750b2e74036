"""What is a column's type, to a mask or a filter? Iceberg's types, spelled as PyIceberg does.

A type that is not understood whole is refused: a mask that guesses a type could change it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from pergamon.kernel import Invalid

PLAIN_TYPES = frozenset(
    "boolean int long float double date time timestamp timestamptz string uuid binary".split()  # noqa: SIM905
)
MOST_DEEP = 20

_DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")
_FIXED = re.compile(r"fixed\[(\d{1,9})\]")
_FIELD = re.compile(r"(?:\d+: )(.+?): (?:optional|required) ", re.DOTALL)
_WORD = re.compile(r"[a-z]+")


class UnknownColumnType(Invalid):
    """A column's type is none that masks and filters know."""

    code = "policy.unknown_column_type"


@dataclass(frozen=True)
class PolicyColumn:
    """One column of a table, as rights speak of it: by field id, which outlives its name.

    type: Iceberg's, as `str()` of PyIceberg's type gives it. required: it never holds NULL.
    """

    field_id: int
    name: str
    type: str
    required: bool = False


@dataclass(frozen=True)
class ColumnType:
    """A type, taken apart.

    kind: one of `PLAIN_TYPES`, or decimal, fixed, list, map, struct. size: bytes of a fixed. parts: the element of a
    list, key and value of a map, the fields of a struct by name.
    """

    kind: str
    precision: int = 0
    scale: int = 0
    size: int = 0
    parts: Mapping[str, "ColumnType"] = field(default_factory=dict)


@cache
def parsed_type(text: str) -> ColumnType:
    """Take a type apart.

    Raises:
        UnknownColumnType: it is none that is known here.
    """
    found, end = _type_at(text, 0, 0)
    if end != len(text):
        raise _unknown()
    return found


def _type_at(text: str, start: int, depth: int) -> tuple[ColumnType, int]:
    """The type that begins at a place, and where it ends."""
    if depth > MOST_DEEP:
        raise _unknown()
    if number := _DECIMAL.match(text, start):
        precision, scale = int(number[1]), int(number[2])
        if not (1 <= precision <= 38 and scale <= precision):
            raise _unknown()
        return ColumnType("decimal", precision=precision, scale=scale), number.end()
    if fixed := _FIXED.match(text, start):
        return ColumnType("fixed", size=int(fixed[1])), fixed.end()
    word = _WORD.match(text, start)
    if word and word[0] in PLAIN_TYPES:
        return ColumnType(word[0]), word.end()
    if word and text.startswith("<", word.end()):
        return _nested_at(text, word[0], word.end() + 1, depth)
    raise _unknown()


def _nested_at(text: str, kind: str, start: int, depth: int) -> tuple[ColumnType, int]:
    parts: dict[str, ColumnType] = {}
    end = start
    names = iter({"list": ("element",), "map": ("key", "value")}.get(kind, ()))
    while True:
        if kind == "struct":
            named = _FIELD.match(text, end)
            name, end = (named[1], named.end()) if named else ("", end)
        else:
            name = next(names, "")
        if not name or name in parts:
            raise _unknown()
        parts[name], end = _type_at(text, end, depth + 1)
        if text.startswith(">", end):
            break
        if not text.startswith(", ", end):
            raise _unknown()
        end += 2
    if next(names, None) is not None:
        raise _unknown()
    return ColumnType(kind, parts=parts), end + 1


def _unknown() -> UnknownColumnType:
    return UnknownColumnType(
        "a column has a type that masks and filters do not know",
        hint="leave the column out, or give it without a mask; docs/reference/types.md lists the types",
    )
