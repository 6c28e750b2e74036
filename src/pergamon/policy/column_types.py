"""What is a column's type, to a mask or a filter? Iceberg's types, spelled as PyIceberg does.

A type that is not understood whole is refused: a mask that guesses a type could change it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from pergamon.kernel import Invalid

PLAIN_TYPES = frozenset(
    "boolean int long float double date time timestamp timestamptz string uuid binary".split()  # noqa: SIM905
)
MOST_DEEP = 20

_DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")
_FIXED = re.compile(r"fixed\[(\d{1,9})\]")
_FIELD = re.compile(r"(\d{1,9}): (.+?): (optional|required) ", re.DOTALL)
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
    list, key and value of a map, the fields of a struct by name. field_ids, required: of a struct's fields.
    """

    kind: str
    precision: int = 0
    scale: int = 0
    size: int = 0
    parts: Mapping[str, "ColumnType"] = field(default_factory=dict)
    field_ids: Mapping[str, int] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


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


def type_text(kind: ColumnType) -> str:
    """A type as it is spelled; `parsed_type` of it is the same."""
    match kind.kind:
        case "decimal":
            return f"decimal({kind.precision}, {kind.scale})"
        case "fixed":
            return f"fixed[{kind.size}]"
        case "list" | "map":
            return f"{kind.kind}<{', '.join(type_text(part) for part in kind.parts.values())}>"
        case "struct":
            said = {name: "required" if name in kind.required else "optional" for name in kind.parts}
            fields = (f"{kind.field_ids[n]}: {n}: {said[n]} {type_text(part)}" for n, part in kind.parts.items())
            return f"struct<{', '.join(fields)}>"
        case plain:
            return plain


def is_nested(column_type: str) -> bool:
    """Does a type have parts? Also one that is not understood."""
    return "<" in column_type


def inner_columns(column: PolicyColumn) -> tuple[PolicyColumn, ...]:
    """The fields of the structs in a column, at any depth, by the names that Iceberg gives them: `visits.element.code`.

    Raises:
        UnknownColumnType: what is in it is not understood.
    """
    return tuple(_inner(column.name, parsed_type(column.type))) if is_nested(column.type) else ()


def row_fields(column: PolicyColumn) -> tuple[tuple[PolicyColumn, tuple[str, ...]], ...]:
    """The fields of which a row has one, in structs and not in lists or maps, with the names that lead to each.

    None of a column whose type is not understood.
    """
    try:
        return tuple(_of_rows(column.name, (), parsed_type(column.type))) if is_nested(column.type) else ()
    except UnknownColumnType:
        return ()


def with_row_fields(columns: Sequence[PolicyColumn]) -> tuple[PolicyColumn, ...]:
    """What a row has one of: what filters ask about, and what dates are shifted by."""
    return (*columns, *(field for column in columns for field, _ in row_fields(column)))


def _of_rows(root: str, path: tuple[str, ...], kind: ColumnType) -> Iterator[tuple[PolicyColumn, tuple[str, ...]]]:
    for name, part in kind.parts.items() if kind.kind == "struct" else ():
        inside = (*path, name)
        yield PolicyColumn(kind.field_ids[name], ".".join((root, *inside)), type_text(part)), inside
        yield from _of_rows(root, inside, part)


def _inner(path: str, kind: ColumnType) -> Iterator[PolicyColumn]:
    for name, part in kind.parts.items():
        inside = f"{path}.{name}"
        if kind.kind == "struct":
            yield PolicyColumn(kind.field_ids[name], inside, type_text(part), name in kind.required)
        yield from _inner(inside, part)


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
    field_ids: dict[str, int] = {}
    required: set[str] = set()
    folded: set[str] = set()
    end = start
    named: re.Match[str] | None = None
    names = iter({"list": ("element",), "map": ("key", "value")}.get(kind, ()))
    while True:
        if kind == "struct":
            named = _FIELD.match(text, end)
            name, end = (named[2], named.end()) if named else ("", end)
        else:
            name = next(names, "")
        if not name or name.casefold() in folded:  # engines find a field without regard to case: one for the other
            raise _unknown()
        folded.add(name.casefold())
        parts[name], end = _type_at(text, end, depth + 1)
        if named:
            field_ids[name] = int(named[1])
            required |= {name} if named[3] == "required" else set()
        if text.startswith(">", end):
            break
        if not text.startswith(", ", end):
            raise _unknown()
        end += 2
    if next(names, None) is not None:
        raise _unknown()
    return ColumnType(kind, parts=parts, field_ids=field_ids, required=frozenset(required)), end + 1


def _unknown() -> UnknownColumnType:
    return UnknownColumnType(
        "a column has a type that masks and filters do not know",
        hint="leave the column out, or give it without a mask; docs/reference/types.md lists the types",
    )
