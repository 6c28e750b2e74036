"""How does what is said of an asset change: by its table, by an edit; and what differs between two versions? Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pergamon.catalog.model import AccessConditions, AssetContent, AssetEdit, BadContent, Column, TableFacts

LONGEST_LIST = 20
"""How many names a message or an event holds."""


@dataclass(frozen=True)
class ColumnChanges:
    """What a table's columns have become."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One thing that two versions say differently. field: `title`, `columns.sex`, `tags.source`, …; None: unsaid."""

    field: str
    before: Any  # Any: JSON
    after: Any

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "before": self.before, "after": self.after}


def with_table(content: AssetContent, facts: TableFacts) -> AssetContent:
    """The content with the table as it is now; what people said stays, also of columns that are gone."""
    return content.model_copy(update={"columns": facts.columns, "partitions": facts.partitions})


def column_changes(before: tuple[Column, ...], after: tuple[Column, ...]) -> ColumnChanges:
    """Which columns came, went, or changed their type."""
    old, new = {column.name: column for column in before}, {column.name: column for column in after}
    return ColumnChanges(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        retyped=tuple(name for name in new if name in old and new[name] != old[name]),
    )


def edited(content: AssetContent, edit: AssetEdit) -> AssetContent:
    """The content after an edit, see `AssetEdit` for what each field means.

    Raises:
        BadContent: it speaks of a column that the table has not.
    """
    given = {name: getattr(edit, name) for name in edit.model_fields_set}
    _require_columns(content, {**(edit.column_descriptions or {}), **(edit.column_terms or {})})
    return content.model_copy(update={name: _changed(content, name, value) for name, value in given.items()})


def _changed(content: AssetContent, name: str, value: Any) -> Any:  # Any: whatever the field holds
    before = getattr(content, name)
    if isinstance(before, AccessConditions):
        return before_with(before, value)
    if isinstance(before, Mapping):
        return {} if value is None else _changed_mapping(before, name, value)
    if value is None:
        return () if isinstance(before, tuple) else "" if name in ("description", "readme") else None
    if name in ("terms", "assets"):
        return tuple(dict.fromkeys(value))
    return value


def _changed_mapping(before: Mapping[str, Any], name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    if name == "forms":
        patch = {form: _form(before.get(form, {}), fields) for form, fields in patch.items()}
    return _merged(before, patch)


def before_with(before: AccessConditions, given: AccessConditions | None) -> AccessConditions:
    """The conditions with those that are given; None: none at all.

    Raises:
        BadContent: together they make no sense.
    """
    if given is None:
        return AccessConditions()
    named = {name: getattr(given, name) for name in given.model_fields_set}
    try:
        return AccessConditions(**{**dict(before), **named})
    except ValueError:
        raise BadContent(
            "the conditions do not go together", hint="what is approved automatically needs one approval"
        ) from None


def _merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Each key replaces that key; None, and what is empty, removes it."""
    joined = {**before, **patch}
    return {key: joined[key] for key in sorted(joined) if joined[key] is not None and joined[key] not in ("", (), {})}


def _form(before: Mapping[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if patch is None else _merged(before, patch)


def _require_columns(content: AssetContent, named: Mapping[str, Any]) -> None:
    """What is removed may name a column that is gone; what is said may not."""
    there = {column.name for column in content.columns}
    unknown = sorted(name for name, said in named.items() if said is not None and name not in there)
    if unknown:
        raise BadContent(
            f"the asset has no column {listed(unknown)}", hint="names are spelled as the table spells them"
        )


def differences(before: AssetContent, after: AssetContent) -> list[Difference]:
    """What `after` says otherwise than `before`, by field."""
    old, new = _flat(before), _flat(after)
    names = [*new, *(name for name in old if name not in new)]
    return [Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _flat(content: AssetContent) -> dict[str, Any]:
    """Every single thing that the content says, by its own name; nothing that is empty."""
    told = content.model_dump(mode="json")
    flat: dict[str, Any] = {f"columns.{column['name']}": _column_text(column) for column in told.pop("columns")}
    for name, value in told.items():
        if isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, dict):
                    flat |= {f"{name}.{key}.{inner}": each for inner, each in item.items()}
                else:
                    flat[f"{name}.{key}"] = item
        elif value not in (None, "", []):
            flat[name] = value
    return flat


def _column_text(column: Mapping[str, Any]) -> str:
    return f"{column['type']}{' required' if column['required'] else ''}"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """Names for a message: the first ones, and how many more there are."""
    shown = ", ".join(_shown(name) for name in names[:LONGEST_LIST])
    return shown if len(names) <= LONGEST_LIST else f"{shown} and {len(names) - LONGEST_LIST} more"


def _shown(name: str) -> str:
    """A name as it can stand in one line."""
    plain = "".join(c if c.isprintable() else "·" for c in name)
    return f"`{plain[:100]}`"
