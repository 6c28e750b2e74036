"""May this text be run at all? One SELECT, judged on DuckDB's own syntax tree, by lists of what is allowed (ADR 0006).

The tree comes from the very parser that will run the text, so there is no second reading of it. Every node, every
field of a
node and every function that is not listed here is refused. What a user names is resolved with the scope of WITH, and
what is
left are the tables that the text would read.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pergamon.kernel import Decision, Invalid, NotFound
from pergamon.query.functions import CALLABLE, INEXACT, TABLE_FUNCTIONS, WINDOWS, names

Serialize = Callable[[str], str]

FUNCTIONS_ARE_LISTED = "docs/reference/functions.md lists those that are"

LONGEST_SQL = 65_536
"""Characters. Longer texts are data in disguise."""

NOT_A_NAME = "(not a name)"
RECORDABLE_NAME = re.compile(r"[a-z0-9_]{1,63}(\.[a-z0-9_]{1,63}){0,2}")
"""What may stand in the trail as a table that was asked for."""

SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "main", "memory", "system", "temp"})
"""Names that the engine itself understands before a table of ours."""
SYSTEM_PREFIXES = ("duckdb_", "pg_", "sqlite_", "pragma_")


class QueryRefused(Invalid):
    """The text is not a query that is run here."""

    code = "query.refused"


class QueryNotParsed(Invalid):
    """The text is not SQL that the engine's parser understands."""

    code = "query.syntax_error"
    usual_hint = "write one SELECT over tables that `pergamon tables` lists"


class UnknownQueryTable(NotFound):
    """There is no such table, or the actor may not read it: the two are answered alike."""

    code = "query.no_such_table"


@dataclass(frozen=True, order=True)
class TableName:
    """A table as a query names it: lower-case, as the lake spells all names."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


@dataclass(frozen=True)
class JudgedQuery:
    """A text that may be run, once every one of `tables` may be read.

    columns: the last part of every column reference, lower-case, for helpful messages. aliases: names given in the
    text. inexact: what of the text makes an answer depend on chance: functions, and the word `sample`. tree: DuckDB's.
    """

    sql: str
    tables: frozenset[TableName]
    columns: frozenset[str]
    aliases: frozenset[str]
    inexact: frozenset[str] = frozenset()
    tree: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def judge(sql: str, serialize: Serialize) -> JudgedQuery:
    """Judge a text before anything of it is run.

    serialize: DuckDB's `json_serialize_sql`, in a process that is bounded: a short text can have an enormous tree.

    Raises:
        QueryNotParsed: the parser does not understand it.
        QueryRefused: it is not one SELECT, or uses something that is not on the lists.
        UnknownQueryTable: it names a table that no database can hold (a file, the engine's own catalog, no database).
    """
    try:
        return _Walk(sql).judged(parse(sql, serialize))
    except RecursionError:
        raise QueryRefused("the query is nested too deeply", hint="split it into WITH parts") from None


def recordable(name: str) -> str:
    """A name as it may stand in the trail: whatever was typed may be somebody's data, or speak to a terminal."""
    return name if RECORDABLE_NAME.fullmatch(name) else NOT_A_NAME


def no_such_table(name: str, reason: str = "no table of that name in the lake") -> UnknownQueryTable:
    """The one answer for what is not there and for what may not be seen; the reason stands in the trail only."""
    decision = Decision(False, "table.read", f"table:{recordable(name)}", reason)
    return UnknownQueryTable(
        f"no such table: {name}", hint="`pergamon tables` lists what you may read", decision=decision
    )


def parse(sql: str, serialize: Serialize) -> dict[str, Any]:  # Any: DuckDB's tree
    """The tree of the one statement in `sql`."""
    if len(sql) > LONGEST_SQL:
        raise QueryRefused(f"the query is longer than {LONGEST_SQL} characters", hint="put long lists into a table")
    if "\x00" in sql:
        raise QueryNotParsed("the query holds a zero byte")
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise QueryNotParsed("the query is not valid Unicode") from None
    answer = json.loads(serialize(sql))
    if answer.get("error"):
        raise _not_serialized(answer)
    statements = answer["statements"]
    if len(statements) != 1:
        raise QueryRefused(f"one statement is run at a time; this text holds {len(statements)}", hint="send one SELECT")
    if statements[0].get("named_param_map"):
        raise QueryRefused("parameters are not supported", hint="write the value into the query")
    tree: dict[str, Any] = statements[0]["node"]
    return tree


def _not_serialized(answer: Mapping[str, Any]) -> Invalid:
    """DuckDB's message quotes the text of the query, so only the kind and the place are taken from it."""
    if answer.get("error_type") == "parser":
        position = str(answer.get("position", ""))
        where = f" near character {int(position) + 1}" if position.isdigit() else ""
        return QueryNotParsed(f"the query cannot be read as SQL{where}", hint="check commas, quotes and brackets there")
    return QueryRefused(
        "only a SELECT is run here", hint="no changes, no settings, no EXPLAIN, no PIVOT statement; one SELECT"
    )


def ascii_lower(name: str) -> str:
    """Fold a name as DuckDB does: A to Z only. Folding more would see a CTE where the engine sees a table."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


# --- the grammar: for every kind of node, its fields and what may stand in them ---

LEAF, ABSENT, TYPE, CTES = "leaf", "absent", "type", "ctes"
EXPR, CASES, ORDERS, REPLACED, VALUES = "expr", "cases", "orders", "replaced", "values"
NODE, TABLE, SUBQUERY, MODIFIER = "node", "table", "subquery", "modifier"

_EXPR = {"class": LEAF, "type": LEAF, "alias": LEAF, "query_location": LEAF}
_REF = {"type": LEAF, "alias": LEAF, "sample": LEAF, "query_location": LEAF}
_QUERY = {"type": LEAF, "modifiers": MODIFIER, "cte_map": CTES}

EXPRESSIONS: Mapping[str, Mapping[str, str]] = {
    "COLUMN_REF": _EXPR | {"column_names": LEAF},
    "CONSTANT": _EXPR | {"value": LEAF},
    "CAST": _EXPR | {"child": EXPR, "cast_type": TYPE, "try_cast": LEAF},
    "CASE": _EXPR | {"case_checks": CASES, "else_expr": EXPR},
    "COMPARISON": _EXPR | {"left": EXPR, "right": EXPR},
    "CONJUNCTION": _EXPR | {"children": EXPR},
    "BETWEEN": _EXPR | {"input": EXPR, "lower": EXPR, "upper": EXPR},
    "OPERATOR": _EXPR | {"children": EXPR},
    "COLLATE": _EXPR | {"child": EXPR, "collation": LEAF},
    "LAMBDA": _EXPR | {"lhs": EXPR, "expr": EXPR},
    "POSITIONAL_REFERENCE": _EXPR | {"index": LEAF},
    "SUBQUERY": _EXPR | {"subquery_type": LEAF, "subquery": SUBQUERY, "child": EXPR, "comparison_type": LEAF},
    "STAR": _EXPR
    | {"relation_name": LEAF, "exclude_list": LEAF, "qualified_exclude_list": LEAF, "replace_list": REPLACED}
    | {"rename_list": LEAF, "columns": LEAF, "expr": EXPR},
    "FUNCTION": _EXPR
    | {"function_name": LEAF, "schema": LEAF, "catalog": LEAF, "children": EXPR, "filter": EXPR, "order_bys": MODIFIER}
    | {"distinct": LEAF, "is_operator": LEAF, "export_state": ABSENT},
    "WINDOW": _EXPR
    | {"function_name": LEAF, "schema": LEAF, "catalog": LEAF, "children": EXPR, "partitions": EXPR, "orders": ORDERS}
    | {"start": LEAF, "end": LEAF, "start_expr": EXPR, "end_expr": EXPR, "offset_expr": EXPR, "default_expr": EXPR}
    | {"ignore_nulls": LEAF, "filter_expr": EXPR, "exclude_clause": LEAF, "distinct": LEAF, "arg_orders": ORDERS},
}

OPERATOR_TYPES = names("""
    ARRAY_EXTRACT ARRAY_SLICE STRUCT_EXTRACT ARRAY_CONSTRUCTOR OPERATOR_TRY COMPARE_IN COMPARE_NOT_IN OPERATOR_NOT
    OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL GROUPING_FUNCTION OPERATOR_COALESCE OPERATOR_NULLIF OPERATOR_UNPACK
""")

TABLE_REFS: Mapping[str, Mapping[str, str]] = {
    "EMPTY": _REF,
    "BASE_TABLE": _REF
    | {"schema_name": LEAF, "table_name": LEAF, "catalog_name": LEAF, "column_name_alias": LEAF, "at_clause": ABSENT},
    "JOIN": _REF
    | {"left": TABLE, "right": TABLE, "condition": EXPR, "join_type": LEAF, "ref_type": LEAF, "using_columns": LEAF}
    | {"delim_flipped": LEAF, "duplicate_eliminated_columns": ABSENT},
    "SUBQUERY": _REF | {"subquery": SUBQUERY, "column_name_alias": LEAF},
    "TABLE_FUNCTION": _REF | {"function": EXPR, "column_name_alias": LEAF, "with_ordinality": LEAF},
    "EXPRESSION_LIST": _REF | {"expected_names": LEAF, "expected_types": LEAF, "values": VALUES},
}

QUERY_NODES: Mapping[str, Mapping[str, str]] = {
    "SELECT_NODE": _QUERY
    | {"select_list": EXPR, "from_table": TABLE, "where_clause": EXPR, "group_expressions": EXPR, "group_sets": LEAF}
    | {"aggregate_handling": LEAF, "having": EXPR, "sample": LEAF, "qualify": EXPR},
    "SET_OPERATION_NODE": _QUERY | {"setop_type": LEAF, "left": NODE, "right": NODE, "setop_all": LEAF},
    "RECURSIVE_CTE_NODE": _QUERY
    | {"cte_name": LEAF, "union_all": LEAF, "left": NODE, "right": NODE, "aliases": LEAF, "key_targets": EXPR},
}

MODIFIERS: Mapping[str, Mapping[str, str]] = {
    "ORDER_MODIFIER": {"type": LEAF, "orders": ORDERS},
    "LIMIT_MODIFIER": {"type": LEAF, "limit": EXPR, "offset": EXPR},
    "LIMIT_PERCENT_MODIFIER": {"type": LEAF, "limit": EXPR, "offset": EXPR},
    "DISTINCT_MODIFIER": {"type": LEAF, "distinct_on_targets": EXPR},
}

TYPES = names("""
    NULL BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE
    DECIMAL VARCHAR BLOB BIT DATE TIME TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS INTERVAL UUID LIST ARRAY STRUCT
    MAP ENUM
""") | {"TIME WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"}
"""What may be cast to. `UNBOUND` types are judged by the name they carry."""

SIMPLE_TYPE_NAMES = names("json enum blob bytea binary varbinary uuid guid")
"""Names that the parser leaves to the binder. `regclass` and its like stay outside: they look into the catalog."""

Scope = frozenset[str]


@dataclass
class _Walk:
    """One pass over a tree, with a list of what is still to be looked at: no depth of nesting can exhaust the stack."""

    sql: str
    tables: set[TableName] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)
    inexact: set[str] = field(default_factory=set)
    todo: list[tuple[str, Any, Scope]] = field(default_factory=list)

    def judged(self, tree: dict[str, Any]) -> JudgedQuery:
        self.todo.append((NODE, tree, frozenset()))
        while self.todo:
            kind, value, scope = self.todo.pop()
            self._look(kind, value, scope)
        return JudgedQuery(
            sql=self.sql,
            tables=frozenset(self.tables),
            columns=frozenset(self.columns),
            aliases=frozenset(self.aliases),
            inexact=frozenset(self.inexact),
            tree=tree,
        )

    def _look(self, kind: str, value: Any, scope: Scope) -> None:
        if value is None:
            return
        if isinstance(value, list):
            self.todo.extend((kind, item, scope) for item in value)
            return
        match kind:
            case "expr":
                self._expression(value, scope)
            case "table":
                self._table(value, scope)
            case "node":
                self._query(value, scope)
            case "modifier":
                self._fields(MODIFIERS, value["type"], value, scope)
            case "subquery":
                self._subquery(value, scope)
            case "cases":
                self._plain(value, {"when_expr": EXPR, "then_expr": EXPR}, scope)
            case "orders":
                self._plain(value, {"type": LEAF, "null_order": LEAF, "expression": EXPR}, scope)
            case "replaced":
                self._plain(value, {"key": LEAF, "value": EXPR}, scope)
            case "values":
                self._look(EXPR, value, scope)
            case _:
                raise _not_known("something")

    def _fields(self, grammar: Mapping[str, Mapping[str, str]], name: str, node: dict[str, Any], scope: Scope) -> None:
        if name not in grammar:
            raise _not_known(name)
        self._plain(node, grammar[name], scope)

    def _plain(self, node: dict[str, Any], shape: Mapping[str, str], scope: Scope) -> None:
        for key, value in node.items():
            match shape.get(key):
                case None:
                    raise _not_known(f"{node.get('type', 'this')} with {key}")
                case "leaf" | "ctes":
                    continue
                case "absent":
                    if value:
                        raise _not_known(key)
                case "type":
                    _judge_type(value)
                case kind:
                    self.todo.append((kind, value, scope))

    def _expression(self, node: dict[str, Any], scope: Scope) -> None:
        name = node["class"]
        self._fields(EXPRESSIONS, name, node, scope)
        if node.get("alias"):
            self.aliases.add(ascii_lower(node["alias"]))
        match name:
            case "COLUMN_REF":
                self.columns.update(ascii_lower(part) for part in node["column_names"][-1:])
            case "FUNCTION":
                self._function(node, CALLABLE)
            case "WINDOW":
                self._function(node, AGGREGATES_AND_WINDOWS)
            case "OPERATOR" if node["type"] not in OPERATOR_TYPES:
                raise _not_known(node["type"])
            case "LAMBDA":
                self.aliases.update(_lambda_names(node["lhs"]))
            case _:
                pass

    def _function(self, node: dict[str, Any], allowed: frozenset[str]) -> None:
        _judge_function(node, allowed)
        self.inexact |= INEXACT & {ascii_lower(node["function_name"])}

    def _sampled(self, node: dict[str, Any]) -> None:
        if node.get("sample"):
            self.inexact.add("sample")

    def _table(self, node: dict[str, Any], scope: Scope) -> None:
        self._sampled(node)
        name = node["type"]
        if name == "TABLE_FUNCTION":
            self._table_function(node, scope)
            return
        self._fields(TABLE_REFS, name, node, scope)
        self._name_given(node)
        if name == "BASE_TABLE":
            self._base_table(node, scope)

    def _table_function(self, node: dict[str, Any], scope: Scope) -> None:
        self._plain(
            {key: value for key, value in node.items() if key != "function"}, TABLE_REFS["TABLE_FUNCTION"], scope
        )
        self._name_given(node)
        function = node["function"]
        if function.get("class") != "FUNCTION":
            raise _not_known("TABLE_FUNCTION")
        _judge_function(function, TABLE_FUNCTIONS)
        self._plain(function, EXPRESSIONS["FUNCTION"], scope)

    def _name_given(self, node: dict[str, Any]) -> None:
        names = [node.get("alias") or "", *(node.get("column_name_alias") or [])]
        self.aliases.update(ascii_lower(name) for name in names if name)

    def _base_table(self, node: dict[str, Any], scope: Scope) -> None:
        """A name in FROM: a part of WITH that is in scope, or a table `database.table`, and nothing else."""
        catalog, database, table = (ascii_lower(node[key]) for key in ("catalog_name", "schema_name", "table_name"))
        if not catalog and not database and table in scope:
            return
        written = ".".join(part for part in (catalog, database, table) if part)
        if catalog or not database:
            raise _unqualified(written, database)
        if database in SYSTEM_SCHEMAS or database.startswith(SYSTEM_PREFIXES):
            raise no_such_table(written, "a name of the engine's own catalog")
        self.tables.add(TableName(database, table))

    def _subquery(self, value: dict[str, Any], scope: Scope) -> None:
        if set(value) - {"node", "named_param_map"} or value.get("named_param_map"):
            raise _not_known("this subquery")
        self.todo.append((NODE, value["node"], scope))

    def _query(self, node: dict[str, Any], scope: Scope) -> None:
        """A query with its WITH: each part sees the parts before it, a recursive part itself too."""
        self._sampled(node)
        for name, definition in _parts_of_with(node):
            inner = definition["query"]["node"]
            own = scope | {name} if inner["type"] == "RECURSIVE_CTE_NODE" else scope
            self._subquery(definition["query"], own)
            self._look(EXPR, definition.get("key_targets"), own)
            self.aliases.update(ascii_lower(alias) for alias in definition["aliases"])
            scope = scope | {name}
        self._fields(QUERY_NODES, node["type"], node, scope)


AGGREGATES_AND_WINDOWS = CALLABLE | WINDOWS


def _parts_of_with(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in node["cte_map"]["map"]:
        name, definition = ascii_lower(entry["key"]), entry["value"]
        if set(definition) - {"aliases", "query", "materialized", "key_targets"}:
            raise _not_known("this WITH")
        if name in SYSTEM_SCHEMAS or name.startswith(SYSTEM_PREFIXES):
            raise QueryRefused("a part of WITH has a name that the engine keeps for itself", hint="choose another name")
        yield name, definition


def _judge_function(node: Mapping[str, Any], allowed: frozenset[str]) -> None:
    name = ascii_lower(node["function_name"])
    if node.get("catalog") or node.get("schema") not in {"", "main"} or name not in allowed:
        raise QueryRefused(f"the function {_printable(name)} is not available here", hint=FUNCTIONS_ARE_LISTED)


def _judge_type(cast_type: Mapping[str, Any]) -> None:
    """Types by name; those inside a list, a struct or a map too."""
    todo: list[Any] = [cast_type]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            if (
                "id" in item
                and "type_info" in item
                and item["id"] not in TYPES
                and item["id"] not in {"USER", "UNBOUND"}
            ):
                raise _not_known(f"the type {_printable(str(item['id']))}")
            if item.get("id") in {"USER", "UNBOUND"} and not _simple_type_names(item):
                raise _not_known("this type")
            todo.extend(item.values())


def _simple_type_names(item: Mapping[str, Any]) -> bool:
    names = list(_named_types(item.get("type_info")))
    return bool(names) and all(ascii_lower(name) in SIMPLE_TYPE_NAMES for name in names)


def _named_types(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"name", "user_type_name", "type_name"} and isinstance(inner, str) and inner:
                yield inner
            elif isinstance(inner, dict | list):
                yield from _named_types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_types(inner)


def _lambda_names(lhs: Mapping[str, Any]) -> set[str]:
    names = {ascii_lower(name) for name in lhs.get("column_names", ())}
    for child in lhs.get("children", ()):
        names |= {ascii_lower(name) for name in child.get("column_names", ())}
    return names


def _unqualified(written: str, database: str) -> UnknownQueryTable:
    error = no_such_table(_printable(written), "not the name of a table in a database")
    if not database:
        error.hint = "write database.table; files and the engine's own views cannot be read"
    return error


def _printable(name: str) -> str:
    """A name as it may stand in a message: short, and only what a name is made of."""
    return "".join(c for c in name if c.isprintable())[:130]


def _not_known(what: str) -> QueryRefused:
    if what == "SHOW_REF":
        return QueryRefused(
            "DESCRIBE, SHOW and SUMMARIZE are not run here",
            hint="`pergamon tables` lists what you may read, `pergamon tables DATABASE.TABLE` its columns and types",
        )
    return QueryRefused(f"{what.replace('_', ' ').lower()} is not supported here", hint="a plain SELECT is")
