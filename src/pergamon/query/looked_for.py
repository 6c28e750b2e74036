"""Which rows of a table does a text look for, at most? Row filters of our own language, read off its syntax tree.

A user's conditions are looked at above the barrier, where each given row has been copied (ADR 0023). A row that cannot
be in the answer need not be: what is found here is TRUE for every row that may count, so the engine may leave the
others behind the barrier (ADR 0031). Only what cannot fail is taken: a column that is given as it is, against constants
of its own type, written anew by `filter_sql`; nothing of the text itself. Whatever is not understood leaves every row.

No condition that is taken is TRUE of NULL. So it may also be taken of the side of an outer join that WHERE looks at: a
row that is missing there comes back as NULLs, on which the same condition ends it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from pergamon.policy import ColumnType, Predicate, UnknownColumnType, parsed_type
from pergamon.policy.filter_values import COMPARED, ORDERED, Value, typed_value
from pergamon.policy.row_filter import Among, Compare, Operator, StartsWith, all_of, any_of
from pergamon.query.gate import JudgedQuery, TableName, ascii_lower
from pergamon.query.model import Column, GrantedTable, Sought

Node = Mapping[str, Any]  # Any: DuckDB's tree
Names = frozenset[str]

COMPARISONS = {
    "COMPARE_EQUAL": Operator.EQUAL,
    "COMPARE_LESSTHAN": Operator.LESS,
    "COMPARE_LESSTHANOREQUALTO": Operator.AT_MOST,
    "COMPARE_GREATERTHAN": Operator.MORE,
    "COMPARE_GREATERTHANOREQUALTO": Operator.AT_LEAST,
}
MIRRORED = {
    Operator.EQUAL: Operator.EQUAL,
    Operator.LESS: Operator.MORE,
    Operator.AT_MOST: Operator.AT_LEAST,
    Operator.MORE: Operator.LESS,
    Operator.AT_LEAST: Operator.AT_MOST,
}
REACHED_BY_ON = {"INNER": ("left", "right"), "LEFT": ("right",), "RIGHT": ("left",), "FULL": ()}
"""Of which sides of a join its ON may leave rows out. Joins of other kinds show only one side, or count rows."""
WHOLE_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
WRITTEN_AS = {
    "string": {"VARCHAR"},
    "uuid": {"VARCHAR", "UUID"},
    "date": {"VARCHAR", "DATE"},
    "timestamp": {"VARCHAR", "DATE", "TIMESTAMP"},
    "boolean": {"BOOLEAN"},
    "int": WHOLE_NUMBERS,
    "long": WHOLE_NUMBERS,
    "decimal": WHOLE_NUMBERS | {"DECIMAL"},
    "double": WHOLE_NUMBERS | {"DECIMAL"},
}
"""The types of constants that the engine compares with a column as we do, once they are values of the column's type."""
CAST_FROM_TEXT = frozenset({"DATE", "TIMESTAMP", "BOOLEAN", "UUID"})
"""Types for which a cast of a text gives what the text says. A number is rounded: `CAST('5.5' AS INTEGER)` is 6."""
EXACT_IN_DOUBLE = 2**53
MOST_NESTED = 100
MOST_TABLES = 8
"""In one condition: it is read once for each."""
MOST_PLACES = 4
"""Of one table, that look for different rows: in each of them, every row is asked for what all of them look for."""


def looked_for(judged: JudgedQuery, granted: Sequence[GrantedTable]) -> dict[TableName, Sought]:
    """What the text looks for in each of these tables, which it reads under their names."""
    tables = {table.name: _columns_of(table) for table in granted}
    found: dict[int, Sought] = {}
    for select in _nodes(judged.tree, "SELECT_NODE"):
        found |= _of_one_select(select, tables, judged.aliases)
    places: dict[TableName, list[Sought]] = {}
    for node in _nodes(judged.tree, "BASE_TABLE"):
        places.setdefault(_table_named(node), []).append(found.get(id(node), Sought()))
    return {name: _in_one_of(each) for name, each in places.items() if name in tables}


@dataclass(frozen=True)
class _Plain:
    """A column that is given as it is. None stands for one of which nothing is told."""

    field_id: int
    type: str
    kind: ColumnType


Columns = Mapping[str, _Plain | None]


@dataclass(frozen=True)
class _Named:
    """A table that stands in FROM under a name of its own."""

    name: str
    node: Node
    columns: Columns


class _Scope:
    """What names mean in one SELECT. shadowed: names without a table that may mean something else there."""

    def __init__(self, named: Sequence[_Named], shadowed: Names) -> None:
        self._tables = {each.name: each for each in named}
        self._owners: dict[str, list[_Named]] = {}
        for each in named:
            for column in each.columns:
                if column not in shadowed:
                    self._owners.setdefault(column, []).append(each)

    def owner(self, reference: Node) -> _Named | None:
        """The table of which a reference certainly means a column."""
        *table, name = [ascii_lower(part) for part in reference["column_names"]]
        if table:
            owner = self._tables.get(table[0]) if len(table) == 1 else None
            return owner if owner and name in owner.columns else None
        owners = self._owners.get(name, [])
        return owners[0] if len(owners) == 1 else None

    def column(self, of: _Named, node: Node) -> _Plain | None:
        """The column of this table that an expression is; None: it is none, or not given as it is."""
        is_its = node["class"] == "COLUMN_REF" and self.owner(node) is of
        return of.columns[ascii_lower(node["column_names"][-1])] if is_its else None


def _of_one_select(select: Node, tables: Mapping[TableName, Columns], aliases: Names) -> dict[int, Sought]:
    """By the identity of the node in FROM that they are of."""
    joins = list(_nodes_of_from(select["from_table"], "JOIN"))
    if select["sample"] or not all(map(_is_understood, joins)):
        return {}
    shared = {ascii_lower(name) for join in joins for name in join["using_columns"]}
    scope = _Scope(_named_in(select["from_table"], tables), aliases | shared if shared else aliases)
    said: dict[int, list[Sought]] = {}
    for condition, reached in _conditions(select, joins):
        for part in _parts(condition):
            for of, sought in _of_one_part(part, scope, reached):
                said.setdefault(id(of.node), []).append(sought)
    return {node: _all_of(parts) for node, parts in said.items()}


def _of_one_part(part: Node, scope: _Scope, reached: set[int]) -> Iterator[tuple[_Named, Sought]]:
    """What one of the conditions that must hold says of each table; of one with a query in it, nothing is read."""
    references = _references(part)
    owners = {id(owner): owner for node in references or () for owner in [scope.owner(node)]}
    for of in owners.values() if len(owners) <= MOST_TABLES else ():
        if of is not None and id(of.node) in reached:
            find = partial(scope.column, of)
            implied, pair = _implied(part, find), _pair(part, find)
            yield of, Sought(implied, (pair,) if pair else (), and_more=implied is None and len(owners) == 1)


def _all_of(parts: Sequence[Sought]) -> Sought:
    """All of them hold of a row."""
    known = [part.rows for part in parts if part.rows is not None]
    pairs = tuple(pair for part in parts for pair in part.pairs)
    return Sought(all_of(known) if known else None, pairs, any(part.and_more for part in parts))


def _in_one_of(places: Sequence[Sought]) -> Sought:
    """A table that stands in several places: a row may count in any of them."""
    if len(places) == 1:
        return places[0]
    asked = dict.fromkeys(place.rows for place in places)
    known = [rows for rows in asked if rows is not None]
    rows = any_of(known) if len(known) == len(asked) <= MOST_PLACES else None
    return Sought(rows, and_more=all(place.and_more for place in places))


def _parts(condition: Node) -> Iterator[Node]:
    """What AND joins at the top, in its order."""
    todo = [condition]
    while todo:
        node = todo.pop()
        if node["type"] == "CONJUNCTION_AND":
            todo += reversed(node["children"])
        else:
            yield node


def _conditions(select: Node, joins: list[Node]) -> Iterator[tuple[Node, set[int]]]:
    """What must be TRUE of a row that counts, and of which nodes of FROM."""
    if select["where_clause"]:
        yield select["where_clause"], set(map(id, _leaves(select["from_table"])))
    for join in joins:
        if join["condition"]:
            sides = REACHED_BY_ON[join["join_type"]]
            yield join["condition"], {id(leaf) for side in sides for leaf in _leaves(join[side])}


def _is_understood(join: Node) -> bool:
    return join["ref_type"] in {"REGULAR", "CROSS"} and join["join_type"] in REACHED_BY_ON


def _named_in(from_table: Node, tables: Mapping[TableName, Columns]) -> list[_Named]:
    leaves = [(ascii_lower(leaf["alias"] or leaf.get("table_name", "")), leaf) for leaf in _leaves(from_table)]
    times = Counter(name for name, _ in leaves)
    known = [(name, leaf, _known(leaf, tables)) for name, leaf in leaves if times[name] == 1]
    return [_Named(name, leaf, columns) for name, leaf, columns in known if columns is not None]


def _known(leaf: Node, tables: Mapping[TableName, Columns]) -> Columns | None:
    if leaf["type"] != "BASE_TABLE" or leaf["sample"] or leaf["column_name_alias"]:
        return None
    return tables.get(_table_named(leaf))


def _table_named(node: Node) -> TableName:
    return TableName(ascii_lower(node["schema_name"]), ascii_lower(node["table_name"]))


def _columns_of(table: GrantedTable) -> Columns:
    """What its reader is told of, by name."""
    rights = {right.field_id: right for right in table.rights.columns} if table.rights else {}
    bare = {one for one, right in rights.items() if (right.mask, right.own, right.only_where) == (None, None, None)}
    names = [ascii_lower(column.name) for column in table.columns]
    is_certain = len(set(names)) == len(names)  # else the engine renames some, perhaps to the name of another
    return {
        name: _plain(column) if is_certain and (column.field_id in bare or not table.rights) else None
        for name, column in zip(names, table.columns, strict=True)
    }


def _plain(column: Column) -> _Plain | None:
    try:
        kind = parsed_type(column.type)
    except UnknownColumnType:
        return None
    return _Plain(column.field_id, column.type, kind) if kind.kind in WRITTEN_AS else None


# --- what a condition says of one table ---

Find = Callable[[Node], _Plain | None]


def _implied(node: Node, find: Find, deeper: int = MOST_NESTED) -> Predicate | None:
    """What is TRUE of a table's row wherever the condition is; None: nothing that could be said."""
    match node["class"], node["type"]:
        case "CONJUNCTION", kind if deeper:
            parts = [_implied(part, find, deeper - 1) for part in node["children"]]
            return _joined(kind, parts)
        case "COMPARISON", kind if kind in COMPARISONS:
            return _compared(node["left"], COMPARISONS[kind], node["right"], find)
        case "BETWEEN", "COMPARE_BETWEEN":
            return _between(node, find)
        case "OPERATOR", "COMPARE_IN":
            return _among(node["children"], find)
        case "FUNCTION", _ if node["function_name"] == "~~" and node["is_operator"]:
            return _begins(node["children"], find)
        case _:
            return None


def _joined(kind: str, parts: Sequence[Predicate | None]) -> Predicate | None:
    """A part of which nothing is known says nothing beside AND, and leaves any row beside OR."""
    known = [part for part in parts if part is not None]
    if kind == "CONJUNCTION_AND":
        return all_of(known) if known else None
    return any_of(known) if len(known) == len(parts) else None


def _compared(left: Node, operator: Operator, right: Node, find: Find) -> Predicate | None:
    column = find(left)
    if column is None:
        left, operator, right = right, MIRRORED[operator], left
        column = find(left)
    if column is None or column.kind.kind not in (COMPARED if operator is Operator.EQUAL else ORDERED):
        return None
    value = _value(right, column.kind)
    return None if value is None else Compare(column.field_id, column.type, operator, value)


def _pair(node: Node, find: Find) -> tuple[int, str, int] | None:
    """Two columns of one type, compared."""
    if node["class"] != "COMPARISON" or node["type"] not in COMPARISONS:
        return None
    left, right = find(node["left"]), find(node["right"])
    if left is None or right is None or left.kind != right.kind or left.kind.kind not in ORDERED:
        return None
    return left.field_id, COMPARISONS[node["type"]].value, right.field_id


def _between(node: Node, find: Find) -> Predicate | None:
    """All three are brought to one type before they are compared, so both ends must be of the column's."""
    if find(node["input"]) is None:
        return None
    lower = _compared(node["input"], Operator.AT_LEAST, node["lower"], find)
    upper = _compared(node["input"], Operator.AT_MOST, node["upper"], find)
    return None if lower is None or upper is None else all_of([lower, upper])


def _among(children: Sequence[Node], find: Find) -> Predicate | None:
    column = find(children[0])
    if column is None:
        return None
    values = [_value(child, column.kind) for child in children[1:]]
    known = tuple(value for value in values if value is not None)
    return Among(column.field_id, column.type, known) if known and len(known) == len(values) else None


def _begins(children: Sequence[Node], find: Find) -> Predicate | None:
    """`LIKE 'text%'`."""
    column = find(children[0]) if len(children) == 2 else None
    pattern = _value(children[1], column.kind) if column and column.kind.kind == "string" else None
    if column is None or not isinstance(pattern, str) or not pattern.endswith("%"):
        return None
    prefix = pattern[:-1]
    return None if set(prefix) & set("%_\\") else StartsWith(column.field_id, prefix)


def _value(node: Node, kind: ColumnType) -> Value | None:
    """The value of the column's type that a constant is, where the engine compares it as that."""
    written, text = _constant(node)
    if text is None or written not in WRITTEN_AS[kind.kind]:
        return None
    if written == "DATE" and typed_value(text, parsed_type("date")) is None:
        return None  # a clock, which the cast drops
    return typed_value(text, kind)


def _constant(node: Node) -> tuple[str, str | None]:
    """The type of a constant, and its text; no text where it is none."""
    if node["class"] == "CONSTANT" and not node["value"]["is_null"]:
        return node["value"]["type"]["id"], _text_of(node["value"])
    if node["class"] != "CAST" or node["try_cast"] or node["cast_type"]["id"] not in CAST_FROM_TEXT:
        return "", None
    written, text = _constant(node["child"]) if node["child"]["class"] == "CONSTANT" else ("", None)
    if node["cast_type"]["id"] == "BOOLEAN":
        text = {"t": "true", "f": "false"}.get(text or "")
    return node["cast_type"]["id"], text if written == "VARCHAR" else None


def _text_of(constant: Node) -> str | None:
    value, kind = constant["value"], constant["type"]
    match kind["id"]:
        case "VARCHAR":
            return str(value)
        case "DECIMAL" if isinstance(value, int) and abs(value) < EXACT_IN_DOUBLE:
            return format(Decimal(value).scaleb(-kind["type_info"]["scale"]), "f")
        case name if name in WHOLE_NUMBERS and isinstance(value, int) and abs(value) < EXACT_IN_DOUBLE:
            return str(value)
        case _:
            return None


# --- the tree ---


def _nodes(tree: Any, kind: str) -> Iterator[Node]:  # Any: DuckDB's tree
    """Every node of this type, at any depth; of tables, those that a database holds."""
    todo = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if item.get("type") == kind and (kind != "BASE_TABLE" or item["schema_name"]):
                yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _references(part: Node) -> list[Node] | None:
    """The columns that an expression names; None: there is a query in it, which is a place of its own."""
    found: list[Node] = []
    todo: list[Any] = [part]  # Any: DuckDB's tree
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            if item.get("class") == "SUBQUERY":
                return None
            if item.get("class") == "COLUMN_REF":
                found.append(item)
            todo.extend(item.values())
    return found


def _nodes_of_from(item: Node, kind: str) -> Iterator[Node]:
    """The joins, or what is joined, of one FROM; not what stands inside subqueries."""
    todo = [item]
    while todo:
        item = todo.pop()
        is_join = item["type"] == "JOIN"
        if is_join == (kind == "JOIN"):
            yield item
        if is_join:
            todo += [item["left"], item["right"]]


def _leaves(item: Node) -> Iterator[Node]:
    return _nodes_of_from(item, "")
