"""How is one column written of which grants give a part? Masked, and NULL where only other grants give the row. Of a
struct only the fields that are given, at any depth: it is built anew from them.

The fields of structs are columns of their own to grants (`policy.inner_columns`). Whatever came into a struct since it
was granted is in no grant, so it is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pergamon.policy import (
    ColumnRight,
    ColumnType,
    Mask,
    Predicate,
    UnknownColumnType,
    is_nested,
    parsed_type,
    type_text,
)
from pergamon.query.filter_sql import filter_sql
from pergamon.query.mask_sql import MaskSecrets, mask_sql
from pergamon.query.sql_literals import identifier, text_literal

Rights = Mapping[int, ColumnRight]


@dataclass(frozen=True)
class CellRights:
    """What the cells of a table are written with. raw: the SQL of its columns, by field id."""

    rights: Rights
    raw: Mapping[int, str]
    secrets: MaskSecrets = field(repr=False)

    def cell(self, value: str, column_type: str, right: ColumnRight, depth: int = 0) -> str:
        """A value as this right gives it, and what is in it as theirs do."""
        shown = self._form(value, column_type, right, right.mask, depth)
        if right.own is not None:
            own = self._form(value, column_type, right, right.own.mask, depth)
            shown = f"CASE WHEN {rows_sql(right.own.where, self.raw)} THEN {own} ELSE {shown} END"
        return (
            shown if right.only_where is None else f"CASE WHEN {rows_sql(right.only_where, self.raw)} THEN {shown} END"
        )

    def _form(self, value: str, column_type: str, right: ColumnRight, mask: Mask | None, depth: int) -> str:
        left = given_type(column_type, self.rights) or column_type
        shown = self._built(value, parsed_type(column_type), right, depth) if is_nested(column_type) else value
        if mask is None:
            return shown
        if mask.anchor is not None and mask.anchor not in self.raw:  # nothing says how far to shift any more
            return f"CASE WHEN FALSE THEN {value} END"
        anchor = self.raw[mask.anchor] if mask.anchor else None
        return mask_sql(mask, shown, left, self.secrets, anchor_sql=anchor)

    def _built(self, value: str, kind: ColumnType, outer: ColumnRight, depth: int) -> str:
        """A value with parts, of which only those that are given are left; as it is, where all are, as they are."""
        if self._is_whole(kind, outer):
            return value
        if kind.kind == "struct":
            fields = [
                f"{identifier(name)} := {self._field(value, kind, name, outer, depth)}"
                for name, part in kind.parts.items()
                if kind.field_ids[name] in self.rights and _left(part, self.rights) is not None
            ]
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(fields)}) END"
        one = f"inner{depth}"
        if kind.kind == "list":
            return f"list_transform({value}, lambda {one}: {self._built(one, kind.parts['element'], outer, depth + 1)})"
        shown = self._built(f"struct_extract({one}, 'value')", kind.parts["value"], outer, depth + 1)
        pair = f"struct_pack(k := struct_extract({one}, 'key'), v := {shown})"
        pairs = f"list_transform(map_entries({value}), lambda {one}: {pair})"
        keys = "".join(f" AND {rows_sql(rows, self.raw)}" for rows in self._rows_of_keys(kind.parts["key"], outer))
        return f"CASE WHEN {value} IS NOT NULL{keys} THEN map_from_entries({pairs}) END"

    def _rows_of_keys(self, kind: ColumnType, outer: ColumnRight) -> Iterator[Predicate]:
        """Keys stay whole, so a map is given only in the rows in which all that is in its keys is given."""
        for name, part in kind.parts.items():
            only_where = self.rights[kind.field_ids[name]].only_where if kind.kind == "struct" else None
            if only_where is not None and only_where != outer.only_where:
                yield only_where
            yield from self._rows_of_keys(part, outer)

    def _field(self, struct: str, kind: ColumnType, name: str, outer: ColumnRight, depth: int) -> str:
        """A field of a struct. Where it is given in the same rows as what it stands in, nothing is to be said twice."""
        right = self.rights[kind.field_ids[name]]
        same = right.only_where is None or right.only_where == outer.only_where
        value, here = f"struct_extract({struct}, {text_literal(name)})", replace(right, only_where=None)
        return self.cell(value, type_text(kind.parts[name]), here if same else right, depth)

    def _is_whole(self, kind: ColumnType, outer: ColumnRight) -> bool:
        for name, part in kind.parts.items():
            if kind.kind == "struct":
                right = self.rights.get(kind.field_ids[name])
                if right is None or right.mask is not None or right.own is not None:
                    return False
                if right.only_where not in (None, outer.only_where):
                    return False
            if not self._is_whole(part, outer):
                return False
        return True


def given_type(column_type: str, rights: Rights) -> str | None:
    """The type that is left of a column which is given: without the fields that are not. None: nothing is left of it,
    or it is not understood what is in it.
    """
    if not is_nested(column_type):
        return column_type
    try:
        left = _left(parsed_type(column_type), rights)
    except UnknownColumnType:
        return None
    return type_text(left) if left is not None else None


def rows_sql(predicate: Predicate | None, raw: Mapping[int, str]) -> str:
    """The rows of a filter."""
    return "TRUE" if predicate is None else filter_sql(predicate, raw)


def _left(kind: ColumnType, rights: Rights) -> ColumnType | None:
    """A map keeps its keys whole or is not given: keys of which a part is left could be the same."""
    if not kind.parts:
        return kind
    found = {name: _left(part, rights) for name, part in kind.parts.items()}
    if kind.kind == "struct":
        parts = {name: part for name, part in found.items() if part is not None and kind.field_ids[name] in rights}
        return replace(kind, parts=parts, field_ids={n: kind.field_ids[n] for n in parts}) if parts else None
    if kind.kind == "map" and (found["key"] != kind.parts["key"] or not _keeps_its_values(kind.parts["key"], rights)):
        return None
    parts = {name: part for name, part in found.items() if part is not None}
    return replace(kind, parts=parts) if parts.keys() == kind.parts.keys() else None


def _keeps_its_values(kind: ColumnType, rights: Rights) -> bool:
    """Is nothing in it masked? In which rows it is given is another question (`_rows_of_keys`)."""
    ids = [kind.field_ids[name] for name in kind.field_ids]
    plain = all((right := rights.get(one)) is None or (right.mask, right.own) == (None, None) for one in ids)
    return plain and all(_keeps_its_values(part, rights) for part in kind.parts.values())
