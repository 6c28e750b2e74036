"""Which tables are replicated and what they are called on landing: AWS DMS table-mapping rules, verbatim, pure.

Source: AWS DMS user guide, "Specifying table selection and transformations rules using JSON". Whatever of it is not
done here is an error that names the rule: nothing is accepted and ignored. Where DMS allows one action for each object,
rules here apply one after the other in the document's order. Locators always match the source's own names.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pergamon.kernel import Invalid


class RuleNotUsable(Invalid):
    """A table-mapping rule is wrong, or asks for something that is not supported."""

    code = "replicate.rule_not_usable"


@dataclass(frozen=True)
class SelectionRule:
    rule_id: str
    action: str
    schema: str
    table: str
    load_order: int = 0

    def matches(self, schema: str, table: str) -> bool:
        if self.action == "explicit":
            return (schema, table) == (self.schema, self.table)
        return matches(self.schema, schema) and matches(self.table, table)


@dataclass(frozen=True)
class TransformationRule:
    rule_id: str
    target: str
    action: str
    schema: str
    table: str
    column: str
    value: str = ""
    old_value: str = ""
    expression: str = ""
    data_type: str = "string"

    def concerns_table(self, schema: str, table: str) -> bool:
        return matches(self.schema, schema) and (self.target == "schema" or matches(self.table, table))


@dataclass(frozen=True)
class AddedColumn:
    """A column that a rule adds, filled from a header of the change."""

    name: str
    header: str
    """Without the dollar sign: `AR_H_CHANGE_SEQ`."""
    data_type: str
    """`string` or `datetime`."""


@dataclass(frozen=True)
class TablePlan:
    """What becomes of one source table."""

    schema: str
    table: str
    target_schema: str
    target_table: str
    columns: tuple[tuple[str, str], ...]
    """(name in the source, name on landing), in the source's order; removed columns are not in it."""
    added: tuple[AddedColumn, ...]


@dataclass(frozen=True)
class MappingRules:
    selection: tuple[SelectionRule, ...]
    transformation: tuple[TransformationRule, ...]

    def selects(self, schema: str, table: str) -> bool:
        """A table is taken when an include or explicit rule matches it and no exclude rule does."""
        found = {rule.action for rule in self.selection if rule.matches(schema, table)}
        return bool(found) and "exclude" not in found

    def load_order(self, schema: str, table: str) -> int:
        """Higher is loaded earlier."""
        return max((rule.load_order for rule in self.selection if rule.matches(schema, table)), default=0)

    def plan(self, schema: str, table: str, columns: Sequence[str], key: Iterable[str] = ()) -> TablePlan:
        """Say what one table and its columns are called on landing.

        Raises:
            RuleNotUsable: two columns get one name, a column of Pergamon's own is hidden, a key column is removed, or
                a name cannot be a folder's.
        """
        rules = [rule for rule in self.transformation if rule.concerns_table(schema, table)]
        kept = tuple((name, landed) for name in columns if (landed := _landed_column(rules, name)) is not None)
        removed_key = sorted(set(key) & (set(columns) - {name for name, _ in kept}))
        if removed_key:
            raise _unusable(
                _removing_rule(rules, removed_key[0]),
                f"removes {schema}.{table}.{removed_key[0]}, which belongs to the key that changes are told by",
                "keep the column: without it an update or a delete cannot find its row",
            )
        plan = TablePlan(
            schema,
            table,
            _renamed(schema, [rule for rule in rules if rule.target == "schema"]),
            _renamed(table, [rule for rule in rules if rule.target == "table"]),
            kept,
            tuple(
                AddedColumn(rule.value, rule.expression, rule.data_type) for rule in rules if rule.action == ADD_COLUMN
            ),
        )
        _refuse_same_names(plan, rules)
        _refuse_bad_folders(plan)
        return plan


ADD_COLUMN, REMOVE_COLUMN = "add-column", "remove-column"
OWN_COLUMNS = ("Op", "_position", "_unchanged", "_previous_key")
RESERVED, RESERVED_PREFIXES = ("_operation", "__operation"), ("_previous_", "__keep_", "__stored_", "__old_")
"""What a merge calls its own columns: a column of the source with such a name would be mistaken for one."""
HEADERS = (
    "AR_H_OPERATION",
    "AR_H_STREAM_POSITION",
    "AR_H_TIMESTAMP",
    "AR_H_COMMIT_TIMESTAMP",
    "AR_H_CHANGE_SEQ",
)
DATETIME_HEADERS = ("AR_H_TIMESTAMP", "AR_H_COMMIT_TIMESTAMP")
RENAMING = {
    "convert-uppercase": (),
    "convert-lowercase": (),
    "rename": ("value",),
    "add-prefix": ("value",),
    "remove-prefix": ("value",),
    "replace-prefix": ("value", "old-value"),
    "add-suffix": ("value",),
    "remove-suffix": ("value",),
    "replace-suffix": ("value", "old-value"),
}


def parse_rules(document: Any) -> MappingRules:  # Any: what a JSON or YAML reader gives
    """Read `{"rules": [...]}` or the bare list.

    Raises:
        RuleNotUsable: naming the rule-id and what to do.
    """
    if isinstance(document, Mapping):
        unknown = sorted(set(document) - {"rules"})
        if unknown:
            raise RuleNotUsable(f"table mappings: unknown key {unknown[0]!r}", hint="the only key is 'rules'")
        document = document.get("rules")
    if not isinstance(document, list | tuple) or not document:
        raise RuleNotUsable("table mappings hold no rules", hint="write at least one selection rule")
    selection, transformation, seen = [], [], set()
    for number, raw in enumerate(document, start=1):
        if not isinstance(raw, Mapping):
            raise RuleNotUsable(f"rule number {number} is not a mapping", hint="write it as {'rule-type': ..., ...}")
        rule_id = str(raw.get("rule-id", "")) or f"without rule-id (number {number})"
        if "rule-id" not in raw:
            raise _unusable(rule_id, "has no rule-id", "give it a number of its own")
        if rule_id in seen:
            raise _unusable(rule_id, "appears twice", "give each rule a number of its own")
        seen.add(rule_id)
        kind = raw.get("rule-type")
        if kind == "selection":
            selection.append(_selection(rule_id, raw))
        elif kind == "transformation":
            transformation.append(_transformation(rule_id, raw))
        else:
            raise _unusable(rule_id, f"has rule-type {kind!r}", "supported are selection and transformation")
    if not any(rule.action in ("include", "explicit") for rule in selection):
        raise RuleNotUsable("table mappings select nothing", hint="add a selection rule with rule-action include")
    return MappingRules(tuple(selection), tuple(transformation))


def check_targets(plans: Sequence[TablePlan]) -> None:
    """Refuse two source tables with one name on landing.

    Raises:
        RuleNotUsable: naming both.
    """
    taken: dict[tuple[str, str], TablePlan] = {}
    for plan in plans:
        other = taken.setdefault((plan.target_schema, plan.target_table), plan)
        if other is not plan:
            raise RuleNotUsable(
                f"{other.schema}.{other.table} and {plan.schema}.{plan.table} would both land as "
                f"{plan.target_schema}.{plan.target_table}",
                hint="change the renaming rules so that each table keeps a name of its own",
            )


@lru_cache(maxsize=4096)
def _pattern(wildcards: str) -> re.Pattern[str]:
    """`%` any text, `_` one character, `[ab]` and `[a-d]` one of these, `[_]` a literal underscore."""
    parts, at = [], 0
    while at < len(wildcards):
        character = wildcards[at]
        if character == "[":
            end = wildcards.find("]", at + 2)
            if end < 0:
                raise RuleNotUsable(
                    f"the name {wildcards!r} opens a bracket and does not close it", hint="write [_] or [a-d]"
                )
            inside = wildcards[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            try:
                re.compile(f"[{inside}]")
            except re.error:
                raise RuleNotUsable(
                    f"the name {wildcards!r} holds a range that runs backwards", hint="write [a-d]"
                ) from None
            parts.append(f"[{inside}]")
            at = end + 1
            continue
        parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def matches(wildcards: str, name: str) -> bool:
    """Does a locator's name, with its wildcards, mean this name? Case counts."""
    return _pattern(wildcards).fullmatch(name) is not None


# --- reading one rule ---

_SELECTION_KEYS = {"rule-type", "rule-id", "rule-name", "rule-action", "object-locator", "filters", "load-order"}
_TRANSFORMATION_KEYS = {
    "rule-type", "rule-id", "rule-name", "rule-action", "rule-target", "object-locator", "value", "old-value",
    "expression", "data-type",
}  # fmt: skip


def _selection(rule_id: str, raw: Mapping[str, Any]) -> SelectionRule:
    _refuse_unknown(rule_id, raw, _SELECTION_KEYS)
    action = raw.get("rule-action")
    if action not in ("include", "exclude", "explicit"):
        raise _unusable(rule_id, f"has rule-action {action!r}", "supported are include, exclude and explicit")
    if raw.get("filters"):
        raise _unusable(
            rule_id, "has filters, which are not supported yet", "filter in a job, or replicate a smaller table"
        )
    locator = _locator(rule_id, raw, ("schema-name", "table-name"), optional=("table-type",))
    if locator.get("table-type", "table") != "table":
        raise _unusable(rule_id, f"has table-type {locator['table-type']!r}", "only tables can be replicated")
    order = raw.get("load-order", 0)
    if not isinstance(order, int) or isinstance(order, bool) or order < 0:
        raise _unusable(
            rule_id, "has a load-order that is not a number", "write a whole number; higher is loaded earlier"
        )
    return SelectionRule(rule_id, action, locator["schema-name"], locator["table-name"], order)


def _transformation(rule_id: str, raw: Mapping[str, Any]) -> TransformationRule:
    _refuse_unknown(rule_id, raw, _TRANSFORMATION_KEYS)
    target, action = raw.get("rule-target"), str(raw.get("rule-action"))
    if target not in ("schema", "table", "column"):
        raise _unusable(rule_id, f"has rule-target {target!r}", "supported are schema, table and column")
    if action not in (*RENAMING, ADD_COLUMN, REMOVE_COLUMN):
        raise _unusable(
            rule_id,
            f"has rule-action {action!r}, which is not supported",
            "supported are " + ", ".join((ADD_COLUMN, REMOVE_COLUMN, *RENAMING)),
        )
    wanted = {
        "schema": ("schema-name",),
        "table": ("schema-name", "table-name"),
        "column": ("schema-name", "table-name"),
    }
    if action == ADD_COLUMN:
        return _add_column(rule_id, raw, str(target))
    if target == "column":
        wanted["column"] = ("schema-name", "table-name", "column-name")
    elif action == REMOVE_COLUMN:
        raise _unusable(rule_id, f"removes a column but has rule-target {target!r}", "write rule-target column")
    optional = ("table-name",) if target == "schema" else ()
    locator = _locator(rule_id, raw, wanted[str(target)], optional=optional)
    if target == "schema" and locator.get("table-name", "%") != "%":
        raise _unusable(rule_id, "names a table although its rule-target is schema", "leave table-name out, or write %")
    value, old_value = _values(rule_id, raw, RENAMING.get(action, ()), action)
    last = {"schema": "schema-name", "table": "table-name", "column": "column-name"}[str(target)]
    if action == "rename" and "%" in locator[last]:
        raise _unusable(
            rule_id, f"renames every {target} that matches {locator[last]!r} to one name", f"name one {target}"
        )
    return TransformationRule(
        rule_id,
        str(target),
        action,
        locator["schema-name"],
        locator.get("table-name", "%"),
        locator.get("column-name", "%"),
        value,
        old_value,
    )


def _add_column(rule_id: str, raw: Mapping[str, Any], target: str) -> TransformationRule:
    if target != "column":
        raise _unusable(rule_id, f"adds a column but has rule-target {target!r}", "write rule-target column")
    if raw.get("old-value") is not None:
        raise _unusable(rule_id, "has an old-value, which add-column does not use", "leave it out")
    locator = _locator(rule_id, raw, ("schema-name", "table-name"), optional=("column-name",))
    if locator.get("column-name", "%") != "%":
        raise _unusable(
            rule_id, "locates a column although it adds one", "leave column-name out; the new name is 'value'"
        )
    name = raw.get("value")
    if not isinstance(name, str) or not name:
        raise _unusable(rule_id, "does not say what the new column is called", "write its name as 'value'")
    expression = raw.get("expression")
    header = expression.strip().removeprefix("$") if isinstance(expression, str) else None
    if header not in HEADERS or not str(expression).strip().startswith("$"):
        raise _unusable(
            rule_id,
            f"has the expression {expression!r}, which is not supported",
            "supported are " + ", ".join(f"${header}" for header in HEADERS),
        )
    data_type = _data_type(rule_id, raw.get("data-type"))
    if data_type == "datetime" and header not in DATETIME_HEADERS:
        raise _unusable(rule_id, f"wants ${header} as datetime", "write data-type string")
    return TransformationRule(
        rule_id, "column", ADD_COLUMN, locator["schema-name"], locator["table-name"], "%", name, "", header, data_type
    )


def _data_type(rule_id: str, raw: Any) -> str:  # Any: what a JSON or YAML reader gives
    if raw is None:
        return "string"
    if not isinstance(raw, Mapping):
        raise _unusable(rule_id, "has a data-type that is not a mapping", "write {'type': 'string', 'length': 50}")
    kind = raw.get("type")
    allowed = {"string": {"type", "length"}, "datetime": {"type", "precision"}}.get(str(kind))
    if allowed is None:
        raise _unusable(rule_id, f"has data-type {kind!r}, which is not supported", "supported are string and datetime")
    unknown = sorted(set(raw) - allowed)
    if unknown:
        raise _unusable(
            rule_id, f"has the unknown data-type key {unknown[0]!r}", f"known are {', '.join(sorted(allowed))}"
        )
    longest = {"AR_H_OPERATION": 8}.get(str(kind), 35)
    if kind == "string" and int(raw.get("length", 50)) < longest:
        raise _unusable(rule_id, f"has a length of {raw['length']}, which would cut values off", "write at least 35")
    if kind == "datetime" and int(raw.get("precision", 6)) != 6:
        raise _unusable(rule_id, "has a precision other than 6", "write precision 6: microseconds")
    return str(kind)


def _values(rule_id: str, raw: Mapping[str, Any], needed: tuple[str, ...], action: str) -> tuple[str, str]:
    found = {}
    for key in ("value", "old-value"):
        value = raw.get(key)
        if key in needed and (not isinstance(value, str) or not value):
            raise _unusable(rule_id, f"has no {key!r}, which {action} needs", f"write {key!r}")
        if key not in needed and value is not None:
            raise _unusable(rule_id, f"has {key!r}, which {action} does not use", "leave it out")
        found[key] = value or ""
    for key in ("expression", "data-type"):
        if raw.get(key) is not None:
            raise _unusable(rule_id, f"has {key!r}, which {action} does not use", "leave it out")
    return found["value"], found["old-value"]


def _locator(
    rule_id: str, raw: Mapping[str, Any], needed: tuple[str, ...], *, optional: tuple[str, ...] = ()
) -> dict[str, str]:
    locator = raw.get("object-locator")
    if not isinstance(locator, Mapping):
        raise _unusable(rule_id, "has no object-locator", "write {'schema-name': ..., 'table-name': ...}")
    unknown = sorted(set(locator) - set(needed) - set(optional))
    if unknown:
        raise _unusable(
            rule_id, f"has the unknown locator key {unknown[0]!r}", f"known are {', '.join(needed + optional)}"
        )
    for key in needed:
        if not isinstance(locator.get(key), str) or not locator[key]:
            raise _unusable(rule_id, f"has no {key!r} in its object-locator", "write a name; % means any")
    for key, value in locator.items():
        try:
            _pattern(str(value))
        except RuleNotUsable as error:
            raise _unusable(rule_id, f"has an unusable {key!r}: {error.message}", error.hint or "") from None
    return {str(key): str(value) for key, value in locator.items()}


def _refuse_unknown(rule_id: str, raw: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in set(raw) - known)
    if unknown:
        raise _unusable(rule_id, f"has the unknown key {unknown[0]!r}", f"known are {', '.join(sorted(known))}")


def _unusable(rule_id: str, what: str, hint: str) -> RuleNotUsable:
    return RuleNotUsable(f"table-mapping rule {rule_id} {what}", hint=hint)


# --- names ---


def _renamed(name: str, rules: Iterable[TransformationRule]) -> str:
    for rule in rules:
        name = _rename(name, rule)
    return name


def _rename(name: str, rule: TransformationRule) -> str:  # noqa: PLR0911 - one line for each action
    match rule.action:
        case "convert-uppercase":
            return name.upper()
        case "convert-lowercase":
            return name.lower()
        case "rename":
            return rule.value
        case "add-prefix":
            return rule.value + name
        case "add-suffix":
            return name + rule.value
        case "remove-prefix":
            return name.removeprefix(rule.value)
        case "remove-suffix":
            return name.removesuffix(rule.value)
        case "replace-prefix":
            return rule.value + name.removeprefix(rule.old_value) if name.startswith(rule.old_value) else name
        case _:
            return name.removesuffix(rule.old_value) + rule.value if name.endswith(rule.old_value) else name


def _landed_column(rules: Iterable[TransformationRule], column: str) -> str | None:
    """A column's name on landing, or None when a rule removes it."""
    name = column
    for rule in rules:
        if rule.target != "column" or rule.action == ADD_COLUMN or not matches(rule.column, column):
            continue
        if rule.action == REMOVE_COLUMN:
            return None
        name = _rename(name, rule)
    return name


def _removing_rule(rules: Iterable[TransformationRule], column: str) -> str:
    return next(rule.rule_id for rule in rules if rule.action == REMOVE_COLUMN and matches(rule.column, column))


def _refuse_same_names(plan: TablePlan, rules: Sequence[TransformationRule]) -> None:
    taken = {name.casefold(): f"Pergamon's own column {name}" for name in OWN_COLUMNS}
    ids = ", ".join(rule.rule_id for rule in rules if rule.target == "column") or "(none)"
    named = [(landed, f"column {name}") for name, landed in plan.columns]
    for landed, what in [*named, *((column.name, f"added column {column.name}") for column in plan.added)]:
        other = taken.setdefault(landed.casefold(), what)
        if landed.casefold().startswith(RESERVED_PREFIXES) or landed.casefold() in RESERVED:
            raise RuleNotUsable(
                f"{plan.schema}.{plan.table} has {what}, and raw tables keep the name {landed} for themselves",
                hint=f"rename the column by a rule, or remove it ({ids})",
            )
        if other is not what or not landed:
            raise RuleNotUsable(
                f"in {plan.schema}.{plan.table} {what} and {other} would both be called {landed} on landing",
                hint=f"engines do not tell upper from lower case; change a rule ({ids}), or rename the column by one",
            )


def _refuse_bad_folders(plan: TablePlan) -> None:
    for name in (plan.target_schema, plan.target_table):
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise RuleNotUsable(
                f"{plan.schema}.{plan.table} would land in a folder called {name!r}",
                hint="rename it by a rule: a folder's name is not empty, holds no slash and does not begin with a dot",
            )
